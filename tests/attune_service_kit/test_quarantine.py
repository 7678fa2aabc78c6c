"""What was set aside is looked at without its data, tried again with one effect, or given up (P-08, I3, I4)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

from attune_contracts.identifiers import partition
from attune_service_kit.consumer import Event, Subscription
from attune_service_kit.database import Transaction
from attune_service_kit.quarantine import frames_of, reason_of, shape_of
from attune_service_kit.runtime import Runtime
from attune_service_kit.testing import Publish, RunningService, StartService, eventually

PATH = "/v1/quarantine/sample"


def customer_of(number: int) -> UUID:
    """A new customer of a given partition."""
    while partition(found := uuid4()) != number:
        continue
    return found


class Api:
    """The operator's view of the service."""

    def __init__(self, service: RunningService, token: Callable[..., dict[str, str]]) -> None:
        self.service, self.token = service, token

    async def get(self, path: str = PATH, role: str = "operator", **params: Any) -> Any:
        return await self.service.client.get(path, params=params, headers=self.token(role))

    async def post(self, path: str, body: Any = None, key: str | None = None, role: str = "operator") -> Any:
        headers = self.token(role) | {"Idempotency-Key": key or uuid4().hex}
        return await self.service.client.post(path, json=body, headers=headers)

    async def held(self, count: int) -> list[dict[str, Any]]:
        async def there() -> Any:
            items = (await self.get()).json()["items"]
            return items if len(items) == count else None

        found: list[dict[str, Any]] = await eventually(there, what=f"{count} messages set aside")
        return found

    async def state(self, message: str, wanted: str) -> dict[str, Any]:
        async def there() -> Any:
            found = (await self.get(f"{PATH}/{message}")).json()
            return found if found["state"] == wanted else None

        found: dict[str, Any] = await eventually(there, what=f"the state {wanted}")
        return found

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.service.runtime.worker_database.pool.fetch(sql)]


Open = Callable[[], Awaitable[Api]]


@pytest.fixture
def broken() -> dict[str, bool]:
    """Whether the handler is broken just now."""
    return {"now": True}


@pytest.fixture
def open_api(
    start_service: StartService, delivery: ModuleType, token: Callable[..., dict[str, str]], broken: dict[str, bool]
) -> Open:
    """The delivery service with a handler that a test can repair."""

    async def handler(runtime: Runtime, tx: Transaction, events: list[Event]) -> None:
        if broken["now"] and any(event.data["behave"] == "fail" for event in events):
            raise ValueError(f"cannot apply the order of Li Ming, {events[0].data}")
        repaired = [event._replace(data=event.data | {"behave": "well"}) for event in events]
        await delivery.apply(runtime, tx, repaired)

    async def start() -> Api:
        subscription = Subscription("EVT", {delivery.OrderPlaced: handler})
        service = await start_service(replace(delivery.SERVICE, subscriptions=[subscription]))
        return Api(service, token)

    return start


async def test_once_the_handler_is_repaired_a_retry_has_one_effect(
    open_api: Open, publish: Publish, delivery: ModuleType, broken: dict[str, bool]
) -> None:
    api = await open_api()
    customer = customer_of(3)
    await publish(*(delivery.OrderPlaced(customer_id=customer, number=n, behave=b) for n, b in enumerate(
        ("well", "fail", "well"))))  # fmt: skip
    [one] = await api.held(1)
    assert (one["consumer"], one["seq"], one["state"], one["type"]) == (
        "EVT.p3", 2, "held", delivery.OrderPlaced.TYPE,
    )  # fmt: skip
    path = f"{PATH}/{one['id']}:retry"

    failed = await api.post(path)
    assert (failed.status_code, failed.json()["state"]) == (202, "retrying")
    again = await api.state(one["id"], "held")
    assert again["reason"] == "builtins.ValueError"
    assert [row["number"] for row in await api.rows("SELECT number FROM effect ORDER BY id")] == [0, 2]

    broken["now"] = False
    first = await api.post(path, key="retry-with-one-key")
    repeated = await api.post(path, key="retry-with-one-key")
    assert (first.status_code, repeated.status_code, repeated.content) == (202, 202, first.content)
    await api.state(one["id"], "applied")
    assert [row["number"] for row in await api.rows("SELECT number FROM effect ORDER BY id")] == [0, 2, 1]
    refused = await api.post(path)
    assert (refused.status_code, refused.json()["code"], refused.json()["detail"]["zh"] != "") == (
        409, "quarantine_settled", True,
    )  # fmt: skip
    # I3: every event of the stream is in the inbox or set aside, none twice.
    inbox = await api.rows("SELECT count(*) AS n, count(DISTINCT event_id) AS d FROM inbox")
    assert inbox == [{"n": 3, "d": 3}]
    assert (await api.get()).json()["items"] == []
    audit = await api.rows("SELECT who, what, entity_id FROM audit WHERE entity = 'quarantine' ORDER BY id")
    assert audit == [{"who": "operator-1", "what": "quarantine.retried", "entity_id": one["id"]}] * 2


