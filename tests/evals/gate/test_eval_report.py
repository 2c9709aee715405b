"""The asset `eval_report` with its checks, on small sets."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from compliance_assets import keys
from compliance_assets.deployment import Deployment
from evals.gate import checks
from evals.gate.assets import eval_report
from tests.evals.gate.few import few

CHECKS = [checks.floors_held, checks.no_regression, checks.hard_zeros, checks.auto_decided_error_bounded]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def test_the_working_tree_is_reported_and_blocked_by_the_bound_that_so_few_filings_cannot_hold(
    deployment: Deployment, tmp_path: Path
) -> None:
    control = replace(deployment.change_control, sets=few(tmp_path, stride=16, generated=8))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [eval_report, *CHECKS],
            instance=instance,
            resources={"change_control": control, "settings": deployment.settings},
            run_config=QUIET,
            raise_on_error=False,
        )

    passed = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert passed["auto_decided_error_bounded"] is False
    assert passed["hard_zeros"] is True
    assert set(passed) == {"floors_held", "no_regression", "hard_zeros", "auto_decided_error_bounded"}
    (event,) = result.get_asset_materialization_events()
    made = event.step_materialization_data.materialization
    assert made.asset_key == keys.EVAL_REPORT
    assert made.metadata["verdict"].value == "blocked"
    assert "auto_decided_error" in str(made.metadata["report"].value)
    tags = made.tags or {}
    assert tags["dagster/data_version"] == made.metadata["evaluation_digest"].value
