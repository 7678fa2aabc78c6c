"""The façade: every group of operations as an attribute, and what a program does with long jobs."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

import httpx

from attune_client.base import adapter
from attune_client.generated import Api
from attune_client.generated.schemas import Job
from attune_client.transport import Token, Transport


class JobFailed(Exception):
    """A job ended otherwise than done; `job` says how."""

    def __init__(self, job: Job) -> None:
        self.job = job
        words = (job.error.en if job.error else None) or "no reason given"
        super().__init__(f"{job.kind} {job.state}: {words}")


class Attune(Api):
    """A gateway of Attune as one caller sees it.

    `token` is an access token, or a function (async or not) that returns a fresh one for each request. Reads and writes
    with an Idempotency-Key, which every write gets by itself, are tried `retries` times more when nobody answers or the
    answer says "later". Refusals are raised as `Problem`. For the tasks of one event loop.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        retries: int = 2,
        timeout: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._transport = Transport(url, token, retries=retries, timeout=timeout, http=http)
        super().__init__(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def request(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **params: Any
    ) -> Any:
        """Call an operation by its path and return the plain JSON, for what has no typed method."""
        headers: Mapping[str, str] = {} if method == "GET" else {"Idempotency-Key": key or uuid.uuid4().hex}
        content = None
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
            content = json.dumps(body).encode()
        said = {name: value for name, value in params.items() if value is not None}
        answer = await self._transport.send(
            method, path, params=said, headers=headers, content=content, repeatable=True
        )
        return json.loads(answer) if answer else None

    async def job(self, service: str, job_id: UUID | str) -> Job:
        """A job of a service, as it stands."""
        answer = await self._transport.send("GET", f"/v1/jobs/{service}/{job_id}", repeatable=True)
        job: Job = adapter(Job).validate_json(answer)
        return job

    async def finished(self, service: str, job_id: UUID | str, *, every: float = 0.5) -> Job:
        """Wait for the end of a job and return it; raises JobFailed if it is not done."""
        while True:
            job = await self.job(service, job_id)
            if job.state == "done":
                return job
            if job.state in ("failed", "cancelled"):
                raise JobFailed(job)
            await asyncio.sleep(every)
