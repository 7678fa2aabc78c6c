"""Persons, organisations and prospects in one model, their households, and their identities sealed in the import."""

import csv
from typing import Any
from uuid import UUID

import pytest
from pyarrow import parquet

from customer_360.identity import identities

DATE = {"format": "YYYYMMDD"}
MAPPING: dict[str, Any] = {
    "source": "core",
    "datasets": {
        "branches": {"file": "branches.csv", "columns": {"branch_id": "no", "name": "name"}},
        "households": {
            "file": "homes.csv",
            "columns": {"household_id": "no", "branch_id": "branch", "formed_on": {"column": "since", **DATE}},
        },
        "parties": {
            "file": "all.csv",
            "columns": {
                "source_id": "cif",
                "party_kind": {"column": "kind", "codes": {"P": "person", "O": "organisation", "X": "prospect"}},
                "name": "name",
                "birth_date": {"column": "born", **DATE},
                "phone": "phone",
                "document": "doc",
                "branch_id": "branch",
                "household_id": "home",
                "household_role": {"column": "role", "codes": {"H": "head", "S": "partner", "C": "child"}},
                "legal_form": "form",
                "industry": "sector",
                "prospect_source": "from",
                "legal_basis": {"column": "basis", "codes": {"C": "consent", "P": "public_information"}},
            },
        },
        "consents": {
            "file": "consents.csv",
            "columns": {
                "customer_id": "cif",
                "purpose": {"constant": "marketing_contact"},
                "granted": {"constant": True},
                "basis": {"column": "how", "codes": {"D": "default", "A": "decision"}},
                "evidence": {"constant": "branch agreement 2023"},
                "since": {"constant": "2023-01-01"},
            },
        },
    },
}
HEADING = "cif,kind,name,born,phone,doc,branch,home,role,form,sector,from,basis\n"
FILES = {
    "branches.csv": "no,name\nB1,First\nB2,Second\n",
    "homes.csv": "no,branch,since\nF1,B1,20200101\n",
    "all.csv": HEADING
    + "P1,P,单小明,19800229,138 0013 8000,11010519491231002X,B1,F1,H,,,,\n"
    + "P2,P,李四,19810101,,E12345678,B1,F1,S,,,,\n"
    + "P3,P,单小红,20100101,,,B2,F1,C,,,,\n"
    + "P4,P,王五,19700101,13900139000,,B1,F2,,,,,\n"
    + "O1,O,重庆长江贸易有限公司,,02388886666,91350100M000100Y43,B1,,,limited,F51,,\n"
    + "X1,X,赵六,,13700137000,,B1,,,,,fair 2025,C\n"
    + "X2,X,钱七,,13600136000,,B1,,,,,,C\n"
    + "X3,X,孙八,,13500135000,,B1,,,,,register,\n",
    "consents.csv": "cif,how\nP1,D\nX1,D\n",
}


@pytest.fixture
async def mixed(import_once: Any) -> Any:
    """The bank with persons, organisations, prospects and households imported."""
    return await import_once("mixed", MAPPING, FILES)


async def view(bank: Any, source_id: str, *role: str) -> dict[str, Any]:
    """The view of a customer, as somebody sees it."""
    response = await bank.get(f"/v1/customers/{bank.customer(source_id)}", *(role or ("teller", "B1")))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_prospect_without_source_or_basis_is_rejected(mixed: Any) -> None:
    result = (await mixed.finish(await mixed.ask(["parties"], mapping=MAPPING)))["result"]
    assert [result["datasets"]["parties"][n] for n in ("read", "accepted", "rejected")] == [8, 6, 2]
    report = csv.DictReader((await mixed.rejects(result["import_id"])).splitlines())
    assert [(int(r["line"]), r["column"], r["reason"]) for r in report] == [
        (8, "from", "is empty, but needed of prospects"),
        (9, "basis", "is empty, but needed of prospects"),
    ]


async def test_a_documented_default_agrees_to_nothing_for_a_prospect(mixed: Any) -> None:
    assert [c["granted"] for c in (await view(mixed, "P1"))["consents"]] == [True]
    assert (await view(mixed, "X1"))["consents"] == []
    counted = []
    for basis in ("D", "A"):
        mixed.write(**{"consents.csv": f"cif,how\nP1,D\nX1,{basis}\n"})
        done = await mixed.finish(await mixed.ask(["consents"], mapping=MAPPING))
        counts = done["result"]["datasets"]["consents"]
        counted.append([counts[name] for name in ("accepted", "unchanged", "defaults", "outranked", "prospects")])
    assert counted == [[2, 2, 1, 0, 1], [2, 1, 1, 0, 0]]
    assert [(c["granted"], c["basis"]) for c in (await view(mixed, "X1"))["consents"]] == [(True, "decision")]


