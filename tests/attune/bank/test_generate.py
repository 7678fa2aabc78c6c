"""The bank's files: what stands in them, that Attune takes every line, and that the ledger is a plausible one."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from attune.bank.generate import BankFiles, generate
from attune_contracts.datasets import IMPORT_ORDER
from attune_service_kit.files.engine import prepare
from attune_service_kit.files.loading import load_mapping

HEADINGS = {
    "branches": "BRANCH_NO,PARENT_BRANCH_NO,BRANCH_NAME",
    "staff": "STAFF_NO,STAFF_NAME,BRANCH_NO,POST,DAILY_TASKS",
    "products": "PROD_CODE,NAME_CN,NAME_EN,PROD_KIND,RISK",
    "customers": "CIF,NAME,SEX,BIRTH,ID_NO,MOBILE,ADDR,BRANCH_NO,MGR_NO,RISK_LVL,RISK_DATE,OPEN_DATE",
    "accounts": "ACCT_NO,CIF,BRANCH_NO,ACCT_TYPE,CCY,OPEN_DATE,CLOSE_DATE,OPEN_BAL",
    "holdings": "HOLD_NO,CIF,ACCT_NO,PROD_CODE,START_DATE,END_DATE,AMT",
    "consents": "CIF,PURPOSE,GRANTED,EVIDENCE,SINCE",
    "postings": "TXN_NO,ACCT_NO,BIZ_DATE,BOOK_TS,AMT,CCY,TXN_KIND,CHN,OWN_FLAG,BAL",
}


@pytest.fixture(scope="module")
def con(small_bank: BankFiles) -> Iterator[duckdb.DuckDBPyConnection]:
    """The files as views of text columns, and `ledger`: postings with typed columns, type and owner of the account."""
    with duckdb.connect() as connection:
        for name in HEADINGS:
            file = small_bank.folder / f"{name}.csv.gz"
            connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{file}', all_varchar = true, header = true)")
        connection.execute(
            """
            CREATE TABLE ledger AS
            SELECT p.TXN_NO AS no, a.CIF AS cif, p.ACCT_NO AS account, a.ACCT_TYPE AS type, p.TXN_KIND AS kind,
                   strptime(p.BIZ_DATE, '%Y%m%d')::DATE AS day, p.BOOK_TS AS booked_at,
                   p.OWN_FLAG AS flag, p.CHN AS channel,
                   (p.AMT::DECIMAL(18, 2) * 100)::BIGINT AS amount, (p.BAL::DECIMAL(18, 2) * 100)::BIGINT AS balance
            FROM postings p JOIN accounts a USING (ACCT_NO)
            """
        )
        yield connection


def scalar(con: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = con.execute(sql).fetchone()
    assert row is not None
    return float(row[0])


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    def digests(folder: Path, seed: int) -> dict[str, str]:
        files = generate(folder / "bank", 120, seed)
        paths = [*sorted(files.folder.iterdir()), files.truth_file]
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}

    first = digests(tmp_path / "one", 5)
    assert first == digests(tmp_path / "two", 5)
    assert first["postings.csv.gz"] != digests(tmp_path / "three", 6)["postings.csv.gz"]


def test_the_files_have_their_headings_and_the_truth_lies_outside(small_bank: BankFiles) -> None:
    con = duckdb.connect()
    assert sorted(p.name for p in small_bank.folder.iterdir()) == sorted(f"{name}.csv.gz" for name in HEADINGS)
    assert small_bank.folder not in small_bank.truth_file.parents
    for name, heading in HEADINGS.items():
        file = small_bank.folder / f"{name}.csv.gz"
        found = con.execute(f"FROM read_csv('{file}', all_varchar = true, header = true)")
        assert ",".join(c[0] for c in found.description) == heading
        assert len(found.fetchall()) == small_bank.rows[name]


def test_attune_takes_every_line_of_every_file(small_bank: BankFiles, mappings: Path, tmp_path: Path) -> None:
    mapping = load_mapping(mappings / "demo.yaml")
    rows = small_bank.rows | {"employees": small_bank.rows["staff"], "parties": small_bank.rows["customers"]}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        mapped = [dataset for dataset in IMPORT_ORDER if dataset in mapping.datasets]
        assert len(mapped) == len(small_bank.rows)
        for dataset in mapped:
            found = prepare(mapping, small_bank.folder, dataset, con, tmp_path)
            expected = rows["postings" if dataset == "transactions" else dataset]
            assert (dataset, found.accepted, found.rejected) == (dataset, expected, 0)


def test_every_reference_names_something_known(con: duckdb.DuckDBPyConnection) -> None:
    for child, column, parent, key in (
        ("customers", "BRANCH_NO", "branches", "BRANCH_NO"),
        ("customers", "MGR_NO", "staff", "STAFF_NO"),
        ("branches", "PARENT_BRANCH_NO", "branches", "BRANCH_NO"),
        ("staff", "BRANCH_NO", "branches", "BRANCH_NO"),
        ("accounts", "CIF", "customers", "CIF"),
        ("accounts", "BRANCH_NO", "branches", "BRANCH_NO"),
        ("holdings", "ACCT_NO", "accounts", "ACCT_NO"),
        ("holdings", "PROD_CODE", "products", "PROD_CODE"),
        ("consents", "CIF", "customers", "CIF"),
        ("postings", "ACCT_NO", "accounts", "ACCT_NO"),
    ):
        lost = scalar(con, f"SELECT count(*) FROM {child} WHERE {column} NOT IN (SELECT {key} FROM {parent})")
        assert (child, column, lost) == (child, column, 0)
    for table, key in (("customers", "CIF"), ("accounts", "ACCT_NO"), ("postings", "TXN_NO"), ("customers", "ID_NO")):
        assert scalar(con, f"SELECT count(*) - count(DISTINCT {key}) FROM {table}") == 0


def test_documents_are_well_formed(con: duckdb.DuckDBPyConnection) -> None:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    for document, birth, sex in con.execute("SELECT ID_NO, BIRTH, SEX FROM customers LIMIT 200").fetchall():
        check = "10X98765432"[sum(int(d) * w for d, w in zip(document[:17], weights, strict=True)) % 11]
        assert (document[17], document[6:14], int(document[16]) % 2 == 1) == (check, birth, sex == "M")


def test_balances_follow_from_the_postings_and_are_never_overdrawn(con: duckdb.DuckDBPyConnection) -> None:
    wrong = scalar(
        con,
        """
        SELECT count(*) FROM (
            SELECT balance - sum(amount) OVER (PARTITION BY account ORDER BY day, booked_at, no) AS opened, account
            FROM ledger) JOIN accounts ON account = ACCT_NO
        WHERE opened <> (OPEN_BAL::DECIMAL(18, 2) * 100)::BIGINT
        """,
    )
    assert wrong == 0
    assert scalar(con, "SELECT min(balance) FROM ledger") >= 0


def test_the_ledger_is_a_plausible_one(con: duckdb.DuckDBPyConnection, small_bank: BankFiles) -> None:
    months = scalar(
        con,
        "SELECT sum(13.0 - greatest(0, date_diff('month', DATE '2025-03-01', o))) FROM"
        " (SELECT strptime(OPEN_DATE, '%Y%m%d') AS o FROM accounts WHERE ACCT_TYPE = 'D')",
    )
    assert scalar(con, "SELECT count(*) FROM ledger WHERE type = 'D'") / months == pytest.approx(4.3, abs=0.4)
    assert (small_bank.first_day, small_bank.last_day) == (date(2025, 3, 1), date(2026, 3, 31))
    assert scalar(con, "SELECT count(DISTINCT day) FROM ledger") == 396
    outside = "day NOT BETWEEN DATE '2025-03-01' AND DATE '2026-03-31' OR booked_at[1:10] <> day::VARCHAR"
    assert scalar(con, f"SELECT count(*) FROM ledger WHERE {outside} OR booked_at NOT LIKE '%+08:00'") == 0
    assert scalar(con, "SELECT count(*) FROM ledger WHERE kind = 'interest' AND day <> last_day(day)") == 0
    streams = scalar(con, "SELECT count(DISTINCT cif) FROM ledger WHERE kind IN ('salary', 'pension')")
    assert 0.5 <= streams / 2_500 <= 0.8
    median = scalar(con, "SELECT median(balance) / 100 FROM ledger WHERE type = 'D'")
    assert 20_000 <= median <= 60_000


def test_own_transfers_have_two_legs_and_no_new_money(con: duckdb.DuckDBPyConnection) -> None:
    purchase = "kind IN ('time_deposit_opened', 'wealth_purchase')"
    assert scalar(con, f"SELECT count(*) FROM ledger WHERE {purchase}") > 300
    assert scalar(con, f"SELECT count(*) FROM ledger WHERE {purchase} AND (type <> 'D' OR amount >= 0)") == 0
    unmatched = """
        SELECT count(*) FROM ledger d WHERE kind = 'time_deposit_opened' AND NOT EXISTS (
            FROM ledger c
            WHERE c.type = 'T' AND c.flag = 'O' AND c.cif = d.cif AND c.day = d.day AND c.amount = -d.amount)
    """
    assert scalar(con, unmatched) == 0
    matured = "kind IN ('time_deposit_matured', 'wealth_redeemed')"
    assert scalar(con, f"SELECT count(*) FROM ledger WHERE {matured} AND flag IS DISTINCT FROM 'M'") == 0


def test_consents_are_mostly_the_documented_default(con: duckdb.DuckDBPyConnection) -> None:
    known = dict(
        con.execute("SELECT GRANTED, count(*) / 2500 FROM consents WHERE PURPOSE = 'MC' GROUP BY 1").fetchall()
    )
    assert known["Y"] == pytest.approx(0.90, abs=0.03)
    assert 0 < known["N"] < 0.1
    assert known["Y"] + known["N"] < 1
    assert scalar(con, "SELECT count(*) FROM consents WHERE GRANTED = 'Y' AND EVIDENCE <> 'branch agreement 2023'") == 0


def test_a_quarter_of_the_customers_fire_the_large_deposit_trigger(
    con: duckdb.DuckDBPyConnection, small_bank: BankFiles
) -> None:
    """The rule written anew, day by day in SQL over the files: no line is shared with the generator's own check."""
    fired = con.execute(
        """
        WITH deposits AS (SELECT * FROM ledger WHERE type IN ('D', 'T')),
             opened AS (
                 SELECT CIF AS cif, sum((OPEN_BAL::DECIMAL(18, 2) * 100)::BIGINT) AS base
                 FROM accounts WHERE ACCT_TYPE IN ('D', 'T') GROUP BY 1),
             first AS (SELECT cif, min(day) AS first FROM deposits GROUP BY 1),
             credit AS (
                 SELECT no, cif, day, amount, (day - INTERVAL 6 MONTH)::DATE AS a FROM ledger
                 WHERE type = 'D' AND amount > 0 AND flag IS NULL AND day > DATE '2026-03-31' - 60),
             judged AS (
                 SELECT c.no, c.cif, c.day, c.amount * (c.day - c.a) AS have,
                        o.base * (c.day - c.a) + coalesce(sum(d.amount * (c.day - greatest(d.day, c.a))), 0) AS need
                 FROM credit c JOIN opened o USING (cif) JOIN first f USING (cif)
                 LEFT JOIN deposits d ON d.cif = c.cif AND d.day < c.day
                 WHERE f.first <= c.a
                 GROUP BY c.no, c.cif, c.day, c.amount, c.a, o.base)
        SELECT cif, min(day) FROM judged WHERE have > need GROUP BY cif
        """
    ).fetchall()
    assert 0.25 <= len(fired) / 2_500 <= 0.36
    assert len(fired) == small_bank.targets
    assert min(day for _, day in fired) >= small_bank.replay_from
    con.execute("CREATE OR REPLACE TEMP TABLE fired (cif VARCHAR, day DATE)")
    con.executemany("INSERT INTO fired VALUES (?, ?)", fired)
    own = "SELECT count(*) FROM ledger JOIN fired USING (cif) WHERE kind IN ('time_deposit_opened', 'wealth_purchase')"
    assert scalar(con, f"{own} AND ledger.day > DATE '2026-03-31' - 60") == 0
    assert scalar(con, own) > 0


