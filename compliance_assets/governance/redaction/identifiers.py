"""Numbers that a state or a bank gives to a person or a firm: candidates by their shape, confirmed by their check digits.

A number without separators and with a single check digit (one in eleven fits by chance) needs its label as well.
"""

import re
from collections.abc import Iterable, Iterator

from compliance_assets.governance.redaction import check_digits
from compliance_assets.governance.redaction.folding import Folded
from compliance_assets.governance.redaction.rules import (
    SEP,
    WIDE_GAP,
    compact,
    label,
    rule,
    rule_at_runs,
    rule_of_text,
)
from compliance_assets.governance.redaction.spans import (
    CARD,
    CNPJ,
    CPF,
    HEALTH_CARD,
    IBAN,
    LICENCE,
    NHS,
    PASSPORT,
    PIS,
    RG,
    SSN,
    VOTER,
    Rank,
    Span,
)

#: Not the middle of a number, nor the decimals of one.
_START = r"(?<![0-9])(?<![0-9]\.)"
_CPF = rf"[0-9]{{3}}{SEP}[0-9]{{3}}{SEP}[0-9]{{3}}{SEP}[0-9]{{2}}(?![0-9])"
_CNPJ = rf"[0-9]{{2}}{SEP}[0-9]{{3}}{SEP}[0-9]{{3}}{SEP}[0-9]{{4}}{SEP}[0-9]{{2}}(?![0-9])"
_ANY_CNPJ = rf"[0-9a-z]{{2}}{SEP}[0-9a-z]{{3}}{SEP}[0-9a-z]{{3}}{SEP}[0-9a-z]{{4}}{SEP}[0-9]{{2}}(?![0-9a-z])"
#: Not the last group of a payment slip's line, 14 digits after `12345.123456 1 `.
_NO_BOLETO = r"(?<![0-9]{6} [0-9] )"
#: One digit in each box of a form.
_BOXED_11 = r"[0-9](?:[ .\-/|]{1,3}[0-9]){10}(?![ ]?[0-9])"
_BOXED_14 = r"[0-9](?:[ .\-/|]{1,3}[0-9]){13}(?![ ]?[0-9])"
_FREE = r"(?<![0-9])(?<![0-9] )"
_PIS = rf"[0-9]{{3}}{SEP}[0-9]{{4,5}}{SEP}[0-9]{{2,3}}{SEP}[0-9](?![0-9])"
_PIS_WORDS = r"pis(?:/pasep)?|pasep|nis|nit"
_RG = r"(?:[a-z]{2}[ \-.])?[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}(?:-?[0-9x])?(?![0-9a-z])"
_RG_WORDS = r"r\.?g\.?|identidade|registro geral"
_NHS = r"[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}(?![0-9])"
_SSN_WORDS = r"ssn|social security(?: number| no)?"
#: Four groups of four (and one of three), not part of a longer row of such groups, as invoice keys are printed.
_CARD_OF_GROUPS = (
    r"(?<![0-9])(?<![0-9]{4}[ \-.])[0-9]{4}([ \-.])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?(?![0-9])"
    r"(?![ \-.][0-9]{4}(?![0-9]))"
)
_CARD_GAP = r"[^0-9\n]{0,24}+"
_CNPJ_TAIL = re.compile(r"/\s?[0-9a-z]{4}\s?-\s?[0-9]{2}(?![0-9a-z])")
_CNPJ_HEAD = re.compile(r"(?<![0-9a-z])[0-9a-z]{2}\s?\.\s?[0-9a-z]{3}\s?\.\s?[0-9a-z]{3}\s?\Z")
_LONGEST_CNPJ_HEAD = 16
_LONGEST_IBAN = 34


def _find_cnpj_with_letters(folded: Folded) -> Iterator[Span]:
    """Printed with its points, found from the slash."""
    for tail in _CNPJ_TAIL.finditer(folded.lower):
        head = _CNPJ_HEAD.search(folded.lower, max(0, tail.start() - _LONGEST_CNPJ_HEAD), tail.start())
        if head and check_digits.is_cnpj(compact(head[0] + tail[0])):
            yield Span(head.start(), tail.end(), CNPJ, Rank.CHECKED)


