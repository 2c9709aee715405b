import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.governance import assets, checks
from compliance_assets.governance.policy import POLICIES
from resources.policy import OpaEngine, PolicyEngine, RegoEngine
from resources.policy_bundle import PolicyBundle
from tests.opa_server import OpaServer, opa_server

BUNDLE = PolicyBundle.read(POLICIES)


@pytest.fixture
def server() -> Iterator[OpaServer]:
    with opa_server(BUNDLE) as running:
        yield running


def materialised(engine: PolicyEngine, **options: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [assets.policy_bundle, checks.fixtures_hold, checks.policy_drift], resources={"policy": engine}, **options
    )


def passed(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def found(result: dg.ExecuteInProcessResult, check: str, name: str) -> object:
    (evaluation,) = [e for e in result.get_asset_check_evaluations() if e.check_name == check]
    return evaluation.metadata[name].value


def a_copy(folder: Path) -> Path:
    for path in POLICIES.rglob("*"):
        if path.is_file():
            (folder / path.relative_to(POLICIES)).parent.mkdir(parents=True, exist_ok=True)
            (folder / path.relative_to(POLICIES)).write_bytes(path.read_bytes())
    return folder


def test_the_bundle_shows_its_hash_and_files_and_its_checks_pass() -> None:
    result = materialised(RegoEngine(BUNDLE))
    (shown,) = result.asset_materializations_for_node("policy_bundle")
    assert shown.metadata["policy_hash"].value == BUNDLE.policy_hash
    assert shown.metadata["dagster/row_count"].value == 3
    assert passed(result) == {"fixtures_hold": True, "policy_drift": True}


def test_a_policy_that_no_longer_answers_its_examples_is_found(tmp_path: Path) -> None:
    folder = a_copy(tmp_path)
    rules = folder / "compliance/decision.rego"
    rules.write_text(rules.read_text().replace("if not region_permitted", "if false"))
    result = materialised(RegoEngine(PolicyBundle.read(folder)), raise_on_error=False)
    assert passed(result) == {"fixtures_hold": False, "policy_drift": True}


def test_a_workload_of_the_policy_without_examples_is_found(tmp_path: Path) -> None:
    folder = a_copy(tmp_path)
    data = folder / "compliance/config/data.json"
    config = json.loads(data.read_text())
    config["workloads"]["payroll.guess"] = {"opt_in_years": False, "least_classification": "pii"}
    data.write_text(json.dumps(config))
    result = materialised(RegoEngine(PolicyBundle.read(folder)), raise_on_error=False)
    assert passed(result)["fixtures_hold"] is False
    assert found(result, "fixtures_hold", "workloads_without_examples") == "payroll.guess"


def test_files_that_changed_under_a_running_engine_are_drift(tmp_path: Path) -> None:
    folder = a_copy(tmp_path)
    engine = RegoEngine(PolicyBundle.read(folder))
    rules = folder / "compliance/decision.rego"
    rules.write_text(rules.read_text() + "\n# A remark.\n")
    assert passed(materialised(engine, raise_on_error=False))["policy_drift"] is False


def test_a_server_with_the_same_policy_does_not_drift(server: OpaServer) -> None:
    engine = OpaEngine(server.url, BUNDLE, budget_seconds=10)
    assert passed(materialised(engine)) == {"fixtures_hold": True, "policy_drift": True}
    engine.close()


def test_a_server_that_reports_another_hash_is_drift(server: OpaServer) -> None:
    server.behaviour = "wrong hash"
    engine = OpaEngine(server.url, BUNDLE, budget_seconds=10)
    assert passed(materialised(engine, raise_on_error=False)) == {"fixtures_hold": True, "policy_drift": False}
    engine.close()


def test_a_server_that_reports_the_right_hash_over_other_rules_is_drift(server: OpaServer) -> None:
    """The hash is what a deployment pushed; the modules are what the server evaluates."""
    files = tuple(
        (name, content + b"\n# edited\n" if name.endswith(".rego") else content) for name, content in BUNDLE.files
    )
    server.bundle = PolicyBundle(files)
    server.behaviour = "claims"
    server.claimed_hash = BUNDLE.policy_hash
    engine = OpaEngine(server.url, BUNDLE, budget_seconds=10)
    result = materialised(engine, raise_on_error=False)
    assert passed(result)["policy_drift"] is False
    assert found(result, "policy_drift", "reported") == BUNDLE.policy_hash
    assert "not held as it stands here" in str(found(result, "policy_drift", "differences"))
    engine.close()


def test_a_server_that_is_away_is_an_error_and_not_a_finding() -> None:
    with pytest.raises(DependencyUnavailable):
        materialised(OpaEngine("http://127.0.0.1:9", BUNDLE))
