"""Risk ratings from the bank's files, set-wise over the staged parties: in a job's process.

The newest rating holds: a file that knows an older one does not bring it back. Each dated rating is an assessment.
"""

from attune_service_kit.database import Transaction
from customer_360.loads import STAGE
from customer_360.risk_rules import MONTHS

_KEEP_NEWER = f"""
UPDATE {STAGE} i SET risk_rating = p.risk_rating, risk_rated_on = p.risk_rated_on, risk_valid_until = p.risk_valid_until
FROM party p WHERE p.customer_id = i.customer_id AND p.risk_rated_on > coalesce(i.risk_rated_on, '-infinity')
"""  # noqa: S608 - names of this package
_REMEMBER = f"""
INSERT INTO risk_assessment (assessment_id, customer_id, rating, source, rated_on, valid_until, assessed_by, at)
SELECT gen_random_uuid(), i.customer_id, i.risk_rating, 'import', i.risk_rated_on,
       coalesce(i.risk_valid_until, (i.risk_rated_on + interval '{MONTHS} months')::date), $1, $2
FROM {STAGE} i WHERE i.risk_rating IS NOT NULL AND i.risk_rated_on IS NOT NULL AND NOT EXISTS (
    SELECT FROM risk_assessment a
    WHERE a.customer_id = i.customer_id AND a.rated_on = i.risk_rated_on AND a.rating = i.risk_rating)
"""  # noqa: S608 - names of this package


async def keep_newer(tx: Transaction) -> None:
    """Before the parties are written: where a newer rating stands, the stage takes it over."""
    await tx.conn.execute(_KEEP_NEWER)


async def remember(tx: Transaction) -> None:
    """After the parties are written: what the file says and nobody has kept yet becomes an assessment."""
    await tx.conn.execute(_REMEMBER, tx.who, tx.now)
