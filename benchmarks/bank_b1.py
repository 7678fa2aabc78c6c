"""The bank of B1: customers made inside PostgreSQL, and an offer sheet of any length. The same every time."""

import hashlib
from datetime import date
from uuid import UUID

import asyncpg
import orjson

from campaign.catalogue import Conditions, Names, Offer, Script, snapshot

TODAY = date(2026, 3, 17)
MODELS = tuple(f"propensity-{what}" for what in ("deposit", "wealth", "fund", "insurance", "card"))
_KINDS = ("time_deposit", "wealth", "fund", "insurance", "card")
_RISKS = ("R1", "R2", "R4", "R3", None)

# What makes a customer held out by a campaign on TODAY.
CAMPAIGN_CONTROL = f"arm = 'control' AND assigned AND withdrawn_at IS NULL AND window_ends_on >= DATE '{TODAY}'"

# A number from a row's number and a name, the same in every run.
_CHANCE = "((hashint8extended(i, {seed}) & 1048575) / 1048576.0)"


def offers(count: int) -> list[Offer]:
    """Return `count` offers of five kinds with conditions of every sort."""
    return [_offer(number) for number in range(count)]


def scripts(count: int) -> list[Script]:
    """Return one script of each offer, for the counter."""
    return [
        Script(
            id=f"s-{number:03d}",
            version=1,
            offer=offer.code,
            channel="counter",
            zh=f"{offer.name.zh}:您可以先阅读产品说明书,需要为您办理吗?",
            en=f"{offer.name.en}: please read its prospectus first. Shall I open one?",
        )
        for number, offer in enumerate(offers(count))
    ]


def _offer(number: int) -> Offer:
    kind = number % 5
    return Offer(
        code=f"offer-{number:03d}",
        version=1,
        product_id=f"P{number:03d}",
        product_kind=_KINDS[kind],
        risk_level=_RISKS[kind],
        expected_margin_minor=8_000 + number * 7_919 % 60_000,
        lever=(0.8, 1.0, 1.2)[number % 3],
        models=(MODELS[kind],),
        base_propensity=0.01 + (number * 37 % 100) / 1000,
        context={"large-deposit": 1.1 + kind / 10} if kind < 3 else {},
        conditions=Conditions(
            age_min=18 + number % 4 * 4,
            age_max=(None, 60, 65, 70, 75)[number % 5],
            product_not_held=(f"P{number:03d}",) if number % 2 else (),
            minimum_balance_minor=(None, 1_000_000, 5_000_000)[number % 3],
        ),
        name=Names(zh=f"产品{number:03d}", en=f"Product {number:03d}"),
    )


def customer(number: int) -> UUID:
    """Return the id of the customer with this number."""
    return UUID(hashlib.md5(f"b1:{number}".encode(), usedforsecurity=False).hexdigest())


def _chance(seed: int) -> str:
    return _CHANCE.format(seed=seed)


