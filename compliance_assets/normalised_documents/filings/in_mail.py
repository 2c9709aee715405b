"""An income-tax filing that somebody wrote as an e-mail: whether it is one, and what it states.

The words are those of `places/email.csv`, one row a wording, in lower case without diacritics; a space in a row is any white
space. `mail-labelled` rows begin a line or a table cell and end in a colon, a cell border or dots; `mail-prose` rows stand
in a sentence, and only words that say nothing else may come between them and the value. Two values that contradict each
other are never decided here, and an amount that is not written as one is not read.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from compliance_assets.normalised_documents.filings.fields import Field, Filing, Kind, LocatedField, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.rules import missing
from compliance_assets.normalised_documents.filings.values import canonical, folded

_LABELLED, _PROSE = "mail-labelled", "mail-prose"
_LONGEST = 200_000  # characters; nobody states a return in a longer letter
_AMOUNTS_OF_A_RETURN = frozenset(
    {
        Field.TAXABLE_INCOME, Field.TAX_BASE, Field.TAX_DUE, Field.TAX_WITHHELD, Field.TAX_TO_PAY, Field.TAX_REFUND,
        Field.SIMPLIFIED_DISCOUNT,
    }
)  # fmt: skip
_NAMED_IN_A_SENTENCE = frozenset({Field.PRIVATE_PENSION, Field.ALIMONY, Field.CASH_BOOK})
_LONGEST_SENTENCE = 300
_FEWEST_FIELDS = 3
_FEWEST_WITHOUT_A_PERSON = 5  # a newsletter explains these words with sums too, but names nobody

_DECLARATION = re.compile(
    r"declarac(?:ao|oes)\s+(?:(?:retificadora|original|completa|simplificada|anual)\s+)?"
    r"(?:de\s+ajuste|d[eo]\s+(?:imposto|irpf|ir\b)|do?\s+meu\s+imposto|irpf)|\bdirpf\b|imposto\s+(?:de|sobre\s+a)\s+renda\b|\birpf\b"
)

# --- what of a mail is its own statement: the mask has the length of the text, with NUL where it is not ---

_HEADERS = re.compile(r"(?:(?:From|To|Cc|Date|Subject): [^\n]*\n)+(?=\n)")
_REPLY_SUBJECT = re.compile(r"\s*(?:re|res|enc|fw|fwd|tr)\s*:", re.IGNORECASE)
_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*$", re.MULTILINE)
_HISTORY = re.compile(
    r"^[ \t*]*(?:"
    r"-{2,} ?(?:mensagem (?:original|encaminhada|anterior)|original message|forwarded message|encaminhado por|forwarded by)\b"
    r"|(?:em|no dia|on)\b[^\n]{5,200}(?:\n[^\n]{0,200}){0,2}?\b(?:escreveu|wrote) ?:"
    r"|inicio da mensagem encaminhada|begin forwarded message"
    r"|_{20,}[ \t]*\n+[ \t*]*(?:de|from) ?:"
    r"|(?:de|from) ?:[^\n]*\n(?:[ \t*]*(?:para|to|cc|assunto|subject) ?:[^\n]*\n){0,3}"
    r"[ \t*]*(?:enviad[ao](?: em)?|sent|data|date) ?:"
    r")",
    re.MULTILINE,
)
# A tax number behind one of these words, on its line or the next, is another person's.
_OTHERS_ID = re.compile(
    r"\b(?:dependentes?|conjuge|companheir[ao]|espos[ao]|marido|filh[ao]s?|mae|pai|alimentand[ao]s?|fonte pagadora|pagador"
    r"|empregador|contador[a]?|contabilidade|crc|procurador|inventariante|medic[ao]|dentista)\b"
    r"(?:[^\n.;]{0,100}?|[^\n.;\d]{0,60}\n[^\n\d]{0,40}?)\b(cpf)\b"
)
# The lines below such a heading say who that person is.
_OTHERS_LINES = re.compile(
    r"^[ \t*]*(?:dependentes?|conjuge|companheir[ao]|espos[ao]|marido|filh[ao]s?|alimentand[ao]s?|fontes? pagadoras?"
    r"|contador|procurador|responsavel)\b[^\n\d:]{0,60}:?[ \t]*\n((?:[ \t]*(?:nome|cpf)\b[^\n]*\n?){1,3})",
    re.MULTILINE,
)
# A sentence with one of these speaks of another year, another person, or of what is not so.
_NOT_SO = re.compile(
    r"\b(?:nao|nem|seria[m]?|se eu|ano passado|ano anterior|anteriormente|antes|espos[ao]|marido|conjuge|filh[ao]s?|limite|acima de"
    r"|quem|honorarios|multa|quotas?|parcelas?|pensei|talvez|acho|cerca|uns|recebi|ja (?:para|pra)|em (?:19|20)\d\d)\b"
)
# Who says that a return corrects another one does not mean an original.
_CORRECTS = re.compile(r"\b(?:retific(?!adora\s*[:?])\w+|correcao|substitu[ie]\w*)\b")
_NO_PERSON = re.compile(r"\b(?:ltda|s[./]?a\b|eireli|banco|empresa|anexo)")

# --- what a value looks like, and what may stand between it and its label ---

# A value that another one stands beside is one of two columns; one that goes on in these words is not the whole.
_SECOND_COLUMN = r"[ ]*[|\t][ |\t]*(?:r\$\s?)?\d"
_NOT_THE_WHOLE = (
    r"[ ]*(?:[+?(]|x\s?\d|/\s?mes|\*\s?\d)|[ ,]+(?:mil|milh(?:ao|oes)|por mes|mensais|ao mes|cada|ou|da empresa|corrigi\w+)\b"
    r"|[ ]+(?:a|ate|e|mais|e de)\s+(?:r\$\s?)?\d"
)
_VALUES = {
    Kind.CPF: r"(?<![\d.])\d{3}[. ]?\d{3}[. ]?\d{3}[- ./]{0,2}\d{2}(?![\d/])",
    Kind.YEAR: rf"(?:19|20)\d\d(?!\d|[.,]\d|\s*/\s*\d|{_SECOND_COLUMN})",
    Kind.RECEIPT: r"\d[\d.\- /]{8,18}\d(?!\d)",
    Kind.COUNT: r"\d{1,2}(?![\d.,)]|\s+(?:filh|anos|enteado|net[ao]s?\b))(?!\s+dependentes?\s+a\s+menos)",
    Kind.AMOUNT: rf"(?:\d{{1,3}}(?:\.\d{{3}})+|\d+),\d{{2}}(?![\d.]*\d|{_NOT_THE_WHOLE}|{_SECOND_COLUMN})",
    Kind.CATEGORY: r"(?:complet[ao]|simplificad[ao]|(?:utilizando |por )?(?:as )?deducoes legais"
    r"|(?:utilizando |por )?(?:o )?desconto simplificado(?!\s*(?:[:=]|de\b)))\b(?!\s+(?:ou|nem)\b)",
    Kind.RETURN_TYPE: r"(?:original|retificadora|nao|sim)\b(?!\s+ou\b)",
}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NAME_ON_A_LINE = r"[^\W\d_][^\n|;:,\t(\d\0]{2,80}?(?=\s*(?:$|[|;,\t(]| - |\bcpf\b))"
_NAME_IN_A_SENTENCE = r"[a-z][a-z'.-]*(?:\s[a-z'.-]+){1,9}?(?=\s*[,;(\n]|\.\s|\s+(?:e|com|sob|inscrit|portador|cpf)\b)"
_CURRENCY = r"(?:(?:r\$|brl)\s?)?"
_SIDE_REMARK = (
    r"(?:\s?\((?![^()\n]{0,40}(?:mens|13|depend|conjug|espos|marid|rra|quota|parcela|multa|estim|aprox|saldo|brut))"
    r"[^()\n]{0,40}\))?"
)
_AFTER_A_LABEL = rf"{_SIDE_REMARK}[*_]*+(?:[ \t]*+(?:[:=|]|\.{{2}}|-(?!\d))|\t|\s{{2}})[\s:=|*_.]*+"
_FILLERS = (
    r"foi|foram|e|era|eram|sera|ser|fica|ficou|ficaram|totaliza|totalizou|totalizaram|somou|somaram|soma|resultou|deu|chegou|chegaram"
    r"|atingiu|atingiram|alcancou|alcancaram|perfaz|perfazem|monta|montam|consta|constou|tabela|progressiva"
    r"|no|na|nos|nas|o|a|os|as|ao|de|do|da|dos|em|um|uma|pel[ao]s?|por|com|sob|que|ja|meus?|minhas?"
    r"|valor|valores|total|totais|montante|importancia|quantia|saldo|igual|apurad[ao]s?|informad[ao]s?|declarad[ao]s?|calculad[ao]s?"
    r"|recebidos?|auferidos?|exatos|exatamente|numero|num|n|no|nro|ano|ano-calendario|ano-base|calendario|ajuste|anual|fonte|renda"
    r"|modelo|forma|retificado|entrega|completo|corresponde|correspondente|equivale|(?:19|20)\d\d"
)
_IN_A_SENTENCE = rf"{_SIDE_REMARK}(?:[\s,:.*_]+(?:{_FILLERS})\b){{0,7}}?[\s,:=*_.]*"


@dataclass(frozen=True, slots=True)
class _Found:
    """A value with the place that reads it and its span; `year` is one that is named between the label and the value."""

    place: Place
    value: str
    span: tuple[int, int]
    year: str | None


def read_filing(text: str) -> Filing | None:
    """What a mail, as mail.py shows it, states as a filing; None unless it clearly is one.

    Fields without a value and fields with two are doubts, `missing_field: <field>` and `ambiguous_field: <field>`.
    """
    if len(text) > _LONGEST:
        return None
    own = _own_words(text)
    if not _DECLARATION.search(own):
        return None
    found = list(_found(text, own))
    if not _is_filing(found):
        return None
    return _filing(found, own)


def _is_filing(found: list[_Found]) -> bool:
    fields = {one.place.field for one in found}
    amounts = len(fields & _AMOUNTS_OF_A_RETURN)
    if fields & {Field.TAXPAYER_ID, Field.NAME}:
        return amounts >= _FEWEST_FIELDS
    return amounts >= _FEWEST_WITHOUT_A_PERSON


def _filing(found: list[_Found], own: str) -> Filing:
    years = {one.value for one in found if one.place.field is Field.CALENDAR_YEAR}
    certain, ambiguous = _certain([one for one in found if one.year is None or one.year in years])
    values = {located.field: located.value for located in certain}
    served = _served(values.get(Field.CALENDAR_YEAR), values.get(Field.FILER_CATEGORY))
    filing = Filing(_layout(found), tuple(located for located in certain if located.field in served))
    lacking = [*missing(filing)]
    if values.get(Field.RETURN_TYPE) == "retificadora" and Field.CORRECTED_RECEIPT not in values:
        lacking.append(Field.CORRECTED_RECEIPT)
    doubts = [f"ambiguous_field: {name}" for name in ambiguous if name in served]
    doubts += [f"missing_field: {name}" for name in lacking if name not in ambiguous]
    if values.get(Field.RETURN_TYPE) == "original" and _CORRECTS.search(own):
        doubts.append(f"ambiguous_field: {Field.RETURN_TYPE}")
    read = {one.place.field for one in found}
    doubts += [f"unreadable_field: {name}" for name in sorted(served - read - {*lacking}) if _is_named(own, name)]
    return replace(filing, doubts=tuple(dict.fromkeys(doubts)))


def _is_named(own: str, name: Field) -> bool:
    """Whether a label of the field stands in the mail: what is named and not read was not left out by the sender."""
    return any(_label(place).search(own) for place in locator_map("email") if place.field is name)


def _served(year: str | None, category: str | None) -> set[Field]:
    """The fields of a year's return of a category; what is not known of it restricts nothing."""
    return {
        place.field
        for place in locator_map("email")
        if place.serves(int(year or place.first_year), category or place.category)
    }


