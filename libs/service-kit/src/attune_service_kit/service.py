"""How a service starts: `python -m <service> app | worker | all | migrate | rewrap-keys | rotate-keys | openapi`."""

import argparse
import asyncio
import sys
from pathlib import Path
from types import FrameType

import orjson
import structlog
import uvicorn

from attune_service_kit import crypto, key_rotation, openapi, telemetry
from attune_service_kit.app import create_app
from attune_service_kit.http_protocol import GuardedProtocol
from attune_service_kit.lifecycle import make_runtime
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings

__all__ = ["Runtime", "Service", "create_app", "main"]

COMMANDS = {
    "app": "answer HTTP",
    "worker": "run consumers, relay and jobs; answers probes only",
    "all": "both in one event loop",
    "embedded": "migrate, then both: for one machine, where no other process starts at the same time",
    "migrate": "bring the database to the newest revision, as its owner; also does what rewrap-keys does",
    "rewrap-keys": "wrap the keys anew by the first key of kek_file, as the database's owner",
    "rotate-keys": "start the job that makes a new data key and seals everything anew by it; prints the job's id",
    "openapi": "print the OpenAPI document",
}

GRACEFUL_SECONDS = 20

log = structlog.get_logger(__name__)


def main(service: Service) -> None:
    """The command line of a service's package; its `__main__.py` calls it."""
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=service.title)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in COMMANDS.items():
        commands.add_parser(name, help=help_text)
    command = parser.parse_args().command
    if command == "openapi":
        document = openapi.describe(create_app(service, documentation_settings(service)))
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        return
    settings = service.settings()
    telemetry.configure_logging(service.name, environment=settings.environment)
    if command != "migrate":
        _require_kek(settings)
    if command == "rotate-keys":
        sys.stdout.write(f"{asyncio.run(key_rotation.start(make_runtime(service, settings, 'job')))}\n")
        return
    if command in ("migrate", "embedded"):
        migrate(service, settings)
    if command == "rewrap-keys" or (command in ("migrate", "embedded") and settings.kek_file.exists()):
        rewrap(service, settings)
    if command in ("app", "worker", "all", "embedded"):
        serve(service, settings, command)


def _require_kek(settings: ServiceSettings) -> None:
    """End with one clear line where names and phones could be neither read nor written."""
    try:
        crypto.read_keks(settings.kek_file)
    except crypto.KekUnusable as error:
        sys.exit(f"kek_file {settings.kek_file}: {error}")


def documentation_settings(service: Service) -> ServiceSettings:
    """Settings that open nothing: the OpenAPI document needs no database, no broker and no environment."""
    return service.settings.model_construct(
        database_url="postgresql://",
        worker_database_url="postgresql://",
        nats_url="nats://",
        lake_url=".",
        scratch=Path(),
        token_issuer="",
        token_jwks="",
        kek_file=Path(),
    )


def migrate(service: Service, settings: ServiceSettings) -> None:
    """Bring the database to the newest revision."""
    # Alembic is 10 MB that no serving process needs.
    from attune_service_kit import migrations

    asyncio.run(migrations.run(service, _owner(settings)))


def rewrap(service: Service, settings: ServiceSettings) -> None:
    """Wrap the database's keys anew by the first key of `kek_file`; running processes hold theirs and go on."""
    try:
        wrapped = asyncio.run(key_rotation.rewrap(service, _owner(settings), settings.kek_file))
    except crypto.KekUnusable as error:
        sys.exit(f"kek_file {settings.kek_file}: {error}")
    if wrapped:
        log.info("keys_rewrapped", count=wrapped)


def _owner(settings: ServiceSettings) -> str:
    if settings.owner_database_url is None:
        sys.exit("owner_database_url is missing: only the service's owner may do this")
    return settings.owner_database_url


class _Server(uvicorn.Server):
    """uvicorn that says "not ready" for a while before it stops: the balancer turns away first (P-18)."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal starts the draining, a second one ends it."""
        if self._runtime.stopping or not (pause := self._runtime.settings.drain_seconds):
            self._runtime.stopping = True
            super().handle_exit(sig, frame)
            return
        self._runtime.stopping = True
        asyncio.get_running_loop().call_later(pause, super().handle_exit, sig, frame)


def serve(service: Service, settings: ServiceSettings, command: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(service, settings, worker=command != "app", routes=command != "worker")
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        h11_max_incomplete_event_size=64 * 1024,
    )
    _Server(config, app.state.runtime).run()
