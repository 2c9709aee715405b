"""The governed decision path; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V005"
down_revision = "V004"


def upgrade() -> None:
    """Apply V005__governed_decisions.sql."""
    run_sql(op.get_bind(), __file__)