def _certain(found: list[_Found]) -> tuple[list[LocatedField], list[Field]]:
    """The first statement of each field in the order of the text, and the fields whose statements contradict."""
    by_field: dict[Field, list[_Found]] = {}
    for one in sorted(found, key=lambda one: one.span):
        by_field.setdefault(one.place.field, []).append(one)
    ambiguous = [name for name, several in by_field.items() if len({folded(one.value) for one in several}) > 1]
    firsts = [several[0] for name, several in by_field.items() if name not in ambiguous]
    return [LocatedField(one.place.field, one.value, *one.span) for one in firsts], ambiguous


def _layout(found: list[_Found]) -> str:
    labelled = sum(one.place.layout == _LABELLED for one in found)
    return _LABELLED if 2 * labelled >= len(found) else _PROSE


def _found(text: str, own: str) -> Iterator[_Found]:
    """Every value that a row of the map reads. What one row has read, label or value, no later row reads otherwise."""
    taken = [match.span(1) for pattern in (_OTHERS_ID, _OTHERS_LINES) for match in pattern.finditer(own)]
    for place in locator_map("email"):
        for match in _pattern(place).finditer(own):
            label, span = match.span("label"), match.span("value")
            value = _value(place, text[slice(*span)], own[slice(*span)])
            if place.layout == _PROSE and _NOT_SO.search(own, _start_of_sentence(own, label[0]), span[0]):
                continue
            if value is not None and not any(_overlap(span, other) or _overlap(label, other) for other in taken):
                taken += [label, span]
                year = _YEAR.search(own, label[1], span[0])
                yield _Found(place, value, span, year[0] if year else None)


