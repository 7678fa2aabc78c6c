"""Every fault on every line of a real service: a clear answer in bounded time, no write doubled or lost (P-21, I1, I7).

Gateway, service and lines run in one event loop: by how much that was late is known, and is no fault of theirs. The
quick form gives each fault a moment, the slow one half a minute.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit.breaker import BUDGET, SPARE, WINDOW
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import Broker
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from attune_service_kit.testing_credentials import nats_seed
from attune_service_kit.testing_lines import FAULTS, Line
from eventing.app import SERVICE

ROUTES = json.loads((Path(__file__).parents[2] / "gateway" / "src" / "gateway" / "routes.json").read_text("utf-8"))
OF_EVENTING = [route for route in ROUTES if route["service"] == "eventing"]
NOON = datetime(2024, 9, 2, 4, tzinfo=UTC)
DEADLINE, OVER = 0.5, 0.5  # seconds: what a caller waits, and how much later they may be told so
LINKS = ("http", "postgres", "nats")
MOST_UNKNOWN = 40  # then the oldest is asked again instead of a new one
TOLD = {"unavailable", "upstream_timeout", "deadline_exceeded", "idempotency_key_in_flight"}


@dataclass
class Lag:
    """By how much the event loop has been late, in all."""

    seconds: float = 0.0

    async def watch(self, step: float = 0.02) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + step
            await asyncio.sleep(step)
            self.seconds += max(0.0, loop.time() - due)


@dataclass
class Bank:
    """Who posts and reads through the gateway, and remembers what they were told."""

    client: httpx.AsyncClient
    writer: dict[str, str]
    reader: dict[str, str]
    lag: Lag
    service: RunningService
    lines: dict[str, Line]
    calls: int = 0
    begun: int = 0
    unknown: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)

    async def timed(self, method: str, path: str, headers: dict[str, str], **said: Any) -> httpx.Response:
        """An answer within the caller's time and a little more, whatever happens on the way."""
        loop = asyncio.get_running_loop()
        began, late = loop.time(), self.lag.seconds
        self.calls += 1
        patience = {"X-Request-Timeout-Ms": str(int(1000 * DEADLINE))}
        answer = await self.client.request(method, path, headers=headers | patience, **said)
        took = loop.time() - began - (self.lag.seconds - late)
        assert took <= DEADLINE + OVER, (method, answer.status_code, took)
        if not answer.is_success:
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            told = answer.json()
            assert told["code"] in TOLD, told
            assert told["detail"]["en"], told
            assert told["detail"]["zh"], told
            assert told["status"] != 503 or int(answer.headers["retry-after"]) >= 1
        return answer

    async def write(self, number: int) -> bool:
        """One posting with its own key; True if it is told to be taken."""
        posting = {
            "posting_id": f"P{number}", "account_id": "A", "business_date": "2024-09-02", "direction": "credit",
            "amount": "1.00", "currency": "CNY", "kind": "transfer_in",
        }  # fmt: skip
        headers = self.writer | {"Idempotency-Key": f"posting-{number:020d}"}
        body = {"source": "test", "postings": [posting]}
        answer = await self.timed("POST", "/v1/ledger/postings", headers, json=body)
        assert not answer.is_success or answer.json()["accepted"] == 1, "its key makes a repetition the first"
        return answer.is_success

    async def read(self) -> None:
        answer = await self.timed("GET", "/v1/detections", self.reader, params={"limit": 5})
        assert not answer.is_success or answer.json()["items"] == []

    async def live(self, until: float) -> None:
        """Write and read until then, once at least."""
        loop = asyncio.get_running_loop()
        while True:
            number = self.begun if len(self.unknown) < MOST_UNKNOWN else self.unknown.pop(0)
            self.begun = max(self.begun, number + 1)
            (self.written if await self.write(number) else self.unknown).append(number)
            await self.read()
            if loop.time() > until:
                return
            await asyncio.sleep(0.02)

    async def resolve(self) -> None:
        """The line is good again: what nobody knows about is asked again by its key, until it is known."""
        async with asyncio.timeout(60):
            while self.unknown:
                if await self.write(self.unknown[0]):
                    self.written.append(self.unknown.pop(0))
                else:
                    await asyncio.sleep(0.05)

    async def repeated(self) -> int:
        """How many calls the gateway has sent again."""
        told = (await self.client.get("/readyz")).json()
        return int(told["breakers"]["eventing"]["repeated"])


@pytest.fixture
async def lines(postgres_server: EmbeddedPostgres, nats_server: EmbeddedNats) -> AsyncIterator[dict[str, Line]]:
    """The lines to the two servers; that to the service is laid when it is there."""
    made = {"postgres": Line(postgres_server.port), "nats": Line(nats_server.port)}
    for line in made.values():
        await line.up()
    yield made
    for line in made.values():
        await line.down()


