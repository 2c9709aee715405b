"""The release in production and the files that it serves with; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = "V006"
down_revision = "V005"


def upgrade() -> None:
    """Apply V006__production_release.sql."""
    run_sql(op.get_bind(), __file__)
