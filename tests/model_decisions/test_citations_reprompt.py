import pytest

from compliance_assets.model_decisions.citations import Problem, reprompt_text, resolve
from compliance_assets.model_decisions.quotes import Misquoted
from tests.model_decisions.builders import passages, source_of
from tests.model_decisions.test_citations import FIRST, answer


def test_a_reprompt_says_in_words_what_was_wrong_and_what_holds() -> None:
    text = reprompt_text([f"citations_invalid: quote_not_verbatim: citations[0]: the quote does not stand in {FIRST}"])

    assert text.startswith(
        f"WHAT DOES NOT HOLD\n- citations[0]: the quote does not stand in {FIRST}\n\nA CITATION THAT HOLDS\n"
    )
    assert text.endswith("as one JSON object and nothing else.")


def test_other_problems_are_sent_back_as_they_are() -> None:
    assert "\n- answer_malformed: confidence: Field required\n" in reprompt_text(
        ["answer_malformed: confidence: Field required"]
    )


def test_a_reprompt_stays_short() -> None:
    text = reprompt_text(["x: " + "y" * 5_000, *(f"says_nothing: problem {number}" for number in range(50)), "a\nb"])

    assert "- and 32 more of these" in text
    assert max(map(len, text.split("\n"))) < 310


def test_the_same_problem_is_said_once() -> None:
    assert reprompt_text(["a: b", "a: b"]).count("- a: b") == 1


SECRET = "Ana Souza, CPF 111.444.777-35"


@pytest.mark.parametrize(
    "given",
    [
        answer((FIRST, SECRET.lower())),
        answer(("ck_" + SECRET, "holder")),
        answer((FIRST, "111.444.777")),
        answer((FIRST, "The holder"), fields=[(SECRET, SECRET, 0), ("tax_due", "1.00", 0), ("name", "x", 9)]),
        answer((FIRST, "The holder"), segments=[(SECRET,)]),
        answer((FIRST, "Ana", ), anomalies=[(7,)]),
    ],
)  # fmt: skip
def test_problems_repeat_neither_the_document_nor_the_answer(given: object) -> None:
    retrieved = passages(f"The holder is {SECRET}, and Ana is Ana.")
    problems = resolve(given, retrieved, source_of(retrieved), (2021,)).problems  # type: ignore[arg-type]

    assert problems
    for part in ("Ana", "ana", "Souza", "souza", "111", "444"):
        assert part not in "".join(problems)
        assert part not in reprompt_text(problems)


def test_every_problem_has_a_code_of_its_own() -> None:
    assert len({*map(str, Problem), *map(str, Misquoted)}) == len(Problem) + len(Misquoted)
