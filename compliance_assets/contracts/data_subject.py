"""Data subjects: whose personal content something is, named so that it can be erased. Pure.

A person is named by CPF, `cpf:` and its eleven digits. Content in which no person was found belongs to its decision alone
and is named by the decision's response id, so that it can be erased all the same.
"""

import re

from stdnum.br import cpf

from compliance_assets.contracts.errors import InvalidInput

#: Eleven digits with or without what people put between them, not part of a longer number. Found too often is a key too many;
#: not found is content that nobody can erase.
_CANDIDATE = re.compile(
    r"(?<![0-9])(?<![0-9][.,/-])[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}(?: ?[-/] ?|[. ])?[0-9]{2}(?![0-9])"
)
#: Other spellings of digits, dashes and spaces, as forms and office programs write them.
_PLAIN = str.maketrans("０１２３４５６７８９．‐‑‒–—―−－\u00a0\u2007\u2009\u202f", "0123456789.--------    ")
_RESPONSE_ID = re.compile(r"rsp_[0-9A-HJKMNP-TV-Z]{26}")


def data_subjects_in(text: str) -> tuple[str, ...]:
    """The persons whose CPF a text states, in order, each once. Only numbers whose check digits hold."""
    found = (_digits(match[0]) for match in _CANDIDATE.finditer(_plain(text)))
    return tuple(sorted({f"cpf:{number}" for number in found if cpf.is_valid(number)}))


def data_subject(text: str) -> str:
    """What a person typed, as the id of a data subject. Raises InvalidInput for what names none."""
    given = text.strip().removeprefix("cpf:")
    if _RESPONSE_ID.fullmatch(given):
        return given
    typed = _plain(given)
    if _CANDIDATE.fullmatch(typed) and cpf.is_valid(_digits(typed)):
        return f"cpf:{_digits(typed)}"
    raise InvalidInput(
        "not a data subject",
        expected="a CPF with valid check digits, or the response id of a decision that names no person",
        found=f"{len(given)} characters that are neither",
        remedy="Give the CPF as 123.456.789-09 or 12345678909, or the id as rsp_….",
    )


def _plain(text: str) -> str:
    return text if text.isascii() else text.translate(_PLAIN)


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)