def _fill(customers: int) -> list[str]:
    """Return the statements that fill campaign's projections; nine in ten have agreed to personal offers."""
    people = f"FROM (SELECT i, md5('b1:' || i)::uuid AS id FROM generate_series(0, {customers - 1}) i) p"
    held = ", ".join(
        f"CASE WHEN {_chance(10 + k)} < 0.3 THEN 'P' || lpad((i * 7 + {k} * 13) % 50 || '', 3, '0') END"
        for k in range(3)
    )
    scores = "\n UNION ALL ".join(
        f"SELECT id, '{model}', 7, round(({_chance(20 + k)} ^ 3 / 2)::numeric, 6)::float8,"
        f" TIMESTAMPTZ '2026-03-01' {people}"
        for k, model in enumerate(MODELS)
    )
    return [
        f"""INSERT INTO proj_party (customer_id, party_kind, branch_id, birth_date, risk_rating, risk_rated_on,
              personalisation, products, product_kinds)
            SELECT id, 'person', 'B' || i % 200, DATE '1940-01-01' + (i * 7919 % 26000)::int,
              CASE WHEN i % 11 > 0 THEN 'C' || 1 + i % 5 END,
              CASE WHEN i % 11 > 0 THEN DATE '{TODAY}' - (i * 31 % 420)::int END, i % 37 > 0,
              array_remove(ARRAY[{held}], NULL), '{{}}' {people}""",
        f"""INSERT INTO proj_consent (customer_id, purpose, granted, since)
            SELECT id, purpose, true, DATE '2023-01-01' {people},
              unnest(ARRAY['marketing_contact', 'personalised_decision']) purpose WHERE i % 10 > 0""",
        f"""INSERT INTO proj_features (customer_id, as_of, demand_balance_minor, digital_share, value_quadrant)
            SELECT id, DATE '2026-02-28', (exp(12 + {_chance(1)} * 5))::bigint, {_chance(2)},
              substr('ABCD', 1 + (i % 4)::int, 1) {people}""",
        f"INSERT INTO proj_scores (customer_id, model, version, score, scored_at) {scores}",
        f"""INSERT INTO opportunity (id, trigger, subject, event_key, trigger_version, detection_id, customer_id,
              partition, branch_id, campaign, campaign_version, control_share_bp, arm, assigned, state, business_date,
              window_ends_on, late, opened_at, escalates_at, expires_at, amount_minor)
            SELECT md5('o' || i)::uuid, 'large-deposit', id::text, 'T' || i, 1, md5('d' || i)::uuid, id,
              0, 'B' || i % 200, 'large-deposit', 1, 1000, CASE WHEN i % 90 = 0 THEN 'control' ELSE 'treated' END,
              true, CASE WHEN i % 90 = 0 THEN 'held_out' ELSE 'open' END, DATE '{TODAY}', DATE '2026-04-07', false,
              TIMESTAMPTZ '2026-03-17 01:00Z', TIMESTAMPTZ '2026-03-18 01:00Z', TIMESTAMPTZ '2026-03-19 01:00Z',
              4000000 {people} WHERE i % 15 = 0""",
        f"""INSERT INTO contact (id, customer_id, branch_id, channel, direction, state, at, beyond_policy,
              message_class)
            SELECT md5('c' || i)::uuid, id, 'B' || i % 200, 'call_centre', 'outbound', 'confirmed',
              TIMESTAMPTZ '2026-03-17' - (i % 60) * INTERVAL '1 day', false, 'marketing' {people} WHERE i % 3 = 0""",
        """INSERT INTO branch_scope SELECT 'HQ', 'B' || i FROM generate_series(0, 199) i
            UNION ALL SELECT 'B' || i, 'B' || i FROM generate_series(0, 199) i UNION ALL SELECT 'HQ', 'HQ'""",
        "INSERT INTO business_clock (partition, now) VALUES (0, TIMESTAMPTZ '2026-03-17 08:40:02Z')"
        " ON CONFLICT (partition) DO UPDATE SET now = excluded.now",
        "VACUUM ANALYZE",
    ]


async def fill(connection: asyncpg.Connection, customers: int, count: int) -> None:
    """Fill campaign's tables and its offer sheet, as the superuser: row security would look at each row."""
    for statement in _fill(customers):
        await connection.execute(statement)
    sheet, words = offers(count), scripts(count)
    content, sha256 = snapshot(sheet, words)
    await connection.execute("DELETE FROM offer; DELETE FROM script")
    await connection.executemany(_OFFER, [_offer_row(offer) for offer in sheet])
    await connection.executemany(
        "INSERT INTO script (id, version, offer, channel, zh, en) VALUES ($1, $2, $3, $4, $5, $6)",
        [(s.id, s.version, s.offer, s.channel, s.zh, s.en) for s in words],
    )
    newest = "SELECT max(version) + 1 FROM catalogue"
    await connection.execute(
        f"INSERT INTO catalogue (version, sha256, content) VALUES (({newest}), $1, $2)", sha256, content
    )


_OFFER = """
INSERT INTO offer (code, version, kind, product_id, product_kind, risk_level, currency, expected_margin_minor, lever,
    models, base_propensity, context, conditions, name_zh, name_en)
VALUES ($1, 1, 'marketing', $2, $3, $4, 'CNY', $5, $6, $7, $8, $9::text::jsonb, $10::text::jsonb, $11, $12)"""


def _offer_row(offer: Offer) -> tuple[object, ...]:
    return (
        offer.code,
        offer.product_id,
        offer.product_kind,
        offer.risk_level,
        offer.expected_margin_minor,
        offer.lever,
        list(offer.models),
        offer.base_propensity,
        orjson.dumps(offer.context).decode(),
        offer.conditions.model_dump_json(),
        offer.name.zh,
        offer.name.en,
    )
