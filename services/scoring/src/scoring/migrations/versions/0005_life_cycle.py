"""What a model is for and answers, what its versions take and were made from, and who is answered by none."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATES = "state IN ('uploaded', 'vetted', 'shadow', 'challenger', 'champion', 'retired', 'refused')"
_BEFORE = "state IN ('trained', 'champion', 'retired')"
_OBJECT = sa.text("'{}'::jsonb")
_LIST = sa.text("'[]'::jsonb")


def upgrade() -> None:
    """Add the columns, rename `trained`, and keep the shares of a purpose."""
    _models()
    _versions()
    op.create_table(
        "purpose_setting",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("no_model_bp", sa.Integer, nullable=False),
        sa.Column("challenger_bp", sa.Integer, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "no_model_bp >= 0 AND challenger_bp >= 0 AND no_model_bp + challenger_bp <= 10000", "purpose_setting_shares"
        ),
    )


def _models() -> None:
    op.add_column("model", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.add_column("model", sa.Column("risk_class", sa.Text, nullable=False, server_default="limited"))
    op.add_column("model", sa.Column("population", sa.Text, nullable=False, server_default=""))
    op.add_column("model", sa.Column("output", sa.Text, nullable=False, server_default="probability"))
    op.add_column("model", sa.Column("classes", ARRAY(sa.Text)))
    op.add_column("model", sa.Column("lowest", sa.Double))
    op.add_column("model", sa.Column("highest", sa.Double))
    op.create_check_constraint("model_risk_class", "model", "risk_class IN ('minimal', 'limited', 'high_risk')")
    op.create_check_constraint("model_output", "model", "output IN ('probability', 'class_probabilities', 'value')")
    op.create_check_constraint("model_classes", "model", "(output = 'class_probabilities') = (classes IS NOT NULL)")


def _versions() -> None:
    op.add_column("model_version", sa.Column("feature_specs", JSONB, nullable=False, server_default=_LIST))
    op.add_column("model_version", sa.Column("snapshot", JSONB, nullable=False, server_default=_OBJECT))
    op.add_column("model_version", sa.Column("card_html", sa.Text))
    op.add_column("model_version", sa.Column("approved_by", sa.Text))
    op.add_column("model_version", sa.Column("origin", sa.Text, nullable=False, server_default="trained"))
    op.add_column("model_version", sa.Column("reasons", JSONB, nullable=False, server_default=_LIST))
    op.create_check_constraint("model_version_origin", "model_version", "origin IN ('trained', 'uploaded')")
    op.drop_constraint("model_version_state", "model_version")
    op.execute("UPDATE model_version SET state = 'vetted' WHERE state = 'trained'")
    op.create_check_constraint("model_version_state", "model_version", _STATES)
    op.create_index(
        "model_challenger", "model_version", ["model"], unique=True, postgresql_where=sa.text("state = 'challenger'")
    )


def downgrade() -> None:
    """Take them away; what is neither champion nor retired was trained."""
    op.drop_table("purpose_setting")
    op.drop_index("model_challenger", "model_version")
    op.drop_constraint("model_version_state", "model_version")
    op.execute("UPDATE model_version SET state = 'trained' WHERE state NOT IN ('champion', 'retired')")
    op.create_check_constraint("model_version_state", "model_version", _BEFORE)
    for column in ("reasons", "origin", "approved_by", "card_html", "snapshot", "feature_specs"):
        op.drop_column("model_version", column)
    for column in ("highest", "lowest", "classes", "output", "population", "risk_class", "owner"):
        op.drop_column("model", column)
