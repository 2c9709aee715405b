"""Whether a number's own check digits hold. What `python-stdnum` has is asked there; the others stand here with their rule.

Every function takes the number without separators, letters in either case.
"""

import ipaddress
import re

from stdnum import iban, luhn, numdb
from stdnum.br import cnpj, cpf
from stdnum.gb import nhs
from stdnum.us import ssn

_PIS_WEIGHTS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CARD = re.compile(  # issuer ranges of ISO/IEC 7812 with the lengths that they issue
    r"(?:4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}"  # Diners
    r"|(?:6011|65\d{2}|64[4-9]\d|62\d{2})\d{12}(?:\d{3})?"  # Discover, UnionPay
    r"|(?:352[89]|35[3-8]\d)\d{12}(?:\d{3})?|(?:2131|1800)\d{11}"  # JCB
    r"|(?:5018|5020|5038|5[6-8]\d{2}|5893|6304|6759|676[1-3])(?:\d{8}|\d{12}|\d{14,15})"  # Maestro
    r"|(?:4011|4312|4389|4514|4576|5041|5067|5090|6277|6362|6363|6500|6504|6505|6507|6509|6516|6550)\d{12}"  # Elo
    r"|(?:606282\d{10}(?:\d{3})?|3841\d{15}))"  # Hipercard
)


def is_cpf(number: str) -> bool:
    """Brazil's taxpayer number of a person. One digit repeated fits the rule and is never issued."""
    return bool(cpf.is_valid(number)) and len(set(number)) > 1


def is_cnpj(number: str) -> bool:
    """Brazil's taxpayer number of a firm, the numeric one and the alphanumeric one issued since July 2026."""
    return len(number) == 14 and bool(cnpj.is_valid(number)) and len(set(number)) > 1


def is_pis(number: str) -> bool:
    """Brazil's social number (PIS, PASEP, NIS, NIT): 11 digits, the last one modulo 11."""
    if not _digits(number, 11) or len(set(number)) == 1:
        return False
    rest = sum(w * int(d) for w, d in zip(_PIS_WEIGHTS, number, strict=False)) % 11
    return int(number[10]) == (0 if rest < 2 else 11 - rest)


def is_rg_of_sao_paulo(number: str) -> bool:
    """The identity card of São Paulo: 8 digits and a check character, X for ten. Other states have their own rule or none."""
    if not _digits(number[:8], 8) or len(number) != 9 or len(set(number[:8])) == 1:
        return False
    rest = (11 - sum(w * int(d) for w, d in zip(range(2, 10), number, strict=False)) % 11) % 11
    return number[8].lower() == ("x" if rest == 10 else str(rest))


def is_voter_title(number: str) -> bool:
    """Brazil's voter title: 8 digits in sequence, 2 of the state (01 to 28), 2 check digits."""
    if not _digits(number, 12) or not 1 <= int(number[8:10]) <= 28:
        return False
    exception = number[8:10] in ("01", "02")  # São Paulo and Minas Gerais write 1 for a rest of 0

    def digit(total: int) -> int:
        rest = total % 11
        return 1 if rest == 0 and exception else rest % 10

    first = digit(sum(w * int(d) for w, d in zip(range(2, 10), number, strict=False)))
    second = digit(7 * int(number[8]) + 8 * int(number[9]) + 9 * first)
    return number[10:] == f"{first}{second}"


def is_health_card(number: str) -> bool:
    """Brazil's national health card (CNS): 15 digits whose weighted sum is a multiple of 11."""
    if not _digits(number, 15) or number[0] not in "12789":
        return False
    return sum(w * int(d) for w, d in zip(range(15, 0, -1), number, strict=True)) % 11 == 0


def is_ssn(number: str) -> bool:
    """A number that the Social Security Administration could have issued; it has no check digit."""
    return _digits(number, 9) and bool(ssn.is_valid(number))


def is_nhs(number: str) -> bool:
    """The NHS number of England and Wales: 10 digits, the last one modulo 11."""
    return _digits(number, 10) and bool(nhs.is_valid(number)) and len(set(number)) > 1


def is_card(number: str) -> bool:
    """A payment card: a known issuer's range, its length, and Luhn."""
    return number.isascii() and bool(_CARD.fullmatch(number)) and bool(luhn.is_valid(number))


def is_luhn(number: str) -> bool:
    """12 to 19 digits with Luhn's check digit, of whatever issuer."""
    return number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and bool(luhn.is_valid(number))


def is_iban(number: str) -> bool:
    """An IBAN by its country's structure and ISO 7064 mod 97-10."""
    return bool(iban.is_valid(number, check_country=False))


def iban_length(country: str) -> int | None:
    """How many characters the IBANs of a country have; None for a country without."""
    structure = str(numdb.get("iban").info(country.upper() + "00")[0][1].get("bban", ""))
    return 4 + sum(int(n) for n in re.findall(r"(\d+)!", structure)) if structure else None


def is_ip_address(text: str) -> bool:
    """Version 4 or 6, in the notation of RFC 4291."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _digits(number: str, length: int) -> bool:
    return len(number) == length and number.isascii() and number.isdigit()
