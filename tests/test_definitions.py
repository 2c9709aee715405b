"""The code location as a whole: it loads, and every asset says what a person needs to know."""

import itertools
import subprocess
import sys
from pathlib import Path

import dagster as dg

from compliance_assets import keys
from compliance_assets.definitions import build_defs, defs

ROOT = Path(__file__).parents[1]


def test_the_lineage_is_the_one_of_the_plan() -> None:
    graph = defs.resolve_asset_graph()
    order = [*keys.INTAKE, *keys.YEARLY]

    assert set(graph.get_all_asset_keys()) == {*order, *keys.PROOF, *keys.REVIEW, *keys.CONTROL}
    assert graph.get(keys.LEDGER_CHECKPOINTS).parent_keys == {keys.AUDIT_LEDGER, keys.YEAR_INDEX}
    assert graph.get(keys.WORM_REPLICA).parent_keys == {keys.LEDGER_CHECKPOINTS}
    assert graph.get(keys.MODEL_DECISIONS).parent_keys == {keys.YEAR_INDEX, keys.PRODUCTION_RELEASE}
    assert graph.get(keys.PRODUCTION_RELEASE).parent_keys == {keys.PROMOTION_RECEIPT}
    assert graph.get(keys.PROMOTION_RECEIPT).parent_keys == {keys.EVAL_REPORT}
    assert graph.get(keys.EVAL_REPORT).parent_keys == {
        keys.GOLDEN_SET, keys.PROMPT_VERSIONS, keys.THRESHOLD_POLICY, keys.ROUTER_MAP, keys.POLICY_BUNDLE
    }  # fmt: skip
    assert all(before in graph.get(after).parent_keys for before, after in itertools.pairwise(order))
    assert {key for key in order if graph.get(key).partitions_def is None} == set(keys.INTAKE)


def test_every_asset_has_an_owner_a_group_and_a_description() -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.owners, spec.key
        assert spec.group_name in (keys.DATA_PLANE, keys.COMPLIANCE_PLANE, keys.CONTROL_PLANE), spec.key
        assert spec.description, spec.key


def test_every_check_of_a_yearly_asset_has_the_years_so_that_one_bad_year_blocks_itself_alone() -> None:
    graph = defs.resolve_asset_graph()
    for check in graph.asset_check_keys:
        node = graph.get(check)
        yearly = check.asset_key in keys.YEARLY
        assert (node.partitions_def is not None) == yearly, check


def test_each_call_builds_fresh_definitions() -> None:
    assert build_defs() is not build_defs()


def test_dagster_definitions_validate_passes() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_jobs_and_sensors_are_the_documented_ones() -> None:
    repository = defs.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}

    assert jobs == {
        "corpus_to_ledger", "intake", "reindex_year", "check_golden_set",
        "checkpoint_ledger", "verify_ledger", "replicate_ledger", "export_to_siem", "decide_pending", "drain_queue",
        "deliver_notifications", "ddq_batch", "evaluate_candidate", "nightly_evaluation", "shadow_decisions",
        "prune_derived",
    }  # fmt: skip
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "source_changes", "pending_filings", "queue_recovery", "review_pager", "ledger_watch", "siem_export",
        "candidate_changes", "pointer_drift", "derived_data",
    }  # fmt: skip
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "checkpoint_hourly", "verify_nightly", "replicate_nightly", "evaluate_nightly", "shadow_decisions_hourly",
        "prune_weekly",
    }  # fmt: skip
    assert all(sensor.default_status == dg.DefaultSensorStatus.STOPPED for sensor in repository.sensor_defs)
