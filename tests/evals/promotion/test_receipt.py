"""A receipt says which part of it does not hold."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from compliance_assets.audit_ledger.note import Signer, sign_note
from compliance_assets.contracts.release import Release
from evals.gate.gate import Verdict, gate_version
from evals.promotion.receipt import (
    VALID_FOR,
    EvaluationReceipt,
    PromotionReceipt,
    Soaked,
    Today,
    opened,
    require_valid,
)
from tests.evals.promotion.scene import why_of

OWN, OTHER = Signer("compliance-assets/ledger/one", b"s" * 32), Signer("compliance-assets/ledger/one", b"t" * 32)
NOW = datetime(2026, 3, 3, 13, 0, 0, 123_000, tzinfo=UTC)
RELEASE = Release(
    prompt_version="p" * 64,
    threshold_version="t" * 64,
    router_map="r" * 64,
    policy_bundle="b" * 64,
    chunker="c",
    embedder_digest="e" * 64,
    index_parameters="i" * 64,
    golden_set="a" * 64,
    code_version="1",
)
TODAY = Today(NOW, "a" * 64, "c" * 64, gate_version(), "d" * 64)


def receipt(**changed: object) -> EvaluationReceipt:
    passed = Verdict(passed=True, gate_version=gate_version(), baseline="f" * 64, findings=(), thresholds={})
    values: dict[str, object] = {
        "release_id": RELEASE.release_id,
        "release": RELEASE,
        "bundle_digest": "0" * 64,
        "golden_set": "a" * 64,
        "calibration_set": "c" * 64,
        "evaluation_digest": "e" * 64,
        "baseline": "d" * 64,
        "verdict": passed,
        "evaluated_at": NOW,
        "expires_at": NOW + VALID_FOR,
    }
    return EvaluationReceipt.model_validate({**values, **changed})


def test_a_sealed_receipt_opens_as_it_was_and_its_digest_is_of_what_is_signed() -> None:
    made = receipt()
    sealed = made.sealed(OWN)
    again = opened(sealed, [OTHER.verifier, OWN.verifier], EvaluationReceipt)
    assert (again, again.digest) == (made, made.digest)
    assert json.loads(sealed.partition("\n")[0])["release_id"] == RELEASE.release_id


def test_a_promotion_receipt_is_no_evaluation_receipt() -> None:
    soak = Soaked(credited_seconds=260_000, observations=80, shadow_decisions=40, differing=1)
    promoted = PromotionReceipt(
        release_id=RELEASE.release_id, receipt_digest="a" * 64, baseline=None, authors=("D",), approvers=("A", "B"),
        soak=soak, window="", promoted_at=NOW,
    )  # fmt: skip
    sealed = promoted.sealed(OWN)
    assert opened(sealed, [OWN.verifier], PromotionReceipt) == promoted
    assert why_of(lambda: opened(sealed, [OWN.verifier], EvaluationReceipt)) == "receipt_malformed"


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (lambda: receipt().sealed(OTHER), "receipt_other_key"),
        (lambda: receipt().sealed(OWN).replace('"passed":true', '"passed":false'), "receipt_edited"),
        (lambda: receipt().sealed(OWN).replace("2026-03-17", "2027-03-17"), "receipt_edited"),
        (lambda: receipt().sealed(OWN)[:-20], "receipt_malformed"),
        (lambda: "", "receipt_malformed"),
        (lambda: sign_note("passed\n", OWN), "receipt_malformed"),
        (lambda: sign_note(receipt().text.replace(",", ", ", 1), OWN), "receipt_malformed"),
        (lambda: sign_note('{"extra":1,' + receipt().text[1:], OWN), "receipt_malformed"),
    ],
)
def test_what_is_wrong_with_a_note_is_told(note: Callable[[], str], why: str) -> None:
    assert why_of(lambda: opened(note(), [OWN.verifier], EvaluationReceipt)) == why


def test_without_a_key_nothing_is_believed() -> None:
    assert why_of(lambda: opened(receipt().sealed(OWN), [], EvaluationReceipt)) == "receipt_other_key"


@pytest.mark.parametrize(
    ("changed", "today", "why"),
    [
        ({}, {}, "done"),
        ({}, {"at": NOW + VALID_FOR - timedelta(seconds=1)}, "done"),
        ({}, {"at": NOW + VALID_FOR}, "receipt_expired"),
        ({}, {"at": NOW - timedelta(seconds=1)}, "receipt_expired"),
        ({"release_id": "1" * 64}, {}, "receipt_other_candidate"),
        ({"release": RELEASE.model_copy(update={"chunker": "d"})}, {}, "receipt_other_candidate"),
        ({}, {"golden_set": "b" * 64}, "golden_set_changed"),
        ({}, {"calibration_set": "b" * 64}, "calibration_set_changed"),
        ({}, {"gate_version": "0/x"}, "gate_changed"),
        ({}, {"baseline": "2" * 64}, "baseline_moved"),
        ({}, {"baseline": None}, "baseline_moved"),
        ({"baseline": None}, {}, "baseline_moved"),
        ({"verdict": receipt().verdict.model_copy(update={"passed": False})}, {}, "gate_not_passed"),
    ],
)
def test_a_receipt_lets_in_one_release_on_some_days_in_the_place_of_one(
    changed: dict[str, object], today: dict[str, object], why: str
) -> None:
    made, now = receipt(**changed), dataclasses.replace(TODAY, **today)  # type: ignore[arg-type]
    assert why_of(lambda: require_valid(made, RELEASE, now)) == why
