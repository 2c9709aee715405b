"""Retrieval; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V008"
down_revision = "V007"


def upgrade() -> None:
    """Apply V008__retrieval.sql."""
    run_sql(op.get_bind(), __file__)
