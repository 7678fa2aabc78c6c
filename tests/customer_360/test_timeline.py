"""The timeline: one row an event, however often it is told, the newest first, and nothing about arms."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from attune_contracts.campaign import (
    ContactMade,
    OpportunityActed,
    OpportunityEscalated,
    OpportunityExpired,
    OpportunityOpened,
    OpportunityState,
    ResponseRecorded,
)
from attune_contracts.envelope import Data
from attune_contracts.eventing import DetectionRaised, DetectionWithdrawn
from attune_service_kit.consumer import Event
from attune_service_kit.testing import Publish, StartService, eventually
from customer_360 import retention
from customer_360.app import SERVICE
from customer_360.handlers import SUBSCRIPTION
from customer_360.months import months_after, months_before

NOW = datetime.now(UTC).replace(microsecond=0)


def told(data: Data, at: datetime = NOW) -> Event:
    return Event(uuid4(), data.TYPE, data.subject(), at, data.model_dump(mode="json"), 0, 1)


async def apply(bank: Any, *events: Event) -> None:
    """Hand events to the service as its worker does, one transaction an event."""
    runtime, handlers = bank.service.runtime, SUBSCRIPTION.by_type()
    for event in events:
        async with runtime.worker_database.transaction() as tx:
            await handlers[event.type](runtime, tx, [event])


def raised(customer: UUID, detection: UUID | None = None) -> DetectionRaised:
    return DetectionRaised(
        detection_id=detection or uuid4(), customer_id=customer, trigger="large-deposit", trigger_version=3,
        event_key="T1", business_date=NOW.date(), expires_at=NOW + timedelta(hours=48),
    )  # fmt: skip


def opened(
    customer: UUID, state: OpportunityState, detection: UUID | None = None, opportunity: UUID | None = None
) -> OpportunityOpened:
    return OpportunityOpened(
        opportunity_id=opportunity or uuid4(), detection_id=detection or uuid4(), customer_id=customer, state=state,
        escalates_at=NOW + timedelta(hours=24), expires_at=NOW + timedelta(hours=48),
    )  # fmt: skip


async def timeline(bank: Any, query: str = "", role: str = "teller", branch: str | None = "B1", **more: Any) -> Any:
    answer = await bank.get(f"/v1/customers/{bank.customer('P1')}/timeline{query}", role, branch, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- refused ---------------------------------------------------------------------------------------------------------


async def test_who_may_not(imported: Any) -> None:
    path = f"/v1/customers/{imported.customer('P1')}/timeline"
    assert (await imported.service.client.get(path)).status_code == 401
    assert (await imported.get(path, "partner")).status_code == 403
    assert (await imported.get(path, "teller", "B2")).status_code == 404
    assert (await imported.get(f"{path}?kind=secrets", "teller", "B1")).status_code == 422


# --- done ------------------------------------------------------------------------------------------------------------


async def test_every_event_once_and_the_newest_first(imported: Any) -> None:
    customer = imported.customer("P1")
    detection = raised(customer)
    withdrawn = DetectionWithdrawn(
        detection_id=detection.detection_id, customer_id=customer, trigger="large-deposit", event_key="T1",
        reason="reversal",
    )  # fmt: skip
    contact = ContactMade(contact_id=uuid4(), customer_id=customer, channel="call_centre", disposition="reached")
    response = ResponseRecorded(response_id=uuid4(), customer_id=customer, offer="time-deposit-12m", outcome="later")
    happened = [
        told(detection, NOW - timedelta(hours=5)),
        told(contact, NOW - timedelta(hours=4)),
        told(response, NOW - timedelta(hours=3)),
        told(withdrawn, NOW - timedelta(hours=2)),
    ]
    await apply(imported, *happened, *reversed(happened))  # told again, in another order
    headers = imported.writer("branch_manager", "HO")
    path = f"/v1/customers/{customer}"
    await imported.service.client.patch(path, json={"manager_id": "M2"}, headers=headers)
    await imported.service.client.post(
        f"{path}/consents:opt-out", json={}, headers=imported.writer("mobile", customer=customer)
    )
    entries = (await timeline(imported))["items"]
    assert [(e["kind"], e["what"]) for e in entries] == [
        ("profile", "changed"), ("detection", "withdrawn"), ("response", "recorded"), ("contact", "made"),
        ("detection", "raised"),
    ]  # fmt: skip
    by_kind = {e["kind"]: e["detail"] for e in entries}
    assert by_kind["contact"] == {"channel": "call_centre", "disposition": "reached", "opportunity_id": None}
    assert by_kind["response"] == {"offer": "time-deposit-12m", "outcome": "later"}
    assert by_kind["profile"] == {"fields": ["manager_id"]}
    view = (await imported.get(path, "teller", "B1")).json()
    assert [(e["kind"], e["what"]) for e in view["timeline"]] == [(e["kind"], e["what"]) for e in entries]


async def test_a_change_of_consent_is_an_entry(imported: Any) -> None:
    body = {"decisions": [{"purpose": "survey", "granted": False}]}
    headers = imported.writer("mobile", customer=imported.customer("P1"))
    await imported.service.client.put(f"/v1/customers/{imported.customer('P1')}/consents", json=body, headers=headers)
    (entry,) = (await timeline(imported, "?kind=consent"))["items"]
    assert (entry["what"], entry["key"], entry["detail"]) == (
        "changed", "2", {"purposes": ["survey"], "granted": False},
    )  # fmt: skip


async def test_pages_and_kinds(imported: Any) -> None:
    customer = imported.customer("P1")
    at = NOW - timedelta(hours=1)  # many at one moment: the order is the same on every page
    contacts = [
        told(ContactMade(contact_id=uuid4(), customer_id=customer, channel="sms", disposition="sent"), at)
        for _ in range(5)
    ]
    await apply(imported, *contacts, told(raised(customer), at - timedelta(hours=1)))
    whole = (await timeline(imported))["items"]
    assert len(whole) == 6
    for sort, wanted in (("newest", whole), ("oldest", whole[::-1])):
        pages, cursor = [], ""
        while cursor is not None:
            page = await timeline(imported, f"?limit=2&sort={sort}" + (f"&cursor={cursor}" if cursor else ""))
            pages += page["items"]
            cursor = page["next_cursor"]
        assert pages == wanted
    assert {e["kind"] for e in (await timeline(imported, "?kind=contact&kind=response"))["items"]} == {"contact"}
    first = (await timeline(imported, "?limit=2"))["next_cursor"]
    for query, subject in ((f"?cursor={first}&kind=contact", None), (f"?cursor={first}", "somebody-else")):
        answer = await imported.get(f"/v1/customers/{customer}/timeline{query}", "teller", "B1", subject=subject)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_nothing_tells_the_arms_apart(imported: Any) -> None:
    """The same detection in both arms gives the same timeline and the same view but for a reason to call."""
    customer = imported.customer("P1")
    detection = raised(customer)
    await apply(imported, told(detection))
    before = await timeline(imported)
    for state in (OpportunityState.HELD_OUT, OpportunityState.SUPPRESSED, OpportunityState.DEFERRED):
        await apply(imported, told(opened(customer, state, detection.detection_id)))
    assert await timeline(imported) == before
    assert await imported.rows("SELECT * FROM open_opportunity") == []
    for word in ("held_out", "arm", "control"):
        assert word not in str(before)


async def test_customers_read_what_was_done_with_them_and_no_behaviour_without_personalisation(imported: Any) -> None:
    customer = imported.customer("P1")
    contact = ContactMade(contact_id=uuid4(), customer_id=customer, channel="sms", disposition="sent")
    await apply(imported, told(raised(customer)), told(contact))
    own = await timeline(imported, "", "mobile", None, customer=customer)
    assert {e["kind"] for e in own["items"]} == {"contact"}
    assert (await timeline(imported, "?kind=detection", "mobile", None, customer=customer))["items"] == []
    assert {e["kind"] for e in (await timeline(imported))["items"]} == {"contact", "detection"}
    headers = imported.writer("mobile", customer=customer)
    await imported.service.client.patch(f"/v1/customers/{customer}", json={"personalisation": False}, headers=headers)
    assert {e["kind"] for e in (await timeline(imported))["items"]} == {"contact", "profile"}


async def test_an_import_is_an_entry_of_whom_it_has_changed(imported: Any) -> None:
    changed = imported.files["customers.csv.gz"].replace("1 Road, City", "2 Road, City")
    imported.write(**{"customers.csv.gz": changed, "consents.csv": "cif,purpose,yes,since\nP1,MC,Y,20250101\n"})
    result = await imported.run(["parties", "consents"])
    entries = (await timeline(imported))["items"]
    assert {(e["kind"], e["what"], e["key"]) for e in entries} == {
        ("import", "profile_changed", f"{result['import_id']}/parties"),
        ("import", "consent_changed", f"{result['import_id']}/consents"),
    }
    ((others,),) = await imported.rows(
        "SELECT count(*) FROM timeline_entry WHERE customer_id <> $1", imported.customer("P1")
    )
    assert others == 0


async def test_kept_for_thirteen_months(imported: Any) -> None:
    customer = imported.customer("P1")
    border = months_before(datetime.now(UTC), 13)
    for at in (border - timedelta(days=1), border + timedelta(days=1)):
        contact = ContactMade(contact_id=uuid4(), customer_id=customer, channel="sms", disposition="sent")
        await apply(imported, told(contact, at))
    assert len((await timeline(imported))["items"]) == 1
    assert (await retention.purge(imported.service.runtime))["timeline"] == 1
    ((left,),) = await imported.rows("SELECT count(*) FROM timeline_entry")
    assert left == 1
    ((last,),) = await imported.rows("SELECT at FROM last_contact WHERE customer_id = $1", customer)
    assert last == border + timedelta(days=1)


async def test_open_opportunities_follow_campaign(imported: Any) -> None:
    customer = imported.customer("P1")

    async def open_() -> list[tuple[Any, ...]]:
        return [tuple(r) for r in await imported.rows("SELECT opportunity_id, escalated FROM open_opportunity")]

    one, two, three, four = (opened(customer, OpportunityState.OPEN) for _ in range(4))
    await apply(imported, *(told(o) for o in (one, two, three, four)))
    ended: list[Callable[[], Data]] = [
        lambda: OpportunityActed(customer_id=customer, opportunity_id=two.opportunity_id, disposition="reached"),
        lambda: OpportunityExpired(customer_id=customer, opportunity_id=three.opportunity_id),
        lambda: opened(customer, OpportunityState.SUPPRESSED, four.detection_id, four.opportunity_id),
        lambda: OpportunityEscalated(customer_id=customer, opportunity_id=one.opportunity_id),
    ]
    await apply(imported, *(told(make()) for make in ended))
    assert await open_() == [(one.opportunity_id, True)]
    withdrawn = DetectionWithdrawn(
        detection_id=one.detection_id, customer_id=customer, trigger="t", event_key="T1", reason="late_posting"
    )
    await apply(imported, told(withdrawn))
    assert await open_() == []
    # Told of only after its detection was withdrawn: nobody need call. Raised again later, somebody must.
    await apply(imported, told(one, NOW - timedelta(minutes=1)))
    assert await open_() == []
    await apply(imported, told(one, NOW + timedelta(minutes=1)))
    assert await open_() == [(one.opportunity_id, False)]


async def test_the_worker_hears_it(start_service: StartService, publish: Publish) -> None:
    service = await start_service(SERVICE)
    customer = uuid4()
    detection = raised(customer)
    await publish(detection, detection, opened(customer, OpportunityState.OPEN, detection.detection_id))
    pool = service.everything.pool

    async def heard() -> bool:
        rows = await pool.fetch("SELECT kind FROM timeline_entry")
        return len(rows) == 1 and await pool.fetchval("SELECT count(*) FROM open_opportunity") == 1

    assert await eventually(heard)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 1, 15), -13, date(2024, 12, 15)),
    ],
)
def test_calendar_months(day: date, months: int, expected: date) -> None:
    assert months_after(day, months) == expected
