"""L89, L90: what differs, and how much is told at once.

L89: whoever asks for what is another's learns nothing from how long it took: the database does the very same.

A timed comparison of a few milliseconds on a shared machine says little. What makes a difference in time is work: the
statements that the server was sent, in their order, as its own log has them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attune_contracts.access import CUSTOMER_ROLES
from attune_service_kit.embedded import EmbeddedPostgres

from .conftest import DOCUMENT, OPERATIONS, Bank, Operation, roles_with
from .test_b_rows import BOUND_ROLES, by_path, resolved
from .two_branches import IDS, settle_in

STATEMENT = re.compile(r"LOG:  (?:execute [^:]*|statement): (.*(?:\n\t.*)*)")


class Watch:
    """What the server says that it was asked, from one look to the next."""

    def __init__(self, log: Path) -> None:
        self._log, self._seen = log, log.stat().st_size

    def statements(self) -> list[str]:
        with self._log.open("rb") as file:
            file.seek(self._seen)
            told = file.read()
        self._seen += len(told)
        return STATEMENT.findall(told.decode("utf-8", "replace"))


@pytest.fixture
async def watch(bank: Bank, postgres_server: EmbeddedPostgres, server_dir: Path) -> Watch:
    """The services with a customer in each of two branches, and the server's log of every statement."""
    await settle_in(bank, postgres_server)
    admin = await postgres_server.connect()
    for service in bank.services.values():
        database = service.settings.database_url.rpartition("/")[2]
        await admin.execute(f"ALTER DATABASE \"{database}\" SET log_statement = 'all'")
        await service.runtime.database.close()  # connections that were opened before do not say it
        await service.runtime.database.open()
    await admin.close()
    return Watch(server_dir / "postgres.log")


def one_of_each_kind(operation: Operation) -> Iterator[str]:
    """A role that is bound to a branch and one that is bound to a customer, where such may ask."""
    roles = [role for role in roles_with(operation.scope) if role in BOUND_ROLES]
    yield from [role for role in roles if role not in CUSTOMER_ROLES][:1]
    yield from [role for role in roles if role in CUSTOMER_ROLES][:1]


async def work(bank: Bank, watch: Watch, operation: Operation, role: str, whose: str) -> list[str]:
    watch.statements()
    await by_path(bank, operation, bank.as_role(role), whose)
    return watch.statements()


async def test_l89_a_foreign_id_costs_what_an_unknown_one_costs(bank: Bank, watch: Watch) -> None:
    unlike, asked, statements = [], 0, 0
    for operation in (o for o in OPERATIONS if any(p["name"] in IDS for p in o.of("path"))):
        for role in one_of_each_kind(operation):
            await work(bank, watch, operation, role, "unknown")  # prepares the statements
            for attempt in range(3):  # what a service does by itself may fall in between
                foreign, unknown = [await work(bank, watch, operation, role, w) for w in ("foreign", "unknown")]
                if foreign == unknown:
                    break
                if attempt == 2:
                    unlike.append((role, str(operation), foreign, unknown))
            asked += 1
            statements += len(foreign)
    assert not unlike, "\n".join(map(str, unlike))
    assert asked > 40
    assert statements > asked


# Catalogues of the bank's own, and as many as were asked for.
WHOLE = {"GET /v1/features", "GET /v1/segments", "GET /v1/triggers", "POST /v1/scores"}
# The one customer of an id of the bank's own.
ONE = {"GET /v1/customers"}
MOST = 200


def shape(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A property of a schema, through its references."""
    return resolved(resolved(schema).get("properties", {}).get(name, {}))


def most(operation: Operation) -> int | None:
    """How many an operation tells at once, at most; None if it says no limit."""
    [*limits] = [p["schema"] for p in operation.of("query") if p["name"] == "limit"]
    if operation.body and (inside := shape("limit", operation.body["schema"])):
        limits.append(inside)
    return limits[0].get("maximum") if limits else None


def test_l90_nothing_gives_more_than_a_page_at_once() -> None:
    """There is no export that would gather pages: what is in bulk lies in the lake, for the bank's own tools."""
    unbounded = set()
    for operation in OPERATIONS:
        answer = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"].get("200", {})
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        limit = most(operation)
        if shape("items", schema) and (limit is None or limit > MOST):
            unbounded.add(str(operation))
    assert unbounded - WHOLE - ONE == set()
