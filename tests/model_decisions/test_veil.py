"""What of the persons that documents state is hidden from a model."""

import pytest

from compliance_assets.model_decisions.veil import Veil, persons_stated
from tests.model_decisions.builders import item, passages

VALID, OTHER, IMPOSSIBLE = "52998224725", "11144477735", "52998224726"


def test_names_and_valid_numbers_are_persons() -> None:
    fields = {"taxpayer_id": VALID, "name": "Ana Prado", "dependant_id[2]": OTHER, "payer_id[1]": "11222333000181"}
    assert persons_stated([], fields) == (OTHER, "11222333000181", VALID, "Ana Prado")
    assert persons_stated([f"cpf:{VALID}"], {"taxpayer_id": VALID, "name": ""}) == (VALID,)


@pytest.mark.parametrize("field", ["taxpayer_id", "payer_id[1]", "dependant_id[1]"])
def test_a_number_whose_check_digits_do_not_hold_is_nobodys(field: str) -> None:
    assert persons_stated([], {field: IMPOSSIBLE, "name": "Ana Prado"}) == ("Ana Prado",)


def test_what_is_no_field_of_a_person_is_none_however_it_looks() -> None:
    assert persons_stated([], {"corrected_receipt": VALID, "taxable_income": OTHER}) == ()


def test_the_model_sees_a_number_that_does_not_hold_and_neither_name_nor_number_of_a_person() -> None:
    text = f"Declarante Ana Prado, CPF {VALID}; dependente com CPF {IMPOSSIBLE}."
    persons = persons_stated([], {"name": "Ana Prado", "taxpayer_id": VALID, "dependant_id[1]": IMPOSSIBLE})
    veil = Veil.over(item(f"Quem e {VALID}?"), passages(text), persons, b"k" * 32)

    (hidden,) = veil.hidden
    assert IMPOSSIBLE in hidden.text
    assert all(person not in hidden.text + veil.question for person in ("Ana Prado", VALID))
    assert len(hidden.text) == len(text)
