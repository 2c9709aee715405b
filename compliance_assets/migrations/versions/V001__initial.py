"""The first schema; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V001"
down_revision = None


def upgrade() -> None:
    """Apply V001__initial.sql."""
    run_sql(op.get_bind(), __file__)
