"""What every service does with every request: who, what is readable, what is refused, what is told."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import APIRouter

from attune_service_kit import openapi
from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.openapi import RouteWithoutScope
from attune_service_kit.service import Service, documentation_settings
from attune_service_kit.testing import eventually

Settings = Callable[..., Any]
JSON = {"Content-Type": "application/json", "Idempotency-Key": "write-note-00000001"}


async def test_the_first_answer_is_a_refusal(client: httpx.AsyncClient, issuer: DevelopmentIssuer) -> None:
    teller = issuer.issue("teller", branch="B01")[0]
    for header, status, code in (
        ("", 401, "unauthenticated"),
        ("Bearer", 401, "unauthenticated"),
        ("Basic YTpi", 401, "unauthenticated"),
        ("Bearer not-a-token", 401, "unauthenticated"),
        (f"Bearer {teller}", 403, "forbidden"),
    ):
        response = await client.post("/v1/notes", json={"id": 1, "text": "x"}, headers=JSON | {"Authorization": header})
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_body_that_two_readers_may_read_differently_is_refused(client: httpx.AsyncClient) -> None:
    no_json = [
        b'{"id": 1, "id": 2, "text": "x"}',
        b'{"id": 1, "text": {"a": 1, "a": 1}}',
        b'{"id": 1, "text": "\\ud800"}',
        b'{"id": 1, "text": "\xff"}',
        b"{" * 5000,
        b"[" * 70 + b"]" * 70,
        b"[" * 2000 + b"]" * 2000,
        b"not json 13800000000",
        b"\xef\xbb\xbf{}",
        '{"id": 1, "text": "x"}'.encode("utf-16"),
    ]
    no_note = [
        b'{"id": NaN, "text": "x"}',
        b'{"id": Infinity, "text": "x"}',
        b'{"id": 1e400, "text": "x"}',
        b"",
    ]
    told = {}
    for body in (*no_json, *no_note):
        response = await client.post("/v1/notes", content=body, headers=JSON)
        told[body] = (response.status_code, response.json()["code"])
        assert response.headers["Content-Type"] == "application/problem+json"
        assert "13800000000" not in response.text
    assert told == dict.fromkeys(no_json, (400, "malformed_json")) | dict.fromkeys(no_note, (422, "invalid"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"id": NaN, "text": "x"}', 422),
        (b'{"id": 1, "text": {"a": [-Infinity, 1e400]}}', 422),
        (b'{"id": NaN, "id": 1, "text": "x"}', 400),
        (b'{"id": NaN, "text": "\\ud800"}', 400),
        (b'{"id": NaN, "text": ', 400),
        (b'{"id": nan, "text": "x"}', 400),
        (b"[" * 70 + b"NaN" + b"]" * 70, 400),
    ],
)
async def test_numbers_without_end_are_named_where_nothing_else_is_wrong(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    response = await client.post("/v1/notes", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (status, "invalid" if status == 422 else "malformed_json")
    if status == 422:
        assert response.json()["errors"] == [{"at": "body", "fault": "not_finite"}]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
async def test_another_media_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/v1/notes", content=b'{"id":1}', headers=JSON | {"Content-Type": content_type})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_while_it_is_read(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 64 << 20:
            sent += 65536
            yield b" " * 65536

    declared = await client.post("/v1/notes", content=b" " * (2 << 20), headers=JSON)
    streamed = await client.post("/v1/notes", content=endless(), headers=JSON)
    assert [response.json()["code"] for response in (declared, streamed)] == ["too_large", "too_large"]
    assert sent <= 2 << 20


async def test_a_validation_error_names_the_place_and_echoes_nothing(client: httpx.AsyncClient) -> None:
    body = {"id": "王伟 13800000000", "text": "x" * 51, "13800000001; drop table": 1}
    response = await client.post("/v1/notes", json=body, headers=JSON)
    assert response.status_code == 422
    assert {fault["at"]: fault["fault"] for fault in response.json()["errors"]} == {
        "body.id": "int_parsing",
        "body.text": "string_too_long",
    }
    assert [fault["en"] for fault in response.json()["errors"]] == [
        "Input should be a valid integer, unable to parse string as an integer",
        "String should have at most 50 characters",
    ]
    assert [fault["zh"] for fault in response.json()["errors"]] == ["应为整数", "文本至多 50 个字符"]
    assert "13800" not in response.text
    assert "王" not in response.text


async def test_unknown_paths_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    missing, wrong = await client.get("/v1/nothing"), await client.delete("/v1/notes")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["Allow"]) == (405, "method_not_allowed", "POST")


async def test_a_defect_is_told_to_the_log_not_to_the_caller(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/notes", json={"id": 1, "text": "crash"}, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "crash" not in response.text
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


async def test_ids_come_back_and_are_made_when_missing_or_malformed(client: httpx.AsyncClient) -> None:
    given = await client.get("/livez", headers={"X-Request-Id": "request-0001", "X-Correlation-Id": "cause-000001"})
    made = await client.get("/livez", headers={"X-Request-Id": "<script>"})
    assert (given.headers["X-Request-Id"], given.headers["X-Correlation-Id"]) == ("request-0001", "cause-000001")
    assert len(made.headers["X-Request-Id"]) == 32
    assert made.headers["X-Request-Id"] == made.headers["X-Correlation-Id"]


async def test_a_request_continues_its_callers_trace(
    sample_database: Database, sample_settings: Settings, issuer: DevelopmentIssuer, sample_service: Service
) -> None:
    settings = sample_settings(sample_ratio=0.0)
    app = create_app(sample_service, settings)
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "Authorization": f"Bearer {issuer.issue('operator')[0]}",
        "traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
        "baggage": "secret=1",
    }
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample") as client,
    ):
        assert (await client.get("/livez", headers=headers)).status_code == 200
        assert (await client.get("/v1/jobs/sample", headers=headers, params={"kind": "1"})).status_code == 200
        headers["traceparent"] = "garbage"
        assert (await client.get("/v1/status/sample", headers=headers)).status_code == 200
    [record] = [json.loads(line) for line in settings.trace_file.read_text().splitlines()]
    assert (record["trace_id"], record["name"], record["service"]) == (trace_id, "GET /v1/jobs/sample", "sample")
    assert not [name for name in record["attributes"] if name.startswith("url.") and name != "url.scheme"]


async def test_an_event_names_the_request_that_caused_it(client: httpx.AsyncClient, sample_database: Database) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    cause = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01", "X-Correlation-Id": "cause-000001"}
    response = await client.post("/v1/notes", json={"id": 1, "text": "x"}, headers=JSON | cause)
    assert response.status_code == 201
    row = await sample_database.pool.fetchrow("SELECT traceparent, correlation_id FROM outbox")
    assert row["traceparent"].split("-")[1] == trace_id
    assert "b7ad6b7169203331" not in row["traceparent"]  # the parent of what follows is our own span
    assert row["correlation_id"] == "cause-000001"


async def test_status_tells_what_is_outstanding(client: httpx.AsyncClient) -> None:
    status = (await client.get("/v1/status/sample")).json()
    assert status["service"] == "sample"
    assert [status[name] for name in ("outbox_pending", "jobs_active", "quarantined")] == [0, 0, 0]
    assert status["business_time"][:4] >= "2026"


async def test_without_its_database_a_service_is_alive_and_not_ready(
    client: httpx.AsyncClient, postgres_server: EmbeddedPostgres
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    admin = await postgres_server.connect()
    await admin.execute("ALTER ROLE sample_app CONNECTION LIMIT 0")
    try:
        await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'sample'")
        ready, live, read = [await client.get(path) for path in ("/readyz", "/livez", "/v1/status/sample")]
        assert (ready.status_code, live.status_code, read.status_code) == (503, 200, 503)
        assert ready.headers["Retry-After"] == "1"
    finally:
        await admin.execute("ALTER ROLE sample_app CONNECTION LIMIT -1")
        await admin.close()
    assert (await client.get("/readyz")).status_code == 200


async def test_a_lock_held_elsewhere_is_waited_for_two_seconds_only(
    client: httpx.AsyncClient, empty_database: EmbeddedPostgres
) -> None:
    connection = await asyncpg.connect(empty_database.url("sample_owner", "sample"))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE note IN ACCESS EXCLUSIVE MODE")
            async with asyncio.timeout(20):
                response = await client.post("/v1/notes", json={"id": 1, "text": "x"}, headers=JSON)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert (await client.post("/v1/notes", json={"id": 1, "text": "x"}, headers=JSON)).status_code == 201
    finally:
        await connection.close()


def test_a_route_without_a_scope_stops_the_start(sample_service: Service) -> None:
    router = APIRouter()

    @router.get("/v1/open")
    def anybody() -> int:
        return 1

    outer = APIRouter(prefix="/outer")
    outer.include_router(router)
    with pytest.raises(RouteWithoutScope, match="/outer/v1/open"):
        create_app(replace(sample_service, routers=[outer]), documentation_settings(sample_service))


def test_the_document_tells_scopes_and_refusals(sample_service: Service) -> None:
    document = openapi.describe(create_app(sample_service, documentation_settings(sample_service)))
    written = document["paths"]["/v1/notes"]["post"]
    assert (written["x-scope"], written["operationId"]) == ("imports:write", "write_note")
    assert {"201", "400", "401", "403", "409", "422", "503"} <= set(written["responses"])
    assert list(written["responses"]["422"]["content"]) == ["application/problem+json"]
    assert [each["name"] for each in written["parameters"]] == ["Idempotency-Key"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "/livez" not in document["paths"]
    assert "/v1/status/sample" in document["paths"]


SCRIPT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("sample_conftest", sys.argv.pop(1))
module = importlib.util.module_from_spec(spec); sys.modules["sample_conftest"] = module
spec.loader.exec_module(module)
from attune_service_kit.service import main
main(module.SERVICE)
heavy = {"duckdb", "pyarrow", "pandas", "sklearn", "lightgbm", "onnx"} & set(sys.modules)
sys.exit(repr(heavy) if heavy else 0)
"""


