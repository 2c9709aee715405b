"""Nothing leaves: the switches in code, in the environment file and in Dagster's configuration agree."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from resources.telemetry import NO_TELEMETRY

REPOSITORY = Path(__file__).parents[2]


def test_the_environment_file_sets_what_the_code_sets() -> None:
    lines = (REPOSITORY / "deploy" / "no_telemetry.env").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert {name: value for name, value in pairs} == NO_TELEMETRY
    assert len(pairs) == len(NO_TELEMETRY)


def test_dagsters_telemetry_and_its_first_time_page_are_off() -> None:
    configuration = yaml.safe_load((REPOSITORY / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
    assert configuration["telemetry"] == {"enabled": False}
    assert configuration["nux"] == {"enabled": False}


def test_containing_a_process_sets_the_switches_and_keeps_caches_in_the_data_directory(tmp_path: Path) -> None:
    code = (
        "import json, os, sys; from pathlib import Path; from resources.telemetry import contain\n"
        "contain(Path(sys.argv[1])); print(json.dumps(dict(os.environ)))"
    )
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    environment |= {"DO_NOT_TRACK": "no", "HF_HOME": "/kept"}
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    after = yaml.safe_load(told.stdout)
    assert {name: after[name] for name in NO_TELEMETRY} == NO_TELEMETRY
    assert after["MPLCONFIGDIR"] == str(tmp_path / "cache" / "matplotlib")
    assert after["XDG_CACHE_HOME"] == str(tmp_path / "cache" / "xdg")
    assert after["HF_HOME"] == "/kept", "a folder that somebody chose is theirs to choose"
