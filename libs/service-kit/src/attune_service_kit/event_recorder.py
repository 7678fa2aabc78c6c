"""What is emitted is what is documented: every event of a test run is held to its committed JSON Schema.

`attune_service_kit.testing` switches it on for all tests. An event is looked at twice: when a transaction of the test's
own process takes it, and in the outbox before a test's database is dropped, where those of the jobs' processes lie too.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import jsonschema_rs
import pytest

from attune_contracts.catalog import CATALOGUE, SERVICES
from attune_contracts.envelope import Envelope
from attune_contracts.schemas import FOLDER
from attune_service_kit import outbox

# Whose name a producer may use beside its own: eventing's intake speaks for the bank's core (X4).
_SPEAKS_FOR = {"eventing": ("eventing", "ledger")}


class EventRecorder:
    """Counts the events it is shown by type, and keeps what is wrong with them until it is asked."""

    def __init__(self, schemas: Path = FOLDER) -> None:
        self._schemas = schemas
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self.seen: Counter[str] = Counter()
        self._faults: list[str] = []

    def hold(self, event: Mapping[str, Any], service: str | None = None) -> None:
        """Hold one event, as it travels, to the envelope's schema and its own; `service` is whose outbox it lay in."""
        event_type = str(event.get("type"))
        if event_type not in CATALOGUE:
            if event_type.split(".", 1)[0] in {*SERVICES, "ledger"}:
                self._faults.append(f"{event_type} does not stand in the catalogue")
            return  # an event that only a test knows
        self.seen[event_type] += 1
        if service in SERVICES and CATALOGUE[event_type].producer not in _SPEAKS_FOR.get(service, (service,)):
            self._faults.append(f"{event_type} is not for {service} to say")
        for schema, value in (("envelope", event), (event_type, event["data"])):
            found = self._validator(schema).iter_errors(value)
            self._faults += [f"{event_type}: {_said(error)}" for error in found]

    def faults(self) -> list[str]:
        """Return what was wrong since the last time, and forget it."""
        found, self._faults = self._faults, []
        return found

    def _validator(self, name: str) -> jsonschema_rs.Draft202012Validator:
        if name not in self._validators:
            schema = json.loads((self._schemas / f"{name}.json").read_text(encoding="utf-8"))
            self._validators[name] = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        return self._validators[name]


def _said(error: jsonschema_rs.ValidationError) -> str:
    """The place and the rule, never the value: what a test prints may hold a customer's data."""
    names = getattr(error.kind, "unexpected", None) or getattr(error.kind, "property", "")
    return f"{'/'.join(map(str, error.instance_path)) or 'data'} {error.kind.name} {names}".rstrip()


_NEWEST = """
SELECT payload FROM (SELECT payload, row_number() OVER (PARTITION BY type ORDER BY seq DESC) AS number FROM outbox) o
WHERE number <= $1"""


async def hold_outbox(
    recorder: EventRecorder, connection: asyncpg.Connection, service: str, *, of_each_type: int = 100_000
) -> None:
    """Hold what lies in a service's outbox, whichever of its processes has put it there; the newest of each type."""
    if await connection.fetchval("SELECT to_regclass('outbox')") is None:
        return
    for row in await connection.fetch(_NEWEST, of_each_type):
        recorder.hold(json.loads(row["payload"]), service)


RECORDER = EventRecorder()


@pytest.fixture(scope="session", autouse=True)
def _recording() -> Iterator[None]:
    """Show every event that a transaction takes to the recorder."""
    row = outbox.row

    def held(event: Envelope, partition: int) -> outbox.OutboxRow:
        written = row(event, partition)
        RECORDER.hold(json.loads(written.payload))
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "row", held)
        yield


@pytest.fixture(autouse=True)
def events_as_documented() -> Iterator[EventRecorder]:
    """Fail a test whose events are not what the contracts say."""
    yield RECORDER
    if faults := RECORDER.faults():
        pytest.fail("emitted against the contract: " + "; ".join(sorted(set(faults))))
