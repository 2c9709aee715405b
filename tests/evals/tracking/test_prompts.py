"""What of a release is registered, and whether its prompts can be filled in."""

import json

import pytest

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, bundle_of
from compliance_assets.model_decisions.router_map import router_map_of
from evals.tracking.prompts import entries_of, expected_aliases, prompts_of, thresholds_of, unfilled
from resources.policy_bundle import PolicyBundle
from resources.settings import DEFAULT_ORGANIZATION

BUNDLE = bundle_of(router_map_of(DEFAULT_ORGANIZATION, None), PolicyBundle.read(POLICIES))
TRIAGE = "prompts/irpf.triage.v1.txt"


def with_prompt(text: str) -> ReleaseBundle:
    return BUNDLE.with_files({TRIAGE: text.encode()})


def test_every_workload_has_its_prompt_by_text_and_its_thresholds_by_reference() -> None:
    prompt, thresholds = prompts_of(BUNDLE)["irpf.triage"], thresholds_of(BUNDLE)["irpf.triage"]

    assert prompt.name == "compliance.irpf.triage"
    assert prompt.text == BUNDLE.files[TRIAGE].decode()
    assert prompt.sha256 == sha256_hex(BUNDLE.files[TRIAGE])
    assert prompt.tags == {"workload": "irpf.triage", "template": "irpf.triage@1"}
    assert thresholds.text is None
    assert thresholds.tags["auto_decide"] == f"{BUNDLE.workloads['irpf.triage'].auto_decide:g}"
    assert len({entry.name for entry in entries_of(BUNDLE)}) == 2 * len(BUNDLE.workloads)


def test_what_changes_is_what_is_expected_otherwise() -> None:
    workload = json.loads(BUNDLE.files["workloads/irpf.triage.json"])
    workload["thresholds"]["auto_decide"] = None
    changed = BUNDLE.with_files({"workloads/irpf.triage.json": json.dumps(workload).encode()})

    different = expected_aliases(BUNDLE).items() ^ expected_aliases(changed).items()

    assert {name for name, _ in different} == {"compliance.irpf.triage.thresholds"}
    assert thresholds_of(changed)["irpf.triage"].tags["auto_decide"] == "none"


def test_the_shipped_prompts_can_be_filled_in() -> None:
    assert [unfilled(workload) for workload in BUNDLE.workloads.values()] == [None] * len(BUNDLE.workloads)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{question} {passages}", "{scope} 0 times"),
        ("{scope} {question} {question} {passages}", "{question} 2 times"),
        ("{scope} {question} {passages} {year}", "{year}, which nothing fills"),
        ("{scope} {question!r} {passages}", "{question} with a format"),
        ('{scope} {question} {passages} {"decision": 1}', '{"decision"}, which nothing fills'),
        ("{scope} {question} {passages} }", "Single '}' encountered in format string"),
    ],
)
def test_a_prompt_that_cannot_says_why(text: str, why: str) -> None:
    assert why in str(unfilled(with_prompt(text).workloads["irpf.triage"]))
