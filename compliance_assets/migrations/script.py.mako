"""${message}; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.migrations.runner import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Apply the SQL file beside this one."""
    run_sql(op.get_bind(), __file__)
