"""The files of Berka as another core system would have written them: other names, labels, order, layouts, encodings."""

import csv
import gzip
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import xlsxwriter

Row = dict[str, str]

KINDS = {
    "UROK": "interest", "SANKC. UROK": "penalty_interest", "SLUZBY": "fee", "SIPO": "household",
    "POJISTNE": "insurance", "DUCHOD": "pension", "UVER": "loan_payment", "VKLAD": "cash_in",
    "PREVOD Z UCTU": "transfer_in", "VYBER": "cash_out", "VYBER KARTOU": "card_cash_out",
    "PREVOD NA UCET": "transfer_out",
}  # fmt: skip
OTHER = {"PRIJEM": "other_in", "VYDAJ": "other_out", "VYBER": "cash_out"}
USES = {"SIPO": "household", "UVER": "loan_payment", "POJISTNE": "insurance", "LEASING": "leasing"}
STANDINGS = {"A": "closed-ok", "B": "closed-bad", "C": "open-ok", "D": "open-bad"}


def rows(berka: Path, table: str) -> Iterator[Row]:
    """One table as the bank wrote it, shuffled: nothing may depend on the order of lines."""
    with gzip.open(next(berka.glob(f"{table}*.asc.gz")), "rt", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter=";"))
    random.Random(1993).shuffle(found)
    yield from found


def day(yymmdd: str) -> tuple[str, str, str]:
    """Year, month, day."""
    return f"19{yymmdd[:2]}", yymmdd[2:4], yymmdd[4:6]


def comma(amount: str) -> str:
    """1.234,50 for 1234.50."""
    return f"{float(amount):,.2f}".translate(str.maketrans(",.", ".,"))


def write(berka: Path, target: Path) -> None:
    """Write the whole extract anew."""
    (target / "credit").mkdir(parents=True)
    _areas(berka, target / "areas.csv")
    _people(berka, target / "people.xlsx")
    owners = _roles(berka, target / "roles.tsv")
    _accounts(berka, target / "ACCT.DAT")
    _loans(berka, owners, target / "credit" / "loans.csv")
    _cards(berka, target / "cards.csv.gz")
    _orders(berka, target / "orders.csv")
    _postings(berka, target)


def _areas(berka: Path, file: Path) -> None:
    lines = ["CrimesBefore¦Crimes¦Founders¦IdleBefore¦Idle¦Salary¦Urban¦People¦Land¦Area¦Code"]
    for row in rows(berka, "district"):
        told = ["n/a" if row[name] == "?" else row[name] for name in ("A15", "A12")]
        people = f"{int(row['A4']):,}".replace(",", " ")
        lines.append("¦".join([
            told[0], row["A16"], row["A14"], told[1].replace(".", ","), row["A13"].replace(".", ","),
            f"{int(row['A11']) * 100}", row["A10"].replace(".", ","), people, row["A3"], row["A2"], row["A1"],
        ]))  # fmt: skip
    file.write_bytes("\r\n".join(lines).encode("cp1250"))


def _people(berka: Path, file: Path) -> None:
    book = xlsxwriter.Workbook(str(file))
    sheet = book.add_worksheet("Customers")
    sheet.write(0, 0, "All persons")
    sheet.write_row(2, 0, ["Home", "Sex", "Born", "Customer No"])
    for at, row in enumerate(rows(berka, "client"), 3):
        year, month, of_month = day(row["birth_number"])
        woman = int(month) > 50
        born = f"{year}-{int(month) - 50 * woman:02d}-{of_month}"
        sheet.write_row(at, 0, [int(row["district_id"]), "W" if woman else "M", born, int(row["client_id"])])
    book.close()


def _roles(berka: Path, file: Path) -> dict[str, str]:
    lines, owners = ["Role\tCustomer\tAccount"], {}
    for row in rows(berka, "disp"):
        if row["type"] == "OWNER":
            owners[row["account_id"]] = row["client_id"]
        role = {"OWNER": "holder", "DISPONENT": "deputy"}[row["type"]]
        lines.append(f"{role}\t{row['client_id']}\t{int(row['account_id']):010d}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-16")
    return owners


def _accounts(berka: Path, file: Path) -> None:
    words = {"POPLATEK MESICNE": "每月", "POPLATEK TYDNE": "每周", "POPLATEK PO OBRATU": "逐笔"}
    with file.open("wb") as out:
        for row in rows(berka, "account"):
            year, month, of_month = day(row["date"])
            cycle = words[row["frequency"]].encode("gb18030").ljust(12)
            record = f"{of_month}{month}{year}".encode() + cycle
            out.write(record + f"{int(row['district_id']):04d}{int(row['account_id']):010d}\n".encode())


def _loans(berka: Path, owners: dict[str, str], file: Path) -> None:
    lines = ["Standing|@|Rate|@|Term|@|Sum|@|Paid out|@|Borrower|@|Acct|@|Ref"]
    for row in rows(berka, "loan"):
        paid_out = "{}年{}月{}日".format(*day(row["date"]))
        values = (
            STANDINGS[row["status"]], row["payments"], row["duration"], f"{int(row['amount']) / 1000:.3f}", paid_out,
            owners[row["account_id"]], row["account_id"], row["loan_id"],
        )  # fmt: skip
        lines.append("|@|".join(values))
    file.write_text("\n".join(lines), encoding="utf-8")


def _cards(berka: Path, file: Path) -> None:
    persons = {row["disp_id"]: row for row in rows(berka, "disp")}
    with gzip.open(file, "wt", encoding="utf-8", newline="") as out:
        for row in rows(berka, "card"):
            year, month, of_month = day(row["issued"])
            person = persons[row["disp_id"]]
            grade = row["type"].upper()
            out.write(
                f"'{grade}',{row['card_id']},{person['client_id']},{person['account_id']},{month}/{of_month}/{year}\n"
            )


def _orders(berka: Path, file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        writer.writerow(["Bank", "Payee", "Use", "Amount", "Payer", "No"])
        for row in rows(berka, "order"):
            use = USES.get(row["k_symbol"].strip(), "")
            writer.writerow(
                [row["bank_to"], row["account_to"], use, comma(row["amount"]), row["account_id"], row["order_id"]]
            )


def _postings(berka: Path, target: Path) -> None:
    lines = []
    for row in rows(berka, "trans"):
        what = KINDS.get(row["k_symbol"].strip()) or KINDS.get(row["operation"]) or OTHER[row["type"]]
        sign = "" if row["type"] == "PRIJEM" else "-"
        balance = float(row["balance"])
        after = f"({-balance:.2f})" if balance < 0 else f"{balance:.2f}"
        booked = "{2}.{1}.{0}".format(*day(row["date"]))
        where = {"VYBER KARTOU": "machine"}.get(row["operation"], "elsewhere" if row["operation"] else "")
        values = (what, after, comma(row["amount"]) + sign, booked, row["account_id"], where, row["trans_id"])
        lines.append(";".join(values))
    heading = "What;After;Amount;Day;Account;Where;Id"
    third = len(lines) // 3
    for name, parts in (
        ("postings-1", (lines[:third], lines[third : 2 * third])),
        ("postings-2", (lines[2 * third :],)),
    ):
        with zipfile.ZipFile(target / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for number, part in enumerate(parts):
                archive.writestr(f"../{name}/{number}.txt", "\r\n".join([heading, *part, ""]))
