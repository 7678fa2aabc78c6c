"""What is planned, as a process holds it: catalogue, policies, salts; read again when their versions change."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson

from attune_measure.arms import Arm, Salt, arm_number, assign, salt_on
from attune_service_kit.database import Database
from attune_service_kit.reads import Queryable
from attune_service_kit.runtime import Runtime
from attune_service_kit.settings import ServiceSettings
from campaign.contact_policy import ContactPolicy
from campaign.decision_facts import policy_json
from campaign.offer_index import Catalogue, compile_catalogue
from campaign.settings import CampaignSettings
from campaign.sql import one

UNIVERSAL = "universal"
BEGINNING = date(1900, 1, 1)

Versions = tuple[int, int, int]
"""Of catalogue, contact policy and holdout policy."""

_VERSIONS = """
SELECT (SELECT max(version) FROM catalogue), (SELECT max(version) FROM policy WHERE kind = 'contact'),
       (SELECT max(version) FROM policy WHERE kind = 'holdout'), (SELECT count(*) FROM salt)"""


@dataclass(frozen=True)
class Plans:
    """One consistent state of the plans."""

    versions: Versions
    catalogue: Catalogue
    policy: ContactPolicy
    policy_json: bytes
    universal_share_bp: int
    salts: dict[str, tuple[Salt, ...]]

    def held_out_everywhere(self, customer_id: UUID, day: date) -> bool:
        """Whether the customer is in the universal holdout on this day."""
        return arm_number(salt_on(self.salts[UNIVERSAL], day), customer_id) < self.universal_share_bp

    def arm(self, campaign: str, control_share_bp: int, customer_id: UUID, day: date) -> Arm:
        """The customer's arm in a campaign, by the salts of this day (X13)."""
        return assign(
            customer_id,
            universal_salt=salt_on(self.salts[UNIVERSAL], day),
            universal_share_bp=self.universal_share_bp,
            salt=salt_on(self.salts[campaign], day),
            control_share_bp=control_share_bp,
        )


_CACHE: WeakKeyDictionary[Database, Plans] = WeakKeyDictionary()


async def current(database: Database, conn: Queryable, versions: Versions | None = None) -> Plans:
    """The plans of these versions, or of the newest; from memory where they have not changed."""
    cached = _CACHE.get(database)
    if versions is None:
        *newest, salts = await one(conn, _VERSIONS)
        versions = (newest[0], newest[1], newest[2])
        if cached is not None and salts != sum(map(len, cached.salts.values())):  # a campaign has come
            cached = None
    if cached is None or cached.versions != versions:
        cached = await _load(conn, versions)
        _CACHE[database] = cached
    return cached


async def catalogue_of(conn: Queryable, version: int) -> Catalogue:
    """The catalogue of one version, as a stored decision names it."""
    content = await conn.fetchval("SELECT content FROM catalogue WHERE version = $1", version)
    return compile_catalogue(version, content)


async def _load(conn: Queryable, versions: Versions) -> Plans:
    catalogue, contact, holdout = versions
    salts: dict[str, tuple[Salt, ...]] = {}
    for row in await conn.fetch("SELECT name, value, valid_from, valid_to FROM salt ORDER BY name, valid_from"):
        salt = Salt(row["value"], row["valid_from"], row["valid_to"])
        salts[row["name"]] = (*salts.get(row["name"], ()), salt)
    query = "SELECT content::text FROM policy WHERE kind = $1 AND version = $2"
    policy = ContactPolicy.model_validate_json(await conn.fetchval(query, "contact", contact))
    return Plans(
        versions=versions,
        catalogue=await catalogue_of(conn, catalogue),
        policy=policy,
        policy_json=policy_json(policy),
        universal_share_bp=orjson.loads(await conn.fetchval(query, "holdout", holdout))["universal_share_bp"],
        salts=salts,
    )


async def ensure_salts(runtime: Runtime) -> None:
    """Make the salts that are missing: derived from the secret in the settings, else drawn. Never changed here."""
    async with runtime.database.transaction() as tx:
        names = [UNIVERSAL, *(r[0] for r in await tx.conn.fetch("SELECT DISTINCT code FROM campaign ORDER BY code"))]
        for name in names:
            await ensure_salt(tx.conn, runtime.settings, name)


async def ensure_salt(conn: Queryable, settings: ServiceSettings, name: str) -> None:
    """Make the salt of this name unless there is one."""
    secret = settings.arm_secret if isinstance(settings, CampaignSettings) else None
    value = _derived(secret.get_secret_value(), name) if secret else secrets.token_hex(16)
    await conn.fetch(
        "INSERT INTO salt (name, valid_from, value) SELECT $1, $2, $3"
        " WHERE NOT EXISTS (SELECT FROM salt WHERE name = $1) ON CONFLICT DO NOTHING",
        name,
        BEGINNING,
        value,
    )


def _derived(secret: str, name: str) -> str:
    return hashlib.sha256(f"{secret}\x1f{name}".encode()).hexdigest()[:32]