def command(word: str, environment: dict[str, str], **options: Any) -> "subprocess.Popen[str]":
    here = str(Path(__file__).parent / "conftest.py")
    environment = {**os.environ, **environment}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, here, word],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_document_needs_no_environment_and_a_service_stays_light() -> None:
    process = command("openapi", {})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["info"]["title"] == "Sample"
    assert "/v1/notes" in json.loads(out)["paths"]


async def test_a_process_migrates_serves_drains_and_ends(
    empty_database: EmbeddedPostgres, sample_settings: Settings
) -> None:
    settings = sample_settings(port=_free_port(), drain_seconds=3.0)
    environment = {f"SAMPLE_{name.upper()}": str(getattr(settings, name)) for name in settings.model_fields_set}
    environment["SAMPLE_CURSOR_KEY"] = settings.cursor_key.get_secret_value()
    migrated = command("migrate", environment)
    _, err = migrated.communicate(timeout=60)
    assert migrated.returncode == 0, err
    process = command("app", environment)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as client:
            assert await _answer(client, process) == 200
            process.send_signal(signal.SIGTERM)
            await eventually(lambda: _is_draining(client))
            assert (await client.get("/livez")).status_code == 200
        _, err = process.communicate(timeout=30)
        lines = [json.loads(line) for line in err.splitlines()]
        assert all(line["service"] == "sample" for line in lines)
    finally:
        process.kill()


async def _is_draining(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 503


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answer(client: httpx.AsyncClient, process: "subprocess.Popen[str]") -> int:
    async with asyncio.timeout(60):
        while process.poll() is None:
            try:
                return (await client.get("/readyz")).status_code
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    return 0
