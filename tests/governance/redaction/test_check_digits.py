"""Check digits against numbers that their issuers or the libraries' documentation publish."""

import pytest

from compliance_assets.governance.redaction import check_digits


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (check_digits.is_cpf, "39053344705", "39053344706"),
        (check_digits.is_cnpj, "16727230000197", "16727230000198"),
        (check_digits.is_cnpj, "12ABC34501DE35", "12ABC34501DE36"),
        (check_digits.is_pis, "46952280637", "46952280638"),
        (check_digits.is_voter_title, "102385010671", "102385010672"),
        (check_digits.is_rg_of_sao_paulo, "246781312", "246781313"),
        (check_digits.is_health_card, "100000000000007", "100000000000008"),
        (check_digits.is_nhs, "9434765870", "9434765871"),
        (check_digits.is_ssn, "536904399", "666904399"),
        (check_digits.is_card, "4111111111111111", "4111111111111112"),
        (check_digits.is_card, "378282246310005", "1234567812345670"),
        (check_digits.is_iban, "GR1601101050000010547023795", "GR1601101050000010547023796"),
        (check_digits.is_iban, "BR1500000000000010932840814P2", "BR1500000000000010932840814P3"),
        (check_digits.is_ip_address, "2001:db8::1", "1.2.3.999"),
    ],
)
def test_a_right_number_passes_and_a_wrong_one_fails(check, right, wrong) -> None:
    assert check(right)
    assert not check(wrong)


@pytest.mark.parametrize("check", [check_digits.is_cpf, check_digits.is_cnpj, check_digits.is_pis])
def test_one_digit_repeated_is_no_number(check) -> None:
    assert not any(check(digit * length) for digit in "0123456789" for length in (11, 14))


def test_an_iban_has_the_length_of_its_country() -> None:
    assert [check_digits.iban_length(country) for country in ("br", "de", "no", "xx")] == [29, 22, 15, None]
