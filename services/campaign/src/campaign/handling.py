"""The handling policy: the newest version, and changing it."""

from dataclasses import dataclass
from importlib.resources import files

import yaml

from attune_service_kit.database import Transaction
from attune_service_kit.reads import Queryable
from campaign.campaigns import StaleVersion
from campaign.handling_rules import Clock, Handling
from campaign.sql import one

_NEWEST = "SELECT version, content::text FROM policy WHERE kind = 'handling' ORDER BY version DESC LIMIT 1"
_CHANGE = """
INSERT INTO policy (kind, version, content, created_by) SELECT 'handling', $1 + 1, $2::text::jsonb, $3
WHERE (SELECT max(version) FROM policy WHERE kind = 'handling') = $1 ON CONFLICT DO NOTHING RETURNING version"""


@dataclass(frozen=True)
class Version:
    """The handling policy and its version."""

    number: int
    policy: Handling


def shipped() -> Handling:
    """The first version."""
    return Handling.model_validate(yaml.safe_load((files("campaign") / "data" / "handling.yaml").read_text("utf-8")))


async def newest(conn: Queryable) -> Version:
    """The newest version."""
    number, content = await one(conn, _NEWEST)
    return Version(number, Handling.model_validate_json(content))


async def clock(conn: Queryable, zone: str) -> Clock:
    """The clock as the newest version has it."""
    return Clock((await newest(conn)).policy.hours, zone)


async def change(tx: Transaction, wanted: Handling, *, version: int) -> Version:
    """Store a new version on top of `version`; StaleVersion if that is no longer the newest."""
    stored: int | None = await tx.conn.fetchval(_CHANGE, version, wanted.model_dump_json(), tx.who)
    if stored is None:
        held = await newest(tx.conn)
        raise StaleVersion("the policy has been changed in between", "处理策略已被他人修改", version=held.number)
    await tx.audit("policy.changed", "policy", "handling", version=stored)
    return Version(stored, wanted)
