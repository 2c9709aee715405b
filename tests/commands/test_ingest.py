"""What taking in a folder costs when little or nothing changed, and that what is gone is not found."""

from pathlib import Path

from compliance_assets import commands
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index.search import ask, search

TABLES = (
    "compliance.raw_pulls",
    "compliance.documents",
    "compliance.chunks",
    "compliance.embeddings",
    "compliance.index_versions",
    "compliance.decisions",
    "compliance.ledger_entries",
    "year_index.entries",
)


def rows(deployment: Deployment) -> dict[str, int]:
    with deployment.postgres.connect() as conn:
        counts = {table: conn.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES}  # type: ignore[arg-type]
    return {table: count[0] for table, count in counts.items() if count}


def titles(deployment: Deployment, year: int) -> set[str]:
    with deployment.postgres.connect() as conn:
        asked = ask(conn, deployment.embedder, "liquidity and custody", RetrievalScope(year=year))
        found = search(conn, asked, top_k=50)
    return {retrieved.hit.doc_title for retrieved in found}


def test_the_same_folder_again_reads_nothing_encodes_nothing_and_adds_no_row(
    deployment: Deployment, source: Path
) -> None:
    first = commands.ingest(deployment, str(source))
    before = rows(deployment)

    again = commands.ingest(deployment, str(source))

    assert (first.documents_read, first.years) == (4, [2021, 2022])
    assert (again.documents_read, again.chunks_encoded, again.years) == (0, 0, [])
    assert rows(deployment) == before


def test_one_changed_file_costs_that_file(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    (source / "2021" / "northwind.md").write_text("# Liquidity policy\n\nNew words that nobody wrote before.\n")

    report = commands.ingest(deployment, str(source))

    assert (report.documents_read, report.chunks_encoded, report.years) == (1, 1, [2021])


def test_a_removed_file_is_not_found_any_more_and_its_twin_is(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    assert titles(deployment, 2022) == {"Northwind 2022", "Southwind 2022"}
    (source / "2022" / "northwind.md").unlink()

    commands.ingest(deployment, str(source))

    assert titles(deployment, 2022) == {"Southwind 2022"}
    assert titles(deployment, 2021) == {"Northwind 2021", "Southwind 2021"}


def test_the_last_file_of_a_year_leaves_an_empty_index(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    for name in ("northwind.md", "southwind.md"):
        (source / "2021" / name).unlink()

    report = commands.ingest(deployment, str(source))

    assert report.checks_passed
    assert titles(deployment, 2021) == set()
