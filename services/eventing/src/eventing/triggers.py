"""Triggers: versioned parameters; a change is a new version (X9: the version is not part of a detection's key)."""

from collections.abc import Mapping
from typing import Any, cast

import asyncpg
import orjson

from attune_service_kit.errors import NotFound
from eventing import money
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.judging import Rule

Row = Mapping[str, Any]
# A connection, or the pool for a single read.
Queryable = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy | asyncpg.Pool

_CURRENT = """
SELECT DISTINCT ON (name) name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days,
       expires_hours, enabled, created_at, created_by, definition, backfilled_at
FROM trigger {where} ORDER BY name, version DESC"""
_VERSIONS = """
SELECT name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days, expires_hours, enabled,
       created_at, created_by, definition, backfilled_at
FROM trigger ORDER BY name, version DESC"""
_LIVE = "UPDATE trigger SET backfilled_at = now() WHERE name = $1 AND version = $2 AND backfilled_at IS NULL"
_ADD = """
INSERT INTO trigger (name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days,
                     expires_hours, enabled, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
# What a new version may change; the rest is the trigger's nature.
PARAMETERS = ("minimum_minor", "cooldown_days", "lateness_days", "expires_hours", "enabled")


async def current(conn: Queryable) -> list[Row]:
    """The newest version of every trigger, by name."""
    rows: Any = await conn.fetch(_CURRENT.format(where=""))
    return cast(list[Row], rows)


async def in_force(conn: Queryable) -> list[Row]:
    """The newest version of every trigger whose states are there, by name: what the stream is judged by."""
    rows: Any = await conn.fetch(_CURRENT.format(where="WHERE backfilled_at IS NOT NULL"))
    return cast(list[Row], rows)


async def go_live(conn: Queryable, name: str, version: int) -> None:
    """A version's states are there: from now on it is in force."""
    await conn.execute(_LIVE, name, version)


async def versions(conn: Queryable) -> list[Row]:
    """Every version of every trigger, the newest of each first."""
    rows: Any = await conn.fetch(_VERSIONS)
    return cast(list[Row], rows)


async def get(conn: Queryable, name: str) -> Row:
    """The newest version of one trigger; refuses an unknown name."""
    row: Any = await conn.fetchrow(_CURRENT.format(where="WHERE name = $1"), name)
    if row is None:
        raise NotFound("there is no such trigger", "没有该触发器")
    return cast(Row, row)


async def change(conn: Queryable, name: str, changes: Row, who: str) -> tuple[Row, bool]:
    """Add a version with the given parameters changed; return the newest one and whether it is new.

    Two changes at once take turns, so no version is lost.
    """
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('eventing.trigger.' || $1))", name)
    old = await get(conn, name)
    new = dict(old) | dict(changes)
    if all(new[key] == old[key] for key in PARAMETERS):
        return old, False
    await conn.execute(
        _ADD,
        name,
        old["version"] + 1,
        old["kind"],
        old["event_type"],
        old["months"],
        *(new[key] for key in PARAMETERS),
        who,
    )
    return await get(conn, name), True


def rule(row: Row) -> Rule:
    """The parameters as the judging takes them."""
    return Rule(
        row["name"],
        row["version"],
        row["months"],
        row["minimum_minor"],
        row["cooldown_days"],
        row["lateness_days"],
        row["expires_hours"],
        row["enabled"],
    )


# New money on a demand account, as the parameters of before say it (X37).
LARGE_DEPOSIT = "account_kind = 'demand' AND direction = 'credit' AND new_money"


def definition(row: Row) -> Definition:
    """A version's definition; the parameters of before say large-deposit's."""
    if row["definition"] is not None:
        stored: Any = row["definition"]
        return Definition.model_validate(orjson.loads(stored) if isinstance(stored, str) else stored)
    texts = {"zh": "大额入账", "en": "Large deposit"}
    return Definition.model_validate(
        {
            "trigger": row["name"],
            "title": texts,
            "meaning": texts,
            "on": "postings",
            "where": LARGE_DEPOSIT,
            "own_history": {"over": f"{row['months']} months"},
            "lateness": f"{row['lateness_days']} days",
            "cooldown": f"{row['cooldown_days']} days",
            "expires": f"{row['expires_hours']} hours",
        }
    )


def compiled(row: Row, currency: str) -> Compiled:
    """A version ready to be judged, its amounts in the base currency."""
    return Compiled.of(
        definition(row),
        row["version"],
        enabled=row["enabled"],
        digits=money.places(currency),
        least=0 if row["definition"] is not None else row["minimum_minor"],
    )