async def test_who_gives_a_message_up_says_why(open_api: Open, publish: Publish, delivery: ModuleType) -> None:
    api = await open_api()
    await publish(delivery.OrderPlaced(customer_id=customer_of(1), number=1, behave="fail"))
    [one] = await api.held(1)
    path = f"{PATH}/{one['id']}:discard"
    assert (await api.post(path, {"reason": "  "})).status_code == 422
    assert (await api.post(path)).status_code == 422
    gone = await api.post(path, {"reason": "sent by a test"})
    assert (gone.status_code, gone.json()["state"]) == (200, "discarded")
    assert (await api.post(f"{PATH}/{one['id']}:retry")).status_code == 409
    [audit] = await api.rows("SELECT detail::text AS detail FROM audit WHERE what = 'quarantine.discarded'")
    assert '"reason": "sent by a test"' in audit["detail"]
    assert await api.rows("SELECT number FROM effect") == []
    status = (await api.get("/v1/status/sample")).json()
    assert status["quarantined"] == 0


async def test_nothing_of_the_payload_is_shown(open_api: Open, publish: Publish, delivery: ModuleType) -> None:
    api = await open_api()
    customer = customer_of(2)
    await publish(delivery.OrderPlaced(customer_id=customer, number=4711, behave="fail"))
    [one] = await api.held(1)
    assert one["payload"]["fields"] == {"behave": "string", "customer_id": "string", "number": "number"}
    assert (one["payload"]["readable"], one["payload"]["unknown_fields"]) == (True, 0)
    assert any("test_quarantine.py" in place for place in one["at"])
    for path in (PATH, f"{PATH}/{one['id']}"):
        text = (await api.get(path)).text
        assert not {"Li Ming", "4711", str(customer)} & {s for s in ("Li Ming", "4711", str(customer)) if s in text}


async def test_the_list_is_paged_filtered_and_for_operators(
    open_api: Open, publish: Publish, delivery: ModuleType
) -> None:
    api = await open_api()
    await publish(*(delivery.OrderPlaced(customer_id=customer_of(n), number=n, behave="fail") for n in range(4)))
    oldest = [one["id"] for one in await api.held(4)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await api.get(limit=3, sort="newest", **({"cursor": cursor} if cursor else {}))).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == oldest[::-1]
    assert [one["consumer"] for one in (await api.get(consumer="EVT.p2")).json()["items"]] == ["EVT.p2"]
    assert (await api.get(type="none.of.these.v1")).json()["items"] == []
    assert (await api.get(min_age_seconds=3600)).json()["items"] == []
    assert (await api.get(sort="error")).status_code == 422
    for role in ("teller", "auditor", "marketer"):
        branch = {"branch": "B1"} if role == "teller" else {}
        headers = api.token(role, **branch) | {"Idempotency-Key": uuid4().hex}
        client = api.service.client
        assert (await client.get(PATH, headers=headers)).status_code == 403
        assert (await client.post(f"{PATH}/{oldest[0]}:retry", headers=headers)).status_code == 403
        refused = await client.post(f"{PATH}/{oldest[0]}:discard", headers=headers, json={"reason": "not mine"})
        assert refused.status_code == 403
    strange = await api.post(f"{PATH}/{uuid4()}:retry")
    assert (strange.status_code, strange.json()["code"]) == (404, "unknown_quarantined_message")


async def test_an_attempt_in_hand_when_the_process_ended_is_held_again(
    open_api: Open, publish: Publish, delivery: ModuleType, start_service: StartService
) -> None:
    api = await open_api()
    await publish(delivery.OrderPlaced(customer_id=customer_of(5), number=1, behave="fail"))
    [one] = await api.held(1)
    await api.service.stop()
    name = api.service.settings.database_url.rpartition("/")[2]
    second = Api(await start_service(delivery.SERVICE, worker=False, database=name), api.token)
    await second.service.runtime.database.pool.execute("UPDATE quarantine SET state = 'applying'")
    worker = await start_service(delivery.SERVICE, database=name)
    found = await Api(worker, api.token).state(one["id"], "held")
    assert found["reason"] == "the process ended while this was tried again"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("asyncpg.exceptions.DataError: invalid input: 'Li Ming'\nLi Ming", "asyncpg.exceptions.DataError"),
        ("attune_service_kit.consumer.FatalEvent: the date lies in the future\n  a/b.py:1 f",
         "the date lies in the future"),
        ("not an event: KeyError", "not an event: KeyError"),
        ("the type in the envelope is not the subject's", "the type in the envelope is not the subject's"),
    ],
)  # fmt: skip
def test_a_reason_repeats_no_data(error: str, reason: str) -> None:
    assert reason_of(error) == reason


def test_places_and_shapes_repeat_no_data() -> None:
    assert frames_of("x.Y: Li Ming\nphone 13800000000\n  a/b.py:10 f\n  c/d.py:2 <lambda>\nLi.Ming: x") == [
        "a/b.py:10 f", "c/d.py:2 <lambda>",
    ]  # fmt: skip
    shape = shape_of(b'{"data": {"number": 1, "Li Ming": "x"}}', frozenset({"number"}))
    assert (shape.fields, shape.unknown_fields) == ({"number": "number"}, 1)
    assert not shape_of(b'{"data": 5}', frozenset()).readable
    assert not shape_of(b"\xff", frozenset()).readable
