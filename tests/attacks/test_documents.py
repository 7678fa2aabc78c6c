"""Every operation of every service, asked with what its document allows and with what it does not (P-33).

Each service alone on a real port with an empty database, as every kind of caller that may ask: every operation by
itself, then walks through several, where what one has answered is asked of the next (by links that are inferred from
the document). What comes at random is the same each time. `make test` has the boundaries, 50 cases an operation and few
walks; `make test-full` has 2,000 cases an operation (`ATTUNE_API_CASES`) and more walks, a quarter of an hour and more
for each service.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test

from attune_contracts.access import CUSTOMER_ROLES, WHOLE_BANK_ROLES
from attune_service_kit.http_protocol import GuardedProtocol
from attune_service_kit.openapi import describe
from attune_service_kit.testing import RunningService, StartService

from .conftest import HEAD_OFFICE, SERVICES, roles_with, service_of
from .wire import not_checked

MANY = int(os.environ.get("ATTUNE_API_CASES", "2000"))
ROUND = 50  # cases an operation, before the next operation is asked
FEW_WALKS, WALKS, STEPS, PACK = 10, 60, 8, 5
CUSTOMER = UUID("0190a7c0-5f3e-8c41-9d2a-3b1f6c8e4a70")
QUIET: dict[str, Any] = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

Token = Callable[..., dict[str, str]]


class Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the test owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def on_a_port(service: RunningService) -> Any:
    """The service as it is served, on a port of its own."""
    config = uvicorn.Config(
        service.app, port=0, http=GuardedProtocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = Quiet(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag only
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


def callers(scope: str, token: Token) -> list[dict[str, str]]:
    """One who may see the whole bank, one of a branch and a customer: of those that hold the scope."""
    kinds: dict[str, dict[str, str]] = {}
    for role in roles_with(scope):
        if role in CUSTOMER_ROLES:
            kinds["customer"] = token(role, customer=CUSTOMER)
        elif role in WHOLE_BANK_ROLES:
            kinds["bank"] = token(role)
        else:
            kinds["branch"] = token(role, HEAD_OFFICE)
    return list(kinds.values())


class Inspection:
    """Asks operations and notes what their document does not say, once for each kind of fault."""

    def __init__(self, address: str, token: Token) -> None:
        self.address, self.token = address, token
        self.session = requests.Session()
        self.session.trust_env = False  # no proxies are looked for at every call
        self.faults: dict[tuple[str, str], str] = {}
        self.who: dict[str, list[dict[str, str]]] = {}
        self.asked = self.walked = 0

    def ask(self, operation: Any, modes: list[Any], seed: int = 0) -> None:
        """One operation in cases of these modes: of the boundaries, and a round at random."""

        def of_one(case: Any) -> None:
            self.judge(case, case.call(base_url=self.address, session=self.session, headers=self.caller(case)))

        config = HypothesisTestConfig(
            project=operation.schema.config,
            modes=modes,
            settings=settings(max_examples=ROUND, phases=(Phase.explicit, Phase.generate), **QUIET),
        )
        hypothesis.seed(seed)(create_test(operation=operation, test_func=of_one, config=config))()

    def walk(self, document: Any, walks: int, seed: int = 0) -> None:
        """Through several operations, so many times."""
        inspection = self

        class Walk(document.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return {
                    "base_url": inspection.address,
                    "session": inspection.session,
                    "headers": inspection.caller(case),
                }

            def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
                inspection.walked += 1
                inspection.judge(case, response, recorder=self.recorder)

        how = settings(max_examples=PACK, stateful_step_count=STEPS, phases=(Phase.generate,), **QUIET)
        for pack in range(walks // PACK):
            # The service remembers earlier walks: where Hypothesis wonders why not all is as it was, a pack ends early.
            with contextlib.suppress(Flaky):
                hypothesis.seed(seed * walks + pack)(Walk).run(settings=how)

    def caller(self, case: Any) -> dict[str, str]:
        """One of those who may call this operation, each in turn."""
        self.asked += 1
        scope = case.operation.definition.raw["x-scope"]
        if scope not in self.who:
            self.who[scope] = callers(scope, self.token)
        return self.who[scope][self.asked % len(self.who[scope])]

    def judge(self, case: Any, answer: Any, **how: Any) -> None:
        """Note what the answer has that the document does not say."""
        operation = case.operation
        if answer.status_code >= 500 and answer.status_code != 503:
            self.note(operation, f"{answer.status_code}", case)
        if answer.status_code >= 400 and case.method != "HEAD":
            problem = answer.json()
            kind, said = answer.headers["content-type"], set(problem["detail"])
            if (kind, said) != (["application/problem+json"], {"en", "zh"}):
                self.note(operation, f"no problem: {answer.text[:200]}", case)
        try:
            case.validate_response(answer, excluded_checks=not_checked(case, answer.status_code), **how)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.note(operation, f"{answer.status_code} {failure}", case)

    def note(self, operation: Any, what: str, case: Any) -> None:
        kind = (operation.label, what.splitlines()[0][:60])
        self.faults.setdefault(kind, f"{operation.label}: {what[:600]}\n    {case.as_curl_command()[:600]}")


def briefly(inspection: Inspection, document: Any) -> None:
    """The boundaries, one round at random, and few walks."""
    for found in document.get_all_operations():
        inspection.ask(found.ok(), list(HypothesisTestMode))
    inspection.walk(document, FEW_WALKS)


def at_length(inspection: Inspection, document: Any) -> None:
    """Round after round."""
    for number in range(max(1, MANY // ROUND)):
        for found in document.get_all_operations():
            modes = [HypothesisTestMode.FUZZING] if number else list(HypothesisTestMode)
            inspection.ask(found.ok(), modes, seed=number)
        inspection.walk(document, WALKS, seed=number)


async def faults(service: RunningService, token: Token, inspect: Callable[[Inspection, Any], None]) -> str:
    """What the service does that its document does not say, one paragraph each."""
    document = schemathesis.openapi.from_dict(describe(service.app))
    document.config.max_stream_events = 1  # a live feed never ends
    async with on_a_port(service) as address:
        inspection = Inspection(address, token)
        await asyncio.to_thread(inspect, inspection, document)
    assert inspection.asked > len(document)
    assert inspection.walked > 0
    return "\n".join(inspection.faults.values())


@pytest.mark.timeout(1800)  # a minute of the processor, where others work too
@pytest.mark.parametrize("name", SERVICES)
async def test_the_document_is_the_behaviour(name: str, start_service: StartService, token: Token) -> None:
    service = await start_service(service_of(name), worker=False)
    assert await faults(service, token, briefly) == ""


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", SERVICES)
async def test_the_document_is_the_behaviour_in_many_cases(
    name: str, start_service: StartService, token: Token
) -> None:
    service = await start_service(service_of(name), worker=False)
    assert await faults(service, token, at_length) == ""
