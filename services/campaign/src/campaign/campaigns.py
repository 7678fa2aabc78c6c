"""Campaigns: the newest version of each, and changing one."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from attune_contracts.eventing import TriggerActivated, TriggerRetired
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.reads import Queryable
from campaign.channels import TaskChannel

_TURN = "SELECT pg_advisory_xact_lock(hashtext('campaign/' || $1))"
_NEWEST = """
SELECT DISTINCT ON (code) c.*, t.retired_at AS trigger_retired_at
FROM campaign c LEFT JOIN trigger_heard t ON t.trigger = c.trigger {where} ORDER BY code, c.version DESC"""
# Each is told eight times, and partition by partition: what is said of an older version comes too late.
_ACTIVE = """
INSERT INTO trigger_heard (trigger, version) VALUES ($1, $2) ON CONFLICT (trigger) DO UPDATE
SET version = excluded.version, retired_at = NULL WHERE trigger_heard.version < excluded.version"""
_RETIRED = """
INSERT INTO trigger_heard (trigger, version, retired_at) VALUES ($1, $2, $3) ON CONFLICT (trigger) DO UPDATE
SET version = excluded.version, retired_at = excluded.retired_at
WHERE trigger_heard.version <= excluded.version AND trigger_heard.retired_at IS NULL"""
# As the shipped campaign has them.
_CONTROL_BP = 1_000
_WINDOW = 14
_PURCHASES = ("time_deposit_opened", "wealth_purchase")
_ADOPT = """
INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds, window_business_days,
                      enabled, product_kind, name_zh, name_en, channels, priority, script_zh, script_en,
                      trigger_version, created_by)
SELECT $1, 1, $1, $2, $10, 'purchase_14_business_days', $11, $12, true, $3, $4, $5, $6, $7, $8, $9, $13, $14
WHERE NOT EXISTS (SELECT FROM campaign WHERE trigger = $1) ON CONFLICT DO NOTHING RETURNING version"""
# A campaign that nobody has changed since follows its trigger's newer versions; told eight times, it does so once.
_FOLLOW = """
INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds, window_business_days,
                      capacity, enabled, product_kind, escalate_after_hours, expire_after_hours, name_zh, name_en,
                      channels, priority, script_zh, script_en, trigger_version, created_by)
SELECT code, version + 1, trigger, $2, control_share_bp, outcome, outcome_kinds, window_business_days, capacity,
       enabled, $3, escalate_after_hours, expire_after_hours, $4, $5, $6, $7, $8, $9, $10, $11
FROM (SELECT DISTINCT ON (code) * FROM campaign WHERE code = $1 ORDER BY code, version DESC) c
WHERE trigger_version < $10 RETURNING version"""
_CHANGE = """
INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds, window_business_days,
                      capacity, enabled, product_kind, escalate_after_hours, expire_after_hours, name_zh, name_en,
                      channels, priority, script_zh, script_en, created_by)
SELECT code, version + 1, trigger, family, $3, outcome, $4, $5, capacity, $6, $7, $8, $9, name_zh, name_en,
       $10, $11, $12, $13, $14
FROM campaign WHERE code = $1 AND version = $2"""


class StaleVersion(Conflict):
    """Somebody changed it in between."""

    code = "stale_version"


@dataclass(frozen=True)
class Campaign:
    """A campaign as it stands. The salt is no part of it: it never leaves the database (X13)."""

    code: str
    version: int
    trigger: str
    family: str
    control_share_bp: int
    outcome: str
    outcome_kinds: tuple[str, ...]
    window_business_days: int
    capacity: int | None
    escalate_after_hours: int
    expire_after_hours: int | None
    """None: as the detection says."""
    enabled: bool
    product_kind: str | None
    """What its contacts sell, where that is one kind: the customer's consent must cover it."""
    name_zh: str
    name_en: str
    channels: tuple[TaskChannel, ...] = ()
    """Which ways a task may go, the best first; empty: all, by the customer's value and habits."""
    priority: int = 50
    """0 to 100: among the campaigns of one customer, and within a list of tasks of one rank."""
    script_zh: str | None = None
    script_en: str | None = None
    trigger_retired_at: datetime | None = None
    """Since when its trigger judges no more, and it opens nothing."""


