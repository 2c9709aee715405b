"""Two real filings through the real model: taken in, indexed, asked, and not touched again."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from compliance_assets import commands
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index.search import ask, search
from resources.settings import Settings

FILINGS = Path(__file__).parents[2].parent / "shared" / "data" / "financebench"
pytestmark = pytest.mark.skipif(not FILINGS.exists(), reason=f"the real filings are not at {FILINGS}")


@pytest.fixture
def two_filings(tmp_path: Path) -> tuple[Path, list[dict[str, str | int]]]:
    """The two smallest filings of different years, with their labels."""
    rows = [json.loads(line) for line in (FILINGS / "manifest.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: (FILINGS / row["path"]).stat().st_size)
    chosen = [rows[0], next(row for row in rows if row["year"] != rows[0]["year"])]
    for row in chosen:
        (tmp_path / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILINGS / row["path"], tmp_path / row["path"])
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return tmp_path, chosen


def test_real_filings_are_searchable_in_their_year_alone_and_are_read_once(
    settings: Settings, two_filings: tuple[Path, list[dict[str, str | int]]]
) -> None:
    folder, rows = two_filings
    years = tuple(range(2015, 2025))
    deployment = Deployment(dataclasses.replace(settings, embedder="minilm", years=years))
    deployment.prepare()

    first = commands.ingest(deployment, str(folder))
    second = commands.ingest(deployment, str(folder))

    assert first.documents == {"ok": 2}
    assert first.checks_passed
    assert (second.documents_read, second.chunks_encoded, second.years) == (0, 0, [])
    with deployment.postgres.connect() as conn:
        for row in rows:
            scope = RetrievalScope(year=int(row["year"]))
            found = search(conn, ask(conn, deployment.embedder, "What were the total revenues?", scope))
            assert {retrieved.hit.doc_title for retrieved in found} == {row["title"]}
