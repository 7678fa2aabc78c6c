"""A score carries the hash of the model that gave it and of what that model saw: decisions keep both (P-32).

`decision_inputs` reads them; `decision_facts` stays for processes of the release before.
"""

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_BEFORE = "json_build_array(s.model, s.version, s.score)"
_NOW = "json_build_array(s.model, s.version, s.score, s.model_hash, s.features_hash)"


def upgrade() -> None:
    """Add the two columns, and the function that reads them."""
    for column in ("model_hash", "features_hash"):
        op.add_column("proj_scores", sa.Column(column, sa.Text))
    before: str = import_module("campaign.migrations.versions.0016_decision_facts").FUNCTION
    function = before.replace("FUNCTION decision_facts(", "FUNCTION decision_inputs(").replace(_BEFORE, _NOW)
    op.get_bind().exec_driver_sql(function)


def downgrade() -> None:
    """Read scores without them again."""
    op.execute("DROP FUNCTION decision_inputs(uuid, text, text, uuid, text, date, timestamptz, timestamptz, boolean)")
    for column in ("features_hash", "model_hash"):
        op.drop_column("proj_scores", column)
