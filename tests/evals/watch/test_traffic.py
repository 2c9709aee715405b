"""Errors that people found, with their bounds; rates by group; what a night makes of two windows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evals.watch.nightly import LEAST_LOOKED_AT, SAMPLE, evaluated
from evals.watch.traffic import Decided, Window, error_of, rates_by

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = 0.005


def decided(number: int, **said: Any) -> Decided:
    """A triage that was decided without a person, whom nobody looked at."""
    plain = Decided(f"rsp_{number}", "r1", "irpf.triage", 2021, "completa", "decided", None, 0.97, None)
    return plain._replace(**said)


def window(*decisions: Decided, days_ago: int = 0) -> Window:
    until = NOW - timedelta(days=days_ago)
    return Window(until - timedelta(days=30), until, decisions)


def night(now: Window, reference: Window | None = None, gate_passed: bool | None = True) -> Any:
    return evaluated(reference or window(days_ago=30), now, "r1", gate_passed, TARGET)


def test_rates_and_errors_are_counted_by_group() -> None:
    rows = rates_by(
        [
            decided(1, looked="right"),
            decided(2, outcome="review", reason="insufficient_evidence", confidence=0.0),
            decided(3, outcome="quarantined", reason="ungrounded", looked="wrong", category="simplificada"),
        ],
        lambda one: one.category,
    )
    assert [row.as_row() for row in rows] == [
        {
            "group": "completa", "decisions": 2, "review_rate": 0.5, "quarantined_rate": 0.0, "denied_rate": 0.0,
            "abstained_rate": 0.5, "mean_confidence": 0.485, "looked_at": 1, "wrong": 0,
        },
        {
            "group": "simplificada", "decisions": 1, "review_rate": 0.0, "quarantined_rate": 1.0, "denied_rate": 0.0,
            "abstained_rate": 0.0, "mean_confidence": 0.97, "looked_at": 1, "wrong": 1,
        },
    ]  # fmt: skip


def test_an_error_has_both_bounds_of_clopper_and_pearson() -> None:
    found = error_of("x", [decided(n, looked="wrong" if n < 3 else "right") for n in range(50)] + [decided(99)])
    assert (found.n, found.wrong) == (50, 3)
    assert found.low == pytest.approx(0.016552, abs=1e-5)  # scipy.stats.beta.ppf(.05, 3, 48)
    assert found.high == pytest.approx(0.147837, abs=1e-5)  # scipy.stats.beta.ppf(.95, 4, 47)
    nothing = error_of("x", [])
    assert (nothing.n, nothing.low, nothing.high) == (0, 0.0, 1.0)


def test_a_quiet_month_like_the_last_passes() -> None:
    now = window(*(decided(n, looked="right" if n < 30 else None) for n in range(200)))
    found = night(now, window(*(decided(n) for n in range(200)), days_ago=30))
    assert (found.state, found.body()["passed"], found.findings) == ("passed", True, ())


def test_contested_decisions_of_no_person_fail_the_night() -> None:
    found = night(window(*(decided(n, looked="wrong" if n < 3 else "right") for n in range(60))))
    assert [finding.code for finding in found.findings] == ["error.unreviewed"]
    assert found.body()["passed"] is False


def test_one_error_among_very_many_is_within_the_target() -> None:
    assert night(window(*(decided(n, looked="wrong" if n < 1 else "right") for n in range(300)))).findings == ()


def test_reviewers_who_overrule_more_than_they_did_fail_the_night() -> None:
    def reviewed(wrong: int) -> list[Decided]:
        return [decided(n, outcome="review", looked="wrong" if n < wrong else "right") for n in range(40)]

    assert night(window(*reviewed(6)), window(*reviewed(4), days_ago=30)).findings == ()
    found = night(window(*reviewed(25)), window(*reviewed(4), days_ago=30))
    assert [finding.code for finding in found.findings] == ["error.reviewed"]


def test_a_moved_confidence_fails_the_night_with_its_code() -> None:
    then = window(*(decided(n, confidence=0.9 + n / 2000) for n in range(200)), days_ago=30)
    found = night(window(*(decided(n, confidence=0.5 + n / 2000) for n in range(200))), then)
    assert [finding.code for finding in found.findings] == ["drift.confidence"]
    assert found.findings[0].detail["now"] == 200


def test_too_little_is_neither_a_pass_nor_a_failure_and_says_of_what() -> None:
    found = night(window(*(decided(n) for n in range(10))), gate_passed=None)
    assert (found.state, found.body()["passed"]) == ("insufficient", None)
    assert {"confidence", "outcome", "reviewed", "gate"} <= set(found.not_judged)

    looked_at = night(window(*(decided(n, looked="right") for n in range(LEAST_LOOKED_AT))))
    assert looked_at.state == "passed", "what people looked at says enough by itself"


def test_a_release_that_no_longer_passes_the_gate_fails_the_night() -> None:
    found = night(window(), gate_passed=False)
    assert ([finding.code for finding in found.findings], found.state) == (["gate.production"], "failed")


def test_the_sample_is_of_what_nobody_looked_at_and_nobody_chooses_it() -> None:
    unseen = [decided(n) for n in range(100)]
    seen = [decided(n, looked="right") for n in range(100, 150)]
    one, again = (night(window(*decisions)).sample for decisions in ([*unseen, *seen], [*seen, *reversed(unseen)]))
    assert one == again
    assert len(one) == SAMPLE
    assert set(one) <= {each.response_id for each in unseen}
