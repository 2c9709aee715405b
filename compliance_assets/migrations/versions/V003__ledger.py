"""The ledger that outsiders can check; its SQL stands in the file of the same name."""

from alembic import op

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.migrations.runner import driver_connection, run_sql

revision = "V003"
down_revision = "V002"


def upgrade() -> None:
    """Apply V003__ledger.sql, then say of every document whose it is and what its text's digest is."""
    run_sql(op.get_bind(), __file__)
    conn = driver_connection(op.get_bind())
    conn.execute("SET ROLE compliance_owner")
    conn.execute("ALTER TABLE compliance.documents NO FORCE ROW LEVEL SECURITY")  # the rows of every organisation
    with conn.cursor(name="documents") as documents, conn.cursor() as update:
        documents.itersize = 100
        documents.execute("SELECT organization_id, filing_id, raw_text FROM compliance.documents")
        for organization_id, filing_id, text in documents:
            update.execute(
                "UPDATE compliance.documents SET text_sha256 = %s, data_subjects = %s"
                " WHERE organization_id = %s AND filing_id = %s",
                [sha256_hex(text), list(data_subjects_in(text)), organization_id, filing_id],
            )
    conn.execute("ALTER TABLE compliance.documents FORCE ROW LEVEL SECURITY")
    conn.execute("RESET ROLE")
