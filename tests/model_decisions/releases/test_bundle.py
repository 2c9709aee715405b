import json
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.releases.bundle import (
    SHIPPED_PROMPTS,
    SHIPPED_WORKLOADS,
    ReleaseBundle,
    Running,
    bundle_of,
    read_candidate,
)
from compliance_assets.model_decisions.router_map import router_map_of
from resources.policy_bundle import PolicyBundle

RUNNING = Running("chunker 1", "a" * 64, "index 1", None, "0.1.0/1")
PROMPT = "prompts/irpf.triage.v1.txt"


@pytest.fixture(scope="module")
def shipped() -> ReleaseBundle:
    return bundle_of(router_map_of("an organisation"), PolicyBundle.read(POLICIES))


def test_what_came_with_the_product_is_written_out(shipped: ReleaseBundle) -> None:
    assert (shipped.prompt_version, shipped.threshold_version) == (SHIPPED_PROMPTS, SHIPPED_WORKLOADS)


def test_each_kind_of_file_changes_its_part_of_the_manifest_and_no_other(shipped: ReleaseBundle) -> None:
    was = shipped.manifest(RUNNING).model_dump()
    workload = json.loads(shipped.files["workloads/irpf.triage.json"])
    workload["thresholds"]["auto_decide"] = 0.99
    routes = shipped.router_map.model_dump(mode="json")
    routes["routes"]["irpf.triage"]["temperature"] = 0.5
    policy = shipped.files["policies/compliance/decision.rego"] + b"\n# a remark\n"
    changes = {
        "prompt_version": {PROMPT: shipped.files[PROMPT] + b"\nBe brief.\n"},
        "threshold_version": {"workloads/irpf.triage.json": json.dumps(workload).encode()},
        "router_map": {"router_map.json": json.dumps(routes).encode()},
        "policy_bundle": {"policies/compliance/decision.rego": policy},
    }
    for part, files in changes.items():
        now = shipped.with_files(files).manifest(RUNNING).model_dump()
        assert [name for name in was if was[name] != now[name]] == [part]


def test_another_spelling_of_the_same_routes_is_the_same_release(shipped: ReleaseBundle, tmp_path: Path) -> None:
    spelled = json.dumps(shipped.router_map.model_dump(mode="json"), indent=4)
    (tmp_path / "router_map.json").write_text(spelled)
    assert read_candidate(tmp_path, shipped).digest == shipped.digest


def test_a_candidate_is_the_files_that_it_changes(shipped: ReleaseBundle, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / PROMPT).write_bytes(b"Only this: {scope} {question} {passages}")
    candidate = read_candidate(tmp_path, shipped)
    assert candidate.workload("irpf.triage").template_text == "Only this: {scope} {question} {passages}"
    changed = [path for path in shipped.files if candidate.files[path] != shipped.files[path]]
    assert (changed, candidate.files.keys()) == ([PROMPT], shipped.files.keys())


def test_a_prompt_that_no_workload_names_is_no_part_of_a_release(shipped: ReleaseBundle) -> None:
    assert shipped.with_files({"prompts/irpf.triage.v9.txt": b"another"}).digest == shipped.digest


@pytest.mark.parametrize(
    ("path", "found"),
    [("thresholds.json", "thresholds.json"), ("prompt/irpf.triage.v1.txt", "prompt/irpf.triage.v1.txt")],
)
def test_a_file_without_a_place_is_refused(shipped: ReleaseBundle, tmp_path: Path, path: str, found: str) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("{}")
    with pytest.raises(InvalidInput, match="the candidate is not usable") as refused:
        read_candidate(tmp_path, shipped)
    assert refused.value.found == found


def test_an_empty_folder_is_no_candidate(shipped: ReleaseBundle, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing under"):
        read_candidate(tmp_path, shipped)


def test_a_workload_that_is_none_is_named_with_its_field(shipped: ReleaseBundle) -> None:
    with pytest.raises(InvalidInput, match=r"irpf\.triage\.json: thresholds\.auto_decide"):
        shipped.with_files(
            {
                "workloads/irpf.triage.json": shipped.files["workloads/irpf.triage.json"].replace(
                    b'"auto_decide": 0.95', b'"auto_decide": 2'
                )
            }
        )


def test_a_route_without_a_workload_is_named(shipped: ReleaseBundle, tmp_path: Path) -> None:
    routes = shipped.router_map.model_dump(mode="json")
    routes["routes"]["ddq.final"] = routes["routes"]["ddq.draft_response"]
    (tmp_path / "router_map.json").write_text(json.dumps(routes))
    with pytest.raises(InvalidInput, match=r"ddq\.final: it stands on one side alone"):
        read_candidate(tmp_path, shipped)
