"""A small bank: head office, two branches with one below the first, two managers, five customers."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from attune_contracts import identifiers
from attune_service_kit import job_process, job_starter
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.failpoints import VARIABLE
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.testing import RunningService, StartService
from customer_360.app import SERVICE

SOURCE = "core"

DATE = {"format": "YYYYMMDD"}
MAPPING: dict[str, Any] = {
    "source": SOURCE,
    "datasets": {
        "branches": {
            "file": "branches.csv",
            "columns": {"branch_id": "no", "parent_id": "parent", "name": "name"},
        },
        "employees": {
            "file": "staff.csv",
            "columns": {
                "employee_id": "no",
                "branch_id": "branch",
                "name": "name",
                "role": {"column": "post", "codes": {"R": "relationship_manager", "T": "teller"}},
            },
        },
        "products": {
            "file": "products.csv",
            "columns": {"product_id": "code", "name_zh": "zh", "name_en": "en", "kind": "kind", "risk_level": "risk"},
        },
        "parties": {
            "file": "customers.csv.gz",
            "columns": {
                "source_id": "cif",
                "name": "name",
                "gender": {"column": "sex", "codes": {"F": "female", "M": "male"}},
                "birth_date": {"column": "birth", **DATE},
                "phone": "phone",
                "document": "doc",
                "address": "addr",
                "branch_id": "branch",
                "manager_id": "mgr",
                "risk_rating": "risk",
                "opened_on": {"column": "since", **DATE},
            },
        },
        "accounts": {
            "file": "accounts.csv",
            "columns": {
                "source_id": "acct",
                "customer_id": "cif",
                "branch_id": "branch",
                "kind": {"column": "type", "codes": {"D": "demand", "W": "wealth"}},
                "currency": "ccy",
                "opened_on": {"column": "since", **DATE},
                "opening_balance_minor": "balance",
            },
        },
        "holdings": {
            "file": "holdings.csv",
            "columns": {
                "holding_id": "no",
                "customer_id": "cif",
                "account_id": "acct",
                "product_id": "code",
                "opened_on": {"column": "since", **DATE},
                "amount_minor": "amount",
            },
        },
        "consents": {
            "file": "consents.csv",
            "columns": {
                "customer_id": "cif",
                "purpose": {"column": "purpose", "codes": {"PD": "personalised_decision", "MC": "marketing_contact"}},
                "granted": {"column": "yes", "codes": {"Y": True, "N": False}},
                "evidence": {"constant": "branch agreement 2023"},
                "since": {"column": "since", **DATE},
            },
        },
    },
}
DATASETS = list(MAPPING["datasets"])

FILES = {
    ("customers.csv.gz" if file.stem == "customers" else file.name): file.read_text("utf-8")
    for file in sorted((Path(__file__).parent / "extract").glob("*.csv"))
}

PEOPLE_MAPPING: dict[str, Any] = {
    "source": "core",
    "datasets": {
        "branches": {"file": "branches.csv", "columns": {"branch_id": "no", "parent_id": "above", "name": "no"}},
        "parties": {
            "file": "all.csv",
            "columns": {
                "source_id": "cif",
                "name": "name",
                "phone": "phone",
                "document": "doc",
                "address": "addr",
                "branch_id": "branch",
            },
        },
        "accounts": {
            "file": "accounts.csv",
            "columns": {
                "source_id": "no",
                "customer_id": "cif",
                "kind": {"constant": "demand"},
                "currency": {"constant": "CNY"},
            },
        },
        "cards": {
            "file": "cards.csv",
            "columns": {"card_id": "no", "customer_id": "cif", "kind": {"constant": "gold"}},
        },
    },
}
PEOPLE_FILES = {
    "branches.csv": "no,above\nHO,\nB1,HO\nB2,HO\n",
    "all.csv": "cif,name,phone,doc,addr,branch\n"
    "P1,单小明,138 0013 8000,11010519491231002X,1 Road,B1\n"
    "P2,单小明,13900139000,E12345678,,B1\n"
    "P3,善晓鸣,13900139001,E12345679,,B1\n"
    "P4,单小明,13900139000,E12345670,,B2\n"
    "P5,Wang Wu,+1 650 253 0000,,,B1\n"
    "P6,王 五,,,,B1\n",
    "accounts.csv": "no,cif\n62170001,P1\n62170004,P4\n",
    "cards.csv": "no,cif\nCARD4,P4\n",
}


class Bank:
    """The bank's extract and the service that imports it."""

    files = FILES
    mapping = MAPPING
    datasets = tuple(MAPPING["datasets"])

    def __init__(self, service: RunningService, folder: Path, token: Callable[..., dict[str, str]]) -> None:
        self.service, self.folder, self._token = service, folder, token
        self.write(**FILES)

    @staticmethod
    def customer(source_id: str) -> UUID:
        """The customer's id."""
        return identifiers.customer_id(SOURCE, source_id)

    def write(self, **files: str) -> None:
        """Write files of the extract; names ending in .gz are compressed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            content = text.encode()
            (self.folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    async def ask(self, datasets: Sequence[str] = datasets, **changes: Any) -> httpx.Response:
        """Ask the API for an import of the extract."""
        body = {"import_id": str(uuid4()), "mapping": MAPPING, "folder": str(self.folder), "datasets": list(datasets)}
        return await self.service.client.post("/v1/imports", json=body | changes, headers=self.writer("operator"))

    async def run(self, datasets: Sequence[str] = datasets) -> dict[str, Any]:
        """Import the extract to the end; return the job's result."""
        done = await self.finish(await self.ask(datasets))
        assert done["state"] == "done", done
        result: dict[str, Any] = done["result"]
        return result

    async def finish(self, started: httpx.Response) -> dict[str, Any]:
        """Run a started job in this process, which saves the start of another; return how it stands then."""
        assert started.status_code == 202, started.text
        return await self.go_on(started.json()["id"])

    async def go_on(self, job_id: str) -> dict[str, Any]:
        """Run a job that waits or was interrupted; return how it stands then."""
        runtime = make_runtime(SERVICE, self.service.settings, "job")
        async with running(runtime):
            assert await job_process._attempt(runtime, UUID(job_id), None) == 0
        return await self.job(job_id)

    async def job(self, job_id: str) -> dict[str, Any]:
        """How the job stands, as the API tells it."""
        path = f"/v1/jobs/customer_360/{job_id}"
        job: dict[str, Any] = (await self.service.client.get(path, headers=self._token("operator"))).json()
        return job

    async def run_job(self, job_id: str, *, failpoint: str | None = None) -> int:
        """Run a job's process to its end as a worker would; return its exit status, 137 if the fail-point ended it."""
        environment = os.environ | job_starter.settings_environment(self.service.settings)
        environment.pop(VARIABLE, None)
        if failpoint:
            environment[VARIABLE] = failpoint
        child = job_starter.Child(UUID(job_id), light=False)
        async with asyncio.timeout(300):  # on a machine that is busy with others, too
            return await asyncio.to_thread(job_starter.follow, child, "customer_360.job", dict(environment))

    async def rejects(self, import_id: str) -> str:
        """The report of an import's rejected lines."""
        report = await self.get(f"/v1/imports/{import_id}/rejects", "operator")
        assert report.status_code == 200, report.text
        return report.text

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """What stands in the service's database."""
        async with self.service.runtime.worker_database.transaction() as tx:
            found: list[asyncpg.Record] = await tx.conn.fetch(sql, *args)
            return found

    async def get(self, path: str, role: str = "head_office", *args: Any, **kwargs: Any) -> httpx.Response:
        """Read as a role: `get(path, "teller", "B1")`."""
        return await self.service.client.get(path, headers=self._token(role, *args, **kwargs))

    def writer(self, role: str, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Headers for a write, with a new key."""
        return self._token(role, *args, **kwargs) | {"Idempotency-Key": uuid4().hex}


@pytest.fixture
async def bank(start_service: StartService, tmp_path: Path, token: Callable[..., dict[str, str]]) -> Bank:
    """The bank with HTTP only: tests run its jobs themselves."""
    return Bank(await start_service(SERVICE, worker=False), tmp_path / "extract", token)


@pytest.fixture(scope="session")
def after_import() -> dict[str, str]:
    """The databases in which an extract was imported once, by its name; others are copies of them."""
    return {}


@pytest.fixture
async def copy_database(postgres_server: EmbeddedPostgres) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """`await copy_database(template)`: copy a database that nobody is connected to; copies end with the test."""
    copies: list[str] = []

    async def copy(template: str, *, keep: bool = False) -> str:
        name = f"customer_360_{uuid4().hex}"
        connection = await postgres_server.connect()
        await connection.execute(
            f'CREATE DATABASE "{name}" OWNER customer_360_owner TEMPLATE "{template}" STRATEGY file_copy'
        )
        await connection.close()
        if not keep:
            copies.append(name)
        return name

    yield copy
    connection = await postgres_server.connect()
    for name in copies:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


ImportOnce = Callable[[str, dict[str, Any], dict[str, str]], Awaitable[Bank]]


@pytest.fixture
async def import_once(
    copy_database: Callable[..., Awaitable[str]],
    start_service: StartService,
    after_import: dict[str, str],
    tmp_path: Path,
    token: Callable[..., dict[str, str]],
) -> ImportOnce:
    """`await import_once(name, mapping, files)`: a bank with this extract, in a copy of the one that imported it."""

    async def start(name: str, mapping: dict[str, Any], files: dict[str, str]) -> Bank:
        folder = tmp_path / "extract"
        if name not in after_import:
            first = await start_service(SERVICE, worker=False)
            bank = Bank(first, folder, token)
            bank.write(**files)
            done = await bank.finish(await bank.ask(list(mapping["datasets"]), mapping=mapping))
            assert done["state"] == "done", done
            await first.stop()
            after_import[name] = await copy_database(first.settings.database_url.rsplit("/", 1)[1], keep=True)
        database = await copy_database(after_import[name])
        bank = Bank(await start_service(SERVICE, worker=False, database=database), folder, token)
        bank.write(**files)
        return bank

    return start


@pytest.fixture
async def imported(import_once: ImportOnce) -> Bank:
    """The bank with its extract imported."""
    return await import_once("small bank", MAPPING, FILES)


@pytest.fixture
async def people(import_once: ImportOnce) -> Bank:
    """Six customers of two branches, some of whom share a name, a spelling or a phone."""
    return await import_once("people", PEOPLE_MAPPING, PEOPLE_FILES)
