"""The bank of B6, made inside PostgreSQL: customers with sealed names, and a feature row of everybody. Always the same.

`python -m benchmarks.bank_b6 COUNT` fills customer-360, as its own keys seal it, with CUSTOMERS and FEATURES (addresses
of a superuser) and the environment of customer-360.
"""

import asyncio
import hashlib
import os
import random
import sys
from uuid import UUID

import asyncpg
import numpy as np

from attune_service_kit.lifecycle import make_runtime, running
from customer_360.app import SERVICE
from customer_360.identity import COLUMNS, TABLE, identities
from insight.feature_rows import NAMES

BRANCHES, MANAGERS, PRODUCTS = 40, 200, 30
AS_OF = "2026-03-17"
CHUNK = 20_000

_ID = "md5('b6:' || i)::uuid"
_PEOPLE = "generate_series(0, {last}) i"
# Everybody has an account, every second a second one; three in four hold something; two decisions, two tags, and a
# timeline of twelve entries each, of which the view carries ten.
STATEMENTS = (
    "INSERT INTO branch (branch_id, parent_id, name) SELECT 'HQ', NULL, '总行'",
    f"INSERT INTO branch (branch_id, parent_id, name) SELECT 'B' || i, 'HQ', '支行' || i"
    f" FROM generate_series(0, {BRANCHES - 1}) i",
    "INSERT INTO branch_scope (ancestor, branch) SELECT branch_id, branch_id FROM branch"
    " UNION SELECT 'HQ', branch_id FROM branch",
    f"INSERT INTO employee (employee_id, branch_id, role, name) SELECT 'M' || i, 'B' || i % {BRANCHES},"
    f" 'relationship_manager', '经理' || i FROM generate_series(0, {MANAGERS - 1}) i",
    "INSERT INTO product (product_id, name_zh, name_en, kind, risk_level)"
    " SELECT 'P' || i, '产品' || i, 'Product ' || i,"
    " (ARRAY['time_deposit', 'wealth', 'fund'])[1 + i % 3], 'R' || 1 + i % 5"
    f" FROM generate_series(0, {PRODUCTS - 1}) i",
    "INSERT INTO party (customer_id, source, source_id, party_kind, birth_date, gender, branch_id, manager_id,"
    f" risk_rating, risk_rated_on, opened_on, personalisation, version, updated_at)"
    f" SELECT {_ID}, 'b6', 'C' || i, 'person',"
    " date '1950-01-01' + i * 37 % 20000, (ARRAY['female', 'male'])[1 + i % 2],"
    f" 'B' || i % {BRANCHES}, 'M' || i % {MANAGERS}, 'C' || 1 + i % 5, date '2026-01-01', date '2019-08-12',"
    f" true, 1, now() FROM {_PEOPLE}",
    "INSERT INTO account (account_id, source, source_id, customer_id, branch_id, kind, currency, opened_on,"
    " opening_balance_minor) SELECT md5('b6-account:' || i || ':' || n)::uuid, 'b6', 'A' || i || '-' || n,"
    f" {_ID}, 'B' || i % {BRANCHES}, (ARRAY['demand', 'time'])[1 + n], 'CNY', date '2019-08-12', 100000"
    f" FROM {_PEOPLE}, generate_series(0, 1) n WHERE n = 0 OR i % 2 = 0",
    f"INSERT INTO holding (holding_id, customer_id, account_id, product_id, opened_on, matures_on, amount_minor)"
    f" SELECT 'H' || i, {_ID}, md5('b6-account:' || i || ':0')::uuid, 'P' || i % {PRODUCTS}, date '2025-03-17',"
    f" date '2027-03-17', 500000 FROM {_PEOPLE} WHERE i % 4 > 0",
    f"INSERT INTO consent (customer_id, purpose, granted, evidence, since) SELECT {_ID},"
    " (ARRAY['personalised_decision', 'marketing_contact'])[1 + n], (i + n) % 2 = 0, 'form ' || i, date '2025-01-02'"
    f" FROM {_PEOPLE}, generate_series(0, 1) n",
    "INSERT INTO tag (customer_id, tag, source, value, assigned_by, assigned_at, expires_on)"
    f" SELECT {_ID}, (ARRAY['value_quadrant', 'aum_band'])[1 + n], 'insight', (ARRAY['B', 'band_3'])[1 + n],"
    f" 'insight', now(), current_date + 60 FROM {_PEOPLE}, generate_series(0, 1) n",
    "INSERT INTO timeline_entry (customer_id, kind, key, at, what, detail)"
    f" SELECT {_ID}, (ARRAY['contact', 'response', 'detection'])[1 + n % 3], 'K' || n,"
    f" now() - n * interval '5 days', 'seen', '{{}}' FROM {_PEOPLE}, generate_series(1, 12) n",
    "ANALYZE",
)


