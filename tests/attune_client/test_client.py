"""The typed client against a scripted server: typed answers, typed refusals, retries only where nothing doubles."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import attune_client
from attune_client import Attune, Conflict, Invalid, JobFailed, NotFound, Problem, Unavailable, Unreachable, schemas
from attune_client import transport as transport_module

CUSTOMER = "31a841d3-58da-8a8d-88a1-8b4e53d3878c"
TASK = {
    "id": "0190a7c2-7b1e-7d35-8f04-5a6b9c2d1e3f",
    "customer_id": CUSTOMER,
    "branch_id": None,
    "campaign": "large-deposit",
    "channel": "call_centre",
    "employee_id": None,
    "state": "a state of tomorrow",
    "disposition": None,
    "escalated": False,
    "claimed_by": None,
    "business_date": "2026-03-17",
    "created_at": "2026-03-17T06:05:11Z",
    "due_at": "2026-03-18T06:05:11Z",
    "priority": "normal",
    "attempts": 0,
    "claimed_until": None,
    "kept_for": None,
    "call_back_at": None,
    "campaign_priority": 50,
    "visible_from": None,
    "completed_at": None,
    "opportunity_ids": [],
    "a_field_of_tomorrow": 1,
}
Answer = Response | Exception


class Server:
    """Gives the scripted answers one after the other and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []

    async def answer(self, request: Request) -> Response:
        self.asked.append(request)
        self.bodies.append(await request.body())
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, token: Any = None, retries: int = 3) -> Attune:
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST", "PUT", "PATCH"])])
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        return Attune("http://gateway.test/", token or "t", http=http, retries=retries)


def refusal(status: int, code: str, **more: Any) -> JSONResponse:
    body = {"title": "T", "status": status, "code": code, "detail": {"en": "in words", "zh": "文字"}}
    headers = more.pop("headers", {})
    return JSONResponse(body | more, status, headers, "application/problem+json")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses are noted, not waited."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(transport_module.asyncio, "sleep", noted)
    return pauses


async def test_an_answer_is_typed_and_tomorrows_fields_and_values_pass() -> None:
    server = Server(JSONResponse({"items": [TASK], "next_cursor": None}))
    async with server.client() as attune:
        [task] = (await attune.tasks.list(state="open", limit=5)).items
    assert isinstance(task, schemas.TaskView)
    assert (task.business_date, task.state) == (date(2026, 3, 17), "a state of tomorrow")
    assert task.created_at.tzinfo is not None
    assert dict(server.asked[0].query_params) == {"state": "open", "limit": "5"}
    assert server.asked[0].headers["authorization"] == "Bearer t"


async def test_every_write_has_a_key_of_its_own_or_the_one_that_is_given() -> None:
    server = Server(*(JSONResponse(TASK) for _ in range(3)))
    async with server.client() as attune:
        body = schemas.Completion(disposition="reached")
        for key in (None, None, "a-key-from-elsewhere"):
            await attune.tasks.complete(uuid.UUID(TASK["id"]), body, idempotency_key=key)
    keys = [request.headers["idempotency-key"] for request in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "a-key-from-elsewhere"
    assert [json.loads(body) for body in server.bodies] == [{"disposition": "reached"}] * 3
    assert server.asked[0].url.path == f"/v1/tasks/{TASK['id']}:complete"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_passing_refusal_is_tried_again_with_the_same_key(status: int, impatient: list[float]) -> None:
    server = Server(
        refusal(status, "later", headers={"Retry-After": "2"}), refusal(status, "later"), JSONResponse(TASK)
    )
    async with server.client() as attune:
        await attune.tasks.claim(uuid.UUID(TASK["id"]))
    assert len({request.headers["idempotency-key"] for request in server.asked}) == 1
    assert impatient[0] >= 2
    assert impatient[1] < 1


async def test_a_key_in_flight_is_waited_for_and_another_conflict_is_not() -> None:
    server = Server(refusal(409, "idempotency_key_in_flight"), JSONResponse(TASK))
    async with server.client() as attune:
        await attune.tasks.claim(uuid.UUID(TASK["id"]))
        server.answers = [refusal(409, "task_not_available", state="done")]
        with pytest.raises(Conflict) as caught:
            await attune.tasks.claim(uuid.UUID(TASK["id"]))
    assert (caught.value.code, caught.value.zh, caught.value.extras["state"]) == ("task_not_available", "文字", "done")


async def test_bytes_are_sent_as_bytes_and_objects_as_json() -> None:
    part = {"name": "a.csv", "bytes": 2, "sha256": "0" * 64}
    server = Server(JSONResponse(part), JSONResponse(part), JSONResponse(TASK))
    async with server.client() as attune:
        for content in (b"x;", b""):
            await attune.imports.upload_import_file(uuid.UUID(CUSTOMER), "a.csv", content)
        await attune.request("POST", "/v1/tasks", {})
    kinds = [request.headers["Content-Type"] for request in server.asked]
    assert kinds == ["application/octet-stream", "application/octet-stream", "application/json"]
    assert server.bodies[:2] == [b"x;", b""]


async def test_what_is_not_repeatable_is_sent_once() -> None:
    server = Server(refusal(503, "unavailable"))
    async with server.client() as attune:
        with pytest.raises(Unavailable):
            await attune._transport.send("POST", "/v1/anything", content=b"{}")
    assert len(server.asked) == 1


async def test_p21_of_many_calls_to_a_gateway_that_is_gone_few_are_repeated() -> None:
    server = Server(*(httpx.ConnectError("refused") for _ in range(200)))
    async with server.client(retries=2) as attune:
        for _ in range(100):
            with pytest.raises(Unreachable):
                await attune.branches.list()
    assert 110 <= len(server.asked) <= 120, "ten, and a tenth"


async def test_nobody_answering_is_said_after_the_last_try() -> None:
    server = Server(*(httpx.ConnectError("refused") for _ in range(3)))
    async with server.client(retries=2) as attune:
        with pytest.raises(Unreachable, match="GET /v1/branches: ConnectError refused"):
            await attune.branches.list()
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (422, Invalid), (418, Problem)])
async def test_a_refusal_is_an_exception_of_its_status_with_its_code(status: int, kind: type[Problem]) -> None:
    server = Server(refusal(status, "some_code", request_id="r-1"))
    async with server.client() as attune:
        with pytest.raises(kind, match=f"{status} some_code: in words") as caught:
            await attune.customers.view(uuid.UUID(CUSTOMER))
    assert type(caught.value) is kind
    assert (caught.value.request_id, caught.value.method) == ("r-1", "GET")
    assert caught.value.path == f"/v1/customers/{CUSTOMER}"


