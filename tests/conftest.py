"""Real components for every test: one embedded PostgreSQL for the session, one organisation for each test.

Row-level security keeps the tests apart exactly as it keeps organisations apart, so no test cleans up after itself.
"""

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.deployment import Deployment
from resources.embedded_postgres import EmbeddedPostgres
from resources.settings import Settings
from resources.telemetry import contain

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """A short folder that the database's own user may enter: pytest's own is closed to it, and its paths are long."""
    folder = Path(tempfile.mkdtemp(prefix="ca-", dir="/tmp"))
    folder.chmod(0o755)
    contain(folder)
    yield folder
    subprocess.run(
        ["chattr", "-R", "-f", "-i", str(folder)], check=False, capture_output=True
    )  # replicas of the ledger
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_url(session_dir: Path) -> Iterator[str]:
    """A server for the whole session."""
    server = EmbeddedPostgres(session_dir)
    yield server.start()
    server.stop()


@pytest.fixture
def settings(database_url: str, session_dir: Path) -> Settings:
    """A deployment of its own: its own organisation, data directory and object store; the quick embedder."""
    organization = str(uuid.uuid4())
    data_dir = session_dir / organization[:8]
    return Settings.from_environment(
        {
            "COMPLIANCE_DATABASE_URL": database_url,
            "COMPLIANCE_ORGANIZATION_ID": organization,
            "COMPLIANCE_EMBEDDER": "hash",
            "COMPLIANCE_YEARS": "2018-2024",
        },
        data_dir=data_dir,
    )


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    """A prepared deployment, empty."""
    made = Deployment(settings)
    made.prepare()
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source of two years and two funds, with a manifest."""
    return write_source(tmp_path / "source")


def write_source(folder: Path) -> Path:
    """Four small documents: (2021, Northwind), (2021, Southwind), (2022, Northwind), (2022, Southwind)."""
    rows = []
    for year in (2021, 2022):
        for fund, bank in (("Northwind", "Harbour Bank"), ("Southwind", "Meadow Bank")):
            path = folder / str(year) / f"{fund.lower()}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f"# Liquidity policy\n\nIn {year} the fund {fund} keeps liquidity of at least {year - 2010} percent.\n\n"
                f"## Custody\n\nThe assets of {fund} are held by {bank} in segregated accounts.\n",
                encoding="utf-8",
            )
            rows.append(
                f'{{"path": "{year}/{fund.lower()}.md", "year": {year}, "filer_category": "{fund}", '
                f'"title": "{fund} {year}", "doc_type": "policy"}}'
            )
    (folder / "manifest.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