@dataclass(frozen=True)
class Change:
    """What a marketer may change."""

    control_share_bp: int
    outcome_kinds: tuple[str, ...]
    window_business_days: int
    enabled: bool
    product_kind: str | None = None
    escalate_after_hours: int = 24
    expire_after_hours: int | None = None
    channels: tuple[TaskChannel, ...] = ()
    priority: int = 50
    script_zh: str | None = None
    script_en: str | None = None


async def newest(conn: Queryable) -> list[Campaign]:
    """The newest version of every campaign, by code."""
    return [_campaign(row) for row in await conn.fetch(_NEWEST.format(where=""))]


async def get(conn: Queryable, code: str) -> Campaign:
    """One campaign; NotFound."""
    row = await conn.fetchrow(_NEWEST.format(where="WHERE code = $1"), code)
    if row is None:
        raise NotFound("there is no such campaign", "营销活动不存在")
    return _campaign(row)


async def adopt(tx: Transaction, activated: TriggerActivated) -> bool:
    """Make a campaign for a trigger that none names, so that each detection is an opportunity; whether one was made.

    It has a control group like any other, and counts purchases. It follows the trigger's later versions until a
    marketer changes it: from then on it is theirs.
    """
    name = activated.trigger
    await tx.conn.execute(_TURN, name)
    await tx.conn.execute(_ACTIVE, name, activated.version)
    told = (
        name, activated.family, activated.product_kind, activated.title_zh, activated.title_en,
        list(activated.channels), activated.priority, activated.script_zh, activated.script_en,
    )  # fmt: skip
    author = f"trigger {name} v{activated.version}"
    made = await tx.conn.fetchval(
        _ADOPT, *told, _CONTROL_BP, list(_PURCHASES), _WINDOW, activated.version, author
    )  # fmt: skip
    followed = None if made else await tx.conn.fetchval(_FOLLOW, *told, activated.version, author)
    if made or followed:
        await tx.audit("campaign.made" if made else "campaign.followed", "campaign", name, version=made or followed)
    return made is not None


async def trigger_retired(tx: Transaction, retired: TriggerRetired, at: datetime) -> None:
    """Keep that a trigger judges no more. Its campaign stays as it is: what was found before goes on."""
    await tx.conn.execute(_TURN, retired.trigger)
    await tx.conn.execute(_RETIRED, retired.trigger, retired.version, at)


async def change(tx: Transaction, code: str, wanted: Change, *, version: int) -> Campaign:
    """Store a new version on top of `version`; StaleVersion if that is no longer the newest."""
    await tx.conn.execute(_TURN, code)
    old = await get(tx.conn, code)
    if old.version != version:
        raise StaleVersion("the campaign has been changed in between", "营销活动已被他人修改", version=old.version)
    await tx.conn.execute(
        _CHANGE, code, version, wanted.control_share_bp, list(wanted.outcome_kinds),
        wanted.window_business_days, wanted.enabled, wanted.product_kind, wanted.escalate_after_hours,
        wanted.expire_after_hours, list(wanted.channels), wanted.priority, wanted.script_zh, wanted.script_en, tx.who,
    )  # fmt: skip
    await tx.audit("campaign.changed", "campaign", code, version=version + 1)
    return await get(tx.conn, code)


def _campaign(row: asyncpg.Record) -> Campaign:
    values = {name: row[name] for name in Campaign.__dataclass_fields__}
    return Campaign(**values | {"outcome_kinds": tuple(row["outcome_kinds"]), "channels": tuple(row["channels"])})
