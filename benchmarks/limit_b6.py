"""The raw limit of B6: one ASGI function, one row by asyncpg, orjson.

It trusts whoever asks, knows one scope, measures nothing. `python -m benchmarks.limit_b6` with PORT, the databases'
addresses, and the environment of customer-360, whose keys open what is sealed.
"""

import os
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from benchmarks.bank_b6 import AS_OF

from attune_service_kit.database import Scope
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.runtime import Runtime
from customer_360 import view, visibility
from customer_360.app import SERVICE
from customer_360.detail_rules import fresh_since
from customer_360.identity import identities
from customer_360.masking import Sight
from customer_360.months import months_before
from customer_360.settings import settings_of
from insight.feature_rows import KINDS, NAMES

FEATURES = "SELECT customer_id, branch_id, whole, shares, flags, codes FROM feature_row_0 WHERE customer_id = $1"
FEATURE_NAMES = tuple(name for kind in KINDS for name in NAMES[kind])
ALL = Scope("all")
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Limit:
    """Answers two kinds of request."""

    def __init__(self) -> None:
        self._customers: asyncpg.Pool
        self._features: asyncpg.Pool
        self._runtime: Runtime

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        """One request, or the server's whole life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path: str = scope["path"]
        customer = path.rpartition("/")[2]
        body = await (self._vector(customer) if path.startswith("/v1/features/") else self._view(customer))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        await receive()
        self._runtime = make_runtime(SERVICE, SERVICE.settings(), "app")
        async with running(self._runtime):
            named = {"application_name": "b6-limit", "plan_cache_mode": "force_generic_plan"}
            self._customers = await asyncpg.create_pool(
                os.environ["CUSTOMERS"], min_size=5, max_size=5, server_settings=named
            )
            self._features = await asyncpg.create_pool(
                os.environ["FEATURES"], min_size=5, max_size=5, server_settings=named
            )
            settings, now = settings_of(self._runtime), self._runtime.clock.now()
            self._arguments = (
                *visibility.arguments(ALL),
                settings.currency,
                self._runtime.clock.business_date(),
                months_before(now, settings.timeline_months),
                orjson.dumps(fresh_since(now, settings.fresh_months)).decode(),
            )
            self._keys, self._sight = identities(self._runtime), Sight(names=True)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _view(self, customer: str) -> bytes:
        row = await self._customers.fetchrow(view.VIEW, UUID(customer), *self._arguments)
        opened = orjson.dumps(view._opened(row, self._keys, self._sight))
        return row["body"].encode()[:-1] + b"," + opened[1:]

    async def _vector(self, customer: str) -> bytes:
        row = await self._features.fetchrow(FEATURES, UUID(customer))
        values = [*row["whole"], *row["shares"], *row["flags"], *row["codes"]]
        return orjson.dumps(
            {
                "customer_id": row["customer_id"],
                "as_of": date.fromisoformat(AS_OF),
                "stale": False,
                "branch_id": row["branch_id"],
                "features": dict(zip(FEATURE_NAMES, values, strict=True)),
            },
            default=str,
        )


def main() -> None:
    """Serve until told to stop."""
    port = int(os.environ["PORT"])
    uvicorn.run(Limit(), host="127.0.0.1", port=port, log_level="error", access_log=False, loop="uvloop",
                http="httptools", lifespan="on")  # fmt: skip


if __name__ == "__main__":
    main()
