import math

import pytest

from compliance_assets.model_decisions.irpf import training
from compliance_assets.model_decisions.irpf.return_type import CLASSES, normalised, shipped
from compliance_assets.model_decisions.irpf.training import Sentence
from evals import triage_sentences
from evals.golden.rules import rules_of
from tests.model_decisions.irpf.triaged import answer_to, prompt_of

LETTER = """\
From: Ana <ana@example.com>
Subject: Imposto de renda

Bom dia,

{sentence} O CPF do titular é 529.982.247-25. Tudo se refere ao ano-calendário de 2022. Os rendimentos tributáveis do ano
somaram R$ 30.000,00. A base de cálculo é de R$ 24.000,00. O imposto devido é de R$ 0,00.
"""


def decision(sentence: str) -> str:
    return answer_to(prompt_of(LETTER.format(sentence=sentence), [rules_of(2022)])).decision


def test_a_letter_that_corrects_in_its_own_words_is_a_retificadora_and_says_where() -> None:
    sentence = "Mando de novo a declaração, agora corrigida, para substituir a que entreguei em abril."
    answer = answer_to(prompt_of(LETTER.format(sentence=sentence), [rules_of(2022)]))

    assert answer.decision == "retificadora"
    assert sentence in answer.citations[0].quote


@pytest.mark.parametrize(
    "sentence",
    ["Segue a minha declaração.", "Quando sai a restituição?", "Talvez eu precise mudar alguma coisa depois."],
)
def test_a_letter_that_does_not_say_it_is_not_guessed_at(sentence: str) -> None:
    assert decision(sentence) == "insufficient_evidence"


def test_a_label_that_the_letter_itself_contradicts_is_not_believed() -> None:
    assert decision("Trata-se de declaração original.") == "original"
    contradicted = "Trata-se de declaração original. Ela foi corrigida e substitui a que entreguei em abril."
    assert decision(contradicted) == "insufficient_evidence"


def test_probabilities_add_up() -> None:
    for sentence in ("", "0", "Esta é a primeira entrega.", "x" * 5_000):
        assert math.isclose(sum(shipped().probabilities(sentence)), 1.0)


def test_persons_and_numbers_do_not_count() -> None:
    assert normalised("Recibo 12.34.56 de  NAME_ABCDEFG") == normalised("Recibo 99 de\nNAME_QWERTYU")


def test_the_shipped_classifier_tells_wordings_that_it_never_saw() -> None:
    measured = training.measured(shipped(), training.read_sentences())

    assert measured.sentences >= 150
    assert measured.accuracy >= 0.85
    assert measured.wrong <= 0.2 * measured.decided


def test_no_group_of_sentences_is_in_both_parts() -> None:
    sentences = training.read_sentences()
    groups = {part: {s.group for s in sentences if s.part == part} for part in ("train", "held_out")}

    assert not groups["train"] & groups["held_out"]
    assert {s.label for s in sentences} == set(CLASSES)


def test_the_frozen_sentences_of_wordings_are_written_again() -> None:
    frozen = [s for s in training.read_sentences() if s.group.startswith("wording")]

    assert triage_sentences.distinct([*triage_sentences.of_wordings()]) == frozen


def test_training_on_the_same_sentences_gives_the_same_bytes() -> None:
    words = {"original": "primeira entrega", "retificadora": "corrige a anterior", "neither": "bom dia a todos"}
    few = [Sentence(f"{text} {n * 'a'}", label, str(n), "train") for label, text in words.items() for n in range(4)]

    assert training.trained(few) == training.trained(few)
