"""How a service starts: `python -m <service> app | worker | all | migrate | rewrap-keys | rotate-keys | openapi`."""

import argparse
import asyncio
import sys
from pathlib import Path

import orjson
import structlog

from attune_service_kit import crypto, key_rotation, openapi, serving, telemetry
from attune_service_kit.app import create_app
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
    "rotate-index": "start the job that makes a new index key and all digests anew by it; prints the job's id",
    "openapi": "print the OpenAPI document",
}

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
        _require_sound(service, settings)
    if command in ("rotate-keys", "rotate-index"):
        purpose = "index" if command == "rotate-index" else "data"
        sys.stdout.write(f"{asyncio.run(key_rotation.start(make_runtime(service, settings, 'job'), purpose))}\n")
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


def _require_sound(service: Service, settings: ServiceSettings) -> None:
    """End with clear lines where what the settings point at is not as the service needs it."""
    try:
        if service.check is not None:
            service.check(settings)
    except ValueError as error:
        sys.exit(str(error))


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


def serve(service: Service, settings: ServiceSettings, command: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(service, settings, worker=command != "app", routes=command != "worker")
    rounds = serving.WORKER_ROUNDS if command == "worker" else serving.ROUNDS
    serving.serve(app, app.state.runtime, settings, app.state.admission, app.state.direct, rounds)
