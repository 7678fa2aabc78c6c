"""The offer sheet: offers and scripts by version, and the catalogue that every change makes anew.

A row of `offer` or `script` is one version for ever; a row of `catalogue` is all of them as they stood together, which
is what decisions point at. Whoever changes the sheet holds its lock, so versions follow one another without a gap.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import asyncpg
import orjson

from attune_expressions.own_fields import read_folder
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound
from attune_service_kit.files.yaml_lines import read_yaml
from attune_service_kit.reads import Queryable
from attune_service_kit.settings import ServiceSettings
from campaign.campaigns import StaleVersion
from campaign.catalogue import Offer, Script, read_snapshot, snapshot
from campaign.offer_conditions import Own, facts
from campaign.settings import CampaignSettings

T = TypeVar("T")

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('catalogue'))"
_NEWEST = "SELECT version, content FROM catalogue ORDER BY version DESC LIMIT 1"
_INSERT_OFFER = """
INSERT INTO offer (code, version, kind, product_id, product_kind, risk_level, currency, expected_margin_minor, lever,
                   models, base_propensity, context, conditions, name_zh, name_en, enabled, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::jsonb, $13::text::jsonb, $14, $15, $16, $17)"""
_INSERT_SCRIPT = """
INSERT INTO script (id, version, offer, channel, zh, en, enabled, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_OFFER = """
SELECT code, version, kind, product_id, product_kind, risk_level, currency, expected_margin_minor, lever, models,
       base_propensity, context::text, conditions::text, enabled, name_zh, name_en
FROM offer WHERE code = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1"""


class ForeignCurrency(Invalid):
    """The margin is not in the bank's base currency, so it could not be compared with others."""

    code = "foreign_currency"


class MarginMissing(Invalid):
    """A marketing offer without a margin: what it brings is unknown, and unknown is never 0 (X31)."""

    code = "margin_missing"


class BadCondition(Invalid):
    """The condition is none of the language, or of other fields: `reason`, and its place by `line` and `column`."""

    code = "bad_condition"
    shown = ("unknown field balnce; did you mean balance?", "未知字段 balnce；是否为 balance？")


class KindFixed(Invalid):
    """A marketing offer never becomes a service offer: holdouts exist for the first only."""

    code = "kind_fixed"


class UnknownOffer(Invalid):
    """The script's offer does not exist."""

    code = "unknown_offer"


class ScriptExists(Conflict):
    """Another script speaks for this offer on this channel."""

    code = "script_exists"


@lru_cache(maxsize=8)
def own_fields(folder: Path | None, currency: str) -> Own:
    """A bank's own fields of customers, from its folder as it was when first read; OwnFieldsRefused."""
    return () if folder is None else read_folder(folder, {"customer": (facts(currency),)}, read_yaml)


def check(settings: ServiceSettings) -> None:
    """Read the bank's own fields once, before anything starts; OwnFieldsRefused."""
    if isinstance(settings, CampaignSettings):
        own_fields(settings.fields_folder, settings.currency)


async def offer_at(conn: Queryable, code: str, version: int | None) -> Offer:
    """One version of an offer, or its newest; NotFound."""
    row = await conn.fetchrow(_OFFER, code, version)
    if row is None:
        raise NotFound("there is no such offer", "产品不存在")
    return _offer(row)


async def current(conn: Queryable) -> tuple[int, list[Offer], list[Script]]:
    """The newest catalogue's version with all its offers and scripts, those that are switched off too."""
    row = await conn.fetchrow(_NEWEST)
    assert row is not None  # noqa: S101 - the first migration brings one
    return (row["version"], *read_snapshot(row["content"]))


async def offer_version(tx: Transaction, code: str) -> int | None:
    """The newest version of an offer; None for one that there is not."""
    _, offers, _ = await current(tx.conn)
    return next((o.version for o in offers if o.code == code), None)


async def script_version(tx: Transaction, script_id: str) -> int | None:
    """The newest version of a script; None for one that there is not."""
    _, _, scripts = await current(tx.conn)
    return next((s.version for s in scripts if s.id == script_id), None)


async def change_offer(tx: Transaction, wanted: Offer, currency: str) -> int:
    """Store an offer as version `wanted.version`, one above the newest (1 = a new offer); the catalogue's new version.

    StaleVersion, ForeignCurrency, MarginMissing, KindFixed.
    """
    await tx.conn.execute(_LOCK)
    version, offers, scripts = await current(tx.conn)
    old = next((o for o in offers if o.code == wanted.code), None)
    _follows(wanted.version, old.version if old else 0)
    if wanted.currency != currency:
        raise ForeignCurrency("margins are in the bank's base currency", "收益须以本行基准币种计", currency=currency)
    if wanted.kind == "marketing" and wanted.expected_margin_minor is None:
        raise MarginMissing("a marketing offer needs its expected margin", "营销产品须填写预期收益")
    if old is not None and old.kind != wanted.kind:
        raise KindFixed("an offer's kind cannot change", "产品类别不可更改", kind=old.kind)
    await _insert_offer(tx, wanted)
    await tx.audit("offer.changed", "offer", wanted.code, version=wanted.version)
    return await _snapshot(tx, version, _replaced(offers, wanted, lambda o: o.code), scripts)


async def change_script(tx: Transaction, wanted: Script) -> int:
    """Store a script as version `wanted.version`, one above the newest (1 = a new one); the catalogue's new version.

    StaleVersion, UnknownOffer, ScriptExists.
    """
    await tx.conn.execute(_LOCK)
    version, offers, scripts = await current(tx.conn)
    old = next((s for s in scripts if s.id == wanted.id), None)
    _follows(wanted.version, old.version if old else 0)
    if wanted.offer not in {o.code for o in offers}:
        raise UnknownOffer("there is no such offer", "产品不存在")
    rivals = [s.id for s in scripts if (s.offer, s.channel) == (wanted.offer, wanted.channel) and s.enabled]
    if wanted.enabled and set(rivals) - {wanted.id}:
        raise ScriptExists("another script speaks for this offer on this channel", "该产品在此渠道已有话术")
    await tx.conn.execute(
        _INSERT_SCRIPT, wanted.id, wanted.version, wanted.offer, wanted.channel, wanted.zh, wanted.en, wanted.enabled,
        tx.who,
    )  # fmt: skip
    await tx.audit("script.changed", "script", wanted.id, version=wanted.version)
    return await _snapshot(tx, version, offers, _replaced(scripts, wanted, lambda s: s.id))


def _follows(wanted: int, newest: int) -> None:
    if wanted != newest + 1:
        raise StaleVersion("it has been changed in between", "内容已被他人修改", version=newest)


def _replaced(items: Iterable[T], wanted: T, key: Callable[[T], str]) -> list[T]:
    return [item for item in items if key(item) != key(wanted)] + [wanted]


async def _insert_offer(tx: Transaction, offer: Offer) -> None:
    await tx.conn.execute(
        _INSERT_OFFER,
        offer.code,
        offer.version,
        offer.kind,
        offer.product_id,
        offer.product_kind,
        offer.risk_level,
        offer.currency,
        offer.expected_margin_minor,
        offer.lever,
        list(offer.models),
        offer.base_propensity,
        orjson.dumps(offer.context).decode(),
        offer.conditions.model_dump_json(),
        offer.name.zh,
        offer.name.en,
        offer.enabled,
        tx.who,
    )


async def _snapshot(tx: Transaction, version: int, offers: Sequence[Offer], scripts: Sequence[Script]) -> int:
    content, sha256 = snapshot(offers, scripts)
    await tx.conn.execute(
        "INSERT INTO catalogue (version, sha256, content) VALUES ($1, $2, $3)", version + 1, sha256, content
    )
    return version + 1


def _offer(row: asyncpg.Record) -> Offer:
    values = dict(row)
    values["name"] = {"zh": values.pop("name_zh"), "en": values.pop("name_en")}
    for name in ("context", "conditions"):
        values[name] = orjson.loads(values[name])
    return Offer.model_validate(values)
