import json
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.releases.bundle import bundle_of, read_candidate
from compliance_assets.model_decisions.router_map import router_map_of
from compliance_assets.model_decisions.workloads import FOLDER, shipped_prompts, workload_of
from evals.gate.risk_control import Calibration, lowest_threshold
from evals.gate.threshold_tuning import (
    Reviewed,
    outcomes_of,
    require_enough,
    require_measured,
    tuned,
    tuned_threshold,
)
from resources.policy_bundle import PolicyBundle

CALIBRATION = Calibration.of([(c, True, False) for c, n in ((1.0, 900), (0.9, 300)) for _ in range(n)])
SHIPPED = (FOLDER / "irpf.triage.json").read_bytes()


def reviews(n: int, outcome: str, confidence: float = 0.9, reason: str | None = "low_confidence") -> list[Reviewed]:
    return [Reviewed(confidence, reason, outcome)] * n


def test_only_what_a_threshold_decides_about_counts() -> None:
    found = outcomes_of(
        [
            *reviews(1, "approved"),
            *reviews(1, "overridden"),
            *reviews(1, "rejected"),
            *reviews(1, "overridden", reason="anomalies_found"),
            *reviews(1, "contested", 1.0, reason=None),
            *reviews(1, "accepted", 1.0, reason=None),
            *reviews(1, "flagged", 1.0, reason=None),
        ]
    )

    assert found.confidences == (0.9, 0.9, 0.9, 1.0, 1.0)
    assert found.wrong == (False, True, True, True, False)


def test_overridden_decisions_hold_the_threshold_up() -> None:
    alone = tuned_threshold(CALIBRATION)
    held_up = tuned_threshold(CALIBRATION, outcomes_of(reviews(20, "overridden")))

    assert alone is not None
    assert alone.threshold == 0.9
    assert held_up is not None
    assert held_up.threshold == 1.0
    assert held_up.n == 900
    assert held_up.holds


def test_approvals_do_not_bring_it_down() -> None:
    doubtful = Calibration.of([*((1.0, True, False) for _ in range(900)), *((0.9, True, i < 9) for i in range(300))])

    found = tuned_threshold(doubtful, outcomes_of(reviews(50_000, "approved")))

    assert found == lowest_threshold(doubtful)
    assert found is not None
    assert found.threshold > 0.9


def test_contested_decisions_that_nobody_had_seen_stop_all_of_it() -> None:
    assert tuned_threshold(CALIBRATION, outcomes_of(reviews(30, "contested", 1.0, reason=None))) is None


def test_the_new_file_is_the_workload_with_another_threshold() -> None:
    found = workload_of("irpf.triage", tuned(SHIPPED, tuned_threshold(CALIBRATION)), shipped_prompts())
    shipped = workload_of("irpf.triage", SHIPPED, shipped_prompts())

    assert found.thresholds.auto_decide == 0.9
    assert found.model_dump(exclude={"thresholds"}) == shipped.model_dump(exclude={"thresholds"})


def test_without_a_bound_a_person_always_decides() -> None:
    assert json.loads(tuned(SHIPPED, None))["thresholds"]["auto_decide"] is None


def test_a_candidate_of_the_new_file_is_read(tmp_path: Path) -> None:
    base = bundle_of(router_map_of("org"), PolicyBundle.read(POLICIES))
    file = tmp_path / "workloads" / "irpf.triage.json"
    file.parent.mkdir()
    file.write_bytes(tuned(SHIPPED, tuned_threshold(CALIBRATION)))

    candidate = read_candidate(tmp_path, base)

    assert candidate.workload("irpf.triage").auto_decide == 0.9
    assert candidate.threshold_version != base.threshold_version
    assert candidate.prompt_version == base.prompt_version


def test_too_few_cases_are_refused_with_the_number_that_it_takes() -> None:
    few = Calibration.of([(1.0, i < 597, False) for i in range(800)])

    with pytest.raises(InvalidInput) as refused:
        require_enough(few)

    assert refused.value.expected.startswith("598 cases that decide")
    assert refused.value.found == "597 of 800 cases"
    require_enough(few, target=0.01)


def test_a_workload_that_is_not_measured_is_refused() -> None:
    with pytest.raises(InvalidInput, match="calibration set: irpf"):
        require_measured("soa.draft", "irpf.triage")
