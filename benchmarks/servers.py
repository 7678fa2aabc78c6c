"""PostgreSQL and NATS for services that are measured alone, and what the database spends on them."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from attune.home import Clock, Home
from attune.ports import free_ports
from attune.processes import SERVICES, Ports, environment
from attune_service_kit import nats_client
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.messaging import provision
from attune_service_kit.nats_rights import PROVISION_USER, inbox_prefix


@dataclass(frozen=True)
class Servers:
    """Both servers of one home; no service runs yet."""

    home: Home
    postgres: EmbeddedPostgres
    ports: Ports
    issuer: DevelopmentIssuer

    def environment(self, service: str) -> dict[str, str]:
        """The settings of one service."""
        return environment(self.home, self.ports, service)

    def backends(self, database: str, application: str) -> dict[int, float]:
        """Seconds of CPU of each of a database's backends, by process id; `application` as LIKE takes it."""

        async def pids() -> list[int]:
            connection = await self.postgres.connect(database)
            query = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE $2"
            rows = await connection.fetch(query, database, application)
            await connection.close()
            return [row[0] for row in rows]

        times = {}
        for pid in asyncio.run(pids()):
            try:
                used = psutil.Process(pid).cpu_times()
            except psutil.NoSuchProcess:
                continue
            times[pid] = float(used.user + used.system)
        return times


@contextmanager
def servers(folder: Path, clock: Clock, databases: Sequence[str]) -> Iterator[Servers]:
    """Run both, with these services' databases and all streams, until the block ends."""
    home = Home(folder / "home")
    home.create(clock)
    issuer = DevelopmentIssuer(home.keys)
    postgres = EmbeddedPostgres(folder / "postgres", passwords=lambda user: home.password(f"pg.{user}"))
    broker = EmbeddedNats(folder / "nats", seeds=home.nats_seed, services=SERVICES)
    postgres.start(folder / "postgres.log")
    broker.start(folder / "nats.log")
    try:
        asyncio.run(_ready(postgres, broker, databases))
        gateway, *services = free_ports(1 + len(SERVICES), besides=(postgres.port, broker.port))
        ports = Ports(postgres.port, broker.port, gateway, dict(zip(SERVICES, services, strict=True)))
        yield Servers(home, postgres, ports, issuer)
    finally:
        broker.stop()
        postgres.stop()


async def _ready(postgres: EmbeddedPostgres, broker: EmbeddedNats, databases: Sequence[str]) -> None:
    await postgres.wait_ready()
    await postgres.provision(databases)
    await broker.wait_ready()
    client = await nats_client.connect(
        broker.url, broker.seed(PROVISION_USER), inbox_prefix=inbox_prefix(PROVISION_USER).encode()
    )
    await provision(client.jetstream())
    await client.close()


Slice = tuple[float, float, float]
"""Microseconds a request of the process and of its backends, and requests a second."""


def ratio(own: Sequence[Slice], other: Sequence[Slice]) -> dict[str, float]:
    """The median of the slices' ratios of CPU time, process and backends together, with the spread."""
    ratios = [(a[0] + a[1]) / (b[0] + b[1]) for a, b in zip(own, other, strict=True)]
    return {
        "median": round(statistics.median(ratios), 2),
        "lowest": round(min(ratios), 2),
        "highest": round(max(ratios), 2),
        "process_alone": round(statistics.median(a[0] / b[0] for a, b in zip(own, other, strict=True)), 2),
    }


def literal(environment: dict[str, str]) -> dict[str, str]:
    """Settings as `serving` takes them, for which braces name a port."""
    return {key: value.replace("{", "{{").replace("}", "}}") for key, value in environment.items()}
