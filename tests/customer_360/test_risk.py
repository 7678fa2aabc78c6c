"""Risk assessments: dated, counted, the newest one in profile, event and view; never more often than allowed."""

import csv
import io
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_contracts.customer_360 import ProfileChanged
from customer_360.months import months_after, months_before
from customer_360.risk_rules import Allowed, Exhausted, may_assess

TODAY = date(2026, 3, 17)
BODY = {"rating": "C2", "source": "questionnaire 2026-02", "score": 41}


def ago(*days: int) -> list[date]:
    return [TODAY - timedelta(days=n) for n in days]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], Allowed()),
        (ago(0), Allowed()),
        (ago(0, 0), Exhausted(2, 2, date(2026, 3, 18))),
        (ago(1, 1, 1, 1, 1, 1, 1), Allowed()),
        (ago(300, 1, 2, 3, 4, 5, 6, 7), Exhausted(0, 8, months_after(TODAY - timedelta(days=300), 12))),
        ([date(2025, 3, 17), *ago(1, 2, 3, 4, 5, 6, 7)], Allowed()),  # twelve months ago to the day: out
        ([date(2025, 3, 18), *ago(1, 2, 3, 4, 5, 6, 7)], Exhausted(0, 8, date(2026, 3, 18))),
        # Twice today and nine times in twelve months: both limits must have eased.
        ([date(2025, 6, 1), date(2025, 7, 1), *ago(0, 0, 1, 2, 3, 4, 5)], Exhausted(2, 9, date(2026, 7, 1))),
    ],
)
def test_how_often(days: list[date], expected: Allowed | Exhausted) -> None:
    assert may_assess(days, TODAY) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), max_size=14).map(lambda found: ago(*found)))
def test_the_next_day_is_the_first_one_that_is_allowed(days: list[date]) -> None:
    verdict = may_assess(days, TODAY)
    if isinstance(verdict, Exhausted):
        assert may_assess(days, verdict.next_on) == Allowed()
        between = (verdict.next_on - TODAY).days
        assert all(may_assess(days, TODAY + timedelta(days=n)) != Allowed() for n in range(1, between))


async def assess(bank: Any, source_id: str = "P1", as_: Any = None, **changes: Any) -> Any:
    path = f"/v1/customers/{bank.customer(source_id)}/risk-assessments"
    headers = as_ or bank.writer("teller", "B1")
    return await bank.service.client.post(path, json=BODY | changes, headers=headers)


async def test_who_may_not_and_what_is_refused(imported: Any) -> None:
    refused = await assess(imported, as_=imported.writer("marketer"))
    assert (refused.status_code, refused.json()["needs"]) == (403, "risk:write")
    assert (await assess(imported, as_=imported.writer("teller", "B2"))).status_code == 404
    for wrong in ({"rating": "C6"}, {"rating": "R1"}, {"source": " "}, {"valid_months": 13}, {"valid_months": 0}):
        assert (await assess(imported, **wrong)).status_code == 422
    path = f"/v1/customers/{imported.customer('P1')}/risk-assessments"
    assert (await imported.get(path, "teller", "B2")).status_code == 404
    assert await imported.rows("SELECT * FROM risk_assessment") == []


