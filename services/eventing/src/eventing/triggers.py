"""Triggers: versioned parameters; a change is a new version (X9: the version is not part of a detection's key)."""

from collections.abc import Mapping
from typing import Any, Literal, cast

import asyncpg
import orjson
import yaml

from attune_contracts.ledger import TransactionPosted
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound
from eventing import money
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.judging import Rule
from eventing.trigger_files import TriggerFile

Row = Mapping[str, Any]
State = Literal["draft", "live", "paused", "superseded", "discarded", "retired"]
# A connection, or the pool for a single read.
Queryable = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy | asyncpg.Pool

# `in_force`: the version that judges the stream, NULL where none does; `judged`: the last one that ever did.
_SELECT = """
SELECT {distinct} name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days, expires_hours,
       enabled, created_at, created_by, definition, definition_text, backfilled_at, ended_at,
       (SELECT max(f.version) FROM trigger f
        WHERE f.name = t.name AND f.backfilled_at IS NOT NULL AND f.ended_at IS NULL) AS in_force,
       (SELECT max(f.version) FROM trigger f WHERE f.name = t.name AND f.backfilled_at IS NOT NULL) AS judged
FROM trigger t {where} ORDER BY name, version DESC"""
_CURRENT = _SELECT.replace("{distinct}", "DISTINCT ON (name)")
_VERSIONS = _SELECT.format(distinct="", where="")
_ONE = _SELECT.format(distinct="", where="WHERE name = $1 AND version = $2")
_HISTORY = _SELECT.format(distinct="", where="WHERE name = $1 AND version < $2") + " LIMIT $3"
_TURN = "SELECT pg_advisory_xact_lock(hashtext('eventing.trigger.' || $1))"
_SIGNATURE = """
SELECT coalesce(string_agg(concat_ws(' ', name, version, enabled, backfilled_at, ended_at), ','
                           ORDER BY name, version), '')
FROM trigger"""
_LIVE = "UPDATE trigger SET backfilled_at = now() WHERE name = $1 AND version = $2 AND backfilled_at IS NULL"
_LOCK = "SELECT backfilled_at, ended_at FROM trigger WHERE name = $1 AND version = $2 FOR UPDATE"
_DISCARD = "UPDATE trigger SET ended_at = now() WHERE name = $1 AND version = $2"
_RETIRE = "UPDATE trigger SET ended_at = now() WHERE name = $1 AND backfilled_at IS NOT NULL AND ended_at IS NULL"
_FORGET_RUNS = "DELETE FROM trigger_run WHERE trigger = $1"
_ADD = """
INSERT INTO trigger (name, version, kind, event_type, months, minimum_minor, cooldown_days, lateness_days,
                     expires_hours, enabled, created_by, definition, definition_text, backfilled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $14 THEN now() END)"""
# What a new version may change; the rest is the trigger's nature.
PARAMETERS = ("minimum_minor", "cooldown_days", "lateness_days", "expires_hours", "enabled")


class TriggerExists(Conflict):
    """There is a trigger of this name."""

    code = "trigger_exists"


class NotInForce(Conflict):
    """No version of the trigger judges the stream yet."""

    code = "trigger_not_in_force"


class NotADraft(Conflict):
    """The version is in force already, or a later one is, or it was discarded."""

    code = "trigger_version_not_a_draft"


async def current(conn: Queryable) -> list[Row]:
    """The newest version of every trigger, by name."""
    rows: Any = await conn.fetch(_CURRENT.format(where=""))
    return cast(list[Row], rows)


async def in_force(conn: Queryable) -> list[Row]:
    """The newest version of every trigger whose states are there, by name: what the stream is judged by."""
    rows: Any = await conn.fetch(_CURRENT.format(where="WHERE backfilled_at IS NOT NULL AND ended_at IS NULL"))
    return cast(list[Row], rows)


async def signature(conn: Queryable) -> str:
    """What differs as soon as other versions are in force: for those who keep what they were."""
    return str(await conn.fetchval(_SIGNATURE))


async def go_live(conn: Queryable, name: str, version: int) -> None:
    """A version's states are there: from now on it is in force."""
    await conn.execute(_LIVE, name, version)


async def require_draft(conn: Queryable, name: str, number: int) -> None:
    """Refuse a version that is no draft, with NotADraft or NotFound; it stays one until the transaction ends."""
    row: Any = await conn.fetchrow(_LOCK, name, number)
    if row is None or row["backfilled_at"] is not None or row["ended_at"] is not None:
        await version(conn, name, number)
        raise NotADraft("this version is no draft", "该版本不是草稿")


async def require_kept(conn: Queryable, name: str, number: int) -> None:
    """Refuse a version that was discarded meanwhile, with NotADraft; nobody discards it until the transaction ends."""
    row: Any = await conn.fetchrow(_LOCK, name, number)
    if row["backfilled_at"] is None and row["ended_at"] is not None:
        raise NotADraft("this version was discarded", "该版本已作废")


async def discard(conn: Queryable, name: str, number: int) -> Row:
    """End a draft: it is kept and can never judge. Refuses with NotADraft, or NotFound."""
    await require_draft(conn, name, number)
    await conn.execute(_DISCARD, name, number)
    return await version(conn, name, number)


