"""The hand-made dossier, and verify.py as an auditor runs it: a process of its own outside of the project."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compliance_assets.evidence.dossier import verify
from tests.evidence.dossier.made import made_files, write_files

VERIFY = Path(verify.__file__)


@pytest.fixture
def files() -> dict[str, bytes]:
    """A good dossier, to be broken."""
    return dict(made_files())


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """(exit code, lines) of verify.py over files that are written first, or over a path."""

    def run(what: dict[str, bytes] | Path | None, *arguments: str, script: Path = VERIFY) -> tuple[int, list[str]]:
        path = write_files(tmp_path / "dossier", what) if isinstance(what, dict) else what
        command = [sys.executable, "-I", "-S", str(script), *([str(path)] if path else []), *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run
