"""An invented bank in the lake, as customer-360 and an import would have left it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyarrow as pa
import pytest

from attune_contracts.customer_360 import ImportCompleted
from attune_contracts.datasets import ACCOUNTS, BRANCHES, PARTIES, TRANSACTIONS, Dataset
from attune_contracts.identifiers import account_id, customer_id, new_id
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.telemetry import configure_logging
from attune_service_kit.testing import Publish, RunningService, StartService, eventually
from eventing.app import SERVICE

configure_logging("eventing", environment="test")

SOURCE = "test"
FIRST = date(2024, 1, 1)
LAST = date(2025, 2, 28)
Row = dict[str, Any]


@dataclass
class Bank:
    """Rows of the datasets, and the lake they go into."""

    parties: list[Row] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)
    postings: list[Row] = field(default_factory=list)

    def person(self, name: str, branch: str = "B1", opening: int = 0) -> UUID:
        """A customer with a demand account of the same bank id."""
        customer = customer_id(SOURCE, name)
        self.parties.append(
            row(PARTIES, customer_id=str(customer), source_id=name, party_kind="person", branch_id=branch,
                has_phone=True, has_address=False, personalisation=True, version=1)
        )  # fmt: skip
        self.account(name, name, opening=opening)
        return customer

    def account(self, owner: str, name: str, kind: str = "demand", opening: int = 0) -> None:
        """An account of a customer."""
        self.accounts.append(
            row(ACCOUNTS, account_id=str(account_id(SOURCE, name)), source_id=name,
                customer_id=str(customer_id(SOURCE, owner)), kind=kind, currency="CNY", opening_balance_minor=opening)
        )  # fmt: skip

    def post(self, key: str, account: str, day: date, net: int, **more: Any) -> None:
        """A posting; `net` is signed minor units."""
        self.postings.append(
            row(TRANSACTIONS, posting_id=key, account_id=str(account_id(SOURCE, account)), business_date=day,
                direction="credit" if net > 0 else "debit", amount_minor=abs(net), currency="CNY", kind="transfer",
                flags=[]) | more
        )  # fmt: skip

    def write(self, lake_dir: Path, scratch: Path) -> ImportCompleted:
        """Publish everything; return what customer-360 would say."""
        lake = Lake(str(lake_dir), scratch)
        branches = [row(BRANCHES, branch_id="HQ", name="HQ"), row(BRANCHES, branch_id="B1", parent_id="HQ", name="B1"),
                    row(BRANCHES, branch_id="B2", parent_id="HQ", name="B2")]  # fmt: skip
        pointers = [
            lake.write(dataset, "all", pa.Table.from_pylist(rows, schema=arrow_schema(dataset)), as_of=LAST)
            for dataset, rows in ((BRANCHES, branches), (PARTIES, self.parties), (ACCOUNTS, self.accounts))
        ]
        months: dict[str, list[Row]] = {}
        for posting in self.postings:
            months.setdefault(f"month={posting['business_date']:%Y-%m}", []).append(posting)
        for month, rows in months.items():
            lake.write(TRANSACTIONS, month, pa.Table.from_pylist(rows, schema=arrow_schema(TRANSACTIONS)), as_of=LAST)
        return ImportCompleted(import_id=new_id(), pointers=tuple(pointers))


def row(dataset: Dataset, **values: Any) -> Row:
    """A row of a dataset; what is not given is NULL."""
    return dict.fromkeys(dataset.names) | values


def invented(people: int = 40, seed: int = 5) -> Bank:
    """People with a demand account, some with time and wealth accounts, 14 months of postings, flags and reversals."""
    draw = random.Random(seed)
    bank = Bank()
    for number in range(people):
        name = f"P{number:03d}"
        bank.person(name, branch=draw.choice(("B1", "B2")), opening=draw.choice((0, 0, 50_000)))
        owned = [name]
        if draw.random() < 0.4:
            bank.account(name, f"{name}-T", "time")
            bank.account(name, f"{name}-W", "wealth")
            owned += [f"{name}-T", f"{name}-W"]
        bank.post(f"{name}-first", name, FIRST + timedelta(draw.randint(0, 20)), 100_000)
        for n in range(draw.randint(20, 60)):
            day = FIRST + timedelta(draw.randint(0, (LAST - FIRST).days))
            net = draw.choice((-1, -1, 1, 1, 1)) * int(draw.lognormvariate(9.5, 1.4) + 1)
            flags = [draw.choice(("own_transfer", "maturity", "reversal"))] if draw.random() < 0.1 else []
            bank.post(f"{draw.randint(0, 99):02d}-{name}-{n}", draw.choice(owned), day, net, flags=flags)
    credits_ = [p for p in bank.postings if p["direction"] == "credit" and p["amount_minor"] > 100_000]
    for n, undone in enumerate(draw.sample(credits_, 10)):
        key, day = f"R{n}", min(undone["business_date"] + timedelta(draw.randint(0, 4)), LAST)
        posting = dict(undone, posting_id=key, business_date=day, direction="debit", flags=["reversal"])
        bank.postings.append(posting | {"reverses": undone["posting_id"]})
    return bank


@dataclass
class Eventing:
    """A running eventing service and what tests ask of it."""

    service: RunningService
    token: Callable[..., dict[str, str]]
    publish: Publish

    async def get(self, path: str, role: str = "operator", **params: Any) -> httpx.Response:
        """GET as a role."""
        return await self.service.client.get(path, params=params, headers=self.token(role))

    async def send(self, method: str, path: str, body: Any, role: str = "operator") -> httpx.Response:
        """A write with an idempotency key of its own."""
        headers = self.token(role) | {"Idempotency-Key": uuid4().hex}
        return await self.service.client.request(method, path, json=body, headers=headers)

    async def done(self, response: httpx.Response, timeout: float = 120) -> Any:
        """The result of the job that a response names, once it is there."""
        assert response.status_code == 202, response.text
        path = f"/v1/jobs/eventing/{response.json()['id']}"

        async def ended() -> Any:
            job = (await self.get(path)).json()
            return job if job["state"] not in ("queued", "running") else None

        job = await eventually(ended, timeout, every=0.1, what=path)
        assert job["state"] == "done", job
        return job["result"]

    async def settled(self, timeout: float = 90) -> None:
        """Wait until nothing is under way."""

        async def quiet() -> bool:
            status = (await self.get("/v1/status/eventing")).json()
            pending = [consumer["pending"] for consumer in status["consumers"]]
            return status["outbox_pending"] == status["jobs_active"] == 0 and pending == [0] * 16

        for _ in range(2):
            await eventually(quiet, timeout, every=0.1, what="eventing is quiet")
            # The server counts a message for its consumer a moment after it has acknowledged it.
            await asyncio.sleep(0.2)

    async def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows of the service's database, as its worker sees them."""
        return [dict(row) for row in await self.service.runtime.worker_database.pool.fetch(sql, *arguments)]

    async def load(self, bank: Bank, lake_dir: Path, scratch: Path) -> None:
        """Put a bank into the lake and wait until its owners are known."""
        await self.publish(await asyncio.to_thread(bank.write, lake_dir, scratch))

        async def known() -> bool:
            (row,) = await self.rows("SELECT count(*) AS owners FROM account_owner")
            return bool(row["owners"] == len(bank.accounts))

        await eventually(known, 90, every=0.1, what="the owners")


@pytest.fixture
async def eventing(start_service: StartService, token: Callable[..., dict[str, str]], publish: Publish) -> Eventing:
    """Eventing on business time, with its worker."""
    return Eventing(await start_service(SERVICE, clock="events"), token, publish)


@pytest.fixture
def new_bank() -> Callable[[], Bank]:
    """Make an empty bank."""
    return Bank


@pytest.fixture
def invented_bank() -> Bank:
    """Forty people over fourteen months."""
    return invented()
