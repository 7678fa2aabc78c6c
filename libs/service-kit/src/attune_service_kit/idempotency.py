"""Repeating an HTTP write is safe: the first result is stored in the write's own transaction and told again (P-10)."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import asyncpg
import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from attune_service_kit.auth import Caller, authenticated
from attune_service_kit.crypto import Keyring
from attune_service_kit.database import Database, Scope, Transaction
from attune_service_kit.errors import BadRequest, Conflict, Invalid

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

KEY = re.compile(r"[\x21-\x7e]{16,64}")

# The lock tells at once, without waiting, whether another transaction has the key in hand.
_CLAIM = """
WITH mine AS (SELECT pg_try_advisory_xact_lock($6) AS held), claimed AS (
    INSERT INTO idempotency_key (client_id, method, route, key, body_hash, state)
    SELECT $1, $2, $3, $4, $5, 'running' FROM mine WHERE held ON CONFLICT DO NOTHING RETURNING true)
SELECT held, EXISTS (SELECT FROM claimed) AS claimed FROM mine"""
_STORED = """
SELECT body_hash, status, response FROM idempotency_key
WHERE client_id = $1 AND method = $2 AND route = $3 AND key = $4"""
_STORE = """
UPDATE idempotency_key SET state = 'done', status = $5, response = $6
WHERE client_id = $1 AND method = $2 AND route = $3 AND key = $4"""


# A client may repeat a write this long after the first try.
KEPT_HOURS = 48
_PRUNE = "DELETE FROM idempotency_key WHERE created_at < now() - make_interval(hours => $1)"


class InFlight(Conflict):
    """The same key is being worked on."""

    code = "idempotency_key_in_flight"


class OtherPayload(Invalid):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class KeyMissing(BadRequest):
    """A write came without a usable key."""

    code = "idempotency_key_missing"


# What any write may answer for its key's sake.
REFUSALS = (KeyMissing, InFlight, OtherPayload)


class Write:
    """One idempotent write: `return await write(run, status=201)`.

    `run` gets the transaction and returns the body of the answer; the answer is stored in that transaction, and a
    repetition gets the same bytes with the header `Idempotent-Replayed: true`. A Refusal rolls back and is not stored.
    """

    def __init__(
        self,
        runtime: "Runtime",
        caller: Caller,
        route: tuple[str, str],
        key: str,
        content: bytes,
        *,
        operation: str = "write",
    ) -> None:
        self.caller = caller
        self._operation = operation
        self._database: Database = runtime.database
        # One application serves many people: each has their own keys, or one could be told another's answer.
        who = caller.client_id if caller.client_id == caller.subject else f"{caller.client_id}\n{caller.subject}"
        self._identity = (who, *route, key)
        self._row = "\x00".join(self._identity)
        keys: Keyring = runtime.keys
        # Answers and requests may hold personal data: neither can be read, or guessed, in the table.
        self._answers = keys.column("idempotency_key", "response")
        self._keyed = keys.digests("idempotency_key.body")
        self._hold(content)

    def _hold(self, content: bytes) -> None:
        self._content = content
        self._digest, self._digests = self._keyed.of(content), self._keyed.by_each(content)

    def holds_too(self, sha256: str) -> None:
        """Say what a file's bytes are, once they are there: with the same key, others are another request."""
        self._hold(self._content + sha256.encode())

    @property
    def scope(self) -> Scope:
        """Whose data the caller may see."""
        return self.caller.scope

    async def __call__(self, run: Callable[[Transaction], Awaitable[BaseModel]], *, status: int = 200) -> Response:
        """Run the write, or tell its stored result."""
        async with self._database.transaction(self.scope) as tx:
            tx.who = self.caller.subject
            if not await self._claim(tx.conn):
                return await self._replay(tx.conn)
            body = (await run(tx)).model_dump_json(by_alias=True).encode()
            if not tx.audited:  # a use case that says nothing itself: the operation and its path are on record
                await tx.audit(self._operation, "operation", self._identity[2])
            await tx.session.flush()
            await tx.conn.execute(_STORE, *self._identity, status, self._answers.seal(self._row, body))
        return _answer(status, body)

    async def _claim(self, conn: asyncpg.Connection) -> bool:
        """Take the key for this transaction; False if its result is stored, InFlight if somebody else has it now."""
        name = hashlib.sha256(self._row.encode()).digest()[:8]
        lock = int.from_bytes(name, "big", signed=True)
        [row] = await conn.fetch(_CLAIM, *self._identity, self._digest, lock)
        if not row["held"]:
            raise InFlight("a request with this key is in flight", "相同幂等键的请求正在处理", retry_after=1)
        return bool(row["claimed"])

    async def _replay(self, conn: asyncpg.Connection) -> Response:
        stored = await conn.fetchrow(_STORED, *self._identity)
        if stored is None or stored["body_hash"] not in self._digests:
            raise OtherPayload("this key was used for another request", "该幂等键已用于其他请求")
        return _answer(stored["status"], self._answers.open(self._row, stored["response"]), replayed=True)


def _answer(status: int, body: bytes, *, replayed: bool = False) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    return Response(body, status, headers, "application/json")


async def idempotent(request: Request, caller: Annotated[Caller, Depends(authenticated)]) -> Write:
    """Dependency of every POST, PUT and PATCH that writes: `write: Annotated[Write, Depends(idempotent)]`."""
    key = request.headers.get("idempotency-key", "")
    if not KEY.fullmatch(key):
        raise KeyMissing(
            "a write needs the header Idempotency-Key of 16 to 64 visible characters",
            "写操作需要 16 至 64 个可见字符的 Idempotency-Key 请求头",
        )
    route = request.method, request.scope["path"]
    operation = str(getattr(request.scope.get("route"), "operation_id", None) or "write")
    return Write(request.app.state.runtime, caller, route, key, _content(request), operation=operation)


def _content(request: Request) -> bytes:
    """The canonical body and the query: key order and white space do not make another request."""
    body: Any = request.scope["state"].get("json")
    # A file's body is not read here: whoever reads it tells its hash (`holds_too`).
    announced = request.headers.get("content-digest")
    return orjson.dumps([body, request.url.query, announced], option=orjson.OPT_SORT_KEYS)


async def prune(runtime: "Runtime", every: float = 3600) -> None:
    """Forget keys older than KEPT_HOURS, each hour; a background task of every worker."""
    while True:
        await runtime.worker_database.pool.execute(_PRUNE, KEPT_HOURS)
        await asyncio.sleep(every)
