"""The contact policy: the newest version, and changing it; and the version of any policy."""

from attune_service_kit.database import Transaction
from campaign.campaigns import StaleVersion
from campaign.contact_policy import ContactPolicy
from campaign.plans import Plans


async def version(tx: Transaction, kind: str) -> int:
    """The newest version of a policy, `contact` or `handling`."""
    newest: int = await tx.conn.fetchval("SELECT max(version) FROM policy WHERE kind = $1", kind)
    return newest


async def change(tx: Transaction, plan: Plans, wanted: ContactPolicy, *, version: int) -> int:
    """Store a new version on top of `version`, and return it; StaleVersion if that is no longer the newest."""
    stored: int | None = await tx.conn.fetchval(
        "INSERT INTO policy (kind, version, content, created_by)"
        " SELECT 'contact', $1 + 1, $2::text::jsonb, $3"
        " WHERE (SELECT max(version) FROM policy WHERE kind = 'contact') = $1"
        " ON CONFLICT DO NOTHING RETURNING version",
        version,
        wanted.model_dump_json(),
        tx.who,
    )
    if stored is None:
        raise StaleVersion("the policy has been changed in between", "接触策略已被他人修改", version=plan.versions[1])
    await tx.audit("policy.changed", "policy", "contact", version=stored)
    return stored
