"""Consents from the bank's files: divided, by default, and behind the customer's own newer word."""

import csv
from copy import deepcopy
from typing import Any

import orjson
import pytest
from pyarrow import parquet

from attune_contracts.consent import CHANNELS
from attune_contracts.pointer import Pointer

HEADING = "cif,purpose,channel,kind,yes,since,how,notice\n"


def mapping(bank: Any) -> dict[str, Any]:
    """The bank's mapping with everything a consent may say."""
    wanted = deepcopy(bank.mapping)
    columns = wanted["datasets"]["consents"]["columns"]
    columns["channel"] = {"column": "channel", "codes": {"": "*", **{c: c for c in CHANNELS}}}
    columns["product_kind"] = {"column": "kind", "codes": {"": "*", "L": "loan", "F": "fund"}}
    columns["basis"] = {"column": "how", "codes": {"A": "default", "D": "decision", "": "decision"}}
    columns["notice_version"] = "notice"
    return wanted


async def load(bank: Any, *lines: str) -> dict[str, Any]:
    """Import these lines; return what the result says of consents."""
    bank.write(**{"consents.csv": HEADING + "".join(f"{line}\n" for line in lines)})
    done = await bank.finish(await bank.ask(["consents"], mapping=mapping(bank)))
    assert done["state"] == "done", done
    return dict(done["result"]["datasets"]["consents"]) | {"import_id": done["result"]["import_id"]}


async def stands(bank: Any, source_id: str = "P3") -> dict[tuple[str, str, str], tuple[bool, str]]:
    rows = await bank.rows(
        "SELECT purpose, channel, product_kind, granted, basis FROM consent WHERE customer_id = $1",
        bank.customer(source_id),
    )
    return {(r[0], r[1], r[2]): (r[3], r[4]) for r in rows}


MARKETING = ("marketing_contact", "*", "*")


async def test_only_marketing_may_be_divided(imported: Any) -> None:
    result = await load(imported, "P3,PD,sms,,Y,20240101,,", "P3,PD,,L,Y,20240101,,", "P3,MC,sms,L,Y,20240101,,")
    assert (result["accepted"], result["rejected"]) == (1, 2)
    report = csv.DictReader((await imported.rejects(result["import_id"])).splitlines())
    assert [(r["column"], r["reason"]) for r in report] == [
        ("channel", "divides a purpose other than marketing_contact"),
        ("kind", "divides a purpose other than marketing_contact"),
    ]
    assert await stands(imported) == {("marketing_contact", "sms", "loan"): (True, "decision")}


async def test_a_documented_default_is_shown_as_such_and_counted(imported: Any) -> None:
    result = await load(imported, "P3,MC,,,Y,20230701,A,", "P3,PD,,,Y,20240101,,3", "P1,MC,,,Y,20230701,A,")
    # P1 has refused marketing in 2023: an agreement says nothing against that.
    assert {k: result[k] for k in ("accepted", "unchanged", "defaults", "outranked")} == {
        "accepted": 3, "unchanged": 1, "defaults": 1, "outranked": 1,
    }  # fmt: skip
    assert await stands(imported, "P1") == {
        MARKETING: (False, "decision"), ("personalised_decision", "*", "*"): (True, "decision"),
    }  # fmt: skip
    view = (await imported.get(f"/v1/customers/{imported.customer('P3')}")).json()
    assert view["consents"] == [
        {
            "purpose": "marketing_contact", "channel": None, "product_kind": None, "granted": True, "basis": "default",
            "evidence": "branch agreement 2023", "notice_version": None, "since": "2023-07-01",
        },
        {
            "purpose": "personalised_decision", "channel": None, "product_kind": None, "granted": True,
            "basis": "decision", "evidence": "branch agreement 2023", "notice_version": 3, "since": "2024-01-01",
        },
    ]  # fmt: skip


# What a first file says and what a second one: yes or no, the day, D = the customer's decision, A = an agreement.
FILES = {
    "counter": ("N,20240601,D", "Y,20240531,D", (False, "decision")),  # older
    "mobile": ("N,20240601,D", "Y,20240601,D", (False, "decision")),  # of the same day a refusal holds
    "call_centre": ("Y,20240601,D", "N,20240601,D", (False, "decision")),
    "sms": ("N,20240601,D", "Y,20240602,D", (True, "decision")),
    "push": ("Y,20240601,A", "N,20240101,D", (False, "decision")),  # the customer's word against a default
    "email": ("N,20240101,D", "Y,20240601,A", (False, "decision")),
    "mail": ("Y,20240101,A", "Y,20240601,A", (True, "default")),
}


async def test_the_customers_newest_word_holds(imported: Any) -> None:
    for number in (0, 1):
        await load(imported, *(f"P3,MC,{channel},,{told[number]}," for channel, told in FILES.items()))
    found = await stands(imported)
    assert {channel: found["marketing_contact", channel, "*"] for channel in FILES} == {
        channel: expected for channel, (_, _, expected) in FILES.items()
    }


async def test_a_finer_row_does_not_slip_past_a_refusal_of_everything(imported: Any) -> None:
    await load(imported, "P3,MC,,,N,20240601,,")
    finer = ("sms,,Y,20250101,A,", "call_centre,,Y,20240601,,", "call_centre,F,N,20200101,,", "sms,L,Y,20240602,,")
    result = await load(imported, *(f"P3,MC,{line}" for line in finer))
    assert (result["accepted"], result["outranked"]) == (4, 2)
    assert {key: row[0] for key, row in (await stands(imported)).items()} == {
        MARKETING: False,
        ("marketing_contact", "call_centre", "fund"): False,
        ("marketing_contact", "sms", "loan"): True,  # newer, and of this alone
    }


async def test_the_ledger_keeps_every_decision_and_the_lake_the_version(imported: Any) -> None:
    await load(imported, "P1,MC,,,Y,20240101,,")
    await load(imported, "P1,MC,,,Y,20240101,,")  # no news
    await load(imported, "P1,MC,sms,,N,20240301,,7")
    rows = await imported.rows(
        "SELECT version, channel, granted, source, actor, notice_version FROM consent_entry"
        " WHERE customer_id = $1 AND purpose = 'marketing_contact' ORDER BY version",
        imported.customer("P1"),
    )
    assert [tuple(r) for r in rows] == [
        (1, "*", False, "import", "service", None),
        (2, "*", True, "import", "service", None),
        (3, "sms", False, "import", "service", 7),
    ]
    pointers = [Pointer.model_validate(p) for p in await _pointers(imported)]
    (consents,) = [p for p in pointers if p.dataset == "consents"]
    (file,) = imported.service.runtime.lake.read_pointer(consents)
    mine = parquet.read_table(file, filters=[("customer_id", "=", str(imported.customer("P1")))]).to_pylist()
    assert {(r["purpose"], r["channel"], r["version"]) for r in mine} == {
        ("personalised_decision", "*", 3), ("marketing_contact", "*", 3), ("marketing_contact", "sms", 3),
    }  # fmt: skip


async def _pointers(bank: Any) -> Any:
    ((payload,),) = await bank.rows(
        "SELECT payload FROM outbox WHERE type = 'customer_360.import.completed.v1' ORDER BY seq DESC LIMIT 1"
    )
    return orjson.loads(payload)["data"]["pointers"]


async def test_the_ledger_refuses_to_be_rewritten(imported: Any) -> None:
    for statement in ("UPDATE consent_entry SET granted = true", "DELETE FROM consent_entry", "TRUNCATE consent_entry"):
        with pytest.raises(Exception, match=r"append-only|permission denied"):
            await imported.rows(statement)
