"""The yardstick itself: how spans are matched, and that generated text is what it says."""

from stdnum.br import cnpj, cpf

from compliance_assets.governance.redaction.check_digits import is_iban, is_pis
from compliance_assets.governance.redaction.folding import fold
from compliance_assets.governance.redaction.rules import compact
from evals.redaction_generated import DEVELOP_SEED, samples
from evals.redaction_scores import Tally, Typed
from evals.redaction_wordings import DEVELOP, MEASURE, NEGATIVES, NEGATIVES_TO_MEASURE

CHECKS = {"CPF": cpf.is_valid, "CNPJ": cnpj.is_valid, "PIS": is_pis, "IBAN": is_iban}


def test_a_span_matches_by_overlap_and_type() -> None:
    tally = Tally()
    tally.add("0123456789", [Typed(0, 4, "A"), Typed(6, 8, "B")], [Typed(3, 5, "A"), Typed(6, 8, "A")])
    assert (tally.of("A").recall, tally.of("A").precision) == (1, 0.5)
    assert (tally.of("B").recall, tally.of("B").precision) == (0, None)


def test_characters_count_whatever_their_type() -> None:
    tally = Tally()
    tally.add("0123456789", [Typed(0, 4, "A")], [Typed(2, 6, "B")])
    assert (tally.of_characters().recall, tally.of_characters().precision) == (0.5, 0.5)


def test_f2_weighs_recall_twice() -> None:
    tally = Tally()
    tally.add("01", [Typed(0, 1, "A")], [Typed(0, 1, "A"), Typed(1, 2, "A")])
    assert tally.of("A").f2 == 5 * 0.5 / (4 * 0.5 + 1)


def test_generated_values_have_right_check_digits_and_near_misses_wrong_ones() -> None:
    made = samples(300, seed=DEVELOP_SEED, measure=False)
    values = [
        (value, compact(fold(sample.text[value.start : value.end]).text)) for sample in made for value in sample.values
    ]
    assert all(CHECKS[value.kind](text) for value, text in values if value.kind in CHECKS)
    assert not any(CHECKS[value.kind[4:].upper()](text) for value, text in values if value.kind.startswith("bad_"))


def test_the_same_seed_makes_the_same_samples() -> None:
    assert samples(20, seed=3, measure=True) == samples(20, seed=3, measure=True)


def test_what_is_measured_on_has_wordings_of_its_own() -> None:
    assert len(set(MEASURE) - set(DEVELOP)) >= 30
    assert len(set(NEGATIVES_TO_MEASURE) - set(NEGATIVES)) >= 15