async def retire(conn: Queryable, name: str) -> Row:
    """End a trigger: no version of it judges any more, its drafts stay drafts. Refuses with NotInForce, or NotFound."""
    await conn.execute(_TURN, name)
    number = (await get(conn, name))["in_force"]
    if number is None:
        raise NotInForce("no version is in force", "没有生效的版本")
    await conn.execute(_RETIRE, name)
    await conn.execute(_FORGET_RUNS, name)
    return await version(conn, name, number)


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


async def judging(tx: Transaction, name: str) -> object:
    """The number of the version that judges: what a change of the trigger starts from."""
    return (await get(tx.conn, name))["in_force"]


async def version(conn: Queryable, name: str, number: int) -> Row:
    """One version of a trigger; refuses an unknown one."""
    row: Any = await conn.fetchrow(_ONE, name, number)
    if row is None:
        raise NotFound("there is no such version of a trigger", "没有该触发器版本")
    return cast(Row, row)


async def history(conn: Queryable, name: str, below: int, limit: int) -> list[Row]:
    """A trigger's versions below a number, the newest first."""
    rows: Any = await conn.fetch(_HISTORY, name, below, limit)
    return cast(list[Row], rows)


async def change(conn: Queryable, name: str, changes: Row, who: str) -> tuple[Row, bool]:
    """Add a version with the given parameters changed; return it and whether it is new.

    It follows the version in force, and is in force at once: its states are that one's. Two changes at once take turns,
    so no version is lost.
    """
    await conn.execute(_TURN, name)
    newest = await get(conn, name)
    if newest["in_force"] is None:
        raise NotInForce("no version is in force yet: activate one first", "尚无生效版本，请先启用")
    old = newest if newest["version"] == newest["in_force"] else await version(conn, name, newest["in_force"])
    new = dict(old) | dict(changes)
    if all(new[key] == old[key] for key in PARAMETERS):
        return old, False
    content = None if old["definition"] is None else _with_parameters(old, new)
    await _add(conn, newest["version"] + 1, new, who, content, None if content is None else as_text(content))
    return await get(conn, name), True


async def add(conn: Queryable, file: TriggerFile, text: str, who: str, *, new: bool) -> Row:
    """Keep a file as the first version of a new trigger, or as the next one; it judges nothing until it is activated.

    Refuses with TriggerExists, or NotFound.
    """
    wanted = file.definition
    await conn.execute(_TURN, wanted.trigger)
    known: Any = await conn.fetchval("SELECT max(version) FROM trigger WHERE name = $1", wanted.trigger)
    if new and known is not None:
        raise TriggerExists("there is a trigger of this name: add a version to it", "同名触发器已存在，请新增版本")
    if not new and known is None:
        raise NotFound("there is no such trigger", "没有该触发器")
    row = {
        "name": wanted.trigger,
        "kind": wanted.kind,
        "event_type": TransactionPosted.TYPE,
        "months": 0,
        "minimum_minor": 0,
        "cooldown_days": wanted.cooldown.number,
        "lateness_days": wanted.lateness.number,
        "expires_hours": wanted.expires.number,
        "enabled": True,
    }
    await _add(conn, (known or 0) + 1, row, who, file.content, text, live=False)
    return await get(conn, wanted.trigger)


async def _add(
    conn: Queryable, number: int, row: Row, who: str, content: Any, text: str | None, *, live: bool = True
) -> None:
    stored = None if content is None else orjson.dumps(content).decode()
    await conn.execute(
        _ADD, row["name"], number, row["kind"], row["event_type"], row["months"], *(row[key] for key in PARAMETERS),
        who, stored, text, live,
    )  # fmt: skip


def _with_parameters(old: Row, new: Row) -> dict[str, Any]:
    """The file's content with other parameters."""
    if new["minimum_minor"] != old["minimum_minor"]:
        raise Invalid("its smallest amount stands in `where`: add a version", "最低金额写在 where 条件中，请新增版本")
    return content(old) | {
        "cooldown": f"{new['cooldown_days']} days",
        "lateness": f"{new['lateness_days']} days",
        "expires": f"{new['expires_hours']} hours",
    }


def as_text(file: Mapping[str, Any]) -> str:
    """A file's content as YAML."""
    text: str = yaml.safe_dump(dict(file), allow_unicode=True, sort_keys=False)
    return text


def state(row: Row) -> State:
    """Where in its life a version is."""
    judged = row["judged"] or 0
    if row["backfilled_at"] is None and row["ended_at"] is not None:
        return "discarded"
    if row["version"] > judged:
        return "draft"
    if row["version"] < judged:
        return "superseded"
    if row["ended_at"] is not None:
        return "retired"
    return "live" if row["enabled"] else "paused"


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


def content(row: Row) -> dict[str, Any]:
    """What a version's file says; the parameters of before say large-deposit's."""
    stored: Any = row["definition"]
    if stored is not None:
        return dict(orjson.loads(stored) if isinstance(stored, str) else stored)
    texts = {"zh": "大额入账", "en": "Large deposit"}
    return {
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


def definition(row: Row) -> Definition:
    """A version's definition."""
    return Definition.model_validate(content(row))


def compiled(row: Row, currency: str) -> Compiled:
    """A version ready to be judged, its amounts in the base currency."""
    return Compiled.of(
        definition(row),
        row["version"],
        enabled=row["enabled"],
        digits=money.places(currency),
        least=0 if row["definition"] is not None else row["minimum_minor"],
    )
