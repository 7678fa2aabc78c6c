"""The files of B7: postings in three files, GB18030 and UTF-8, one row of a thousand bad; parties and accounts."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from attune.bank.names import full_names

NAMES = "流水号,账号,日期,时间,金额,摘要,渠道,标志,余额,备注"
KINDS = {"工资": "salary", "转账": "transfer", "利息": "interest", "手续费": "fee", "消费": "purchase"}
# A line that holds this gets bytes that no encoding knows.
_TORN = "@torn@"
_TORN_BYTES = b"\xff\xff"

# One row of a thousand is bad, in five ways in turn: day, amount, code, number of values, bytes.
_POSTINGS = f"""
SELECT concat_ws(',', 'T' || lpad(i::VARCHAR, 11, '0'), '6217' || lpad(((i * 7919) % {{accounts}})::VARCHAR, 12, '0'),
    CASE WHEN bad = 0 THEN '20251399' ELSE strftime(day, '%Y%m%d') END,
    strftime(day, '%Y-%m-%d') || 'T' || lpad((i % 24)::VARCHAR, 2, '0') || ':' || lpad((i % 60)::VARCHAR, 2, '0')
        || ':00+08:00',
    CASE WHEN bad = 1 THEN 'unclear' ELSE CASE WHEN i % 3 = 0 THEN '-' ELSE '' END
        || (i * 104729 % 10000000 // 100 + 1)::VARCHAR || '.' || lpad((i * 31 % 100)::VARCHAR, 2, '0') END,
    CASE WHEN bad = 2 THEN '不详' ELSE (['工资', '转账', '利息', '手续费', '消费'])[1 + i % 5] END,
    CASE WHEN bad = 4 THEN '{_TORN}' ELSE (['mobile', 'counter', 'atm', ''])[1 + i % 4] END,
    CASE WHEN i % 50 = 0 THEN 'O' ELSE '' END,
    (i * 15485863 % 100000000 // 100)::VARCHAR || '.00',
    CASE WHEN bad = 3 THEN '多,一列' ELSE '柜面办理业务' END) AS line
FROM (SELECT i, DATE '2025-01-01' + (i * 365 // {{rows}})::INTEGER AS day,
             CASE WHEN i % 1000 = 500 THEN (i // 1000) % 5 END AS bad FROM range({{first}}, {{last}}) AS t(i))
ORDER BY i"""
_PARTIES = """
SELECT concat_ws(',', 'C' || lpad(i::VARCHAR, 9, '0'), name,
    CASE WHEN i % 2 = 0 THEN 'F' ELSE 'M' END, strftime(DATE '1950-01-01' + (i * 37 % 18000)::INTEGER, '%Y%m%d'),
    '110101' || lpad((i * 7919 % 1000000000000)::VARCHAR, 12, '0'), '139' || lpad((i % 100000000)::VARCHAR, 8, '0'),
    '北京市朝阳区' || (i % 900)::VARCHAR || '号', 'B' || (i % 200)::VARCHAR) AS line
FROM named ORDER BY i"""
_ACCOUNTS = """
SELECT concat_ws(',', '6217' || lpad(i::VARCHAR, 12, '0'), 'C' || lpad((i % {parties})::VARCHAR, 9, '0'),
    'B' || (i % 200)::VARCHAR, 'D', 'CNY', strftime(DATE '2010-01-01' + (i % 5000)::INTEGER, '%Y%m%d'),
    (i * 31 % 1000000)::VARCHAR || '.00') AS line
FROM range({rows}) AS t(i) ORDER BY i"""

MAPPING = {
    "source": "bank",
    "datasets": {
        "parties": {
            "file": "parties.csv",
            "encoding": "gb18030",
            "columns": {
                "source_id": "CIF", "name": "NAME", "gender": {"column": "SEX", "codes": {"F": "female", "M": "male"}},
                "birth_date": {"column": "BORN", "format": "YYYYMMDD"}, "document": "CERT", "phone": "TEL",
                "address": "ADDR", "branch_id": "ORG",
            },
        },
        "accounts": {
            "file": "accounts.csv",
            "columns": {
                "source_id": "NO", "customer_id": "CIF", "branch_id": "ORG",
                "kind": {"column": "TYPE", "codes": {"D": "demand"}}, "currency": "CCY",
                "opened_on": {"column": "SINCE", "format": "YYYYMMDD"}, "opening_balance_minor": "BAL",
            },
        },
        "transactions": [
            {
                "file": f"postings-{code}-*.csv",
                "encoding": encoding,
                "columns": {
                    "posting_id": "流水号", "account_id": "账号",
                    "business_date": {"column": "日期", "format": "YYYYMMDD"}, "booked_at": "时间",
                    "direction": {"column": "金额", "sign": "direction"},
                    "amount_minor": {"column": "金额", "sign": "absolute"}, "currency": {"constant": "CNY"},
                    "kind": {"column": "摘要", "codes": KINDS}, "channel": "渠道",
                    "flags": {"when": {"own_transfer": {"column": "标志", "equals": "O"}}}, "balance_minor": "余额",
                },
            }
            for code, encoding in (("gb", "gb18030"), ("utf", "utf-8"))
        ],
    },
}  # fmt: skip


def write_postings(folder: Path, plain: Path, rows: int) -> None:
    """Write the three files of postings, and into `plain` the same lines in UTF-8, which the limit reads."""
    folder.mkdir(parents=True, exist_ok=True)
    plain.mkdir(parents=True, exist_ok=True)
    third = rows // 3
    bounds = [(0, third, "gb-1", "gb18030"), (third, 2 * third, "utf-2", "utf-8"), (2 * third, rows, "gb-3", "gb18030")]
    for first, last, name, encoding in bounds:
        sql = _POSTINGS.format(accounts=max(rows // 50, 1), rows=rows, first=first, last=last)
        made = plain / f"{name}.lines"
        _lines(sql, made)
        targets = [(plain / f"{name}.csv", "utf-8"), (folder / f"postings-{name}.csv", encoding)]
        _encoded(made, targets)
        made.unlink()


def write_customers(folder: Path, parties: int, accounts: int) -> None:
    """Write the files of parties (GB18030) and accounts (UTF-8)."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "made.lines"
    for sql, heading, name, encoding in (
        (_PARTIES, "CIF,NAME,SEX,BORN,CERT,TEL,ADDR,ORG", "parties", "gb18030"),
        (_ACCOUNTS.format(rows=accounts, parties=parties), "NO,CIF,ORG,TYPE,CCY,SINCE,BAL", "accounts", "utf-8"),
    ):
        _lines(sql, made, parties)
        _encoded(made, [(folder / f"{name}.csv", encoding)], heading)
        made.unlink()


def _lines(sql: str, file: Path, parties: int = 0) -> None:
    with duckdb.connect() as con:
        if parties:
            # As many people share a name as in a bank: of 500,000 there are 169,000 names, the commonest 48 times.
            female = np.arange(parties) % 2 == 0
            names = pa.table({"i": range(parties), "name": full_names(np.random.default_rng(7), female).tolist()})
            con.register("named", names)
        con.execute("SET threads = 2")
        con.execute(f"COPY ({sql}) TO '{file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')")


def _encoded(made: Path, targets: Sequence[tuple[Path, str]], heading: str = NAMES) -> None:
    for target, encoding in targets:
        torn = _TORN.encode(encoding)
        with made.open(encoding="utf-8", newline="") as lines, target.open("wb") as out:
            out.write(f"{heading}\n".encode(encoding))
            while block := lines.read(1 << 22):
                block += lines.readline()
                out.write(block.encode(encoding).replace(torn, _TORN_BYTES))
