"""The asset `golden_set` as Dagster runs it: it passes as it is frozen, and no damage to it goes unnoticed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.definitions import defs
from evals.golden import checks
from evals.golden.generate import FROZEN
from evals.golden.golden_set import lines_of, read_rows
from jobs.corpus_to_ledger import check_golden_set

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = {"documents_reproduce", "strata_filled", "truth_adds_up", "sets_are_disjoint"}

Rows = list[dict[str, Any]]
Replace = Callable[[Rows], None]


def run() -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def(check_golden_set.name)
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)


def passed(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}


@pytest.fixture
def golden() -> Rows:
    return read_rows(FROZEN["golden"])


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Replace:
    """Puts other rows in the place of the golden set."""

    def write(rows: Rows) -> None:
        path = tmp_path / "golden.jsonl"
        path.write_text(lines_of(rows), encoding="utf-8")
        monkeypatch.setitem(FROZEN, "golden", path)

    return write


def test_the_frozen_sets_pass_every_check_and_the_asset_says_what_they_hold() -> None:
    result = run()

    assert result.success
    assert passed(result) == dict.fromkeys(CHECKS, True)
    assert all(evaluation.blocking for evaluation in result.get_asset_check_evaluations())
    (event,) = result.get_asset_materialization_events()
    made = event.step_materialization_data.materialization
    assert made.asset_key == keys.GOLDEN_SET
    assert made.metadata["dagster/row_count"].value == 500
    assert _filings(made.metadata["sets"]) == {"golden": 500, "calibration": 200, "hard": 150}
    assert sum(int(str(record.data["filings"])) for record in _records(made.metadata["strata"])) == 500
    assert len(_records(made.metadata["strata"])) == 20, "five formats, two categories, two return types"


def test_the_version_of_the_data_is_the_digest_of_the_golden_set(freeze: Replace, golden: Rows) -> None:
    freeze(golden[:3])
    (event,) = run().get_asset_materialization_events()
    tags = event.step_materialization_data.materialization.tags or {}

    assert tags["dagster/data_version"] == hashlib.sha256(FROZEN["golden"].read_bytes()).hexdigest()


def test_a_damaged_set_fails_the_job(freeze: Replace, golden: Rows) -> None:
    freeze([{**golden[0], "sha256": "0" * 64}])
    result = run()

    assert not result.success
    assert passed(result)["documents_reproduce"] is False
    assert passed(result)["strata_filled"] is False


def test_a_digest_that_was_changed_is_found(freeze: Replace, golden: Rows) -> None:
    freeze([golden[0], {**golden[1], "sha256": "0" * 64}])

    _fails(checks.documents_reproduce(), wrong=1, first=golden[1]["id"])


def test_a_row_that_makes_another_document_is_found(freeze: Replace, golden: Rows) -> None:
    freeze([{**golden[0], "seed": golden[0]["seed"] + 1}, golden[1]])

    _fails(checks.documents_reproduce(), wrong=1, first=golden[0]["id"])


def test_a_stratum_that_was_removed_is_found(freeze: Replace, golden: Rows) -> None:
    cell = ("xml", "simplificada", "retificadora")
    freeze([row for row in golden if (row["format"], row["category"], row["return_type"]) != cell])

    _fails(checks.strata_filled(), wrong=1, first="xml, simplificada, retificadora: 0, at least 5")


def test_an_amount_that_was_changed_in_the_truth_is_found(freeze: Replace, golden: Rows) -> None:
    row = next(row for row in golden if not row["anomalies"])
    row["fields"]["tax_due"]["value"] = "0.01"
    freeze(golden)

    result = checks.truth_adds_up()

    _fails(result, wrong=1)
    assert str(_first(result)).startswith(f"{row['id']}: no anomaly; breaks ")


def test_a_filing_that_thresholds_were_also_chosen_on_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, golden: Rows
) -> None:
    calibration = tmp_path / "calibration.jsonl"
    calibration.write_text(lines_of([*read_rows(FROZEN["calibration"]), {**golden[7], "seed": 1}]), encoding="utf-8")
    monkeypatch.setitem(FROZEN, "calibration", calibration)

    _fails(checks.sets_are_disjoint(), wrong=1, first=golden[7]["sha256"])


def test_a_seed_that_two_sets_share_is_found(freeze: Replace, golden: Rows) -> None:
    taken = read_rows(FROZEN["hard"])[0]["seed"]
    freeze([*golden[:9], {**golden[9], "seed": taken}])

    _fails(checks.sets_are_disjoint(), wrong=1, first=f"seed {taken}")


def _fails(result: object, *, wrong: int, first: str | None = None) -> None:
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    assert result.metadata["wrong"].value == wrong
    assert first in (None, _first(result))


def _first(result: object) -> object:
    assert isinstance(result, dg.AssetCheckResult)
    return result.metadata["first"].value


def _records(value: object) -> list[dg.TableRecord]:
    assert isinstance(value, dg.TableMetadataValue)
    return list(value.records)


def _filings(sets: object) -> dict[object, object]:
    return {record.data["set"]: record.data["filings"] for record in _records(sets)}