async def test_each_kind_of_party_shows_what_it_has(mixed: Any) -> None:
    person, firm, prospect = [await view(mixed, source_id) for source_id in ("P1", "O1", "X1")]
    assert (person["name"], person["phone"], person["document"]) == ("单小明", "138****8000", "110***********002X")
    assert [person[part] for part in ("party_kind", "organisation", "prospect")] == ["person", None, None]
    assert (firm["party_kind"], firm["organisation"]) == ("organisation", {"legal_form": "limited", "industry": "F51"})
    assert (firm["name"], firm["document"]) == ("重庆长江贸易有限公司", "913***********0Y43")
    assert prospect["prospect"] == {"source": "fair 2025", "legal_basis": "consent"}
    masked = await view(mixed, "P1", "head_office")
    assert (masked["name"], masked["phone"], masked["document"]) == ("单*", "138****8000", "110***********002X")
    assert (await view(mixed, "O1", "head_office"))["name"] == "重庆长江贸易有限公司"


async def test_a_household_shows_the_members_within_the_scope(mixed: Any) -> None:
    home = (await view(mixed, "P1"))["household"]
    assert home == {
        "household_id": "F1", "role": "head",
        "members": [{"customer_id": str(mixed.customer("P2")), "role": "partner", "name": "李四"}],
    }  # fmt: skip
    members = (await view(mixed, "P1", "head_office"))["household"]["members"]
    assert [(m["role"], m["name"]) for m in members] == [("partner", "李*"), ("child", "单*")]
    own = await mixed.get(f"/v1/customers/{mixed.customer('P1')}", "mobile", customer=mixed.customer("P1"))
    assert (own.json()["household"]["members"], own.json()["name"]) == ([], "单小明")
    assert (await view(mixed, "O1"))["household"] is None
    # A household that only its members name is known all the same.
    assert {tuple(r) for r in await mixed.rows("SELECT household_id, branch_id FROM household")} == {
        ("F1", "B1"), ("F2", None),
    }  # fmt: skip
    await mixed.finish(await mixed.ask(["households"], mapping=MAPPING))
    lake = mixed.service.runtime.lake
    (file,) = (
        lake.files("households", "all")
        if hasattr(lake, "files")
        else lake.read_pointer(lake.latest("households", "all"))
    )
    assert {row["household_id"] for row in parquet.read_table(file).to_pylist()} == {"F1", "F2"}


# --- sealed ----------------------------------------------------------------------------------------------------------

_SEALED = "SELECT customer_id, name, phone, document, address, digest, keys FROM party_identity ORDER BY customer_id"


async def test_identities_lie_sealed_and_open_with_the_services_keys(mixed: Any) -> None:
    keys = identities(mixed.service.runtime)
    found = {row["customer_id"]: keys.open(row["customer_id"], row) for row in await mixed.rows(_SEALED)}
    one: UUID = mixed.customer("P1")
    assert (found[one].name, found[one].phone, found[one].document) == ("单小明", "138 0013 8000", "11010519491231002X")
    assert found[mixed.customer("P2")].phone is None


async def test_the_same_file_seals_nothing_anew_and_a_changed_row_is_sealed_alone(mixed: Any) -> None:
    before = [tuple(row) for row in await mixed.rows(_SEALED)]
    result = (await mixed.finish(await mixed.ask(["parties"], mapping=MAPPING)))["result"]
    assert result["datasets"]["parties"]["unchanged"] == 6
    assert [tuple(row) for row in await mixed.rows(_SEALED)] == before
    mixed.write(**{"all.csv": FILES["all.csv"].replace("E12345678", "E12345679").replace("F51", "F52")})
    result = (await mixed.finish(await mixed.ask(["parties"], mapping=MAPPING)))["result"]
    assert result["datasets"]["parties"]["unchanged"] == 4
    after = [tuple(row) for row in await mixed.rows(_SEALED)]
    assert [old[0] for old, new in zip(before, after, strict=True) if old != new] == [mixed.customer("P2")]
    assert (await view(mixed, "P2"))["document"] == "E******79"


async def test_a_value_that_was_copied_to_another_row_is_never_shown(mixed: Any) -> None:
    async with mixed.service.runtime.worker_database.transaction() as tx:
        await tx.conn.execute(
            "UPDATE party_identity SET name = (SELECT name FROM party_identity WHERE customer_id = $1)"
            " WHERE customer_id = $2",
            mixed.customer("P1"),
            mixed.customer("P2"),
        )
    response = await mixed.get(f"/v1/customers/{mixed.customer('P2')}", "teller", "B1")
    assert response.status_code == 500
    assert "单" not in response.text
