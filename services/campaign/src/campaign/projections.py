"""What other services know, kept up to date by their events; the bulk loads are in `loading`."""

from collections.abc import Sequence

from attune_contracts.customer_360 import ProfileChanged
from attune_contracts.scoring import ScoresPublished
from attune_service_kit.database import Transaction

_MERGE = """
INSERT INTO proj_scores (customer_id, model, version, score, scored_at, model_hash, features_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (customer_id, model) DO UPDATE
SET (version, score, scored_at, model_hash, features_hash) =
    (excluded.version, excluded.score, excluded.scored_at, excluded.model_hash, excluded.features_hash)
WHERE excluded.scored_at > proj_scores.scored_at"""
_PROFILE = """
WITH applied AS (
    INSERT INTO proj_party (customer_id, version, party_kind, branch_id, manager_id, birth_date, risk_rating,
                            risk_rated_on, personalisation, products, product_kinds, risk_valid_until, household_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
            ARRAY(SELECT DISTINCT kind FROM proj_product WHERE product_id = ANY ($10::text[]) ORDER BY kind), $12, $13)
    ON CONFLICT (customer_id) DO UPDATE
    SET version = excluded.version, party_kind = excluded.party_kind, branch_id = excluded.branch_id,
        manager_id = excluded.manager_id, birth_date = excluded.birth_date, risk_rating = excluded.risk_rating,
        risk_rated_on = excluded.risk_rated_on, personalisation = excluded.personalisation,
        products = excluded.products, product_kinds = excluded.product_kinds,
        risk_valid_until = excluded.risk_valid_until, household_id = excluded.household_id
    WHERE excluded.version > proj_party.version RETURNING customer_id
), gone AS (
    DELETE FROM proj_account p USING applied a
    WHERE p.customer_id = a.customer_id AND p.role = 'owner' AND p.account_id <> ALL ($11::uuid[])
)
INSERT INTO proj_account (account_id, customer_id)
SELECT account_id, customer_id FROM applied, unnest($11::uuid[]) account_id ON CONFLICT DO NOTHING"""


async def merge_scores(tx: Transaction, published: Sequence[ScoresPublished]) -> None:
    """Apply single customers' scores that are newer than what is held (X17)."""
    rows = [
        (p.customer_id, s.model, s.version, s.score, s.scored_at, s.model_hash, s.features_hash)
        for p in published
        for s in p.scores
        if p.customer_id
    ]
    if rows:
        await tx.conn.executemany(_MERGE, rows)


async def apply_profiles(tx: Transaction, changes: Sequence[ProfileChanged]) -> None:
    """Apply whole states whose version is greater than the one held (X7)."""
    await tx.conn.executemany(
        _PROFILE,
        [
            (
                c.customer_id,
                c.version,
                c.party_kind,
                c.branch_id,
                c.manager_id,
                c.birth_date,
                c.risk_rating,
                c.risk_rated_on,
                c.personalisation,
                list(c.products),
                [account.account_id for account in c.accounts],
                c.risk_valid_until,
                c.household_id,
            )
            for c in changes
        ],
    )
