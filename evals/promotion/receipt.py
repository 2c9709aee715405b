"""Receipts: what the gate found, and who let it into production, each sealed as a signed note. Pure.

The text of a note is the receipt's canonical JSON (RFC 8785) and a newline; the signature is of the key that signs the ledger's
checkpoints, so that whoever can check those can check receipts. A receipt's digest is the SHA-256 of that text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from compliance_assets.audit_ledger import note
from compliance_assets.contracts.base import Contract, Sha256
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.contracts.release import Release
from evals.gate.gate import Verdict
from evals.promotion.refusal import Refused, Why

#: How long what an evaluation found may be rested on.
VALID_FOR = timedelta(days=14)


class Receipt(Contract):
    """What every receipt has."""

    schema_version: Literal["1"] = "1"
    release_id: Sha256

    @property
    def text(self) -> str:
        """What is signed."""
        return canonical_json(self.model_dump(mode="json")).decode() + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return sha256_hex(self.text)

    def sealed(self, signer: note.Signer) -> str:
        """The signed note."""
        return note.sign_note(self.text, signer)


R = TypeVar("R", bound=Receipt)


class EvaluationReceipt(Receipt):
    """What the gate found of a candidate, and beside which release: `baseline` was in production then, null before the first.

    `evaluation_digest` is of the evaluation that was judged; the verdict names the one that it was compared with.
    """

    release: Release
    bundle_digest: Sha256
    golden_set: Sha256
    calibration_set: Sha256
    evaluation_digest: Sha256
    baseline: Sha256 | None
    verdict: Verdict
    evaluated_at: datetime
    expires_at: datetime


class Soaked(Contract):
    """What a candidate had soaked when it was promoted."""

    credited_seconds: float = Field(ge=0)
    observations: int = Field(ge=0)
    shadow_decisions: int = Field(ge=0)
    differing: int = Field(ge=0)


class PromotionReceipt(Receipt):
    """Why a release is in production: the receipt that it rests on, who approved it, how it soaked, in which window."""

    receipt_digest: Sha256
    baseline: Sha256 | None
    authors: tuple[str, ...]
    approvers: tuple[str, ...]
    soak: Soaked
    window: str
    promoted_at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """What a receipt is held against: the moment, the digests of the sets and the gate as they are now, the release in
    production.
    """

    at: datetime
    golden_set: str
    calibration_set: str
    gate_version: str
    baseline: str | None


def opened(sealed: str, verifiers: Sequence[note.Verifier], kind: type[R]) -> R:
    """The receipt in a note. Raises Refused: `receipt_other_key`, `receipt_edited` or `receipt_malformed`."""
    text = _signed_text(sealed, verifiers)
    try:
        receipt = kind.model_validate_json(text)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise _not_a_receipt(kind, f"{'.'.join(map(str, first['loc'])) or 'the text'}: {first['msg']}") from None
    if receipt.text != text:
        raise _not_a_receipt(kind, "another spelling of it")
    return receipt


def require_valid(receipt: EvaluationReceipt, release: Release, today: Today) -> None:
    """Raises Refused where the receipt does not let exactly this release into production today."""
    if receipt.release_id != release.release_id or receipt.release != release:
        raise Refused(
            "receipt_other_candidate",
            "the receipt is another candidate's",
            expected=release.release_id,
            found=receipt.release_id,
            remedy="Evaluate this candidate: `compliance eval run`.",
        )
    if not receipt.evaluated_at <= today.at < receipt.expires_at:
        raise Refused(
            "receipt_expired",
            "the receipt does not hold at this time",
            expected=f"a moment from {receipt.evaluated_at.isoformat()} to {receipt.expires_at.isoformat()}",
            found=today.at.isoformat(),
            remedy="Evaluate the candidate again: `compliance eval run`.",
        )
    _require_same("golden_set_changed", "golden set", receipt.golden_set, today.golden_set)
    _require_same("calibration_set_changed", "calibration set", receipt.calibration_set, today.calibration_set)
    _require_same("gate_changed", "gate", receipt.verdict.gate_version, today.gate_version)
    if not receipt.verdict.passed:
        failed = [f"{finding.score} of {finding.group}" for finding in receipt.verdict.against]
        raise Refused(
            "gate_not_passed",
            "the gate did not let this candidate pass",
            expected="every finding within its bound",
            found="; ".join(failed[:5]) or "a verdict that did not pass",
            remedy="`compliance release show` names the findings; change the candidate, and evaluate it.",
        )
    if receipt.baseline != today.baseline:
        raise Refused(
            "baseline_moved",
            "the candidate was compared with a release that is not in production",
            expected=today.baseline or "no release",
            found=receipt.baseline or "no release",
            remedy="Evaluate the candidate against what is in production now: `compliance eval run`.",
        )


def _require_same(why: Why, name: str, evaluated: str, now: str) -> None:
    if evaluated != now:
        raise Refused(
            why,
            f"the {name} is not the one that the candidate was evaluated with",
            expected=evaluated,
            found=now,
            remedy=f"Put the {name} back, or evaluate the candidate with the new one: `compliance eval run`.",
        )


def _signed_text(sealed: str, verifiers: Sequence[note.Verifier]) -> str:
    """The text, signed by one of the keys. Which part does not hold is told by the key that it names."""
    named = {f"{verifier.name}+{verifier.key_id.hex()}": verifier for verifier in verifiers}
    try:
        signers = [key for key in note.signers_of(sealed) if key in named]
    except IntegrityError as problem:
        raise Refused(
            "receipt_malformed", problem.problem, expected=problem.expected, found=problem.found, remedy=_EVALUATE
        ) from None
    if not signers:
        raise Refused(
            "receipt_other_key",
            "the receipt is signed with another key",
            expected=", ".join(named) or "a key of this deployment, which has none",
            found=", ".join(note.signers_of(sealed)),
            remedy=_EVALUATE,
        )
    try:
        return note.open_note(sealed, named[signers[0]])
    except IntegrityError as problem:
        raise Refused(
            "receipt_edited",
            "the receipt was changed after it was signed",
            expected=problem.expected,
            found=problem.found,
            remedy=_EVALUATE,
        ) from None


_EVALUATE = "Do not use it. `compliance eval run` makes a new one."


def _not_a_receipt(kind: type[Receipt], found: str) -> Refused:
    return Refused(
        "receipt_malformed",
        "the note is not the receipt that it should be",
        expected=f"the canonical JSON of one {kind.__name__}",
        found=found,
        remedy=_EVALUATE,
    )
