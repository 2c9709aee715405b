"""The nightly evaluation: the last thirty days of decisions, held against the thirty before and against what people made of them.

It fails where a distribution moved by more than chance does and by more than matters, where the decisions that nobody reviewed
are wrong more often than the target (the lower bound of the error lies above it), where reviewers overrule more than they did
(the bounds of the two windows do not overlap), and where the release in production does not pass today's gate. Each of these is
an incident, the same one while it lasts. Nothing is promoted while the last evaluation that could judge failed.

Where there is too little to judge by, it says so: `insufficient` is neither a pass nor a failure. It blocks nothing, since a
firm that begins has no traffic, and it lifts nothing: a failure before it stands until a night that can judge passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.review.incidents import open_incident
from evals.watch import store
from evals.watch.stability_index import Drift
from evals.watch.traffic import Decided, ErrorRate, Window, drifts_of, error_of
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

NIGHTLY_EVALUATION = "nightly_evaluation"
ACTOR = "nightly_evaluation"
WINDOW = timedelta(days=30)
#: With fewer decisions that people looked at, their errors say little of the rest.
LEAST_LOOKED_AT = 20
#: So many decisions of no person are put to people, to be accepted or contested.
SAMPLE = 20

State = Literal["passed", "failed", "insufficient"]
UNREVIEWED, REVIEWED = "decided without a person", "reviewed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not hold. `code` names it for ever; `summary` says it in numbers."""

    code: str
    severity: Literal["medium", "high"]
    summary: str
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class Nightly:
    """What a night found. `gate_passed` is None where the release in production has no evaluation. `sample` are decisions of no
    person that nobody looked at yet.
    """

    release_id: str | None
    reference: Window
    now: Window
    drifts: tuple[Drift, ...]
    errors: tuple[ErrorRate, ...]
    gate_passed: bool | None
    findings: tuple[Finding, ...]
    sample: tuple[str, ...]

    @property
    def state(self) -> State:
        """Failed by any finding; passed where something could be judged by what production did."""
        if self.findings:
            return "failed"
        judged = any(drift.psi is not None for drift in self.drifts)
        looked_at = sum(error.n for error in self.errors) >= LEAST_LOOKED_AT
        return "passed" if judged or looked_at else "insufficient"

    @property
    def not_judged(self) -> tuple[str, ...]:
        """What there was too little of."""
        few = (drift.name for drift in self.drifts if drift.psi is None)
        unseen = (error.what for error in self.errors if error.n < LEAST_LOOKED_AT)
        return (*few, *unseen, *(() if self.gate_passed is not None else ("gate",)))

    def body(self) -> dict[str, object]:
        """For the ledger: counts and codes. `passed` is null where it is insufficient."""
        state = self.state
        return {
            "release_id": self.release_id,
            "state": state,
            "passed": None if state == "insufficient" else state == "passed",
            "since": rfc3339(self.now.since),
            "until": rfc3339(self.now.until),
            "n": len(self.now.decisions),
            "reference_n": len(self.reference.decisions),
            "looked_at": sum(error.n for error in self.errors),
            "wrong": sum(error.wrong for error in self.errors),
            "gate_passed": self.gate_passed,
            "findings": [finding.code for finding in self.findings],
            "not_judged": list(self.not_judged),
        }


def evaluated(
    reference: Window, now: Window, release_id: str | None, gate_passed: bool | None, target: float
) -> Nightly:
    """What two windows say. Pure. `target` is the most that may be wrong of what is decided without a person."""
    drifts = drifts_of(reference, now)
    errors = (error_of(UNREVIEWED, _unreviewed(now)), error_of(REVIEWED, _reviewed(now)))
    before = error_of(REVIEWED, _reviewed(reference))
    findings = (*_moved(drifts), *_wrong(errors, before, target), *_gate(release_id, gate_passed))
    unseen = [d.response_id for d in _unreviewed(now) if d.looked is None]
    sample = tuple(sorted(unseen, key=sha256_hex)[:SAMPLE])  # by digest: nobody chooses which
    return Nightly(release_id, reference, now, drifts, errors, gate_passed, findings, sample)


def evaluate_production(
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    release_id: str | None,
    gate_passed: bool | None,
    target: float,
) -> tuple[Nightly, tuple[str, ...]]:
    """Evaluate, record it, open the incidents; returns what was found and the incidents' ids."""
    until = clock()
    with postgres.connect() as conn:
        reference = store.traffic(conn, until - 2 * WINDOW, until - WINDOW)
        now = store.traffic(conn, until - WINDOW, until)
    found = evaluated(reference, now, release_id, gate_passed, target)
    subject = release_id or "no release"
    with postgres.connect() as conn:
        new = NewEntry(NO_YEAR, NIGHTLY_EVALUATION, rfc3339(until), ACTOR, subject, found.body())
        ledger.append(conn, keyring, new)
    opened = tuple(
        open_incident(
            postgres, keyring, clock, "production_evaluation", finding.severity, finding.summary, finding.detail, ACTOR,
            fingerprint=finding.code,
        )
        for finding in found.findings
    )  # fmt: skip
    return found, opened


def standing_failure(conn: Connection) -> tuple[str, ...] | None:
    """The findings of the last nightly evaluation that could judge, where it failed; None where it passed or none could."""
    for entry in reversed(ledger.entries_of_kind(conn, NIGHTLY_EVALUATION)):
        body = ledger.body_of(entry)
        if body.get("passed") is not None:
            return None if body["passed"] else tuple(map(str, body.get("findings", ())))
    return None


# ── findings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _moved(drifts: tuple[Drift, ...]) -> Iterator[Finding]:
    for drift in drifts:
        if drift.state == "moved":
            row = drift.as_row()
            yield Finding(
                f"drift.{drift.name}",
                "medium",
                f"{drift.name} moved: stability index {row['psi']}, bound {row['bound']}, {row['now']} decisions",
                row,
            )


def _wrong(errors: tuple[ErrorRate, ...], before: ErrorRate, target: float) -> Iterator[Finding]:
    unreviewed, reviewed = errors
    if unreviewed.wrong and unreviewed.low > target:
        yield Finding(
            "error.unreviewed",
            "high",
            f"of what was decided without a person {unreviewed.wrong} of {unreviewed.n} looked at are wrong: "
            f"at least {unreviewed.low:.2%}, the target is {target:.2%}",
            {**unreviewed.as_row(), "target": target},
        )
    if before.n and reviewed.low > before.high:
        yield Finding(
            "error.reviewed",
            "medium",
            f"reviewers overruled {reviewed.wrong} of {reviewed.n}, before {before.wrong} of {before.n}",
            {**reviewed.as_row(), "before": before.as_row()},
        )


def _gate(release_id: str | None, gate_passed: bool | None) -> Iterator[Finding]:
    if gate_passed is False:
        summary = "the release in production does not pass the gate as it stands today"
        yield Finding("gate.production", "high", summary, {"release_id": release_id})


def _unreviewed(window: Window) -> list[Decided]:
    return [decided for decided in window.decisions if decided.outcome == "decided"]


def _reviewed(window: Window) -> list[Decided]:
    return [decided for decided in window.decisions if decided.outcome != "decided"]
