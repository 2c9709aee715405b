"""Numbers by what they are worth: units, rounding, and sums that an answer shows."""

import pytest

from evals.judge.value_grounding import value_grounding

PAGE = "Net sales (in millions) 177,866 135,987. Operating income 4,106. Effective tax rate 20.2%."


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("177,866", 1.0),
        ("$177.9 billion", 1.0),
        ("0.202", 1.0),
        ("41,879", 0.0),  # a difference that the answer does not show
        ("177,866 - 135,987 = 41,879", 1.0),
        ("(177,866 - 135,987) / 135,987 = 30.8%", 1.0),
        ("(177,866 - 135,987) / 135,987 = 29.8%", 0.75),
        ("178.9 billion", 0.0),
        ("net sales", 1.0),
        ("gross margin", 0.0),
        ("net sales of 99", 0.5),
    ],
)
def test_a_number_stands_by_its_value_or_follows_from_those_that_do(answer: str, score: float) -> None:
    assert value_grounding(answer, [PAGE], "How much?") == pytest.approx(score)


def test_of_an_answer_that_says_nothing_there_is_no_score() -> None:
    assert value_grounding("No.", [PAGE], "How much?") is None
