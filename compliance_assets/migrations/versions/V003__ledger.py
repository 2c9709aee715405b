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
    for table in ("documents", "raw_pulls"):  # the rows of every organisation
        conn.execute(f"ALTER TABLE compliance.{table} NO FORCE ROW LEVEL SECURITY")
    with conn.cursor(name="documents") as documents, conn.cursor() as update:
        documents.itersize = 100
        documents.execute(
            "SELECT d.organization_id, filing_id, raw_text, concat_ws(E'\\n', d.title, d.filer_category, p.path,"
            " (SELECT string_agg(value, E'\\n') FROM jsonb_each_text(coalesce(nullif(d.metadata -> 'fields', 'null'), '{}'))))"
            " FROM compliance.documents d JOIN compliance.raw_pulls p USING (organization_id, pull_id)"
        )
        for organization_id, filing_id, text, called in documents:
            update.execute(
                "UPDATE compliance.documents SET text_sha256 = %s, data_subjects = %s"
                " WHERE organization_id = %s AND filing_id = %s",
                [sha256_hex(text), list(data_subjects_in(f"{text}\n{called}")), organization_id, filing_id],
            )
    conn.execute(  # what one file holds goes together
        "UPDATE compliance.documents d SET data_subjects = f.persons FROM (SELECT organization_id, pull_id,"
        " array_agg(DISTINCT person ORDER BY person) AS persons FROM compliance.documents, unnest(data_subjects) person"
        " GROUP BY organization_id, pull_id) f"
        " WHERE d.organization_id = f.organization_id AND d.pull_id = f.pull_id AND d.data_subjects <> f.persons"
    )
    for table in ("documents", "raw_pulls"):
        conn.execute(f"ALTER TABLE compliance.{table} FORCE ROW LEVEL SECURITY")
    conn.execute("RESET ROLE")
