"""Attachments and formats of documents; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V002"
down_revision = "V001"


def upgrade() -> None:
    """Apply V002__attachments.sql."""
    run_sql(op.get_bind(), __file__)
