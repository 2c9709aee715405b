from collections.abc import Sequence
from dataclasses import replace

import pytest

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.governance.policy import POLICIES, CallParameters
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.workloads import Thresholds, Workload
from evals.eval_triage import WORKLOAD, shipped
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows
from evals.triage_material import Material, law_index, materials
from evals.triage_run import Setting, opened, triage
from evals.triage_scores import Triage
from resources.embedder import HashEmbedder
from resources.policy import RegoEngine
from resources.policy_bundle import PolicyBundle
from resources.providers import Completion, Models

EMBEDDER = HashEmbedder()
CHUNKER = chunker_for(EMBEDDER)
FORMATS = ("scan", "pdf", "xml", "email")


@pytest.fixture(scope="module")
def filings() -> list[Material]:
    """One of each format without an anomaly, and one with."""
    rows = read_rows(FROZEN["calibration"])
    sound = [next(r for r in rows if r["format"] == kind and not r["anomalies"]) for kind in FORMATS]
    wrong = next(r for r in rows if r["format"] == "xml" and r["anomalies"])
    return list(materials([*sound, wrong], CHUNKER, "none"))


@pytest.fixture(scope="module")
def setting() -> Setting:
    return shipped(law_index(EMBEDDER, CHUNKER))


def outcomes(filings: Sequence[Material], setting: Setting) -> dict[str, int]:
    found = [triage(filing, setting).outcome for filing in filings]
    return {outcome: found.count(outcome) for outcome in found}


def with_workload(setting: Setting, **changed: object) -> Setting:
    workload: Workload = setting.workload.model_copy(update=changed)
    return replace(setting, workload=workload)


def test_what_is_sound_is_decided_and_what_is_wrong_goes_to_a_person(filings: list[Material], setting: Setting) -> None:
    found = [triage(filing, setting) for filing in filings]

    assert [t.filing for t in found if not t.right] == []
    assert {t.outcome for t in found if not t.true_anomalies} == {"decided"}
    assert [(t.outcome, t.reason) for t in found if t.true_anomalies] == [("review", "anomalies_found")]
    assert all(t.exact == t.fields > 0 and t.citations > 0 and t.seconds > 0 for t in found)


def test_a_policy_that_denies_denies_every_filing_and_no_model_is_asked(
    filings: list[Material], setting: Setting
) -> None:
    found = [triage(filing, replace(setting, law_from="every year")) for filing in filings]

    assert {(t.outcome, t.reason, t.decision, t.seconds) for t in found} == {
        ("denied", "policy_denied", "not_decided", 0)
    }
    assert {t.problems for t in found} == {("policy_denied: opt_in_years_not_permitted",)}
    assert not any(t.decides or t.right for t in found)


def test_a_threshold_that_nothing_reaches_sends_every_filing_to_a_person(
    filings: list[Material], setting: Setting
) -> None:
    impossible = with_workload(setting, thresholds=Thresholds(auto_decide=None, quarantine=None))
    found = [triage(filing, impossible) for filing in filings]

    assert outcomes(filings, setting) == {"decided": 4, "review": 1}
    assert {t.outcome for t in found} == {"review"}
    assert [t.decides for t in found] == [not t.true_anomalies for t in found]


def test_the_law_is_searched_where_the_setting_says(filings: list[Material], setting: Setting) -> None:
    policy = RegoEngine(opened(PolicyBundle.read(POLICIES), WORKLOAD))

    def law_of(changed: Setting) -> list[tuple[int, ...]]:
        return [triage(filing, changed).law_years for filing in filings]

    assert law_of(setting) == [(filing.year,) for filing in filings]
    before = replace(setting, law_from="the year before", policy=policy)
    assert law_of(before) == [(filing.year - 1 if filing.year > 2015 else 2016,) for filing in filings]
    assert law_of(with_workload(setting, retrieval=setting.workload.retrieval.model_copy(
        update={"context_categories": ()}
    ))) == [()] * len(filings)  # fmt: skip


def test_the_policy_is_opened_for_one_workload_alone() -> None:
    shipped_config = PolicyBundle.read(POLICIES).documents["compliance/config"]
    config = opened(PolicyBundle.read(POLICIES), WORKLOAD).documents["compliance/config"]

    assert config["workloads"].pop(WORKLOAD)["opt_in_years"] is True
    del shipped_config["workloads"][WORKLOAD]
    assert config == shipped_config


def test_the_model_reads_the_prompt_of_the_path_with_persons_hidden(filings: list[Material], setting: Setting) -> None:
    class Noting(IrpfModel):
        prompts: list[str] = []  # noqa: RUF012

        def complete(self, prompt: str) -> Completion:
            self.prompts.append(prompt)
            return super().complete(prompt)

    noting = Noting()
    noted = replace(setting, models=Models(local=(noting,)), call=CallParameters((noting.model,)))
    found: list[Triage] = [triage(filing, noted) for filing in filings]

    assert len(noting.prompts) == len(found)
    assert all(data_subjects_in(filing.document.text) for filing in filings)
    assert [data_subjects_in(prompt) for prompt in noting.prompts] == [()] * len(found)
