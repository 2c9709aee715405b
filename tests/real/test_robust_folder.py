"""The robustness corpus as a source: broken, encrypted, hostile and foreign files through the jobs themselves."""

from pathlib import Path

import pytest

from compliance_assets import commands
from compliance_assets.deployment import Deployment

CORPUS = Path(__file__).parents[2].parent / "shared" / "data" / "robust"
pytestmark = [
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the robustness corpus is not at {CORPUS}"),
    pytest.mark.slow,
]


def test_every_file_of_a_folder_of_bad_files_has_a_state_and_a_reason(deployment: Deployment) -> None:
    files = sum(path.is_file() for path in CORPUS.rglob("*"))

    report = commands.ingest(deployment, str(CORPUS))
    again = commands.ingest(deployment, str(CORPUS))

    assert report.checks_passed
    assert report.files == files
    assert len(report.not_ok) == sum(report.documents.values()) - report.documents.get("ok", 0)
    assert all(row["state"] in ("needs_human", "rejected") and row["reason"] for row in report.not_ok)
    assert again.documents_read == 0
