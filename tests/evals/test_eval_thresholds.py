from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed
from evals.eval_thresholds import Placed, resampled
from evals.gate.risk_control import GRID, Calibration
from evals.golden.plans import plans_of
from evals.threshold_pool import Tried, drawn, misread, mistyped


def tried(confidence: float, *, decides: bool = True, wrong: bool = False) -> Tried:
    return Tried("f", "pdf", "as meant", confidence, 1.0, decides, wrong)


@given(st.lists(st.builds(tried, st.floats(0, 1) | st.sampled_from(GRID), decides=st.booleans(), wrong=st.booleans())))
def test_filings_are_counted_as_the_gate_counts_them(found: list[Tried]) -> None:
    n, errors = Placed.by(found, "confidence").counts(np.arange(len(found)))
    of_the_gate = Calibration.of((one.confidence, one.decides, one.wrong) for one in found).counts(GRID)

    assert (n.tolist(), errors.tolist()) == tuple(counts.tolist() for counts in of_the_gate)


def test_risk_control_keeps_its_promise_and_an_uncorrected_threshold_does_not() -> None:
    found = resampled(drawn(8_000), targets=(0.01,), splits=200, calibration=1_500)[0.01]

    controlled, uncorrected = found["computed confidence, fixed sequence"], found["computed confidence, uncorrected"]
    assert controlled.above_in_pool.part <= 20
    assert uncorrected.above_in_pool.part > 60
    assert np.mean(controlled.coverage) > np.mean(found["computed confidence, Bonferroni"].coverage)
    assert np.mean(controlled.coverage) > np.mean(found["the model's own, fixed sequence"].coverage)


def test_a_mistyped_value_differs_in_one_character_of_the_same_kind() -> None:
    data, fields = b"<nome>ANA Maria 7</nome>", {"name": {"printed": "ANA Maria 7"}}

    found = mistyped(data, fields, Random(1))

    changed = [(was, now) for was, now in zip(data, found, strict=True) if was != now]
    assert len(changed) == 1
    (was, now) = (chr(one) for one in changed[0])
    assert (was.isdigit(), was.isupper(), was.islower()) == (now.isdigit(), now.isupper(), now.islower())


def test_a_value_that_the_encoding_hides_stays() -> None:
    assert mistyped(b"QU5B", {"name": {"printed": "ANA"}}, Random(1)) == b"QU5B"


def test_a_misread_pdf_is_one_still_and_says_something_else() -> None:
    data = plans_of("golden")[0].render().data

    was, now = parse(data), parse(misread(data, Random(3)))

    assert isinstance(was, Parsed)
    assert isinstance(now, Parsed)
    assert len(was.text) == len(now.text)
    assert 0 < sum(one != other for one, other in zip(was.text, now.text, strict=True)) < len(was.text) // 20
