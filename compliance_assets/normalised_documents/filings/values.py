"""Printed values to canonical ones and back to what they mean: one form per kind, whatever the format wrote.

| kind | canonical | printed |
|---|---|---|
| amount | `1234.56` | `1.234,56`, `R$ 1.234,56` |
| cpf, cpf_or_cnpj | 11 or 14 digits | `222.222.223-03`, `99.111.111/0001-32` |
| year | 4 digits | the same |
| count | digits without leading zeros | `02` |
| receipt | digits | `12.34.56.78.90-12` |
| category | `completa`, `simplificada` | `Deduções legais`, `DESCONTO SIMPLIFICADO` |
| return_type | `original`, `retificadora` | any case |
| text | single spaces | the same |
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal

from stdnum.br import cnpj, cpf

from compliance_assets.normalised_documents.filings.fields import Kind

_AMOUNT = re.compile(r"(?:R\$ ?)?(-?)(\d{1,3}(?:\.\d{3})*|\d+),(\d{2})")
_CATEGORIES = {
    "completa": "completa",
    "completo": "completa",
    "modelo completo": "completa",
    "deducoes legais": "completa",
    "utilizando as deducoes legais": "completa",
    "por deducoes legais": "completa",
    "simplificada": "simplificada",
    "simplificado": "simplificada",
    "modelo simplificado": "simplificada",
    "desconto simplificado": "simplificada",
    "utilizando o desconto simplificado": "simplificada",
    "por desconto simplificado": "simplificada",
}
_RETURN_TYPES = {
    "original": "original",
    "declaracao original": "original",
    "nao": "original",
    "retificadora": "retificadora",
    "declaracao retificadora": "retificadora",
    "sim": "retificadora",
}


def canonical(kind: Kind, printed: str) -> str | None:
    """The canonical form of a printed value; None if it is not one of this kind. Check digits are not looked at here."""
    return _CANONICAL[kind](" ".join(printed.split()))


def amount_of_cents(digits: str) -> str | None:
    """The canonical amount of a fixed-width number with two implied decimals."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    return f"{int(digits) // 100}.{int(digits) % 100:02d}"


def money(value: str) -> Decimal:
    """A canonical amount as a number."""
    return Decimal(value)


def is_valid_taxpayer_id(value: str) -> bool:
    """Whether the check digits of a canonical CPF or CNPJ are right; one digit repeated fits them and is never issued."""
    fits = cpf.is_valid(value) if len(value) == 11 else cnpj.is_valid(value)
    return bool(fits) and len(set(value)) > 1


def folded(text: str) -> str:
    """Lower case without diacritics, for comparison."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _amount(printed: str) -> str | None:
    match = _AMOUNT.fullmatch(printed)
    return f"{match[1]}{int(match[2].replace('.', ''))}.{match[3]}" if match else None


def _digits(*lengths: int) -> Callable[[str], str | None]:
    def read(printed: str) -> str | None:
        digits = re.sub(r"[.\-/ ]", "", printed)
        return digits if digits.isascii() and digits.isdigit() and len(digits) in lengths else None

    return read


def _count(printed: str) -> str | None:
    return str(int(printed)) if printed.isascii() and printed.isdigit() else None


def _year(printed: str) -> str | None:
    return printed if re.fullmatch(r"(?:19|20)\d\d", printed) else None


def _word_of(words: dict[str, str]) -> Callable[[str], str | None]:
    return lambda printed: words.get(folded(printed).strip(" .:"))


def _text(printed: str) -> str | None:
    return printed or None


_CANONICAL: dict[Kind, Callable[[str], str | None]] = {
    Kind.CPF: _digits(11),
    Kind.CPF_OR_CNPJ: _digits(11, 14),
    Kind.TEXT: _text,
    Kind.YEAR: _year,
    Kind.CATEGORY: _word_of(_CATEGORIES),
    Kind.RETURN_TYPE: _word_of(_RETURN_TYPES),
    Kind.RECEIPT: _digits(10, 12),
    Kind.COUNT: _count,
    Kind.AMOUNT: _amount,
}
