"""The command line's own HTTP client: everything goes through the gateway, as a partner's call would."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx

from attune.home import Home
from attune.output import Failure
from attune.processes import SERVICES
from attune_service_kit.auth import DevelopmentIssuer

POLL_SECONDS = 0.2
SETTLE_SECONDS = 0.05
Progress = Callable[[dict[str, Any]], None]


def issue_token(home: Home, role: str, branch: str | None = None, subject: str | None = None) -> tuple[str, str]:
    """Return a development token of this home and the moment it expires (ISO 8601)."""
    issuer = DevelopmentIssuer(home.keys)
    token, expires_at = issuer.issue(role, branch=branch, subject=subject or f"{role}@attune")
    return token, expires_at.isoformat()


class Client:
    """Calls the gateway of one home with one role's token. Not for use by several threads."""

    def __init__(self, home: Home, role: str = "operator", branch: str | None = None) -> None:
        url = home.state().get("urls", {}).get("gateway")
        if not url:
            raise Failure(f"nothing runs in {home.root}: start it with `attune up --detach --home {home.root}`")
        self.url = str(url)
        self.token, _ = issue_token(home, role, branch)
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=httpx.Timeout(60, connect=5),
            # Certificates take 90 ms to load; a home on this machine speaks plain HTTP.
            verify=url.startswith("https:"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """GET and return the JSON body; a refusal becomes a Failure with its own words."""
        return self._send("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        """POST with an Idempotency-Key: `key`, or a new one."""
        return self._send("POST", path, json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT with a new Idempotency-Key."""
        return self._send("PUT", path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page after page."""
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
        """Wait until a job has ended and return its result."""
        while True:
            state = self.job(service, job)
            if progress:
                progress(state)
            if state["state"] == "done":
                return dict(state["result"] or {})
            if state["state"] in ("failed", "cancelled"):
                error = state.get("error") or {}
                raise Failure(
                    f"{service} job {state['kind']} {state['state']}: {error.get('en') or error or 'no reason given'}"
                )
            time.sleep(POLL_SECONDS)

    def job(self, service: str, job: str) -> dict[str, Any]:
        """Return a job as its service shows it."""
        return dict(self.get(f"/v1/jobs/{service}/{job}"))

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

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        for attempt in range(8):
            try:
                response = self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                if attempt == 7:
                    raise Failure(f"{method} {path}: the gateway does not answer ({error})") from error
            else:
                # Writes carry an Idempotency-Key: repeating a refused-for-now request is safe.
                if response.status_code not in (409, 429, 502, 503, 504) or not response.headers.get("Retry-After"):
                    return _body(method, path, response)
            time.sleep(min(0.2 * 2**attempt, 3))
        return _body(method, path, response)


def _settled(status: dict[str, Any], jobs: bool) -> bool:
    working = jobs and status["jobs_active"]
    return not (status["outbox_pending"] or working or any(c["pending"] for c in status["consumers"]))


def _body(method: str, path: str, response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = problem.get("detail") or problem.get("title") or response.reason_phrase
    words = detail.get("en", detail) if isinstance(detail, dict) else detail
    fields = "; ".join(
        f"{e.get('field', '')}: {e.get('message', e)}" for e in problem.get("errors", []) if isinstance(e, dict)
    )
    raise Failure(
        f"{method} {path}: {response.status_code} {problem.get('code', '')} {words}{f' ({fields})' if fields else ''}"
    )


@contextmanager
def as_role(home: Home, role: str, branch: str | None = None) -> Iterator[Client]:
    """Call as another role of the same home."""
    with Client(home, role, branch) as client:
        yield client
