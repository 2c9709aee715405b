import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.triage_scores import Share, Triage, by_anomaly, component_means, decided, threshold_of, totals

RIGHT = Triage(
    filing="f", format="pdf", outcome="decided", reason=None, decision="original", true_type="original", fields=2, exact=2,
    wrong=(), made_up=(), anomalies=frozenset(), true_anomalies=frozenset(), citations=3, problems=(), law_years=(2020,),
    confidence=0.8, components={"field_agreement": 1.0, "ocr_certainty": 0.8, "retrieval": None}, seconds=0.01,
)  # fmt: skip
UNSURE = replace(RIGHT, outcome="review", reason="low_confidence", confidence=0.6)
MISSED = replace(UNSURE, true_anomalies=frozenset({"x"}))
FOUND = replace(
    RIGHT, outcome="review", reason="anomalies_found", true_anomalies=frozenset({"x"}), anomalies=frozenset({"x"})
)
ABSTAINED = replace(
    RIGHT, outcome="review", reason="insufficient_evidence", decision="insufficient_evidence", exact=0, confidence=0.0
)
REFUSED = replace(RIGHT, outcome="review", reason="citations_invalid", problems=("citations_invalid: …",))


def test_only_what_is_decided_or_unsure_is_without_a_person_at_some_threshold() -> None:
    rows = [RIGHT, UNSURE, FOUND, ABSTAINED, REFUSED, replace(RIGHT, outcome="denied", reason="policy_denied")]

    assert decided(rows, 0.0)["automatic"] == Share(2, 6)
    assert decided(rows, 0.7)["automatic"] == Share(1, 6)


def test_the_set_of_anomalies_must_be_the_true_one() -> None:
    assert not RIGHT.error
    assert not FOUND.error
    assert MISSED.error
    assert replace(RIGHT, anomalies=frozenset({"y"})).error
    assert not REFUSED.right


def test_components_are_averaged_where_they_were_measured() -> None:
    means = component_means([RIGHT, replace(MISSED, components={"ocr_certainty": 0.6})])

    assert means["ocr_certainty"] == {"right": 0.8, "right_n": 1, "wrong": 0.6, "wrong_n": 1}
    assert means["retrieval"] == {"right": None, "right_n": 0, "wrong": None, "wrong_n": 0}
    assert means["confidence"]["wrong"] == 0.6


def test_what_is_wrong_among_the_decided_is_counted() -> None:
    rows = [RIGHT, MISSED, replace(RIGHT, decision="retificadora"), replace(RIGHT, wrong=("name",))]

    assert decided(rows, 0.0)["wrong"] == Share(3, 4)
    assert decided(rows, 0.7)["missed_anomaly"] == Share(0, 3)


def test_the_threshold_lies_above_every_wrong_decision() -> None:
    assert threshold_of([RIGHT]) == 0.0
    assert threshold_of([RIGHT, MISSED]) == 0.8
    assert threshold_of([MISSED]) == math.inf
    assert threshold_of([RIGHT, replace(MISSED, anomalies=frozenset({"y"}))]) == 0.8


def test_totals_count_fields_anomalies_and_citations() -> None:
    found = totals([RIGHT, MISSED, FOUND, ABSTAINED])

    assert found["type"] == Share(3, 4)
    assert found["fields_exact"] == Share(6, 8)
    assert (found["anomaly_precision"], found["anomaly_recall"]) == (Share(1, 1), Share(1, 2))
    assert by_anomaly([MISSED, FOUND])["x"]["recall"] == Share(1, 2)


@given(st.integers(1, 2_000), st.data())
def test_an_interval_holds_its_share(whole: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, whole)), whole)
    interval = share.interval

    assert interval is not None
    assert share.value is not None
    assert 0 <= interval[0] <= share.value + 1e-9
    assert share.value - 1e-9 <= interval[1] <= 1


def test_wilson_by_the_book() -> None:
    interval = Share(81, 263).interval  # Newcombe 1998, table I

    assert interval is not None
    assert interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