@pytest.fixture
async def bank(
    lines: dict[str, Line],
    start_service: StartService,
    postgres_server: EmbeddedPostgres,
    make_database: Callable[..., Any],
    make_gateway: Any,
    serve: Any,
    token: Callable[..., dict[str, str]],
    publish: Publish,
) -> AsyncIterator[Bank]:
    """Eventing at the far end of three lines, the gateway at the near end of one, and an account with its owner."""
    database = await make_database(SERVICE)

    def behind(role: str) -> str:
        return postgres_server.url(f"eventing_{role}", database).replace(
            f":{postgres_server.port}/", f":{lines['postgres'].port}/"
        )

    service = await start_service(
        SERVICE,
        database=database,
        clock="events",
        database_url=behind("app"),
        worker_database_url=behind("worker"),
        nats_url=f"nats://127.0.0.1:{lines['nats'].port}",
    )
    lines["http"] = Line(urlsplit(await serve(service.app, lifespan="off")).port or 0)
    await lines["http"].up()
    gateway = make_gateway(
        {"eventing": f"http://127.0.0.1:{lines['http'].port}"}, table=OF_EVENTING, breaker_pause_seconds=0.2
    )
    url = await serve(gateway)
    lag = Lag()
    watching = asyncio.create_task(lag.watch())
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        made = Bank(client, token("partner"), token("operator"), lag, service, lines)
        account = OwnedAccount(account_id=account_id("test", "A"), kind="demand", opening_balance_minor=0)
        owner = ProfileChanged(
            customer_id=customer_id("test", "A"), version=1, party_kind="person", branch_id="B1", accounts=(account,)
        )
        await publish(owner, time=NOON)

        async def known() -> Any:
            return await service.everything.pool.fetchval("SELECT count(*) FROM account_owner")

        await eventually(known, what="the owner")
        yield made
    watching.cancel()


@asynccontextmanager
async def bad(line: Line, fault: str) -> AsyncIterator[None]:
    await line.spoil(fault)
    try:
        yield
    finally:
        await line.mend()


async def suffer(bank: Bank, link: str, fault: str, seconds: float) -> None:
    """Live with a fault for so long; then everything is as if nothing had been."""
    loop = asyncio.get_running_loop()
    calls, repeated = bank.calls, await bank.repeated()
    async with bad(bank.lines[link], fault):
        until = loop.time() + seconds
        await asyncio.gather(*(bank.live(until) for _ in range(3)))
    windows = 1 + seconds / WINDOW
    most = max(SPARE * windows, BUDGET * (bank.calls - calls))
    await bank.resolve()
    assert await bank.repeated() - repeated <= most + SPARE, "a tenth, or three in ten seconds"


async def settle(bank: Bank, server: EmbeddedPostgres, nats: EmbeddedNats) -> None:
    """I1, I2: each posting that was taken is there once: the row, the audit entry, the event, the effect."""
    bank_rows = await server.connect(urlsplit(bank.service.settings.database_url).path.lstrip("/"))
    postings = len(bank.written)
    assert sorted(bank.written) == list(range(postings))

    async def arrived() -> bool:
        return bool(await bank_rows.fetchval("SELECT count(*) FROM posting") == postings)

    try:
        await eventually(arrived, 60, every=0.1, what=f"{postings} postings")
        keys = await bank_rows.fetchval("SELECT count(*) FROM idempotency_key WHERE state = 'done'")
        audited = await bank_rows.fetchval("SELECT count(*) FROM audit WHERE what = 'ledger-post'")
        assert (keys, audited) == (postings, postings)
    finally:
        await bank_rows.close()
    broker = Broker(nats.url, user="eventing", seed=nats_seed("eventing"), name="test")
    await broker.start()
    try:
        await broker.ready()
        assert (await broker.stream_state("LEDGER")).messages == postings
    finally:
        await broker.stop()


async def test_p21_no_fault_of_a_line_doubles_or_loses_a_posting(
    bank: Bank, postgres_server: EmbeddedPostgres, nats_server: EmbeddedNats
) -> None:
    for link in LINKS:
        for fault in FAULTS:
            await suffer(bank, link, fault, 0.0)
    await settle(bank, postgres_server, nats_server)
    assert len(bank.written) == 3 * len(LINKS) * len(FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_p21_half_a_minute_of_each_fault_on_each_line(
    link: str, fault: str, bank: Bank, postgres_server: EmbeddedPostgres, nats_server: EmbeddedNats
) -> None:
    await suffer(bank, link, fault, 30.0)
    await settle(bank, postgres_server, nats_server)
    assert len(bank.written) > 30