async def test_an_error_that_is_no_problem_json_keeps_its_status() -> None:
    server = Server(Response("<html>proxy</html>", 500))
    async with server.client() as attune:
        with pytest.raises(Problem, match="500 unknown") as caught:
            await attune.request("GET", "/v1/offers")
    assert caught.value.status == 500


async def test_a_list_is_followed_to_its_end() -> None:
    pages = [JSONResponse({"items": [TASK], "next_cursor": c}) for c in ("one", "two", None)]
    server = Server(*pages)
    async with server.client() as attune:
        assert len([task async for task in attune.tasks.iterate(limit=1)]) == 3
    assert [request.query_params.get("cursor") for request in server.asked] == [None, "one", "two"]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_function_gives_a_fresh_token_for_each_request(kind: str) -> None:
    tokens = iter(["first", "second"])

    def plain() -> str:
        return next(tokens)

    async def waiting() -> str:
        return next(tokens)

    given: Callable[[], str] | Callable[[], Awaitable[str]] = plain if kind == "plain" else waiting
    server = Server(JSONResponse([]), JSONResponse([]))
    async with server.client(given) as attune:
        await attune.request("GET", "/v1/offers")
        await attune.request("GET", "/v1/offers")
    assert [r.headers["authorization"] for r in server.asked] == ["Bearer first", "Bearer second"]


def job(state: str, **more: Any) -> JSONResponse:
    return JSONResponse(
        {
            "id": TASK["id"], "kind": "measure", "state": state, "progress": 1, "total": None, "message": None,
            "result": None, "error": None, "created_at": TASK["created_at"], "started_at": None, "finished_at": None,
        }
        | more
    )  # fmt: skip


async def test_a_job_is_waited_for_and_a_failed_one_says_why() -> None:
    server = Server(job("queued"), job("running"), job("done", result={"rows": 3}))
    async with server.client() as attune:
        assert (await attune.finished("campaign", TASK["id"], every=0)).result == {"rows": 3}
        server.answers = [job("failed", error={"code": "x", "en": "no ledger", "zh": "无账"})]
        with pytest.raises(JobFailed, match="measure failed: no ledger"):
            await attune.finished("campaign", TASK["id"])


async def test_server_sent_events_are_followed_to_their_end_and_can_be_taken_up_again() -> None:
    ready = "retry: 2000\n\nevent: ready\nid: 41\ndata: {}\n\n: still here\n\n"
    stream = ready + 'event: task\nid: 42\ndata: {"a":\ndata: 1}\n\n'
    server = Server(Response(stream, media_type="text/event-stream"), refusal(503, "unavailable"))
    async with server.client() as attune:
        events = [event async for event in attune.tasks.stream(last_event_id="40")]
        with pytest.raises(Unavailable):
            await anext(attune.tasks.stream())
    assert [(e.event, e.id, e.data) for e in events] == [("ready", "41", {}), ("task", "42", {"a": 1})]
    assert server.asked[0].headers["last-event-id"] == "40"
    assert server.asked[0].headers["accept"] == "text/event-stream"


def test_what_the_package_offers() -> None:
    assert set(attune_client.__all__) == {
        "Attune", "BadRequest", "Conflict", "Forbidden", "Invalid", "JobFailed", "Model", "NotFound", "Problem",
        "StaleVersion", "TooLarge", "TooManyRequests", "Unauthenticated", "Unavailable", "Unreachable", "schemas",
    }  # fmt: skip


async def test_a_change_is_made_or_waits_for_a_second_person() -> None:
    parameters = {"private_at_minor": 1, "active_days": 365}
    made = {"version": 2, "parameters": parameters, "made_by": "h-1", "made_at": "2026-03-17T06:05:11Z"}
    waits = {"id": "0198c1d2-7f40-7abc-8def-0123456789ab", "kind": "parameters.value-quadrant", "payload": parameters}
    waits |= {"entity": "value-quadrant", "sha256": "0" * 64, "base": "1", "maker": "h-1", "state": "pending"}
    waits |= {"created_at": "2026-03-17T06:05:11Z", "expires_at": "2026-03-20T06:05:11Z"}
    waits |= {"decided_by": None, "decided_at": None, "reason": None}
    server = Server(JSONResponse(made), JSONResponse(waits, 202))
    change = schemas.QuadrantChange(active_days=365)
    async with server.client() as attune:
        answers = [await attune.parameters.value_quadrant_change(change) for _ in range(2)]
    assert [type(answer) for answer in answers] == [schemas.QuadrantVersion, schemas.Proposal]
