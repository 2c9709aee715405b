"""Whether a release may serve: its evaluation held against floors, zeros, a bound, and the release in production. Pure.

What is asked stands in `floors.json`, each number with its reason. A score has a floor for all filings and for every class. In
a class of fewer than `enough` filings a share says little: it fails where even its upper bound lies below the
floor, and the small classes of a dimension are held to it together. A score that nothing was measured for fails, and so does a
class that is missing: nobody knows how good it is.

Scope violations and bad citations that were accepted fail at the first. The share of errors among what is decided without a
person has an upper bound on the calibration set (`risk_control.py`). Against production the same filings are compared; the
lower end of the interval (`bootstrap.py`) may not lie below the margin, of all filings and of every class.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from compliance_assets.contracts.base import Contract, Sha256
from compliance_assets.contracts.canonical import digest_of
from evals.gate.bootstrap import Part, paired_difference, seed_of
from evals.gate.evaluation import MEASURED, Case, Evaluation
from evals.gate.risk_control import Bound, Calibration, bound_at, upper_bound
from evals.gate.scores import (
    ALL,
    DIMENSIONS,
    MAY_BE_EMPTY,
    Counted,
    Group,
    Quantity,
    Score,
    biases,
    counted_in,
    groups,
    quantities,
    shares,
)
from evals.triage_scores import Share

CODE_VERSION = "1"
FLOORS = Path(__file__).parent / "floors.json"
MOST_CASES = 50  # named in one finding; `failed` counts all
SMALL = "small classes"
RESAMPLES = 4_000

Rule = Literal["floor", "ceiling", "zero", "bias", "bound", "regression", "golden_set"]


class Exempt(Contract):
    """The least share of one class that another part of the house answers for."""

    least: float = Field(ge=0, le=1)
    reason: str = Field(min_length=1)


class Floor(Contract):
    """The least share of a class, and of all filings where that differs. `exempt` are classes, by their label."""

    least: float = Field(ge=0, le=1)
    of_all: float | None = Field(default=None, ge=0, le=1)
    reason: str = Field(min_length=1)
    exempt: Mapping[str, Exempt] = {}

    def of(self, group: Group) -> float:
        """For a class, or for all filings."""
        if group.label in self.exempt:
            return self.exempt[group.label].least
        return self.least if group.dimension or self.of_all is None else self.of_all


class Ceiling(Contract):
    """The largest number."""

    most: float = Field(ge=0)
    reason: str = Field(min_length=1)


class Margin(Contract):
    """By how much a score may be worse than in production."""

    margin: float = Field(ge=0)
    reason: str = Field(min_length=1)


class Margins(Contract):
    """For all filings, for a class, and by how much of itself a prompt may grow."""

    all: Margin
    class_: Margin = Field(alias="class")
    prompt_tokens: Margin


class Target(Contract):
    """The largest share of errors, and how sure that has to be."""

    target: float = Field(gt=0, lt=1)
    level: float = Field(gt=0, lt=1)
    reason: str = Field(min_length=1)


class Floors(Contract):
    """What a release is held against. `classes` have to be there. `reviewed_contracts`: the workloads without a golden set, as
    a person read them, by their digests in an evaluation.
    """

    schema_version: Literal["1"]
    enough: int = Field(ge=1)
    floors: Mapping[str, Floor]
    ceilings: Mapping[str, Ceiling]
    bias: Ceiling
    auto_decided_error: Target
    regression: Margins
    classes: Mapping[str, tuple[str, ...]]
    reviewed_contracts: Mapping[str, Sha256]


class Finding(Contract):
    """One thing that was asked: the `value` has to keep to the `bound`. `low` and `high` are the ends of its interval where it
    has one; `cases` are the first of the `failed` filings that lower it. A value of None was not measured.
    """

    rule: Rule
    score: str
    group: str
    value: float | None
    bound: float
    n: int
    low: float | None = None
    high: float | None = None
    passed: bool
    failed: int = 0
    cases: tuple[str, ...] = ()


class Verdict(Contract):
    """What an evaluation is judged to be. `baseline` is the digest of production's evaluation, None where nothing serves yet.
    `thresholds` has the bound of each measured workload that decides anything without a person.
    """

    passed: bool
    gate_version: str
    baseline: Sha256 | None
    findings: tuple[Finding, ...]
    thresholds: Mapping[str, Bound]

    @property
    def against(self) -> tuple[Finding, ...]:
        """The findings that block."""
        return tuple(finding for finding in self.findings if not finding.passed)

    def of(self, *rules: Rule) -> tuple[Finding, ...]:
        """The findings by these rules."""
        return tuple(finding for finding in self.findings if finding.rule in rules)


@cache
def shipped_floors() -> Floors:
    """The floors of this repository."""
    return Floors.model_validate_json(FLOORS.read_bytes())


def gate_version(floors: Floors | None = None) -> str:
    """Names everything that a verdict depends on beside the evaluations."""
    return f"{CODE_VERSION}/{digest_of((floors or shipped_floors()).model_dump(mode='json', by_alias=True))[:16]}"


def judged(candidate: Evaluation, production: Evaluation | None, floors: Floors | None = None) -> Verdict:
    """The verdict on a candidate. Production is None where nothing serves yet: then there is nothing to compare with."""
    floors = floors or shipped_floors()
    bound = _bound(candidate, floors)
    findings = (
        *_floors(candidate.golden, floors),
        *_ceilings(candidate.golden, floors),
        *_zeros(candidate),
        *_bias(candidate.golden, floors),
        *_bounded(candidate, bound, floors),
        *_unmeasured(candidate, production, floors),
        *(_regressions(candidate, production, floors) if production else ()),
    )
    return Verdict(
        passed=all(finding.passed for finding in findings),
        gate_version=gate_version(floors),
        baseline=production.digest if production else None,
        findings=findings,
        thresholds={MEASURED: bound} if bound else {},
    )


# ── floors and ceilings ──────────────────────────────────────────────────────────────────────────────────────────────


def _floors(cases: Sequence[Case], floors: Floors) -> Iterator[Finding]:
    found = shares(cases)
    for name, floor in floors.floors.items():
        own = [score for score in found if score.name == name]
        yield from (_floor(score, floor, floors.enough) for score in own)
        for dimension in DIMENSIONS:
            inside = [s for s in own if s.group.dimension == dimension and s.group.label not in floor.exempt]
            if small := [s for s in inside if s.filings < floors.enough]:
                yield _floor(_together(dimension, small), floor, floors.enough)
    yield from _missing(cases, floors)


def _floor(score: Score, floor: Floor, enough: int) -> Finding:
    least = floor.of(score.group)
    low, high = score.interval or (None, None)
    value = score.share.value
    counts = value if score.filings >= enough or not score.group.dimension else _at_most(score)
    kept = score.name in MAY_BE_EMPTY if counts is None else counts >= least
    return Finding(
        rule="floor", score=score.name, group=score.group.label, value=value, bound=least, n=score.share.whole, low=low,
        high=high, passed=kept, failed=len(score.cases), cases=score.cases[:MOST_CASES],
    )  # fmt: skip


def _at_most(score: Score) -> float | None:
    """The upper bound of the share of a small class; what is read of one filing goes right or wrong together."""
    if score.share.value is None:
        return None
    return upper_bound(round(score.share.value * score.filings), score.filings)


def _together(dimension: str, small: Sequence[Score]) -> Score:
    share = Share(sum(s.share.part for s in small), sum(s.share.whole for s in small))
    cases = tuple(dict.fromkeys(case for s in small for case in s.cases))
    return Score(small[0].name, Group(dimension, SMALL), share, sum(s.filings for s in small), cases)


def _missing(cases: Sequence[Case], floors: Floors) -> Iterator[Finding]:
    """The classes that have to be there and are not."""
    for dimension, expected in floors.classes.items():
        there = {name for case in cases for name in DIMENSIONS[dimension](case)}
        for name in expected:
            if name not in there:
                yield _absent("floor", "filings", Group(dimension, name).label)


def _absent(rule: Rule, score: str, group: str) -> Finding:
    return Finding(rule=rule, score=score, group=group, value=None, bound=0.0, n=0, passed=False)


def _ceilings(cases: Sequence[Case], floors: Floors) -> Iterator[Finding]:
    for found in quantities(cases):
        if found.name in floors.ceilings:
            most, value = floors.ceilings[found.name].most, found.value
            if value is not None and found.name.startswith("seconds"):
                value = _stepped(value)
            yield Finding(
                rule="ceiling", score=found.name, group=found.group.label, value=value, bound=most, n=found.n,
                passed=value is not None and value <= most,
            )  # fmt: skip


def _stepped(seconds: float) -> float:
    """The next power of two from a quarter of a second on: two evaluations that differ in their times alone come to one verdict."""
    return 2.0 ** max(math.ceil(math.log2(seconds)), -2) if seconds > 0 else 0.25


def _bias(cases: Sequence[Case], floors: Floors) -> Iterator[Finding]:
    for found in biases(cases):
        yield Finding(
            rule="bias", score=found.name, group=f"{found.worse or 'one category'} below {found.better or 'another'}",
            value=found.value, bound=floors.bias.most, n=found.n,
            passed=found.value is not None and found.value <= floors.bias.most, failed=len(found.cases),
            cases=found.cases[:MOST_CASES],
        )  # fmt: skip


# ── what may not happen once ─────────────────────────────────────────────────────────────────────────────────────────


def _zeros(candidate: Evaluation) -> Iterator[Finding]:
    every = (*candidate.golden, *candidate.calibration)
    outside = [case.filing for case in every if case.out_of_scope]
    attacks, fixtures = candidate.citation_attacks, candidate.policy_fixtures
    yield _zero("scope_violations", len(every), outside)
    yield _zero("bad_citations_accepted", attacks.tried, attacks.accepted)
    yield _zero("policy_examples_broken", fixtures.held + len(fixtures.failed), fixtures.failed)


def _zero(score: str, n: int, cases: Sequence[str]) -> Finding:
    """Nothing tried is nothing known."""
    return Finding(
        rule="zero", score=score, group=ALL, value=float(len(cases)) if n else None, bound=0.0, n=n,
        passed=bool(n) and not cases, failed=len(cases), cases=tuple(cases[:MOST_CASES]),
    )  # fmt: skip


# ── what is decided without a person ─────────────────────────────────────────────────────────────────────────────────


def _bound(candidate: Evaluation, floors: Floors) -> Bound | None:
    if candidate.auto_decide is None:
        return None
    asked = floors.auto_decided_error
    calibration = Calibration.of((case.confidence, case.decides, case.wrong) for case in candidate.calibration)
    return bound_at(calibration, candidate.auto_decide, asked.target, asked.level)


def _bounded(candidate: Evaluation, bound: Bound | None, floors: Floors) -> Iterator[Finding]:
    """Where a person always decides there is nothing to bound."""
    if bound is None:
        return
    wrong = [c.filing for c in candidate.calibration if c.decides and c.wrong and c.confidence >= bound.threshold]
    yield Finding(
        rule="bound", score="auto_decided_error", group="calibration", value=bound.upper if bound.n else None,
        bound=floors.auto_decided_error.target, n=bound.n, passed=bound.holds, failed=len(wrong),
        cases=tuple(wrong[:MOST_CASES]),
    )  # fmt: skip


# ── what was not measured ────────────────────────────────────────────────────────────────────────────────────────────


def _unmeasured(candidate: Evaluation, production: Evaluation | None, floors: Floors) -> Iterator[Finding]:
    """A workload without a golden set may serve with the bytes of production or with those that a person read, and no others."""
    serving: Mapping[str, str] = production.contracts if production else {}
    for name in sorted({*candidate.contracts, *serving} - {MEASURED}):
        own = candidate.contracts.get(name)
        known = {serving.get(name), floors.reviewed_contracts.get(name)} - {None}
        if own is None or own not in known:
            yield _absent("golden_set", f"golden set for {name}", name)
    if MEASURED not in candidate.contracts:
        yield _absent("golden_set", f"workload {MEASURED}", MEASURED)


# ── against production ───────────────────────────────────────────────────────────────────────────────────────────────


def _regressions(candidate: Evaluation, production: Evaluation, floors: Floors) -> Iterator[Finding]:
    before = {case.filing: case for case in production.golden}
    pairs = [(case, before[case.filing]) for case in candidate.golden if case.filing in before]
    if len(pairs) != len(candidate.golden) or len(pairs) != len(before):
        yield _absent("regression", "the same filings", ALL)
        return
    seed = seed_of(candidate.digest, production.digest)
    for group, inside in groups(pairs, lambda pair: pair):
        if group.dimension and len(inside) < floors.enough:
            continue  # an interval of so few says nothing; their floor holds them
        margin = floors.regression.class_.margin if group.dimension else floors.regression.all.margin
        counted = counted_in(group)
        yield from (
            _regression(name, group, inside, counted[name], margin, seed) for name in floors.floors if name in counted
        )
    yield from _longer(candidate.golden, production.golden, floors)


def _regression(
    name: str, group: Group, pairs: Sequence[tuple[Case, Case]], counted: Counted, margin: float, seed: int
) -> Finding:
    ours, theirs = ([Part(*counted(pair[side])) for pair in pairs] for side in (0, 1))
    lost = [case.filing for (case, _), new, old in zip(pairs, ours, theirs, strict=True) if _loses(new, old)]
    value, low, high = _difference(ours, theirs, seed)
    had_none = not any(old.whole for old in theirs)  # what was not there cannot get worse
    passed = name in MAY_BE_EMPTY or had_none if value is None else low is not None and low >= -margin
    return Finding(
        rule="regression", score=name, group=group.label, value=value, bound=-margin, n=len(pairs), low=low, high=high,
        passed=passed, failed=len(lost), cases=tuple(lost[:MOST_CASES]),
    )  # fmt: skip


def _difference(
    ours: Sequence[Part], theirs: Sequence[Part], seed: int
) -> tuple[float | None, float | None, float | None]:
    """The difference and the ends of its interval. Where no case differs nothing has to be drawn."""
    if ours == theirs:
        return (0.0, 0.0, 0.0) if sum(part.whole for part in ours) else (None, None, None)
    found = paired_difference(ours, theirs, seed, resamples=RESAMPLES)
    return found.difference, found.low, found.high


def _loses(new: Part, old: Part) -> bool:
    """Whether a case is further from whole than it was."""
    return new.whole - new.part > old.whole - old.part


def _longer(ours: Sequence[Case], theirs: Sequence[Case], floors: Floors) -> Iterator[Finding]:
    """By how much of itself the prompt grew."""
    new, old = (_tokens(cases) for cases in (ours, theirs))
    grown = new.value / old.value - 1 if new.value is not None and old.value else None
    margin = floors.regression.prompt_tokens.margin
    yield Finding(
        rule="regression", score="prompt_tokens", group=ALL, value=grown, bound=margin, n=new.n,
        passed=grown is not None and grown <= margin,
    )  # fmt: skip


def _tokens(cases: Sequence[Case]) -> Quantity:
    return next(found for found in quantities(cases) if found.name == "prompt_tokens")
