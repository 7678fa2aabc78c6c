"""The bank of B6: files that customer-360 imports, and a feature row of everybody. The same every time."""

import random
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
import numpy as np
import yaml

from insight.feature_rows import NAMES

ROOT = Path(__file__).parents[1]
DATASETS = ("branches", "employees", "products", "parties", "accounts", "holdings", "consents")
BRANCHES, MANAGERS = 40, 200
AS_OF = "2026-03-17"
# Everybody has an account; every second a second one; three in four hold something, and each has decided two purposes.
FILES = {
    "branches.csv": "SELECT 'HQ' AS BRANCH_NO, NULL AS PARENT_BRANCH_NO, '总行' AS BRANCH_NAME UNION ALL"
    f" SELECT 'B' || i, 'HQ', '支行' || i FROM range({BRANCHES}) t(i)",
    "staff.csv": f"SELECT 'M' || i AS STAFF_NO, '经理' || i AS STAFF_NAME, 'B' || i % {BRANCHES} AS BRANCH_NO,"
    f" 'R' AS POST, 20 AS DAILY_TASKS FROM range({MANAGERS}) t(i)",
    "products.csv": "SELECT 'P' || i AS PROD_CODE, '产品' || i AS NAME_CN, 'Product ' || i AS NAME_EN,"
    " ['time_deposit', 'wealth', 'fund'][1 + i % 3] AS PROD_KIND, 'R' || (1 + i % 5) AS RISK FROM range(30) t(i)",
    "customers.csv": "SELECT 'C' || i AS CIF, '王' || chr((20000 + i % 20000)::INTEGER) AS NAME,"
    " ['F', 'M'][1 + i % 2] AS SEX,"
    " strftime(DATE '1950-01-01' + (i * 37 % 20000)::INTEGER, '%Y%m%d') AS BIRTH, printf('3101011970%08d', i) AS ID_NO,"
    " printf('138%08d', i) AS MOBILE, '上海市某路' || i || '号' AS ADDR, 'B' || i % {branches} AS BRANCH_NO,"
    " 'M' || i % {managers} AS MGR_NO, 1 + i % 5 AS RISK_LVL, '20260101' AS RISK_DATE, '20190812' AS OPEN_DATE"
    " FROM range({customers}) t(i)",
    "accounts.csv": "SELECT 'A' || i AS ACCT_NO, 'C' || i % {customers} AS CIF, 'B' || i % {branches} AS BRANCH_NO,"
    " CASE WHEN i < {customers} THEN 'D' ELSE 'T' END AS ACCT_TYPE, 'CNY' AS CCY, '20190812' AS OPEN_DATE,"
    " NULL AS CLOSE_DATE, '1000.00' AS OPEN_BAL FROM range({customers} + {customers} // 2) t(i)",
    "holdings.csv": "SELECT 'H' || i AS HOLD_NO, 'C' || i AS CIF, 'A' || i AS ACCT_NO, 'P' || i % 30 AS PROD_CODE,"
    " '20250317' AS START_DATE, '20270317' AS END_DATE, '5000.00' AS AMT FROM range({customers}) t(i) WHERE i % 4 > 0",
    "consents.csv": "SELECT 'C' || i AS CIF, ['PD', 'MC'][1 + j] AS PURPOSE, ['Y', 'N'][1 + (i + j) % 2] AS GRANTED,"
    " 'form ' || i AS EVIDENCE, '20250102' AS SINCE FROM range({customers}) t(i), range(2) u(j)",
}


def mapping() -> dict[str, Any]:
    """The demo bank's mapping without its postings."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "mappings" / "demo.yaml").read_text(encoding="utf-8"))
    return whole | {"source": "b6", "datasets": {name: whole["datasets"][name] for name in DATASETS}}


def write(folder: Path, customers: int) -> None:
    """Write the bank's files."""
    folder.mkdir(parents=True)
    numbers = {"customers": str(customers), "branches": str(BRANCHES), "managers": str(MANAGERS)}
    with duckdb.connect() as con:
        for name, query in FILES.items():
            text = query
            for key, value in numbers.items():
                text = text.replace(f"{{{key}}}", value)
            con.execute(f"COPY ({text}) TO '{folder / name}' (FORMAT csv, HEADER)")


async def fill_features(connection: asyncpg.Connection, customers: list[tuple[uuid.UUID, str]]) -> None:
    """Give everybody a feature row, as insight's snapshot would have loaded it; the branch tree with it."""
    chance = random.Random(6)
    shapes = {
        "whole": lambda: [chance.randrange(10**8) for _ in NAMES["whole"]],
        "shares": lambda: [chance.random() for _ in NAMES["shares"]],
        "flags": lambda: [chance.random() < 0.5 for _ in NAMES["flags"]],
        "codes": lambda: [("B", "mature")[n % 2] for n, _ in enumerate(NAMES["codes"])],
    }
    rows = ((0, customer, branch, *(make() for make in shapes.values())) for customer, branch in customers)
    columns = ("slot", "customer_id", "branch_id", *shapes)
    await connection.copy_records_to_table("feature_row_0", records=rows, columns=columns)
    await connection.execute(
        "INSERT INTO feature_set (id, slot, as_of, manifest, rows, whole, shares, flags, codes, loaded_at)"
        f" VALUES (1, 0, '{AS_OF}', 'b6', $1, $2, $3, $4, $5, now())",
        len(customers), *(NAMES[kind] for kind in shapes),
    )  # fmt: skip
    tree = [("HQ", "HQ"), *(("HQ", f"B{n}") for n in range(BRANCHES))]
    await connection.copy_records_to_table("branch_scope", records=tree, columns=("ancestor", "branch"))
    await connection.execute("ANALYZE")


def asked(customers: list[tuple[uuid.UUID, str]], count: int) -> list[uuid.UUID]:
    """Whom the front ends ask for: a few again and again, most hardly ever (Zipf)."""
    weights = 1 / np.arange(1, len(customers) + 1)
    drawn = np.random.default_rng(6).choice(len(customers), size=count, p=weights / weights.sum())
    shuffled = np.random.default_rng(7).permutation(len(customers))
    return [customers[shuffled[n]][0] for n in drawn]
