"""How far a candidate has come, as the ledger's entries about it say: evaluated, staged, approved, in production.

The entries are the only state: a step that the ledger does not hold was not taken. Approvals and observations count for the
staging that they follow, and a staging counts until its release moves: who promotes a release again after a rollback has
staged it again before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.model_decisions.releases.store import MOVES
from evals.promotion.soak import Observation, Reading, Soak, reading_of, soak_of

EVALUATED = "candidate_evaluated"
STAGED = "candidate_staged"
APPROVED = "candidate_approved"
OBSERVED = "soak_observed"
REFUSED = "promotion_refused"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A receipt that was issued, as entry `seq` says."""

    seq: int
    receipt_digest: str
    passed: bool
    baseline: str | None


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person of the change board approved the release, as entry `seq` says."""

    seq: int
    approver: str
    at: str


@dataclass(frozen=True, slots=True)
class Staging:
    """A candidate that soaks under one receipt, from entry `seq` on. Real decisions were looked at up to entry `through`;
    `last_seq` is the entry of the last look, the staging's own before the first.
    """

    seq: int
    receipt_digest: str
    authors: tuple[str, ...]
    at: str
    reading: Reading
    through: int
    last_seq: int
    approvals: tuple[Approval, ...] = ()
    observations: tuple[Observation, ...] = ()

    @property
    def approvers(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(approval.approver for approval in self.approvals)

    @property
    def soak(self) -> Soak:
        """How far it has soaked."""
        return soak_of(self.reading, self.observations)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that was refused, as entry `seq` says."""

    seq: int
    step: str
    why: str
    actor: str
    at: str


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A release on its way. `moved`: the kind of its last move into production, None where it was never there."""

    release_id: str
    evaluated: tuple[Evaluated, ...] = ()
    staging: Staging | None = None
    moved: str | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def receipt(self) -> Evaluated | None:
        """The newest receipt."""
        return self.evaluated[-1] if self.evaluated else None

    @property
    def state(self) -> str:
        """One word for lists."""
        if self.staging is not None:
            return "soaked" if self.staging.soak.complete else "soaking"
        if self.moved is not None:
            return "was promoted"
        if self.receipt is None:
            return "not evaluated"
        return "passed" if self.receipt.passed else "blocked"


def candidacy_of(release_id: str, entries: Sequence[Entry]) -> Candidacy:
    """What the entries about a release, in their order, make of it. Whether they hold is for who reads them to see."""
    made = Candidacy(release_id)
    for entry in entries:
        made = _after(made, entry, json.loads(entry.body))
    return made


def _after(so_far: Candidacy, entry: Entry, body: dict[str, Any]) -> Candidacy:
    staging = so_far.staging
    if entry.kind in MOVES:
        return replace(so_far, moved=entry.kind, staging=None)
    if entry.kind == EVALUATED:
        receipt = Evaluated(entry.seq, body["receipt_digest"], body["passed"], body["baseline"])
        return replace(so_far, evaluated=(*so_far.evaluated, receipt))
    if entry.kind == REFUSED:
        refusal = Refusal(entry.seq, body["step"], body["why"], entry.actor, entry.occurred_at)
        return replace(so_far, refusals=(*so_far.refusals, refusal))
    if entry.kind == STAGED:
        authors, reading = tuple(body["authors"]), reading_of(body["clocks"])
        fresh = Staging(entry.seq, body["receipt_digest"], authors, entry.occurred_at, reading, entry.seq, entry.seq)
        return replace(so_far, staging=fresh)
    if staging is None or body.get("staged_seq") != staging.seq:
        return so_far
    if entry.kind == APPROVED:
        approval = Approval(entry.seq, entry.actor, entry.occurred_at)
        return replace(so_far, staging=replace(staging, approvals=(*staging.approvals, approval)))
    if entry.kind == OBSERVED:
        seen = _observation(body)
        return replace(
            so_far,
            staging=replace(
                staging, observations=(*staging.observations, seen), through=seen.through, last_seq=entry.seq
            ),
        )
    return so_far


def _observation(body: dict[str, Any]) -> Observation:
    return Observation(
        reading_of(body["clocks"]),
        body["through"],
        body["decided"],
        body["shadow"],
        tuple(body["differing"]),
        body["unanswered"],
    )
