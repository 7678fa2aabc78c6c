"""A small service of its own for the kit's tests: one table, three routes; and files of a bank to import."""

import importlib.util
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy import MetaData

from attune_contracts.eventing import ClockAdvanced
from attune_service_kit import migrations
from attune_service_kit.app import AnyRuntime, create_app
from attune_service_kit.auth import Caller, DevelopmentIssuer, requires
from attune_service_kit.database import Database, Transaction
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.errors import Conflict, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.service import Service
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.tables import kit_tables


class SampleSettings(ServiceSettings):
    model_config = settings_config("SAMPLE_")


class Note(BaseModel):
    id: int
    text: str = Field(max_length=50)


routes = APIRouter(tags=["notes"])


@routes.post("/v1/notes", status_code=201, operation_id="write_note", responses=refusals(Conflict))
async def write_note(
    note: Note,
    caller: Annotated[Caller, Depends(requires("imports:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Note:
    """Write a note; the text "refuse" is refused, "crash" is a defect."""

    async def run(tx: Transaction) -> Note:
        await tx.conn.execute("INSERT INTO note (id, text) VALUES ($1, $2)", note.id, note.text)
        tx.emit_to(ClockAdvanced(now=tx.now, business_date=tx.now.date(), partition=0), 0)
        await tx.audit("note.written", "note", note.id, version=1, detail={"length": len(note.text)})
        if note.text == "refuse":
            raise Conflict("refused", "已拒绝")
        if note.text == "crash":
            raise RuntimeError(note.text)
        return note

    return await write(run, status=201)


@routes.get("/v1/notes/{note_id}", operation_id="read_note", dependencies=[Depends(requires("customers:read"))])
async def read_note(note_id: int, runtime: AnyRuntime) -> Note:
    """Read a note."""
    row = await runtime.database.pool.fetchrow("SELECT id, text FROM note WHERE id = $1", note_id)
    return Note(**dict(row)) if row else Note(id=0, text="")


metadata = MetaData()
kit_tables(metadata)
SERVICE = Service(
    "sample",
    "Sample",
    SampleSettings,
    metadata,
    routers=[routes],
    migrations=Path(__file__).parent / "sample_migrations",
)


@pytest.fixture
def sample_service() -> Service:
    """The sample service."""
    return SERVICE


@pytest.fixture
async def empty_database(postgres_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server, with the sample service's database as if just made."""
    await empty(postgres_server)
    return postgres_server


async def empty(server: EmbeddedPostgres) -> None:
    """Leave the sample service's database as if just made."""
    connection = await server.connect("sample")
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = 'sample' AND pid <> pg_backend_pid()"
        )
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION sample_owner")
        await connection.execute("GRANT USAGE ON SCHEMA public TO sample_app, sample_worker")
    finally:
        await connection.close()


@pytest.fixture
async def sample_database(empty_database: EmbeddedPostgres) -> AsyncIterator[Database]:
    """The sample service's freshly migrated database, as its app role."""
    await migrations.run(SERVICE, empty_database.url("sample_owner", "sample"))
    database = Database(empty_database.url("sample_app", "sample"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    """An issuer of tokens."""
    return DevelopmentIssuer(tmp_path / "keys")


@pytest.fixture
def sample_settings(
    postgres_server: EmbeddedPostgres, tmp_path: Path, issuer: DevelopmentIssuer, kek_file: Path
) -> Callable[..., SampleSettings]:
    """Make settings of the sample service; keyword arguments override."""

    def make(**changes: object) -> SampleSettings:
        values: dict[str, object] = {
            "environment": "test",
            "database_url": postgres_server.url("sample_app", "sample"),
            "worker_database_url": postgres_server.url("sample_worker", "sample"),
            "owner_database_url": postgres_server.url("sample_owner", "sample"),
            "nats_url": "nats://127.0.0.1:4222",
            "lake_url": str(tmp_path / "lake"),
            "scratch": tmp_path / "scratch",
            "token_issuer": issuer.issuer,
            "token_jwks": str(issuer.jwks_path),
            "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
            "kek_file": kek_file,
            "trace_file": tmp_path / "spans.jsonl",
            "sample_ratio": 1.0,
        }
        return SampleSettings(**values | changes)

    return make


@pytest.fixture
async def client(
    sample_database: Database, sample_settings: Callable[..., SampleSettings], issuer: DevelopmentIssuer
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running sample service, with an operator's token."""
    app = create_app(replace(SERVICE), sample_settings())
    headers = {"Authorization": f"Bearer {issuer.issue('operator')[0]}"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sample", headers=headers) as made:
            yield made


@pytest.fixture(scope="session")
def delivery_script() -> Path:
    """The sample service that is run as a process."""
    return Path(__file__).parent / "delivery_sample.py"


@pytest.fixture(scope="session")
def delivery() -> ModuleType:
    """The module of the service that sends itself orders; its file is also what the fault tests run as a process."""
    spec = importlib.util.spec_from_file_location("delivery_sample", Path(__file__).parent / "delivery_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
