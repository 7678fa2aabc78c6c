"""All five services as the gateway sees them, but past it: every one must refuse by itself."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from attune_contracts.access import CUSTOMER_ROLES, ROLE_SCOPES, WHOLE_BANK_ROLES
from attune_service_kit.runtime import Service
from attune_service_kit.testing import RunningService, StartService

ROOT = Path(__file__).parents[2]
SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign")
DOCUMENT: dict[str, Any] = json.loads((ROOT / "gateway/src/gateway/openapi.json").read_text())
OWN_BRANCH, FOREIGN_BRANCH, HEAD_OFFICE = "B1", "B2", "HQ"


def service_of(name: str) -> Service:
    """A service, as it declares itself."""
    found: Service = import_module(f"{name}.app").SERVICE
    return found


@dataclass(frozen=True)
class Operation:
    """One operation of the merged document."""

    method: str
    path: str
    service: str
    scope: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def example(self) -> Any:
        """A body that the contract admits."""
        return None if self.body is None else json.loads(json.dumps(self.body["example"]))

    def of(self, where: str) -> list[dict[str, Any]]:
        """Its parameters in `path` or `query`."""
        return [p for p in self.parameters if p["in"] == where]

    def url(self, **values: object) -> str:
        """The path with its parameters filled in; those not given from the document's examples."""
        given = {p["name"]: values.get(p["name"], p.get("example")) for p in self.of("path")}
        return self.path.format(**given)


def _operations() -> Iterator[Operation]:
    for path, item in sorted(DOCUMENT["paths"].items()):
        for method, operation in item.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            parameters = tuple(p for p in operation.get("parameters", []) if p["in"] != "header")
            yield Operation(method.upper(), path, operation["x-service"], operation["x-scope"], parameters, body)


OPERATIONS = tuple(_operations())
WRITES = tuple(o for o in OPERATIONS if o.method != "GET")


def roles_with(scope: str) -> list[str]:
    """Whoever may call operations of this scope."""
    return [role for role, scopes in ROLE_SCOPES.items() if scope in scopes]


def key() -> dict[str, str]:
    """A key nobody has used."""
    return {"Idempotency-Key": uuid4().hex}


@dataclass
class Bank:
    """The services, and who asks them."""

    services: dict[str, RunningService]
    token: Callable[..., dict[str, str]]
    customer: Any = None

    def as_role(self, role: str, branch: str = OWN_BRANCH) -> dict[str, str]:
        """The headers of somebody with this role, in the branch where the role has one."""
        if role in CUSTOMER_ROLES:
            return self.token(role, customer=self.customer or uuid4())
        return self.token(role) if role in WHOLE_BANK_ROLES else self.token(role, branch)

    async def ask(self, operation: Operation, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        """Call an operation; `url=` where the document's example will not do."""
        url = options.pop("url", None) or operation.url()
        sent = dict(headers or {}) | (key() if operation.method != "GET" else {})
        return await self.services[operation.service].client.request(operation.method, url, headers=sent, **options)


@pytest.fixture
async def bank(start_service: StartService, token: Callable[..., dict[str, str]]) -> Bank:
    """The services on fresh databases, without workers."""
    started = {name: await start_service(service_of(name), worker=False) for name in SERVICES}
    return Bank(started, token)