def customer(number: int) -> UUID:
    """The id of the customer with this number."""
    return UUID(hashlib.md5(f"b6:{number}".encode(), usedforsecurity=False).hexdigest())


def asked(customers: int, count: int) -> list[UUID]:
    """Whom the front ends ask for: a few again and again, most hardly ever (Zipf)."""
    weights = 1 / np.arange(1, customers + 1)
    drawn = np.random.default_rng(6).choice(customers, size=count, p=weights / weights.sum())
    shuffled = np.random.default_rng(7).permutation(customers)
    return [customer(int(shuffled[n])) for n in drawn]


async def fill(customers: int) -> None:
    """Fill both databases."""
    connection = await asyncpg.connect(os.environ["CUSTOMERS"])
    for statement in STATEMENTS:
        await connection.execute(statement.replace("{last}", str(customers - 1)))
    runtime = make_runtime(SERVICE, SERVICE.settings(), "app")
    async with running(runtime):
        keys = identities(runtime)
        for first in range(0, customers, CHUNK):
            numbers = range(first, min(first + CHUNK, customers))
            ids = [str(customer(n)) for n in numbers]
            plain = {
                "name": [f"王{chr(20000 + n % 20000)}" for n in numbers],
                "phone": [f"138{n:08d}" for n in numbers],
                "document": [f"3101011970{n:08d}" for n in numbers],
                "address": [f"上海市某路{n}号" for n in numbers],
            }
            sealed = [keys.columns[name].seal_texts(ids, plain[name]) for name in COLUMNS]
            rows = ((UUID(id_), *values, b"", []) for id_, *values in zip(ids, *sealed, strict=True))
            columns = ("customer_id", *COLUMNS, "digest", "keys")
            await connection.copy_records_to_table(TABLE, records=rows, columns=columns)
    await connection.execute(f"ANALYZE {TABLE}")
    await connection.close()
    await _fill_features(customers)


async def _fill_features(customers: int) -> None:
    """Give everybody a feature row, as insight's snapshot would have loaded it; the branch tree with it."""
    connection = await asyncpg.connect(os.environ["FEATURES"])
    chance = random.Random(6)
    shapes = {
        "whole": lambda: [chance.randrange(10**8) for _ in NAMES["whole"]],
        "shares": lambda: [chance.random() for _ in NAMES["shares"]],
        "flags": lambda: [chance.random() < 0.5 for _ in NAMES["flags"]],
        "codes": lambda: [("B", "mature")[n % 2] for n, _ in enumerate(NAMES["codes"])],
    }
    rows = ((0, customer(n), f"B{n % BRANCHES}", *(make() for make in shapes.values())) for n in range(customers))
    columns = ("slot", "customer_id", "branch_id", *shapes)
    await connection.copy_records_to_table("feature_row_0", records=rows, columns=columns)
    await connection.execute(
        "INSERT INTO feature_set (id, slot, as_of, manifest, rows, whole, shares, flags, codes, loaded_at)"
        f" VALUES (1, 0, '{AS_OF}', 'b6', $1, $2, $3, $4, $5, now())",
        customers, *(NAMES[kind] for kind in shapes),
    )  # fmt: skip
    tree = [("HQ", "HQ"), *(("HQ", f"B{n}") for n in range(BRANCHES))]
    await connection.copy_records_to_table("branch_scope", records=tree, columns=("ancestor", "branch"))
    await connection.execute("ANALYZE")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
