"""What is gone at its source, and when it could no longer be found; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V009"
down_revision = "V008"


def upgrade() -> None:
    """Apply V009__withdrawals.sql."""
    run_sql(op.get_bind(), __file__)
