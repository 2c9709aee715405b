"""Builds small evaluations: filings of every class that has to be there, all of them right until a test says otherwise."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from compliance_assets.contracts.release import Release
from evals.gate.evaluation import MEASURED, Attacks, Case, Evaluation, Fixtures
from evals.gate.gate import Verdict, shipped_floors

CLASSES = shipped_floors().classes
YEARS = (2020, 2021, 2022)
OTHERS = dict(shipped_floors().reviewed_contracts)
RELEASE = Release(
    prompt_version="p", threshold_version="t", router_map="r", policy_bundle="b", chunker="c", embedder_digest="e" * 64,
    index_parameters="i", golden_set="0" * 64, code_version="1",
)  # fmt: skip


def case(filing: str, **changed: Any) -> Case:
    """A filing that was triaged as it should be: decided where it has no anomaly, before a person where it has one."""
    anomalies = changed.get("true_anomalies", ())
    made: dict[str, Any] = {
        "filing": filing, "format": "pdf", "year": 2020, "category": "completa", "true_type": "original",
        "outcome": "review" if anomalies else "decided", "reason": "anomalies_found" if anomalies else None,
        "decision": changed.get("true_type", "original"), "fields": 20, "exact": 20, "misread": {}, "made_up": {},
        "left_out": (), "anomalies": anomalies, "true_anomalies": (), "citations": 20, "supported": 20, "problems": (),
        "out_of_scope": (), "grounding": 1.0, "confidence": 1.0, "components": {"stability": 1.0}, "sent_back": 0,
        "prompt_tokens": 2_000, "answer_tokens": 900, "seconds": 0.01,
    }  # fmt: skip
    return Case(**{**made, **changed})


def golden() -> list[Case]:
    """240 filings: every format, category and type in every year, with an anomaly in every fourth."""
    kinds = CLASSES["anomaly"]
    strata = list(product(CLASSES["format"], CLASSES["category"], CLASSES["type"], YEARS, range(4)))
    return [
        case(
            f"golden-{number:03d}", format=kind, category=category, true_type=of, year=year,
            true_anomalies=(kinds[number // 4 % len(kinds)],) if turn == 3 else (),
        )
        for number, (kind, category, of, year, turn) in enumerate(strata)
    ]  # fmt: skip


def evaluation(cases: Sequence[Case] | None = None, **changed: Any) -> Evaluation:
    """An evaluation with these golden cases; its calibration set has 700 right decisions."""
    made: dict[str, Any] = {
        "release": RELEASE,
        "golden_set": "0" * 64,
        "calibration_set": "1" * 64,
        "gate_version": "test",
        "reading": "test",
        "auto_decide": 0.95,
        "contracts": {MEASURED: "2" * 64, **OTHERS},
        "golden": tuple(golden() if cases is None else cases),
        "calibration": tuple(case(f"drawn-{number:04d}") for number in range(700)),
        "citation_attacks": Attacks(tried=400, accepted=()),
        "policy_fixtures": Fixtures(held=25, failed=()),
    }
    return Evaluation(**{**made, **changed})


def with_changed(cases: Sequence[Case], which: Sequence[int], **changed: Any) -> list[Case]:
    """The cases with some of them otherwise."""
    return [one.model_copy(update=changed) if place in which else one for place, one in enumerate(cases)]


def against(verdict: Verdict) -> set[tuple[str, str, str]]:
    """What blocks: (rule, score, class)."""
    return {(finding.rule, finding.score, finding.group) for finding in verdict.against}
