"""Loans, cards, standing orders, who may act on an account, regions: from the bank's files into tables and the lake."""

from typing import Any

MAPPING: dict[str, Any] = {
    "source": "core",
    "datasets": {
        "regions": {
            "file": "regions.csv",
            "columns": {
                "region_id": "no",
                "name": "name",
                "inhabitants": "people",
                "urban_percent": "urban",
                "unemployment_percent": {"column": "idle", "decimal": ",", "empty": "?"},
                "average_salary_minor": "pay",
            },
        },
        "account_parties": {
            "file": "roles.csv",
            "columns": {
                "account_id": "acct",
                "customer_id": "cif",
                "role": {"column": "role", "codes": {"O": "owner", "A": "authorised"}},
            },
        },
        "loans": {
            "file": "loans.csv",
            "columns": {
                "loan_id": "no",
                "customer_id": "cif",
                "account_id": "acct",
                "granted_on": "on",
                "amount_minor": "amount",
                "months": "months",
                "payment_minor": "rate",
                "status": {"column": "state", "codes": {"R": "running", "A": "in_arrears"}},
            },
        },
        "cards": {
            "file": "cards.csv",
            "columns": {"card_id": "no", "customer_id": "cif", "account_id": "acct", "kind": "grade"},
        },
        "standing_orders": {
            "file": "orders.csv",
            "columns": {"standing_order_id": "no", "account_id": "acct", "amount_minor": "amount", "kind": "what"},
        },
    },
}
FILES = {
    "regions.csv": 'no,name,people,urban,idle,pay\nR1,North,120000,46.7,"1,85",8507\nR2,South,,x,?,9000\n',
    "roles.csv": "acct,cif,role\nA1,P1,O\nA1,P3,A\nA1,P3,A\nA1,P99,A\n",
    "loans.csv": "no,cif,acct,on,amount,months,rate,state\n"
    "L1,P1,A1,2024-01-31,100000.00,12,8600.50,R\nL2,P1,A9,2024-01-31,1.00,,,R\nL3,P1,A1,2024-01-31,1.00,,,X\n",
    "cards.csv": "no,cif,acct,grade\nK1,P3,A1,gold\nK2,P3,,Gold card\n",
    "orders.csv": "no,acct,amount,what\nO1,A1,12.50,insurance\nO2,A1,-1,\n",
}


async def run(bank: Any) -> dict[str, Any]:
    bank.write(**FILES)
    done = await bank.finish(await bank.ask(list(MAPPING["datasets"]), mapping=MAPPING))
    assert done["state"] == "done", done
    result: dict[str, Any] = done["result"]
    return result


async def test_each_row_is_accepted_or_rejected(imported: Any) -> None:
    result = await run(imported)
    counts = {n: (c["read"], c["accepted"], c["rejected"]) for n, c in result["datasets"].items()}
    assert counts == {
        "regions": (2, 1, 1),
        "account_parties": (4, 2, 2),
        "loans": (3, 1, 2),
        "cards": (2, 1, 1),
        "standing_orders": (2, 1, 1),
    }
    (loan,) = await imported.rows("SELECT customer_id, amount_minor, payment_minor, months, status FROM loan")
    assert tuple(loan) == (imported.customer("P1"), 10_000_000, 860_050, 12, "running")
    (region,) = await imported.rows("SELECT urban_percent, unemployment_percent, average_salary_minor FROM region")
    assert tuple(region) == (46.7, 1.85, 850_700)
    roles = await imported.rows("SELECT customer_id, role FROM account_party ORDER BY role DESC")
    assert [tuple(row) for row in roles] == [
        (imported.customer("P1"), "owner"),
        (imported.customer("P3"), "authorised"),
    ]


async def test_the_lake_has_them_and_twice_changes_nothing(imported: Any) -> None:
    await run(imported)
    lake = imported.service.runtime.lake
    assert {name: lake.latest(name, "all").rows for name in MAPPING["datasets"]} == {
        "regions": 1,
        "account_parties": 2,
        "loans": 1,
        "cards": 1,
        "standing_orders": 1,
    }
    again = await run(imported)
    assert all(counts["unchanged"] == counts["accepted"] for counts in again["datasets"].values())
