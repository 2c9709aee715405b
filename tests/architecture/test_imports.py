"""Imports are cheap: heavy libraries load where they are first used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MODELS = {"torch", "transformers", "sentence_transformers", "tokenizers", "openai"}
REPORTS = {"mlflow", "great_expectations", "pandas", "matplotlib"}
ORCHESTRATION = {"dagster", "dagster_dbt", "dbt"}


def loaded_after(code: str, tmp_path: Path) -> set[str]:
    """The top-level packages that a fresh process has loaded once it ran some code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "COMPLIANCE_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return set(found)


def test_loading_the_code_location_loads_no_heavy_library(tmp_path: Path) -> None:
    loaded = loaded_after("import compliance_assets.definitions", tmp_path)
    assert "dagster" in loaded
    assert loaded & (MODELS | REPORTS) == set()
    assert list(tmp_path.iterdir()) == [], "importing wrote something"


@pytest.mark.parametrize("arguments", [["--help"], ["retrieve", "--help"], ["--version"]])
def test_the_command_says_what_it_can_do_without_loading_anything_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = f"from compliance_assets.cli.main import main; main({arguments!r}, standalone_mode=False)"
    loaded = loaded_after(code, tmp_path)
    assert "click" in loaded
    assert loaded & (MODELS | REPORTS | ORCHESTRATION | {"psycopg", "numpy"}) == set()


def test_the_contracts_need_nothing_but_their_own_libraries(tmp_path: Path) -> None:
    loaded = loaded_after("import compliance_assets.contracts.schemas", tmp_path)
    assert loaded & (MODELS | REPORTS | ORCHESTRATION | {"psycopg", "numpy", "upath"}) == set()
