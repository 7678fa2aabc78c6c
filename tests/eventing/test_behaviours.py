"""`POST /v1/behaviours`: refused where they cannot be, taken in once, judged by the triggers that listen."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.eventing.conftest import SOURCE
from tests.eventing.test_eight_shapes import insert_file
from tests.eventing.test_shapes import TEXTS

from attune_contracts.identifiers import customer_id
from attune_service_kit.testing import eventually

LOOKED = {"behaviour": "product_viewed", "product": "wealth-90", "channel": "mobile"}
FILE = {
    "trigger": "looks-again", "title": TEXTS, "meaning": TEXTS, "on": "behaviours",
    "where": "behaviour = 'product_viewed'", "behaviour": {"at_least": 3, "within": "7 days", "same": "product"},
}  # fmt: skip


def looked(key: str, at: str, **more: Any) -> dict[str, Any]:
    return LOOKED | {"behaviour_id": key, "customer_id": "P0", "occurred_at": at} | more


async def post_as(eventing: Any, headers: dict[str, str], *sent: dict[str, Any]) -> Any:
    headers = headers | {"Idempotency-Key": uuid4().hex}
    body = {"source": SOURCE, "behaviours": list(sent)}
    return await eventing.service.client.post("/v1/behaviours", json=body, headers=headers)


async def post(eventing: Any, *sent: dict[str, Any], role: str = "partner") -> Any:
    return await eventing.send("POST", "/v1/behaviours", {"source": SOURCE, "behaviours": list(sent)}, role=role)


async def test_behaviours_are_taken_in_once_and_a_third_look_is_a_detection(
    eventing: Any, new_bank: Any, lake_dir: Path, tmp_path: Path
) -> None:
    first = looked("b1", "2024-03-01T15:59:59Z")
    assert (await post(eventing, first, role="model_admin")).status_code == 403
    for wrong in (
        {"behaviour": "Product Viewed"}, {"occurred_at": "2024-03-01T12:00:00"}, {"seconds": -1},
        {"occurred_at": "1899-03-01T12:00:00Z"}, {"product": "Wealth"},
    ):  # fmt: skip
        assert (await post(eventing, first | wrong)).status_code == 422, wrong

    bank = new_bank()
    bank.person("P0")
    await eventing.load(bank, lake_dir, tmp_path / "s")
    await insert_file(eventing.service.runtime.worker_database.pool, FILE, live=True)
    answer = await post(eventing, first, looked("b2", "2024-03-01T16:00:00Z"))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "duplicates": 0, "clashes": []})
    again = await post(eventing, first, looked("b3", "2024-03-04T01:00:00Z"))
    assert again.json() == {"accepted": 1, "duplicates": 1, "clashes": []}

    # I68: the same id with other content is told to whoever sent it.
    told = await post(eventing, first | {"product": "fund-1"}, looked("b3", "2024-03-04T01:00:00Z"))
    assert told.json() == {"accepted": 0, "duplicates": 2, "clashes": ["b1"]}

    mine = eventing.token("mobile", customer=customer_id(SOURCE, "P0"))
    for stranger in ("P1", "nobody"):
        sent = [first | {"behaviour_id": "a1"}, first | {"behaviour_id": "a2", "customer_id": stranger}]
        refused = await post_as(eventing, mine, *sent)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), refused.text
    # Whether another has used this id is nothing that a customer learns; it counts once all the same.
    own = await post_as(eventing, mine, first, first | {"behaviour_id": "a1", "behaviour": "logged_in"})
    assert own.json() == {"accepted": 2, "duplicates": 0, "clashes": []}
    repeated = await post_as(eventing, mine, first)
    assert repeated.json() == {"accepted": 0, "duplicates": 1, "clashes": []}
    # I68: what the stream brings under an id that came before with other content is set aside.
    await post_as(eventing, mine, looked("b2", "2024-03-01T16:00:00Z", product="fund-1"))

    async def clash() -> Any:
        return await eventing.rows("SELECT error, type FROM quarantine")

    (held,) = await eventually(clash, 60, every=0.1, what="the clash in quarantine")
    assert ("id clash" in held["error"], held["type"]) == (True, "eventing.behaviour.recorded.v1")

    async def found() -> Any:
        return await eventing.rows(
            "SELECT trigger, customer_id, event_key, amount_minor, account_id FROM detection WHERE state = 'raised'"
        )

    (one,) = await eventually(found, 60, every=0.1, what="the third look")
    assert one == {
        "trigger": "looks-again", "customer_id": customer_id(SOURCE, "P0"), "event_key": "b3", "amount_minor": 3,
        "account_id": None,
    }  # fmt: skip
    stored = await eventing.rows("SELECT behaviour_id FROM behaviour ORDER BY 1")
    assert [row["behaviour_id"] for row in stored] == ["a1", "b1", "b2", "b3"]
    assert await eventing.rows("SELECT product FROM behaviour WHERE behaviour_id = 'b2'") == [{"product": "wealth-90"}]
    days = await eventing.rows("SELECT business_date::text AS day FROM behaviour ORDER BY behaviour_id")
    zone_days = [row["day"] for row in days]
    assert zone_days == sorted(zone_days)
    assert len(set(zone_days)) >= 2
