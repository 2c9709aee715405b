"""Indexes that forward lineage looks up by; the SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V004"
down_revision = "V003"


def upgrade() -> None:
    """Apply V004__lineage_lookups.sql."""
    run_sql(op.get_bind(), __file__)
