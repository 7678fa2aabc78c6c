"""What a service is made of, and what a running one holds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastapi import APIRouter
from sqlalchemy import MetaData

from attune_service_kit.auth import TokenVerifier
from attune_service_kit.crypto import Keyring, SealedTable
from attune_service_kit.database import Database
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.telemetry import Tracing

if TYPE_CHECKING:  # those modules name Runtime in their own signatures
    from attune_service_kit.approvals import Approvals
    from attune_service_kit.clock import BusinessClock
    from attune_service_kit.consumer import Consumers, Subscription
    from attune_service_kit.hot import HotPost, HotRoute
    from attune_service_kit.jobs import Jobs
    from attune_service_kit.lake import Lake
    from attune_service_kit.messaging import Broker


@dataclass(frozen=True, eq=False)
class Service:
    """One service, declared once in its `app.py`."""

    name: str  # the import name; also the database's name and the prefix of its roles
    title: str
    settings: type[ServiceSettings]
    metadata: MetaData
    routers: Sequence[APIRouter] = ()
    subscriptions: "Sequence[Subscription]" = ()
    tasks: "Sequence[Callable[[Runtime], Awaitable[None]]]" = ()
    jobs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # kind → "module:function"
    check: "Callable[[ServiceSettings], None] | None" = None  # before anything starts; ValueError: why it cannot
    setup: "Sequence[Callable[[Runtime], Awaitable[None]]]" = ()
    everywhere: "Sequence[Callable[[Runtime], Awaitable[None]]]" = ()  # tasks of app and worker processes alike
    hot: "Sequence[HotRoute | HotPost]" = ()
    sealed: Sequence[SealedTable] = ()  # what a new data key seals anew
    # "module:function" of a job: make all digests by the index key that writes; how many, and how many could not be.
    reindex: str | None = None
    urgent: tuple[str, ...] = ()  # ends of paths that keep places of their own under overload (P-16)
    streamed: tuple[str, ...] = ()  # methods and paths, as regular expressions, whose bodies are no JSON
    approvals: "Approvals | None" = None  # which changes need two persons
    asks: bool = False  # NATS requests from its HTTP side: an app process has a connection for them
    # "module:function", called with Alembic's operations after every upgrade: functions whose text follows the code.
    functions: tuple[str, ...] = ()
    migrations: Path | None = None  # default: `migrations/` in the service's package


@dataclass
class Runtime:
    """What a running service holds: `app.state.runtime`, and the first argument of handlers and tasks."""

    service: Service
    settings: ServiceSettings
    tracing: Tracing
    verifier: TokenVerifier
    clock: "BusinessClock"
    database: Database  # role app; in a job's process: role worker
    worker_database: Database  # role worker in a worker, else the same as `database`
    jobs: "Jobs"
    lake: "Lake"
    broker: "Broker | None" = None  # a worker's
    asker: "Broker | None" = None  # for questions to other services; a worker's own broker serves
    consumers: "Consumers | None" = None  # in a worker, while it consumes
    keyring: Keyring | None = field(default=None, repr=False)
    serves: bool = True  # false in a job's process
    stopping: bool = False  # set at SIGTERM: /readyz turns 503

    @property
    def keys(self) -> Keyring:
        """The service's keys, unwrapped when it starts."""
        if self.keyring is None:
            raise RuntimeError("the service's keys are not open")
        return self.keyring