def _find_bare_cnpj_with_letters(folded: Folded, at: int) -> Iterable[Span]:
    """14 letters and digits that end in this run of digits; a number among the first twelve tells them from a word."""
    lower = folded.lower
    if at == 0 or not lower[at - 1].isalpha():
        return ()
    end = at
    while lower[end : end + 1].isdigit():
        end += 1
    start = end - 14
    if start < 0 or lower[end : end + 1].isalnum() or (start and lower[start - 1].isalnum()):
        return ()
    number = lower[start:end]
    if (
        number.isalnum()
        and number.isascii()
        and sum(map(str.isdigit, number[:12])) > 1
        and check_digits.is_cnpj(number)
    ):
        return (Span(start, end, CNPJ, Rank.CHECKED),)
    return ()


def _find_iban(folded: Folded, at: int) -> Iterable[Span]:
    """In any grouping; the country says how many characters there are, so that the words after it stay."""
    lower = folded.lower
    start = at - 2
    country = lower[max(0, start) : at]
    if len(country) != 2 or not (country.isascii() and country.isalpha()):
        return ()
    if lower[start - 1 : start].isalnum() and lower[max(0, start - 4) : start] != "iban":
        return ()
    length = check_digits.iban_length(country)
    end = length and _end_of(lower, start, length)
    if end and check_digits.is_iban(compact(lower[start:end])):
        return (Span(start, end, IBAN, Rank.CHECKED),)
    return ()


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where the `length`-th letter or digit ends; None if more than two other characters stand between two of them."""
    seen, gap = 0, 0
    for at in range(start, min(len(text), start + 3 * _LONGEST_IBAN)):
        character = text[at]
        if character.isascii() and character.isalnum():
            seen, gap = seen + 1, 0
            if seen == length:
                return None if text[at + 1 : at + 2].isalnum() else at + 1
        else:
            gap += 1
            if gap > 2 or character not in " \t\r\n-":
                return None
    return None


RULES = (
    rule(CPF, Rank.CHECKED, rf"{_START}{_CPF}(?!\.[0-9])", runs=(3, 6, 9, 11), check=check_digits.is_cpf),
    rule(CPF, Rank.CHECKED, _FREE + _BOXED_11, runs=(1,), check=check_digits.is_cpf),
    rule(
        CPF,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('cpfs?(?:/mf)?', WIDE_GAP)}(?P<v>{_CPF}|{_BOXED_11})",
        starts="cpf|cpfs",
        check=check_digits.is_cpf,
    ),
    rule(
        CNPJ,
        Rank.CHECKED,
        rf"{_START}{_NO_BOLETO}{_CNPJ}(?!\.[0-9])",
        runs=(2, 5, 8, 12, 14),
        check=check_digits.is_cnpj,
    ),
    rule(CNPJ, Rank.CHECKED, _FREE + _BOXED_14, runs=(1,), check=check_digits.is_cnpj),
    rule(
        CNPJ,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('cnpjs?(?:/mf)?|cgc')}(?P<v>{_ANY_CNPJ}|{_BOXED_14})",
        starts="cnpj|cnpjs|cgc",
        check=check_digits.is_cnpj,
    ),
    rule_of_text(CNPJ, "/", _find_cnpj_with_letters),
    rule_at_runs(CNPJ, range(2, 14), _find_bare_cnpj_with_letters),
    rule(
        PIS,
        Rank.CHECKED,
        r"(?<![0-9])[0-9]{3}\s?[.\- ]\s?[0-9]{5}\s?[.\- ]\s?[0-9]{2}\s?[\- ./]\s?[0-9](?![0-9])",
        runs=(3,),
        check=check_digits.is_pis,
    ),
    rule(
        PIS,
        Rank.LABELLED_AND_CHECKED,
        rf"{label(_PIS_WORDS, WIDE_GAP)}(?P<v>{_PIS}|{_BOXED_11})",
        starts="pis|pasep|nis|nit",
        check=check_digits.is_pis,
    ),
    rule(RG, Rank.LABELLED, rf"{label(_RG_WORDS)}(?:civil\s)?(?P<v>{_RG})", starts="rg|r|identidade|registro"),
    rule(
        RG,
        Rank.CHECKED,
        r"(?<![0-9.])[0-9]{2}\.[0-9]{3}\.[0-9]{3}-[0-9x](?![0-9a-z])",
        runs=(2,),
        check=check_digits.is_rg_of_sao_paulo,
    ),
    rule(
        VOTER,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('titulo(?: de eleitor| eleitoral)?|inscricao eleitoral', WIDE_GAP)}"
        r"(?P<v>[0-9]{4} ?[0-9]{4} ?[0-9]{4})(?![0-9])",
        starts="titulo|inscricao",
        check=check_digits.is_voter_title,
    ),
    rule(
        VOTER,
        Rank.CHECKED,
        rf"{_FREE}[0-9]{{4}} [0-9]{{4}} [0-9]{{4}}(?! ?[0-9])",
        runs=(4,),
        check=check_digits.is_voter_title,
    ),
    rule(
        LICENCE,
        Rank.LABELLED,
        rf"{label('cnh|habilitacao|(?:driver|driving).{0,3} licen[cs]e')}(?P<v>[0-9]{{9,11}}|[a-z][0-9]{{7,12}})(?![0-9a-z])",
        starts="cnh|habilitacao|driver|driving",
    ),
    rule(
        HEALTH_CARD,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('cns|sus|cartao (?:nacional de saude|(?:do )?sus)', WIDE_GAP)}"
        r"(?P<v>[0-9]{3}[ .]?[0-9]{4}[ .]?[0-9]{4}[ .]?[0-9]{4})(?![0-9])",
        starts="cns|sus|cartao",
        check=check_digits.is_health_card,
    ),
    rule(
        HEALTH_CARD,
        Rank.SHAPED,
        rf"{_FREE}[0-9]{{3}} [0-9]{{4}} [0-9]{{4}} [0-9]{{4}}(?! ?[0-9])",
        runs=(3,),
        check=check_digits.is_health_card,
    ),
    rule(
        SSN,
        Rank.CHECKED,
        r"(?<![0-9])(?<![0-9][\-./])[0-9]{3}([\- .])[0-9]{2}\1[0-9]{4}(?![0-9])(?!-[0-9])",
        runs=(3,),
        check=check_digits.is_ssn,
    ),
    rule(
        SSN,
        Rank.LABELLED_AND_CHECKED,
        rf"{label(_SSN_WORDS)}(?P<v>[0-9]{{3}}[\- .]?[0-9]{{2}}[\- .]?[0-9]{{4}})(?![0-9])",
        starts="ssn|social",
        check=check_digits.is_ssn,
    ),
    rule(
        NHS,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('nhs', WIDE_GAP)}(?P<v>{_NHS})",
        starts="nhs",
        check=check_digits.is_nhs,
    ),
    rule(
        NHS,
        Rank.LOOSE,
        rf"{_FREE}[0-9]{{3}} [0-9]{{3}} [0-9]{{4}}(?! ?[0-9])",
        runs=(3,),
        check=check_digits.is_nhs,
    ),
    rule(
        PASSPORT,
        Rank.LABELLED,
        rf"{label('passaporte|passport')}(?P<v>[a-z]{{0,2}}[0-9]{{6,9}})(?![0-9a-z])",
        starts="passaporte|passport",
    ),
    rule_at_runs(IBAN, range(2, 33), _find_iban),
    rule(
        CARD,
        Rank.SHAPED,
        r"(?<![0-9a-z])(?<![0-9][., ])[0-9]{13,19}(?![0-9])(?![.,][0-9])",
        runs=range(13, 20),
        check=check_digits.is_card,
    ),
    rule(
        CARD,
        Rank.LABELLED_AND_CHECKED,
        rf"{label('(?:credit |debit |bank )?card|cc|cartao(?: de credito| de debito)?', _CARD_GAP)}"
        r"(?P<v>[0-9](?:[ \-]?[0-9]){11,18})(?![0-9])",
        starts="credit|debit|bank|card|cc|cartao",
        check=check_digits.is_luhn,
    ),
    rule(CARD, Rank.SHAPED, _CARD_OF_GROUPS, runs=(4,), check=check_digits.is_card),
    rule(
        CARD,
        Rank.SHAPED,
        r"(?<![0-9])[0-9]{4}([ \-.])[0-9]{6}\1[0-9]{4,5}(?![0-9])",
        runs=(4,),
        check=check_digits.is_card,
    ),
)
