"""Campaign's own process for B13, with what OFF names turned off: `telemetry`, `authorisation`, `audit`.

`python -m benchmarks.bare_b13` with the environment of campaign, NAME (how its connections are called) and OFF
(separated by commas, empty for everything on). Nothing but this file knows that these can be turned off. With
INSTRUMENTATION, a folder of packages, OpenTelemetry's own instrumentation of FastAPI from there is put around it.
"""

import os
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from attune_contracts.access import ROLE_SCOPES
from attune_service_kit import hot, service, telemetry
from attune_service_kit.auth import Caller, Requires, dependencies
from attune_service_kit.database import Database
from campaign.app import SERVICE
from campaign.decision_log import DecisionLog

NOBODY = Caller("nobody", frozenset({"teller"}), ROLE_SCOPES["teller"], "HQ", None, "nobody")


def without_telemetry() -> None:
    """No ids, no spans, no access line."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    telemetry.AccessLog.line = nothing  # type: ignore[method-assign]
    telemetry.Tracing.skips = lambda *_: True  # type: ignore[method-assign]
    telemetry.Tracing.activate = nothing  # type: ignore[method-assign]
    telemetry.begin = lambda *_: ("none", "none")


def without_authorisation() -> None:
    """Whoever asks is a teller of head office; the database is asked by a role that row security does not bind."""

    async def anybody(*_: Any) -> Caller:
        return NOBODY

    hot.bearer = dependencies.bearer = anybody
    Requires.check = lambda _, caller: caller  # type: ignore[method-assign]


def without_audit() -> None:
    """Decisions are on no record."""

    async def forgotten(*_: Any) -> None:
        return None

    DecisionLog.write = forgotten  # type: ignore[method-assign]


SWITCHES = {"telemetry": without_telemetry, "authorisation": without_authorisation, "audit": without_audit}


def named(name: str) -> None:
    """Call this process's connections by a name, so that their backends can be told apart."""
    made = Database.__init__

    def called(self: Database, *args: Any, **options: Any) -> None:
        made(self, *args, **options | {"application": name})

    Database.__init__ = called  # type: ignore[method-assign]


def instrumented(packages: str) -> None:
    """Put OpenTelemetry's middleware around the application, as it comes, its spans going where ours would."""
    sys.path.append(packages)  # behind our own: what both have is ours
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    provider = TracerProvider()
    exporter = telemetry.FileExporter(Path(os.environ["CAMPAIGN_TRACE_FILE"]))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    made = service.create_app

    def around(*args: Any, **options: Any) -> FastAPI:
        app = made(*args, **options)
        FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
        return app

    service.create_app = around


def main() -> None:
    """Serve until told to stop."""
    named(os.environ["NAME"])
    if packages := os.environ.get("INSTRUMENTATION"):
        instrumented(packages)
    for switch in filter(None, os.environ["OFF"].split(",")):
        SWITCHES[switch]()
    service.serve(SERVICE, SERVICE.settings(), "app")


if __name__ == "__main__":
    main()
