"""The pictures of an evaluation: they are drawn of anything, and what they count is right."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.gate.evaluation import Case
from evals.tracking.plots import operating_points, plots_of
from tests.evals.gate.evaluations import case, golden

PNG = b"\x89PNG\r\n\x1a\n"

cases = st.lists(
    st.builds(
        lambda confidence, wrong, kind: case(
            "g",
            confidence=confidence,
            misread={"tax_due": "1.00"} if wrong else {},
            anomalies=(kind,) if kind else (),
            outcome="review" if kind else "decided",
            reason="anomalies_found" if kind else None,
        ),
        st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]),
        st.booleans(),
        st.sampled_from([None, None, "deduction_above_cap"]),
    ),
    max_size=30,
)


def test_every_evaluation_has_its_five_pictures() -> None:
    pictures = plots_of(golden(), golden(), 0.95, 0.005)

    assert list(pictures) == [
        "reliability_diagram.png",
        "confidence_histogram.png",
        "confusion_return_type.png",
        "confusion_anomalies.png",
        "error_against_coverage.png",
    ]
    assert all(picture.startswith(PNG) for picture in pictures.values())
    assert pictures == plots_of(golden(), golden(), 0.95, 0.005)


def test_what_was_never_measured_and_is_never_decided_alone_is_drawn_too() -> None:
    assert all(picture.startswith(PNG) for picture in plots_of([], [], None, 0.005).values())


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases, st.sampled_from([None, 0.95]))
def test_any_cases_can_be_drawn(found: list[Case], threshold: float | None) -> None:
    assert all(picture.startswith(PNG) for picture in plots_of(found, found, threshold, 0.005).values())


@given(cases)
def test_a_point_counts_all_that_reach_its_confidence(found: list[Case]) -> None:
    decide = [one for one in found if one.decides]
    expected = [
        (len(above), sum(one.wrong for one in above))
        for confidence in sorted({one.confidence for one in decide}, reverse=True)
        if (above := [one for one in decide if one.confidence >= confidence])
    ]

    assert operating_points(found) == expected
