"""Campaigns: the newest version of each, and changing one."""

from dataclasses import dataclass

import asyncpg

from attune_contracts.eventing import TriggerActivated
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.reads import Queryable
from campaign.sql import one

_NEWEST = "SELECT DISTINCT ON (code) * FROM campaign ORDER BY code, version DESC"
# As the shipped campaign has them.
_CONTROL_BP = 1_000
_WINDOW = 14
_PURCHASES = ("time_deposit_opened", "wealth_purchase")
_ADOPT = """
INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds, window_business_days,
                      enabled, product_kind, name_zh, name_en, created_by)
SELECT $1, 1, $1, $2, $3, 'purchase_14_business_days', $4, $5, true, $6, $7, $8, $9
WHERE NOT EXISTS (SELECT FROM campaign WHERE trigger = $1) ON CONFLICT DO NOTHING RETURNING code"""


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


async def newest(conn: Queryable) -> list[Campaign]:
    """The newest version of every campaign, by code."""
    return [_campaign(row) for row in await conn.fetch(_NEWEST)]


async def get(conn: Queryable, code: str) -> Campaign:
    """One campaign; NotFound."""
    row = await conn.fetchrow("SELECT * FROM campaign WHERE code = $1 ORDER BY version DESC LIMIT 1", code)
    if row is None:
        raise NotFound("there is no such campaign", "营销活动不存在")
    return _campaign(row)


async def adopt(tx: Transaction, activated: TriggerActivated) -> bool:
    """Make a campaign for a trigger that none names, so that each detection is an opportunity; whether one was made.

    It has a control group like any other, and counts purchases; a marketer changes what should be otherwise.
    """
    made = await tx.conn.fetchval(
        _ADOPT, activated.trigger, activated.family, _CONTROL_BP, list(_PURCHASES), _WINDOW, activated.product_kind,
        activated.title_zh, activated.title_en, f"trigger {activated.trigger}",
    )  # fmt: skip
    if made is not None:
        await tx.audit("campaign.made", "campaign", activated.trigger, version=1)
    return made is not None


async def change(tx: Transaction, code: str, wanted: Change, *, version: int) -> Campaign:
    """Store a new version on top of `version`; StaleVersion if that is no longer the newest."""
    await tx.conn.execute("SELECT pg_advisory_xact_lock(hashtext('campaign/' || $1))", code)
    old = await get(tx.conn, code)
    if old.version != version:
        raise StaleVersion("the campaign has been changed in between", "营销活动已被他人修改", version=old.version)
    row = await one(
        tx.conn,
        "INSERT INTO campaign (code, version, trigger, family, control_share_bp, outcome, outcome_kinds,"
        " window_business_days, capacity, enabled, product_kind, escalate_after_hours, expire_after_hours,"
        " name_zh, name_en, created_by)"
        " SELECT code, version + 1, trigger, family, $3, outcome, $4, $5, capacity, $6, $8, $9, $10,"
        " name_zh, name_en, $7"
        " FROM campaign WHERE code = $1 AND version = $2 RETURNING *",
        code,
        version,
        wanted.control_share_bp,
        list(wanted.outcome_kinds),
        wanted.window_business_days,
        wanted.enabled,
        tx.who,
        wanted.product_kind,
        wanted.escalate_after_hours,
        wanted.expire_after_hours,
    )
    await tx.audit("campaign.changed", "campaign", code, version=version + 1)
    return _campaign(row)


def _campaign(row: asyncpg.Record) -> Campaign:
    values = {name: row[name] for name in Campaign.__dataclass_fields__}
    return Campaign(**values | {"outcome_kinds": tuple(row["outcome_kinds"])})
