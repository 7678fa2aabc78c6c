"""Streams of events through the gateway: at once, for as long as both ends are there, beside all other requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.testing import RunningService, StartService, eventually
from campaign import task_feed
from campaign.app import SERVICE
from gateway import proxy

CUSTOMER = "/v1/customers/0190a7c0-0000-8000-8000-000000000001"
EVENTS = {"Accept": "text/event-stream"}
ROUTES = json.loads((Path(__file__).parents[2] / "gateway" / "src" / "gateway" / "routes.json").read_text("utf-8"))
NOW = datetime(2026, 3, 17, 6, 5, 11, tzinfo=UTC)


class Endless:
    """An upstream's stream that says something now and then until its client leaves."""

    def __init__(self, every: float = 0.05) -> None:
        self.open = 0
        self._every = every

    async def __call__(self, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.open += 1
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b": beat\n\n", "more_body": True})
            await asyncio.wait({gone}, timeout=self._every)
        self.open -= 1


async def test_the_service_learns_that_the_client_has_left(client: Any, echoes: Any, bearer: Any) -> None:
    endless = echoes["customer_360"].paths[CUSTOMER] = Endless()
    async with client.stream("GET", CUSTOMER, headers=bearer | EVENTS) as answer:
        async for _ in answer.aiter_lines():
            break
        assert endless.open == 1

    async def closed() -> bool:
        return endless.open == 0

    await eventually(closed, what="the upstream's stream closed")


async def test_streams_take_no_place_of_ordinary_requests(
    make_gateway: Any, echoes: Any, serve: Any, bearer: Any
) -> None:
    echoes["customer_360"].paths[CUSTOMER] = Endless()
    url = await serve(make_gateway(echoes["urls"], connections=2, streams=5, max_in_flight=4))
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def listen(ready: asyncio.Event) -> None:
            async with client.stream("GET", CUSTOMER, headers=bearer | EVENTS) as answer:
                async for _ in answer.aiter_lines():
                    ready.set()

        begun = [asyncio.Event() for _ in range(5)]
        listening = [asyncio.create_task(listen(ready)) for ready in begun]
        await asyncio.wait_for(asyncio.gather(*(ready.wait() for ready in begun)), 60)
        path = "/v1/decisions/0190a7c0-0000-7000-8000-000000000001"
        answers = await asyncio.gather(*(client.get(path, headers=bearer) for _ in range(4)))
        assert [a.status_code for a in answers] == [200] * 4
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


async def test_a_stream_that_has_fallen_silent_is_cut(
    client: Any, echoes: Any, bearer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_SILENCE", 0.2)
    echoes["customer_360"].paths[CUSTOMER] = Endless(every=30)
    async with client.stream("GET", CUSTOMER, headers=bearer | EVENTS) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in answer.aiter_bytes():
                pass


# --- the live feed of tasks, from the row to the browser --------------------------------------------------------------


@pytest.fixture
async def campaign(start_service: StartService) -> RunningService:
    """Campaign, with the branches HQ, B1 and B2."""
    running = await start_service(SERVICE, worker=False, clock="events")
    running.runtime.clock.set(NOW)
    pairs = [("HQ", "HQ"), ("HQ", "B1"), ("HQ", "B2"), ("B1", "B1"), ("B2", "B2")]
    await running.everything.pool.executemany("INSERT INTO branch_scope VALUES ($1, $2)", pairs)
    return running


@pytest.fixture
async def gateway(campaign: RunningService, serve: Any, make_gateway: Any) -> str:
    """A gateway in front of it."""
    upstream = await serve(campaign.app, lifespan="off")
    services = {row["service"] for row in ROUTES}
    url: str = await serve(make_gateway(dict.fromkeys(services, upstream), ROUTES))
    return url


async def add_task(campaign: RunningService, branch: str, channel: str, employee: str | None = None) -> UUID:
    task: UUID = await campaign.everything.pool.fetchval(
        "INSERT INTO task (id, customer_id, branch_id, campaign, family, channel, employee_id, contact_id, state,"
        " escalated, business_date, created_at, due_at) VALUES ($1, $2, $3, 'c', 'f', $4, $5, $6, 'open', false,"
        " $7, $8, $9) RETURNING id",
        uuid4(),
        uuid4(),
        branch,
        channel,
        employee,
        uuid4(),
        NOW.date(),
        NOW,
        NOW + timedelta(days=2),
    )
    return task


Told = tuple[str, str | None, dict[str, Any]]


@asynccontextmanager
async def following(url: str, headers: dict[str, str], last: str | None = None) -> AsyncIterator[Callable[[], Any]]:
    """`await told()`: the next event of a stream, as name, id and data."""
    asked = headers | EVENTS | ({"Last-Event-ID": last} if last else {})
    async with (
        httpx.AsyncClient(base_url=url, timeout=30) as client,
        client.stream("GET", "/v1/tasks/stream", headers=asked) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()

        async def told() -> Told:
            found: dict[str, str] = {}
            async for line in lines:
                name, _, value = line.partition(": ")
                if name:
                    found[name] = value
                elif "event" in found:
                    return found["event"], found.get("id"), json.loads(found["data"])
                else:
                    found = {}
            raise EOFError

        yield told


async def test_a_manager_sees_their_own_tasks_live_and_resumes(
    campaign: RunningService, gateway: str, token: Any
) -> None:
    manager = token("relationship_manager", "B1", subject="M1")
    async with following(gateway, manager) as told:
        assert (await told())[0] == "ready"
        await add_task(campaign, "B1", "relationship_manager", "M2")
        own = await add_task(campaign, "B1", "relationship_manager", "M1")
        name, number, data = await told()
        assert (name, data["kind"], UUID(data["task_id"]), data["employee_id"]) == ("task", "created", own, "M1")
    await campaign.everything.pool.execute("UPDATE task SET state = 'claimed', claimed_by = 'M1' WHERE id = $1", own)
    await campaign.everything.pool.execute("UPDATE task SET escalated = true WHERE id = $1", own)
    async with following(gateway, manager, number) as told:
        assert (await told())[:2] == ("ready", number)
        kinds = [(await told())[2]["kind"] for _ in range(2)]
        assert kinds == ["claimed", "escalated"]
        await campaign.everything.pool.execute("UPDATE task SET employee_id = 'M3' WHERE id = $1", own)
        assert (await told())[2]["kind"] == "reassigned"
    hub = task_feed.Hub.of(campaign.runtime)

    async def left() -> bool:
        return not hub.clients

    await eventually(left, what="the clients gone")


async def test_the_stream_ends_with_the_token(gateway: str, development_issuer: DevelopmentIssuer) -> None:
    short, _ = development_issuer.issue("call_centre", hours=1.5 / 3600)
    async with following(gateway, {"Authorization": f"Bearer {short}"}) as told:
        assert (await told())[0] == "ready"
        assert await told() == ("end", None, {"reason": "token_expired"})
        with pytest.raises(EOFError):
            await told()


async def test_who_has_no_list_has_no_feed(gateway: str, token: Any) -> None:
    async with httpx.AsyncClient(base_url=gateway, timeout=30) as client:
        for headers in (token("teller", "B1"), token("marketer")):
            answer = await client.get("/v1/tasks/stream", headers=headers | EVENTS)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await client.get("/v1/tasks/stream", headers=EVENTS)).status_code == 401