def test_who_buys_can_be_learnt_from_the_ledger(con: duckdb.DuckDBPyConnection) -> None:
    """A plain logistic regression on what was known beforehand ranks the buyers of 60 days honestly, not perfectly."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rows = con.execute(
        """
        WITH known AS (
            SELECT cif, ln(1 + greatest(0, arg_max(balance, booked_at) FILTER (type = 'D'))) AS balance,
                   ln(1 + coalesce(
                       sum(amount) FILTER (amount > 0 AND flag IS NULL AND day > DATE '2025-09-02'), 0)) AS inflow,
                   avg((channel IN ('mobile', 'web'))::INT) AS digital
            FROM ledger WHERE day <= DATE '2025-12-01' GROUP BY 1),
             bought AS (
                 SELECT DISTINCT cif FROM ledger WHERE kind IN ('time_deposit_opened', 'wealth_purchase')
                 AND day BETWEEN DATE '2025-12-02' AND DATE '2026-01-30')
        SELECT 2025 - BIRTH[1:4]::INT, 2025 - OPEN_DATE[1:4]::INT, balance, inflow, digital, bought.cif IS NOT NULL
        FROM customers c JOIN known USING (cif) LEFT JOIN bought USING (cif) ORDER BY c.CIF
        """
    ).fetchall()
    table = np.array(rows, dtype=np.float64)
    features = (table[:, :-1] - table[:, :-1].mean(axis=0)) / table[:, :-1].std(axis=0)
    test = np.arange(len(table)) % 2 == 1
    model = LogisticRegression().fit(features[~test], table[~test, -1])
    auc = roc_auc_score(table[test, -1], model.predict_proba(features[test])[:, 1])
    assert 0.62 <= auc <= 0.85


def test_too_small_a_bank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 100 customers"):
        generate(tmp_path, 99, 1)
