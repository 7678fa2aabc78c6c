"""Overload is refused early; what is urgent keeps places of its own; nobody works for a caller who has gone (P-16)."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Response
from opentelemetry.sdk.trace import Span, SpanProcessor
from sqlalchemy import MetaData
from starlette.responses import StreamingResponse

from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer, requires
from attune_service_kit.overload import Admission, Overloaded, patience
from attune_service_kit.runtime import Service
from attune_service_kit.service import documentation_settings
from attune_service_kit.settings import ServiceSettings, settings_config
from attune_service_kit.tables import kit_tables

router = APIRouter()
STATE = SimpleNamespace(gate=asyncio.Event())  # a new gate for each test: it belongs to one loop
DONE: list[str] = []
SPANS: list[str] = []


@router.get("/v1/slow", operation_id="slow-get", dependencies=[Depends(requires("status:read"))])
async def slow() -> Response:
    """Wait until the test says go on."""
    await STATE.gate.wait()
    DONE.append("slow")
    return Response("ok")


@router.get("/v1/slow:urgent", operation_id="slow-urgent", dependencies=[Depends(requires("status:read"))])
async def urgent() -> Response:
    """Answer at once."""
    return Response("ok")


@router.get("/v1/stream", operation_id="slow-stream", dependencies=[Depends(requires("status:read"))])
async def stream() -> StreamingResponse:
    """Stay open."""

    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await STATE.gate.wait()

    return StreamingResponse(events(), media_type="text/event-stream")


class Spans(SpanProcessor):
    """Remembers the spans that have begun."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        SPANS.append(span.name)


class Settings(ServiceSettings):
    model_config = settings_config("SAMPLE_")


METADATA = MetaData()
kit_tables(METADATA)
SERVICE = Service("sample", "A sample", Settings, METADATA, routers=(router,), urgent=(":urgent",))


def test_places_come_back_once() -> None:
    admission = Admission(1, 1, (":urgent",))
    with admission.place("/v1/x") as first:
        first.leave()
        first.leave()
        assert admission.under_way == 0
        with admission.place("/v1/x"), admission.place("/v1/x:urgent"):
            for path in ("/v1/x", "/v1/x:urgent", "/livez"):
                with pytest.raises(Overloaded), admission.place(path):
                    pass
    assert (admission.under_way, admission.refused) == (0, 3)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("250", 0.25),
        ("0", 0.0),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 12, None),
        ("9" * 9, 600),
    ],
)
def test_the_callers_patience_is_read_or_ignored(header: str | None, seconds: float | None) -> None:
    assert patience(header) == seconds


@pytest.fixture
async def sample(development_issuer: DevelopmentIssuer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with three places, and one for what is urgent; its routes ask no database."""
    STATE.gate = asyncio.Event()
    DONE.clear()
    SPANS.clear()
    settings = documentation_settings(SERVICE).model_copy(
        update={
            "environment": "test",
            "token_minutes": 720,
            "token_issuer": development_issuer.issuer,
            "token_jwks": str(development_issuer.jwks_path),
            "max_in_flight": 3,
            "reserved_in_flight": 1,
            "sample_ratio": 1.0,
        }
    )
    app = create_app(SERVICE, settings)
    app.state.runtime.tracing.provider.add_span_processor(Spans())
    transport = httpx.ASGITransport(app)
    bearer = {"Authorization": f"Bearer {development_issuer.issue('operator')[0]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sample", headers=bearer) as client:
        yield client
    STATE.gate.set()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0.01)


async def test_more_than_can_be_done_well_is_503_at_once_and_the_rest_is_done(sample: Any) -> None:
    waiting = [asyncio.create_task(sample.get("/v1/slow")) for _ in range(3)]
    await settle()
    refused = await sample.get("/v1/slow")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert (await sample.get("/v1/slow:urgent")).status_code == 200, "what is urgent has a place of its own"
    assert (await sample.get("/livez")).status_code == 200
    STATE.gate.set()
    assert [r.status_code for r in await asyncio.gather(*waiting)] == [200] * 3
    assert (await sample.get("/v1/slow")).status_code == 200
    assert len(SPANS) == 5, "three that waited, one urgent, one later: a refusal makes no span"


async def test_work_that_nobody_waits_for_is_not_done(sample: Any) -> None:
    late = await sample.get("/v1/slow", headers={"X-Request-Timeout-Ms": "60"})
    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    STATE.gate.set()
    await settle()
    assert DONE == []
    gone = await sample.get("/v1/slow:urgent", headers={"X-Request-Timeout-Ms": "0"})
    assert gone.status_code == 504
    assert (await sample.get("/v1/slow:urgent", headers={"X-Request-Timeout-Ms": "5000"})).status_code == 200
