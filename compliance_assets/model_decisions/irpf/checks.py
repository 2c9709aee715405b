"""Checks of `return_type_classifier`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.irpf import training
from compliance_assets.model_decisions.irpf.return_type import ARTEFACT, ReturnTypeClassifier

LEAST_ACCURACY = 0.85
MOST_WRONG_OF_DECIDED = 0.2


@dg.asset_check(asset=keys.RETURN_TYPE_CLASSIFIER, blocking=True)
def serving_classifier_measures() -> dg.AssetCheckResult:
    """The artefact that serves tells the held-out wordings apart, and is seldom wrong where it is sure."""
    artefact = ARTEFACT.read_bytes()
    measured = training.measured(ReturnTypeClassifier.of(artefact), training.read_sentences())
    wrong = measured.wrong / measured.decided if measured.decided else 0.0
    return dg.AssetCheckResult(
        passed=measured.accuracy >= LEAST_ACCURACY and wrong <= MOST_WRONG_OF_DECIDED,
        metadata={
            "sentences": measured.sentences,
            "accuracy": measured.accuracy,
            "decided": measured.decided,
            "decided_wrong": measured.wrong,
            "artefact_sha256": sha256_hex(artefact),
        },
    )
