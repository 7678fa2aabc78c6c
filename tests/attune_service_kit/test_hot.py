"""A hot route is a shorter way to the same operation: the same token, scope, headers and refusals."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from attune_service_kit.app import create_app
from attune_service_kit.auth import Caller, DevelopmentIssuer
from attune_service_kit.errors import Conflict
from attune_service_kit.hot import HotPost, HotRoute
from attune_service_kit.runtime import Runtime, Service


async def short(_runtime: Runtime, _caller: Caller, path: Mapping[str, str], query: bytes) -> bytes | None:
    """Note 7 is answered here, 8 refused; everything else is for the declared route."""
    if path["note_id"] == "8":
        raise Conflict("refused", "已拒绝")
    return b'{"id":7,"text":"hot"}' if path["note_id"] == "7" and not query else None


@pytest.fixture
async def hot(
    sample_service: Service, sample_settings: Callable[..., Any], issuer: DevelopmentIssuer
) -> AsyncIterator[Callable[..., Any]]:
    app = create_app(replace(sample_service, hot=(HotRoute("read_note", short),)), sample_settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample") as client:

        async def ask(note: str, role: str | None = "call_centre", **changes: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {issuer.issue(role)[0]}"} if role else {}
            return await client.get(f"/v1/notes/{note}", headers=headers, **changes)

        yield ask


async def test_what_is_ordinary_is_answered_at_once(hot: Callable[..., Any]) -> None:
    answer = await hot("7")
    assert (answer.status_code, answer.json()) == (200, {"id": 7, "text": "hot"})
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.headers["x-request-id"]) == 32


async def test_the_same_token_and_scope_are_demanded(hot: Callable[..., Any]) -> None:
    for role, expected in ((None, (401, "unauthenticated")), ("operator", (403, "forbidden"))):
        for note in ("7", "x"):
            answer = await hot(note, role)
            assert (answer.status_code, answer.json()["code"]) == expected


async def test_its_span_carries_the_routes_name(
    sample_service: Service, sample_settings: Callable[..., Any], issuer: DevelopmentIssuer
) -> None:
    settings = sample_settings()
    app = create_app(replace(sample_service, hot=(HotRoute("read_note", short),)), settings)
    headers = {"Authorization": f"Bearer {issuer.issue('call_centre')[0]}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample") as client:
        assert (await client.get("/v1/notes/7", headers=headers)).status_code == 200
    app.state.runtime.tracing.close()
    [span] = [json.loads(line) for line in settings.trace_file.read_text().splitlines()]
    assert (span["name"], span["attributes"]["http.route"]) == ("GET /v1/notes/{note_id}", "/v1/notes/{note_id}")


async def test_a_refusal_is_a_problem(hot: Callable[..., Any]) -> None:
    answer = await hot("8")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_unusual_goes_to_the_declared_route(hot: Callable[..., Any]) -> None:
    answer = await hot("x")
    [fault] = answer.json()["errors"]
    assert (fault["at"], fault["fault"], fault["zh"]) == ("path.note_id", "int_parsing", "应为整数")
    assert (await hot("7", params={"more": "1"})).status_code == 422


async def shorter(_runtime: Runtime, _caller: Caller, body: Any) -> bytes | None:
    """Note 7 is answered here; every other body is for the declared route."""
    return b'{"id":7,"text":"hot"}' if body == {"id": 7, "text": "x"} else None


async def test_a_body_is_checked_before_a_hot_route_reads_it(
    sample_service: Service, sample_settings: Callable[..., Any], issuer: DevelopmentIssuer
) -> None:
    settings = sample_settings(max_body_bytes=1024)
    app = create_app(replace(sample_service, hot=(HotPost("write_note", shorter),)), settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample") as client:

        async def post(
            body: bytes, role: str | None = "operator", kind: str = "application/json", query: str = ""
        ) -> Any:
            headers = {"Authorization": f"Bearer {issuer.issue(role)[0]}"} if role else {}
            answer = await client.post(
                f"/v1/notes{query}",
                content=body,
                headers=headers | {"Content-Type": kind},
            )
            return answer.status_code, answer.json().get("code", answer.json())

        declared = (400, "idempotency_key_missing")
        note = b'{"id":7,"text":"x"}'
        assert await post(note) == (200, {"id": 7, "text": "hot"})
        for refused, expected in (
            (post(note, None), (401, "unauthenticated")),
            (post(note, "call_centre"), (403, "forbidden")),
            (post(note, kind="text/plain"), (415, "unsupported_media_type")),
            (post(b'{"id":7,"text":"x","id":7}'), (400, "malformed_json")),
            (post(b'{"id":NaN,"text":"x"}'), (422, "invalid")),
            (post(b" " * 1025), (413, "too_large")),
            # The declared route answers, which wants a key of every write.
            (post(b""), declared),
            (post(note, query="?more=1"), (422, "invalid")),
            (post(b'{"id":8,"text":"x"}'), declared),
        ):
            assert await refused == expected