def _start_of_sentence(own: str, at: int) -> int:
    earliest = max(0, at - _LONGEST_SENTENCE)
    return max(earliest, *(own.rfind(mark, earliest, at) + 1 for mark in (". ", ".\n", "\n\n", ";", "!", "?", "\0")))


def _value(place: Place, printed: str, plain: str) -> str | None:
    kind = kind_of(place.field)
    if kind is not Kind.TEXT:
        return canonical(kind, plain)
    return canonical(kind, printed) if _is_capitalised(printed) and not _NO_PERSON.search(plain) else None


def _is_capitalised(name: str) -> bool:
    return all(word[0].isupper() or word in ("da", "das", "de", "do", "dos", "e") for word in name.split())


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@cache
def _pattern(place: Place) -> re.Pattern[str]:
    kind = kind_of(place.field)
    label = f"(?P<label>{place.label})".replace(" ?", r"\s?").replace(" ", r"\s+")
    currency = _CURRENCY if kind is Kind.AMOUNT else ""
    if place.layout == _LABELLED:
        value = _VALUES.get(kind, _NAME_ON_A_LINE)
        start = r"(?:^|[|;\t])[^\w\n|]{0,6}(?:\d{1,2}[.)][ ]?)?(?:[oa]s? )?"
        return re.compile(f"{start}{label}{_AFTER_A_LABEL}{currency}(?P<value>{value})", re.MULTILINE)
    value = _VALUES.get(kind, _NAME_IN_A_SENTENCE)
    counted = r"(?=\s+dependentes?\b)" if kind is Kind.COUNT else ""
    return re.compile(
        rf"(?<![\w-]){label}(?!\w){_IN_A_SENTENCE}{currency}(?<![\w.,])(?P<value>{value}){counted}", re.MULTILINE
    )


