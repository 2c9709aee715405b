import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.triage_scores import Share, Triage, by_anomaly, decided, threshold_of, totals

RIGHT = Triage(
    filing="f", format="pdf", decision="original", true_type="original", fields=2, exact=2, wrong=(), made_up=(),
    anomalies=frozenset(), true_anomalies=frozenset(), citations=3, problems=(), law_years=(2020,),
    signals={"field_agreement": 1.0, "ocr_certainty": 0.8, "retrieval": 0.1}, seconds=0.01,
)  # fmt: skip
MISSED = replace(RIGHT, true_anomalies=frozenset({"x"}), signals={"ocr_certainty": 0.6})
FOUND = replace(RIGHT, true_anomalies=frozenset({"x"}), anomalies=frozenset({"x"}))
ABSTAINED = replace(RIGHT, decision="insufficient_evidence", exact=0)


def test_confidence_is_the_least_of_the_signals_that_count() -> None:
    assert RIGHT.confidence == 0.8


def test_a_filing_with_an_anomaly_an_abstention_or_a_bad_citation_is_for_a_person() -> None:
    rows = [RIGHT, FOUND, ABSTAINED, replace(RIGHT, problems=("quote_ambiguous: …",))]

    assert decided(rows, 0.0)["automatic"] == Share(1, 4)


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
