"""A deployment that lasts as long as a block: its own folder, its own server. What a benchmark measures in.

The folder lies directly under /tmp: the server's socket has a short path there, and the database's own user gets in.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compliance_assets.deployment import Deployment
from resources.progress import Progress, Silent
from resources.settings import Settings
from resources.telemetry import contain


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is removed when the block ends. What libraries leave behind stays in it."""
    folder = Path(tempfile.mkdtemp(prefix="ca-eval-", dir="/tmp"))
    folder.chmod(0o755)  # the database's own user has to get in
    contain(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_deployment(
    embedder: str = "hash", progress: Progress | None = None, *, ocr: str = "auto"
) -> Iterator[Deployment]:
    """A prepared deployment, empty. What the process's environment says of a deployment does not count."""
    with scratch_folder() as folder:
        settings = Settings.from_environment({"COMPLIANCE_EMBEDDER": embedder, "COMPLIANCE_OCR": ocr}, data_dir=folder)
        deployment = Deployment(settings, progress or Silent())
        try:
            deployment.prepare()
            yield deployment
        finally:
            if deployment.postgres.embedded:
                deployment.postgres.embedded.stop()
