"""Telephone numbers. A label is proof enough; without one a number must have a telephone's shape and `phonenumbers` must agree."""

import re
from functools import lru_cache

from compliance_assets.governance.redaction.rules import gap_of, label, rule
from compliance_assets.governance.redaction.spans import PHONE, Rank

#: Countries whose national numbers begin with a zero and are often written so in English and European texts.
_TRUNK_ZERO = ("GB", "FR", "DE", "AU", "NL")
_FREE = r"(?<![0-9])(?<![0-9][.,/\-])"

_BR_SUBSCRIBER = r"(?:9[\s.]?)?[2-9][0-9]{3}[\s.\-]{0,3}[0-9]{4}(?![0-9])"
_BR_ANY = rf"(?:(?:\+|00)?55[\s.\-]{{0,2}})?\(?(?:0(?:xx|[1-9]{{2}})?\s?)?[1-9][0-9]\)?[\s.\-/]{{0,3}}{_BR_SUBSCRIBER}"
_BR_BRACKETS = rf"\(0?(?:xx)?\s?[1-9][0-9]\s?\)[\s.\-]{{0,3}}{_BR_SUBSCRIBER}"
_YEARS = r"(?!(?:19|20)[0-9]{2}\s?-\s?(?:19|20)[0-9]{2})"
_BR_PLAIN = (
    r"(?:(?:\+|00)?55[\s.\-]{0,2})?(?:0(?:xx)?)?[1-9][0-9]"
    rf"(?:[\s.\-/]{{0,3}}9[\s.]?[0-9]{{4}}[\s.\-]{{1,3}}[0-9]{{4}}|[\s.\-/]{{1,3}}{_YEARS}[2-5][0-9]{{3}}\s?-\s?[0-9]{{4}})(?![0-9])"
)
_EXTENSION = r"(?:\s?(?:x|ext\.?|ramal)\s?[0-9]{1,6})?"
_EXTENSION_AT_END = re.compile(_EXTENSION.removesuffix("?") + r"\Z")
_NANP_AREA = r"[2-9][0-9]{2}\)?[\s.\-/]{0,2}"
_NANP_REST = rf"[2-9][0-9]{{2}}[\s.\-][0-9]{{4}}(?![0-9]){_EXTENSION}"
_NANP = rf"(?:1[\s.\-]{{1,2}})?\(?[2-9][0-9]{{2}}\)?[\s.\-/]{{1,2}}{_NANP_REST}"
_ANY = rf"\+?\(?[0-9](?:[\s.\-()]{{0,2}}[0-9]){{6,13}}(?![0-9]){_EXTENSION}"
_INTERNATIONAL = rf"\+(?<![\w+]\+)\s?\(?[1-9](?:[\s.\-()/]{{0,3}}[0-9]){{7,14}}(?![0-9])(?!,[0-9]){_EXTENSION}"
#: Not in a longer row of groups, and not the shape of a CPF.
_WITH_ZERO = (
    r"(?<![\w.,/\-+])(?<![0-9] )(?!(?:[0-9]{3} ){3}[0-9]{2}(?![0-9]))"
    r"0[1-9][0-9]{0,4}[ \-/](?:[0-9][ \-]?){5,9}(?<=[0-9])(?![ .,/\-]?[0-9])"
)

_WORDS = (
    r"tel|telefone|telefones|telef|fone|fones|celulares|celular|cel|whatsapp|whats|wpp|zap|zapzap|contato|ramal|fax|sms|ligar|ligue|liga"
    r"|phone|phones|telephone|mobile|cell|cellphone|call|calling|dial|text|hotline|answering|message|messages|reach|desk"
)
_GAP = gap_of(
    r"numero|number|num|no|nr|n|is|e|eh|para|pelo|pro|me|us|at|on|to|my|meu|o|a|do|da|de|res|com|residencial|comercial|pessoal"
    r"|celular|cel|fixo|movel|contato|whatsapp|zap|fax|fone|telefone|phone|ddd"
)
#: The same before a number that `phonenumbers` confirms: any words, as long as they are few.
_WIDE_GAP = r"[^0-9\n(+]{0,40}+"


@lru_cache(maxsize=4096)
def is_brazilian(number: str) -> bool:
    """Digits that could be dialled in Brazil, with or without the country and the carrier."""
    return _is_valid(number.replace("xx", ""), "BR")


@lru_cache(maxsize=4096)
def is_international(number: str) -> bool:
    """Digits after a plus sign that have a country's code and length."""
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{number}"))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4096)
def is_national(number: str) -> bool:
    """A number with a leading zero that is valid in one of the countries that write so."""
    return any(_is_valid(number, country) for country in _TRUNK_ZERO)


def _is_valid(number: str, country: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False


def _is_international(text: str) -> bool:
    number = _EXTENSION_AT_END.sub("", text)
    return is_international("".join(filter(str.isdigit, number)))


RULES = (
    rule(
        PHONE, Rank.LABELLED, rf"{label(_WORDS, _GAP)}(?P<v>{_BR_ANY}|{_NANP}|{_BR_SUBSCRIBER}|{_ANY})", starts=_WORDS
    ),
    rule(PHONE, Rank.LOOSE, rf"{label(_WORDS, _WIDE_GAP)}(?P<v>{_BR_ANY})", starts=_WORDS, check=is_brazilian),
    rule(PHONE, Rank.SHAPED, _BR_BRACKETS, needs="(", check=is_brazilian),
    rule(
        PHONE,
        Rank.SHAPED,
        rf"{_FREE}(?<![0-9]{{4}} ){_BR_PLAIN}(?! [0-9]{{4}}(?![0-9]))",
        runs=(1, 2, 3, 4, 7, 8, 9),
        check=is_brazilian,
    ),
    rule(PHONE, Rank.SHAPED, _INTERNATIONAL, needs="+", confirm=_is_international),
    rule(PHONE, Rank.SHAPED, rf"{_FREE}(?<![0-9] ){_NANP}(?![\-.][0-9])", runs=(1, 3)),
    rule(PHONE, Rank.SHAPED, rf"\({_NANP_AREA}{_NANP_REST}", needs="("),
    rule(PHONE, Rank.LOOSE, rf"{_FREE}(?<![0-9] )9[0-9]{{4}}-[0-9]{{4}}(?![0-9])(?![.,/\-][0-9])", runs=(5,)),
    rule(PHONE, Rank.LOOSE, _WITH_ZERO, runs=(2, 3, 4, 5), check=is_national),
)