@cache
def _label(place: Place) -> re.Pattern[str]:
    """Where a list names the field, or a sentence names a deduction, whatever follows."""
    label = place.label.replace(" ?", r"\s?").replace(" ", r"\s+")
    if place.layout == _LABELLED:
        start = r"(?:^|[|;\t])[^\w\n|]{0,6}(?:\d{1,2}[.)][ ]?)?(?:[oa]s? )?"
        return re.compile(rf"{start}(?:{label}){_AFTER_A_LABEL}", re.MULTILINE)
    return re.compile(rf"(?<![\w-])(?:{label})(?!\w)" if place.field in _NAMED_IN_A_SENTENCE else r"(?!)")


# --- the mail's own words ---


def _own_words(text: str) -> str:
    """The text in lower case without diacritics and of the same length, with NUL for what the sender did not say now."""
    own = text.translate(_PLAIN)
    headers = _HEADERS.match(text)
    if headers:
        own = _masked_headers(text, headers.end()) + own[headers.end() :]
    history = _start_of_history(own)
    own = own[:history] + "\0" * (len(own) - history)
    return _QUOTED_LINE.sub(lambda match: "\0" * len(match[0]), own)


def _masked_headers(text: str, end: int) -> str:
    """Only the subject is a statement, and in a reply not even that."""
    lines = text[:end].splitlines(keepends=True)
    return "".join(_masked_header(line) for line in lines)


def _masked_header(line: str) -> str:
    name, _, value = line.partition(": ")
    if name != "Subject" or _REPLY_SUBJECT.match(value):
        return "\0" * (len(line) - 1) + "\n"
    return "\0" * (len(name) + 1) + "\n" + value.translate(_PLAIN)


def _start_of_history(own: str) -> int:
    """Where the quoted history begins, unless each of its lines is marked: then something may be said below it."""
    for match in _HISTORY.finditer(own):
        following = own[match.end() :].partition("\n")[2].lstrip("\n \t")
        if not following.startswith(">"):
            return match.start()
    return len(own)


def _plain_characters() -> dict[int, str]:
    """One plain character for one: no offset moves."""
    plain = {}
    for code in (*range(0x41, 0x250), *range(0x2000, 0x2070), 0xFEFF, 0x2212):
        letters = unicodedata.normalize("NFKD", chr(code)).casefold()
        letters = "".join(c for c in letters if not unicodedata.combining(c))
        if len(letters) == 1 and letters.isascii():
            plain[code] = letters
    dashes = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
    spaces = dict.fromkeys((0xA0, 0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF), " ")
    return {**plain, **dashes, **spaces, 0xB0: "o", 0x2018: "'", 0x2019: "'"}


_PLAIN = _plain_characters()