async def test_the_newest_assessment_is_the_rating_everywhere(imported: Any) -> None:
    today = imported.service.runtime.clock.business_date()
    made = await assess(imported)
    assert made.status_code == 201, made.text
    until = months_after(today, 12).isoformat()
    assert (made.json()["rating"], made.json()["rated_on"], made.json()["valid_until"]) == (
        "C2", today.isoformat(), until,
    )  # fmt: skip
    mobile = imported.writer("mobile", customer=imported.customer("P1"))
    assert (await assess(imported, as_=mobile, rating="C4", valid_months=6)).status_code == 201
    view = (await imported.get(f"/v1/customers/{imported.customer('P1')}", "teller", "B1")).json()
    assert view["risk"] == {
        "rating": "C4", "rated_on": today.isoformat(), "valid_until": months_after(today, 6).isoformat(),
        "valid": True, "assessments": 2,
    }  # fmt: skip
    assert (view["risk_rating"], view["version"]) == ("C4", 3)
    rows = await imported.rows("SELECT payload FROM outbox WHERE type = $1 ORDER BY seq", ProfileChanged.TYPE)
    told = [ProfileChanged.model_validate(orjson.loads(r[0])["data"]) for r in rows]
    assert [(e.version, e.risk_rating, e.risk_valid_until) for e in told] == [
        (2, "C2", months_after(today, 12)), (3, "C4", months_after(today, 6)),
    ]  # fmt: skip
    assert [t["kind"] for t in view["timeline"]] == ["risk", "risk"]
    # The third one of the day is refused, with the counts and the day on which one may be made.
    refused = await assess(imported)
    assert (refused.status_code, refused.json()["code"]) == (409, "risk_assessments_exhausted")
    assert {k: refused.json()[k] for k in ("today", "twelve_months", "next_on")} == {
        "today": 2, "twelve_months": 2, "next_on": (today + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    path = f"/v1/customers/{imported.customer('P1')}/risk-assessments"
    first = (await imported.get(f"{path}?limit=1", "teller", "B1")).json()
    second = (await imported.get(f"{path}?limit=1&cursor={first['next_cursor']}", "teller", "B1")).json()
    assert [a["rating"] for a in (*first["items"], *second["items"])] == ["C4", "C2"]
    assert second["next_cursor"] is None
    oldest = (await imported.get(f"{path}?sort=oldest", "teller", "B1")).json()
    assert [a["rating"] for a in oldest["items"]] == ["C2", "C4"]


def rated(bank: Any, rating: str, rated_on: str) -> dict[str, Any]:
    """The mapping, with the day of the rating in the file; and the file."""
    (customer,) = [row for row in csv.DictReader(io.StringIO(bank.files["customers.csv.gz"])) if row["cif"] == "P1"]
    changed = customer | {"risk": rating, "rated": rated_on}
    text = io.StringIO()
    writer = csv.DictWriter(text, changed)
    writer.writeheader()
    writer.writerow(changed)
    bank.write(**{"customers.csv.gz": text.getvalue()})
    mapping = orjson.loads(orjson.dumps(bank.mapping))
    mapping["datasets"]["parties"]["columns"]["risk_rated_on"] = {"column": "rated", "format": "YYYYMMDD"}
    return mapping  # type: ignore[no-any-return]


async def test_a_file_that_knows_an_older_rating_does_not_bring_it_back(imported: Any) -> None:
    await assess(imported, rating="C1")
    for _ in range(2):
        done = await imported.finish(await imported.ask(["parties"], mapping=rated(imported, "C5", "20240501")))
        assert done["state"] == "done", done
    ((rating, version),) = await imported.rows("SELECT risk_rating, version FROM party WHERE source_id = 'P1'")
    assert (rating, version) == ("C1", 2)  # and no version for nothing
    kept = await imported.rows("SELECT rating, source, rated_on, valid_until FROM risk_assessment ORDER BY rated_on")
    assert [tuple(r)[:2] for r in kept] == [("C1", "questionnaire 2026-02")]
    newer = months_after(date.today(), 1)
    done = await imported.finish(await imported.ask(["parties"], mapping=rated(imported, "C5", f"{newer:%Y%m%d}")))
    assert done["state"] == "done", done
    ((rating, version),) = await imported.rows("SELECT risk_rating, version FROM party WHERE source_id = 'P1'")
    assert (rating, version) == ("C5", 3)
    kept = await imported.rows("SELECT rating, source, valid_until FROM risk_assessment ORDER BY rated_on")
    assert [tuple(r) for r in kept][1] == ("C5", "import", months_after(newer, 12))
    assert months_before(newer, 1) <= date.today()
