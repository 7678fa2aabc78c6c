"""Write the small extract beside mappings/fixed.yaml: an invented bank in GB18030, fixed width; `--check` compares.

Every record is what its description in the mapping says, counted in bytes: a Chinese character takes two.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "mappings" / "fixed"

BRANCHES = [("100000", "000000", "总行"), ("100100", "100000", "朝阳支行"), ("100200", "100000", "海淀支行")]
HOMES = [("H0000001", "100100", "991231"), ("H0000002", "100200", "180501")]
# CIF, kind, name, document, phone, address, branch, household, role, risk, rated, form, trade, from, basis
PARTIES = [
    ("1", "P", "赵一鸣", "11010119800307123X", "13900000001", "朝阳区一号院", "100100", "H0000001", "H", "3", "240115"),
    ("2", "P", "钱二妹", "110101198511204568", "13900000002", "朝阳区一号院", "100100", "H0000001", "S", "2", "230620"),
    ("3", "P", "孙三羊", "110108201205017770", "", "朝阳区一号院", "100100", "H0000001", "K", "0", "000000"),
    ("4", "P", "李四光", "110108197002281114", "13900000004", "海淀区二号院", "100200", "H0000002", "H", "4", "250301"),
    ("5", "C", "朝阳精工有限公司", "91110105MA0000005X", "01060000005", "朝阳区工业路", "100100", "", "", "0", "000000",
     "1130", "C34"),
    ("6", "Q", "周五", "", "13900000006", "", "100200", "", "", "0", "000000", "", "", "外部名单 2025", "A"),
]  # fmt: skip
# account, CIF, branch, type, currency, opened, closed, balance in fen, side
ACCOUNTS = [
    ("6217000000000001", "1", "100100", "01", "CNY", "20190301", "00000000", 1_250_000, "C"),
    ("6217000000000002", "2", "100100", "01", "CNY", "20200520", "00000000", 380_055, "C"),
    ("6217000000000003", "4", "100200", "01", "CNY", "20181111", "99991231", 99_900, "C"),
    ("6217000000000004", "1", "100100", "02", "CNY", "20240115", "00000000", 5_000_000, "C"),
    ("8000000000000005", "5", "100100", "01", "CNY", "20170808", "00000000", 88_000_000, "C"),
    ("8000000000000006", "5", "100100", "04", "CNY", "20230401", "00000000", 200_000_000, "D"),
    ("6217000000000009", "4", "100200", "01", "USD", "20150101", "20201231", 0, "C"),
]
DEPOSITS = [("T000000001", "6217000000000004", "1", "20240115", "012", 5_000_000)]
LINES = [("L000000001", "5", "20230401", "20260331", "500.0000")]
# number, account, day, time, fen, side, code, memo, other account, undoes
POSTINGS = [
    ("1", "6217000000000001", "20250110", "090001", 1_500_000, "C", "SAL", "一月工资", "", ""),
    ("2", "6217000000000001", "20250112", "101500", 200_000, "D", "TRF", "转给家人", "6217000000000002", ""),
    ("3", "6217000000000002", "20250112", "101500", 200_000, "C", "TRF", "转给家人", "6217000000000001", ""),
    ("4", "6217000000000004", "20250115", "000500", 5_000_000, "D", "TDM", "定期到期", "6217000000000001", ""),
    ("5", "6217000000000001", "20250115", "000500", 5_000_000, "C", "TDM", "定期到期", "6217000000000004", ""),
    ("6", "6217000000000003", "20250118", "143000", 88_800, "C", "CSH", "现金存入", "", ""),
    ("7", "6217000000000003", "20250118", "143500", 88_800, "D", "REV", "冲正", "", "6"),
    ("8", "8000000000000005", "20250120", "093000", 12_000_000, "C", "TRF", "货款", "", ""),
    ("9", "6217000000000001", "20250231", "093000", 100, "C", "TRF", "日期错误", "", ""),
]

# number, CIF, moment, what, product, step, seconds
ACTIONS = [
    ("1", "1", "20250113193005", "VIEW", "wealth-90", "", "42"),
    ("2", "1", "20250114201500", "VIEW", "wealth-90", "", "7"),
    ("3", "2", "20250114080000", "STEP", "", "identity", ""),
    ("4", "2", "20250114080000", "CLCK", "", "", ""),
]


def _record(*parts: tuple[object, int]) -> bytes:
    """Texts to the left, filled with blanks."""
    return b"".join(str(value).encode("gb18030").ljust(width) for value, width in parts) + b"\r\n"


def _number(value: object, width: int) -> tuple[str, int]:
    """Numbers to the right, filled with zeros."""
    return str(value).rjust(width, "0") if value != "" else "", width


def files() -> dict[str, bytes]:
    """Every file of the extract."""
    parties = [(*party, *[""] * (15 - len(party))) for party in PARTIES]
    widths = (1, 40, 18, 12, 50, 6, 8, 1, 1, 6, 4, 4, 20, 1)
    return {
        "ORG.DAT": b"".join(_record((org, 6), (upper, 6), (name, 30)) for org, upper, name in BRANCHES),
        "HOME.DAT": b"".join(_record((home, 8), (org, 6), (since, 6)) for home, org, since in HOMES),
        "CUST.DAT": b"".join(
            _record(_number(cif, 10), *zip(rest, widths, strict=True)) for cif, *rest in parties
        ),
        "ACCT.DAT": b"".join(
            _record(
                (no, 16), _number(cif, 10), (org, 6), (kind, 2), (ccy, 3), (on, 8), (off, 8), _number(fen, 15), (dc, 1)
            )
            for no, cif, org, kind, ccy, on, off, fen, dc in ACCOUNTS
        ),
        "DEPO.DAT": b"".join(
            _record((no, 10), (acct, 16), _number(cif, 10), (on, 8), (term, 3), _number(fen, 15))
            for no, acct, cif, on, term, fen in DEPOSITS
        ),
        "LINE.DAT": b"".join(
            _record((no, 10), _number(cif, 10), (on, 8), (end, 8), _number(limit, 12))
            for no, cif, on, end, limit in LINES
        ),
        "POST01.DAT": b"".join(
            _record(
                _number(no, 12), (acct, 16), (on, 8), (at, 6), _number(fen, 15), (dc, 1), ("CNY", 3), (code, 4),
                (memo, 30), (other, 16), _number(undoes, 12),
            )
            for no, acct, on, at, fen, dc, code, memo, other, undoes in POSTINGS
        ),
        "APP01.DAT": b"".join(
            _record(_number(no, 12), (cif, 10), (at, 14), (what, 4), (product, 20), (step, 20), (seconds, 6))
            for no, cif, at, what, product, step, seconds in ACTIONS
        ),
    }  # fmt: skip


def main() -> int:
    """Write what differs, or with `--check` name it and fail."""
    made = files()
    stale = [name for name in made if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != made[name]]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is not what the script says; run python scripts/fixed_extract.py", file=sys.stderr)
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_bytes(made[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
