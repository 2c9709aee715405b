"""Candidates through the real decision path: three prompts that lost a rule are blocked, one with fewer words passes.

On every third golden filing, so that every class is there, and with a bound that so few can hold.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, read_candidate
from compliance_assets.model_decisions.releases.serving import running_of
from evals.gate import report
from evals.gate.evaluation import Evaluation
from evals.gate.gate import Floors, Verdict, judged, shipped_floors
from evals.gate.run import Bench, bench_of, evaluate
from resources.settings import Settings
from tests.evals.gate.evaluations import against
from tests.evals.gate.few import few

CANDIDATES = Path(__file__).parent / "candidates"


@cache
def deployment() -> Deployment:
    """With the real embedder, which finds the law. Nothing of it is prepared: no database is asked."""
    return Deployment(Settings.from_environment({"COMPLIANCE_EMBEDDER": "minilm"}, data_dir=Path("/nowhere")))


@cache
def bench() -> Bench:
    with TemporaryDirectory() as folder:
        return bench_of(deployment().desk, few(Path(folder)))


@cache
def measured(name: str = "") -> Evaluation:
    """Of a candidate's folder, or of what is shipped."""
    return evaluate(bundle(name), running_of(deployment().embedder), bench())


def bundle(name: str = "") -> ReleaseBundle:
    shipped = deployment().bundle
    return read_candidate(CANDIDATES / name, shipped) if name else shipped


def verdict(name: str = "") -> Verdict:
    """Beside what is shipped. Of a third of the filings no class is large, and they cannot bound a half of a percent."""
    floors = {**shipped_floors().model_dump(by_alias=True), "enough": 100}
    floors["auto_decided_error"] = {**floors["auto_decided_error"], "target": 0.05}
    return judged(measured(name), measured(), Floors.model_validate(floors))


def test_what_is_shipped_passes_beside_itself() -> None:
    assert against(verdict()) == set()


def test_a_prompt_with_fewer_words_passes_and_costs_less() -> None:
    found = verdict("fewer-words")

    assert against(found) == set()
    shorter = next(f for f in found.of("regression") if f.score == "prompt_tokens")
    assert shorter.value is not None
    assert shorter.value < 0
    assert report.changed_rows(measured(), measured("fewer-words")) == []


def test_a_prompt_without_the_year_rule_is_blocked_by_anomalies_that_are_none() -> None:
    found = verdict("without-the-year-rule")

    assert ("floor", "anomaly_precision", "all") in against(found)
    assert ("regression", "anomaly_precision", "all") in against(found)
    rows = report.case_rows(measured("without-the-year-rule"), found)
    assert any("wrong_year_table reported" in str(row["wrong"]) for row in rows)
    assert all(row["year"] != 2025 or "wrong_year_table" not in str(row["wrong"]) for row in rows), (
        "the year it remembers"
    )


def test_a_prompt_without_the_citation_demand_is_blocked_by_answers_that_cannot_be_checked() -> None:
    found = verdict("without-the-citation-demand")

    assert ("floor", "citations_hold", "all") in against(found)
    assert {case.outcome for case in measured("without-the-citation-demand").golden} == {"review"}
    caught = next(f for f in found.against if (f.score, f.group) == ("citations_hold", "all"))
    assert caught.failed == len(measured().golden)


def test_a_prompt_that_asks_for_guesses_is_blocked_by_values_that_nobody_stated() -> None:
    found = verdict("asks-for-guesses")
    invented = [case for case in measured("asks-for-guesses").golden if case.made_up]

    assert ("floor", "citations_hold", "all") in against(found)
    assert invented, "some guesses find a quote that shows such a value"
    assert ("floor", "auto_decided_right", "all") in against(found)
    assert {case.filing for case in invented} & {name for f in found.against for name in f.cases}


def test_a_change_of_a_workload_without_a_golden_set_is_blocked() -> None:
    prompt = "prompts/ddq.draft_response.v1.txt"
    changed = bundle().with_files({prompt: bundle().files[prompt] + b"Be brief.\n"})
    found = judged(evaluate(changed, running_of(deployment().embedder), first_filings()), measured())

    assert ("golden_set", "golden set for ddq.draft_response", "ddq.draft_response") in against(found)


@pytest.mark.parametrize("name", ["", "fewer-words", "asks-for-guesses"])
def test_no_bad_citation_is_accepted_and_nothing_is_out_of_scope(name: str) -> None:
    zeros = verdict(name).of("zero")

    assert {finding.score: finding.value for finding in zeros} == {
        "scope_violations": 0.0,
        "bad_citations_accepted": 0.0,
        "policy_examples_broken": 0.0,
    }


def test_the_same_candidate_is_evaluated_alike() -> None:
    once, again = (evaluate(bundle(), running_of(deployment().embedder), first_filings()) for _ in range(2))

    assert again.digest == once.digest
    assert again != once, "but for its times"


def first_filings() -> Bench:
    """A bench of a few."""
    return replace(bench(), golden=bench().golden[::20], calibration=())
