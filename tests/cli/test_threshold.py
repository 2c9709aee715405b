import json
from pathlib import Path

from click.testing import CliRunner

import compliance_assets.cli.threshold  # noqa: F401 - registers the verb
from compliance_assets.cli.verb import compliance


def test_a_workload_without_a_calibration_set_keeps_its_threshold(tmp_path: Path) -> None:
    arguments = ["threshold", "tune", "--workload", "soa.draft", "--out", str(tmp_path / "c"), "--json"]
    done = CliRunner().invoke(compliance, [*arguments, "--data-dir", str(tmp_path)])

    assert done.exit_code == 2, done.output
    assert json.loads(done.stdout)["found"] == "soa.draft"
    assert not (tmp_path / "c").exists()
