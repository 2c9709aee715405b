"""Receipts of evaluations; their SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V007"
down_revision = "V006"


def upgrade() -> None:
    """Apply V007__promotion.sql."""
    run_sql(op.get_bind(), __file__)
