"""The command line calls Attune as a partner's program does: through the gateway, with the typed client."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from uuid import UUID

from attune.home import Home
from attune.output import Failure
from attune.processes import SERVICES
from attune_client import Attune, Problem, Unreachable, schemas
from attune_contracts.audiences import AUDIENCES
from attune_service_kit.development_issuer import DevelopmentIssuer

POLL_SECONDS = 0.2
SETTLE_SECONDS = 0.05
SAY_AFTER_SECONDS = 3.0
Progress = Callable[[schemas.Job], None]
T = TypeVar("T")


def issue_token(
    home: Home,
    role: str,
    branch: str | None = None,
    subject: str | None = None,
    customer: UUID | None = None,
    audience: Sequence[str] = AUDIENCES,
) -> tuple[str, str]:
    """Return a development token of this home and the moment it expires (ISO 8601)."""
    issuer = DevelopmentIssuer(home.keys)
    who = subject or f"{role}@attune"
    token, expires_at = issuer.issue(role, branch=branch, subject=who, customer=customer, audience=audience)
    return token, expires_at.isoformat()


class Client:
    """The typed client for code without an event loop: one home, one role. Not for use by several threads.

    A refusal, and nobody answering, become a Failure with its own words.
    """

    def __init__(self, home: Home, role: str = "operator", branch: str | None = None) -> None:
        url = home.state().get("urls", {}).get("gateway")
        if not url:
            raise Failure(f"nothing runs in {home.root}: start it with `attune up --detach --home {home.root}`")
        self.url = str(url)
        self.token, _ = issue_token(home, role, branch)
        self._attune = Attune(self.url, self.token, retries=7, timeout=60)
        self._loop = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._attune.close())
        self._loop.close()

    def ask(self, call: Callable[[Attune], Coroutine[Any, Any, T]]) -> T:
        """Call an operation: `client.ask(lambda attune: attune.customers.view(customer_id))`."""
        try:
            return self._loop.run(call(self._attune))
        except Problem as problem:
            raise Failure(_said(problem)) from problem
        except Unreachable as error:
            raise Failure(f"the gateway does not answer: {error}") from error

    def all(self, items: Callable[[Attune], AsyncIterator[T]]) -> list[T]:
        """Every item of a list: `client.all(lambda attune: attune.tasks.iterate(state="open"))`."""

        async def collected(attune: Attune) -> list[T]:
            return [item async for item in items(attune)]

        return self.ask(collected)

    def get(self, path: str, **params: Any) -> Any:
        """GET and return the plain JSON."""
        return self.ask(lambda attune: attune.request("GET", path, **params))

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        """POST with an Idempotency-Key: `key`, or a new one."""
        return self.ask(lambda attune: attune.request("POST", path, body, key=key))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT with a new Idempotency-Key."""
        return self.ask(lambda attune: attune.request("PUT", path, body))

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a list as plain JSON, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def run_job(
        self, service: str, path: str, body: dict[str, Any], progress: Progress | None = None
    ) -> dict[str, Any]:
        """Start a job and wait for its end; return its result. A failed job becomes a Failure with its own words."""
        return self.wait_job(service, str(self.post(path, body)["id"]), progress)

    def wait_job(self, service: str, job: str, progress: Progress | None = None) -> dict[str, Any]:
        """Wait until a job has ended and return its result; one that others keep waiting says by which."""
        asked, said = time.monotonic(), None
        while True:
            state = self.job(service, job)
            if state.state == "queued":
                if time.monotonic() - asked > SAY_AFTER_SECONDS:
                    asked, said = time.monotonic(), self._in_the_way()
                state = state.model_copy(update={"message": said})
            if progress:
                progress(state)
            if state.state == "done":
                return dict(state.result or {})
            if state.state in ("failed", "cancelled"):
                words = state.error.en if state.error else "no reason given"
                raise Failure(f"{service} job {state.kind} {state.state}: {words}")
            time.sleep(POLL_SECONDS)

    def _in_the_way(self) -> str:
        """What runs now: heavy jobs of a home take turns."""
        running = [(name, one) for name in SERVICES for one in self.get(f"/v1/jobs/{name}", state="running")["items"]]
        told = [f"{name} {one['kind']} {one['id']}, {one['message'] or one['progress']}" for name, one in running]
        return f"after {'; '.join(told)}" if told else "waits for its turn"

    def job(self, service: str, job: str) -> schemas.Job:
        """Return a job as its service shows it."""
        return self.ask(lambda attune: attune.job(service, job))

    def status(self, service: str) -> dict[str, Any]:
        """Return a service's lag and business time."""
        return dict(self.get(f"/v1/status/{service}"))

    def settle(self, *services: str, timeout: float = 300, jobs: bool = True) -> None:
        """Wait until nothing is on its way: outboxes sent, consumers caught up, jobs ended, twice in a row.

        The services are asked in the order of the flow, so that an event cannot slip through between two answers.
        `jobs=False`: a job may go on, as a replay that waits for its next day.
        """
        deadline = time.monotonic() + timeout
        calm = 0
        while calm < 2:
            pending = [name for name in services or SERVICES if not _settled(self.status(name), jobs)]
            calm = 0 if pending else calm + 1
            if time.monotonic() > deadline:
                raise Failure(
                    f"{', '.join(pending)} did not catch up within {timeout:.0f} s: see `attune status` and the logs"
                )
            if pending:
                time.sleep(SETTLE_SECONDS)


def _settled(status: dict[str, Any], jobs: bool) -> bool:
    working = jobs and status["jobs_active"]
    return not (status["outbox_pending"] or working or any(c["pending"] for c in status["consumers"]))


def _said(problem: Problem) -> str:
    """A refusal for people: its words first, then where they come from."""
    whence = f"{problem.method} {problem.path}: {problem.status} {problem.code}"
    return f"{problem.en}{_faults(problem)} ({whence})"


def _faults(problem: Problem) -> str:
    """Where a request does not meet its contract."""
    errors = [error for error in problem.extras.get("errors", []) if isinstance(error, dict)]
    # Of a file, the first fault is the problem's own text.
    in_file = [f"line {f['line']}, column {f['column']}: {f['en']}" for f in errors if "line" in f][1:]
    faults = in_file or [f"{f.get('at')}: {f.get('en') or f.get('fault')}" for f in errors if "line" not in f]
    return f" ({'; '.join(faults)})" if faults else ""


@contextmanager
def as_role(home: Home, role: str, branch: str | None = None) -> Iterator[Client]:
    """Call as another role of the same home."""
    with Client(home, role, branch) as client:
        yield client
