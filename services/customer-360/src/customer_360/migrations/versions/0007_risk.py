"""Risk assessments as dated rows, and until when the profile's rating holds.

Revision ID: 0007_risk
"""

from alembic import op

from attune_service_kit.row_security import protect, through

revision = "0007_risk"
down_revision = "0006_row_security"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE party ADD COLUMN risk_valid_until date;

CREATE TABLE risk_assessment (
    assessment_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES party,
    rating text NOT NULL,
    score integer,
    source text NOT NULL,
    rated_on date NOT NULL,
    valid_until date NOT NULL,
    assessed_by text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX risk_assessment_customer ON risk_assessment (customer_id, rated_on, assessment_id);

INSERT INTO risk_assessment (assessment_id, customer_id, rating, source, rated_on, valid_until, assessed_by, at)
SELECT gen_random_uuid(), customer_id, risk_rating, 'import', risk_rated_on,
       (risk_rated_on + interval '12 months')::date, 'service', now()
FROM party WHERE risk_rating IS NOT NULL AND risk_rated_on IS NOT NULL;
"""


def upgrade() -> None:
    """Add them; what stands in the profiles is the first assessment."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    protect(op, "risk_assessment", through("party"))


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE risk_assessment")
    op.execute("ALTER TABLE party DROP COLUMN risk_valid_until")
