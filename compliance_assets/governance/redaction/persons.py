"""Persons, their dates of birth and ages, as far as the words around them give them away.

A name has no check digit: what stands after a title, a label, a greeting or a closing is found, and what introduces itself
before a taxpayer number. Names in running text are not; a trained `Recogniser` adds them.
"""

import re
from collections.abc import Iterator

from compliance_assets.governance.redaction.folding import Folded
from compliance_assets.governance.redaction.rules import Finder, gap_of, label, rule, rule_at_words
from compliance_assets.governance.redaction.spans import AGE, BIRTH, PERSON, Rank, Span

_WORD = r"(?:[A-Z]\.(?![A-Za-z])|[A-Z](?:[A-Za-z]|['\-](?=[A-Za-z]))*+(?![\w]))"
_PARTICLES_LOWER = "de|da|do|dos|das|e|del|della|di|du|van|von|der|den|bin|ibn|al|el|la|le|y"
_PARTICLE = rf"(?:{_PARTICLES_LOWER}|DE|DA|DO|DOS|DAS|E|VAN|VON)"
_NAME = rf"{_WORD}(?:[ ]{{1,2}}(?:{_PARTICLE}[ ]{{1,2}}){{0,2}}{_WORD}){{0,7}}"
_FULL_NAME = _NAME.replace("{0,7}", "{1,7}")

_TITLES = (
    "mr|mrs|ms|miss|mx|dr|prof|sir|madam|lady|rev|sr|sra|srta|dra|profa|professor|professora|dona|dna|senhor|senhora"
    "|seu|doutor|doutora|herr|frau|monsieur|madame|senor|senora"
)
_ROLES = (
    r"contribuinte|titular|declarante|dependente|cliente|segurad[oa]|paciente|beneficiari[oa]|conjuge|companheir[oa]|alimentand[oa]"
    r"|responsavel(?: legal)?|mae|pai|filh[oa]|soci[oa]|empregad[oa]|funcionari[oa]|inventariante|procuradora?|correntista"
    r"|favorecid[oa]"
)
_LABELS = (
    rf"nome(?: completo| civil| social| d[oae]s? (?:{_ROLES}))?|{_ROLES}|assinatura|assinado por|assinado digitalmente por"
    r"|(?:full |first |last |given |family )?name|surname|customer|patient|account ?holder|card ?holder|signed by|billing address"
    r"|ship(?:ping)? to|bill to|attn|attention"
)
_LABEL_STARTS = (
    "nome|contribuinte|titular|declarante|dependente|cliente|segurado|segurada|paciente|beneficiario|beneficiaria|conjuge|companheiro"
    "|companheira|alimentando|alimentanda|responsavel|mae|pai|filho|filha|socio|socia|empregado|empregada|funcionario|funcionaria"
    "|inventariante|procurador|procuradora|correntista|favorecido|favorecida|assinatura|assinado|full|first|last|given|family|name"
    "|surname|customer|patient|account|accountholder|card|cardholder|signed|billing|ship|shipping|bill|attn|attention"
)
_LABELLED = re.compile(
    rf"(?<![a-z])(?:{_LABELS})(?![a-z])(?:\s?\([a-z/ ]{{1,20}}\))?[ \t]*+"
    rf"(?:[:=][ \t]*+\n?[ \t]*+|\.{{2,60}}+[ \t:]*+|-[ \t]|\n[ \t]*+)(?:(?:sra?|dr|dra|mrs?|ms)\.? )?"
)
_LOWER_NAME = re.compile(r"[a-z][a-z'\-]++(?: [a-z][a-z'\-]*+){1,6}+(?=[ \t]*(?:[,;|/\n]|$)| {2})")
_VALUE = re.compile(_NAME)
_TITLED = re.compile(
    rf"(?<![\w])(?i:{_TITLES})(?:\([ao]\))?\.?[ \t]{{1,2}}(?:(?i:{_TITLES})\.?[ \t]{{1,2}})?(?P<v>{_NAME})"
)
_INTRODUCED = re.compile(
    r"(?<![\w])(?i:my name is|my name's|meu nome e|me chamo|chamo-me|i am called|call me|name is|signed by|assinado por"
    r"|assinado digitalmente por|em nome de|on behalf of|outorgante|outorgad[oa]|falar com (?:o |a )?|aos cuidados de|a/c de"
    rf"|ass\.|eu,)[ \t:,]{{1,3}}(?P<v>{_NAME})"
)
_GREETED = re.compile(
    r"(?<![\w])(?i:dear|hi|hello|hey|prezad[oa]s?|prezad[oa]\(a\)|car[oa]|querid[oa]|ola|oi)[ ,]{1,2}"
    rf"(?:(?i:sra?|senhora?|mrs?|ms|dra?)(?:\(a\))?\.?[ ])?(?P<v>{_NAME})(?=[ \t]*[,!:.\n\-])"
)
_CLOSED = re.compile(
    r"(?<![\w])(?i:atenciosamente|att|cordialmente|respeitosamente|abracos?|abs|grat[oa]|sincerely|(?:best |kind |warm )?regards"
    r"|yours|yours (?:truly|sincerely|faithfully)|best wishes|best|cheers|thanks|thank you|obrigad[oa])[,.!]{0,2}[ \t]*+\n\s{0,8}"
    rf"(?P<v>{_NAME})(?=[ \t]*+(?:\n|$|,))"
)
_HEADER = re.compile(rf"(?m:^)(?i:from|to|cc|bcc|de|para|reply-to):[ \t]{{0,3}}\"?(?P<v>{_NAME})\"?[ \t]{{1,3}}<")
#: Before these words a name introduces itself: `X, portador do CPF`, `X (CPF`.
_BEFORE = "portador|portadora|inscrito|inscrita|cpf|brasileiro|brasileira|nascido|nascida|rg"
_NAME_BEFORE = re.compile(rf"(?<![\w]){_FULL_NAME}\Z")
_FARTHEST = 100
_WIDEST_PAUSE = 4

#: Words that end a name or are none: fields of a form, ranks, greetings to nobody.
_NO_NAMES = (
    "cpf|cnpj|rg|pis|nis|endereco|telefone|tel|fone|email|e-mail|data|nascimento|profissao|ocupacao|banco|agencia"
    "|conta|cep|uf|municipio|cidade|estado|pais|valor|total|codigo|numero|nome|titular|contribuinte|declarante"
    "|cliente|dependente|presidente|ministro|diretor|diretora|juiz|juiza|gerente|senhor|senhora|sir|madam|customer"
    "|team|all|everyone|there|todos|colegas|phone|address|date|birth|age|ssn|iban|card|number|street|city|state|zip"
    "|country|subject|assunto|para|from|to|cc|sem|informacoes|fonte|pagadora|sim|nao|ano|exercicio|declaracao"
    "|imposto|renda|receita|segue|meu|minha|seu|sua|no|na|nos|nas|o|os|a|as|em|por|com|que|inscrito|inscrita"
    "|portador|portadora|lugar|ao|um|uma|este|esta|esse|essa|foi|sob|documento|empresa|federal|brasil|ministerio"
    "|fazenda|recibo"
)
_NOT_NAMES = frozenset(_NO_NAMES.split("|"))
_LABEL_WORDS = frozenset(_LABEL_STARTS.split("|"))
_PARTICLES = frozenset(_PARTICLES_LOWER.split("|"))
_FIRM = re.compile(r"(?i)\b(?:ltda|s/?a|s\.a|me|epp|eireli|mei|inc|llc|ltd|gmbh|corp|plc|cia)\b\.?")

_DATE = (
    r"(?:[0-9]{1,2}\s?[/.\-]\s?[0-9]{1,2}\s?[/.\-]\s?(?:[0-9]{4}|[0-9]{2})|[0-9]{4}[/.\-][0-9]{2}[/.\-][0-9]{2}"
    r"|[0-9]{1,2}o?\s(?:de\s)?[a-z]{3,9}\.?\s(?:de\s)?[0-9]{4}|[a-z]{3,9}\.?\s[0-9]{1,2}(?:st|nd|rd|th)?,?\s[0-9]{4})(?![0-9])"
)
_BIRTH_WORDS = r"nascimento|nascid[oa](?:\(a\))?|nasceu|dt\.? ?nasc|nasc|born|birth|birth ?date|d\.?o\.?b|birthday"


def _pointed_at(pattern: re.Pattern[str]) -> Finder:
    """Finds the name that the pattern shows in its group `v`."""

    def find(folded: Folded, at: int) -> Iterator[Span]:
        if match := pattern.match(folded.text, at):
            yield from _named(folded, *match.span("v"))

    return find


def _find_labelled(folded: Folded, at: int) -> Iterator[Span]:
    """What a field holds: capitalised words, or lower-case words that are all that stands there."""
    if not (field := _LABELLED.match(folded.lower, at)):
        return
    start = field.end()
    if "\n" in field[0] and folded.lower[folded.lower.rfind("\n", 0, at) + 1 : at].strip():
        return  # the value stands on the next line only below a label that has its line to itself
    value = _VALUE.match(folded.text, start)
    if value is None and not folded.text[start : start + 1].isupper():
        value = _LOWER_NAME.match(folded.lower, start)
    if value:
        yield from _named(folded, start, value.end())


def _find_introduced(folded: Folded, at: int) -> Iterator[Span]:
    """The full name before a word that a person introduces a number or a nationality with."""
    end = len(folded.text[max(0, at - _WIDEST_PAUSE) : at].rstrip(" ,(-")) + max(0, at - _WIDEST_PAUSE)
    if not folded.text[end - 1 : end].isalpha() or end == 0:
        return
    if name := _NAME_BEFORE.search(folded.text, max(0, end - _FARTHEST), end):
        start = _after_other_words(folded, name.start(), end)
        if " " in folded.text[start:end]:
            yield from _named(folded, start, end)


def _after_other_words(folded: Folded, start: int, end: int) -> int:
    """Where the name begins if other capitalised words stand before it."""
    others = [word.end() + 1 for word in re.finditer(r"[^\s]+", folded.lower[start:end]) if _is_no_name(word[0])]
    return min(start + others[-1], end) if others else start


def _named(folded: Folded, start: int, end: int) -> Iterator[Span]:
    """The words up to the first that is no part of a name; nothing if none is left or a firm's form follows."""
    stop = end
    if folded.lower[start:end].split()[0] in _PARTICLES:
        return
    for word in re.finditer(r"[^\s]+", folded.lower[start:end]):
        if _is_no_name(word[0]):
            stop = start + word.start()
            break
    name = folded.text[start:stop].rstrip(" .,-'")
    if (
        len(name) > 1
        and name.lower() not in _LABEL_WORDS
        and not _FIRM.search(folded.text, start, min(len(folded.text), stop + 8))
    ):
        yield Span(start, start + len(name), PERSON, Rank.WORDED)


def _is_no_name(word: str) -> bool:
    return word.strip(".'-") in _NOT_NAMES


RULES = (
    rule(
        BIRTH,
        Rank.LABELLED,
        rf"{label(_BIRTH_WORDS, gap_of('em|no|dia|on|is|was|e|foi|a|aos|my|date|data|the'))}(?P<v>{_DATE})",
        starts="nascimento|nascido|nascida|nasceu|dt|nasc|born|birth|birthdate|dob|d|birthday",
    ),
    rule(
        AGE,
        Rank.SHAPED,
        r"(?<![0-9.,])[0-9]{1,3}[\s\-]?(?:(?:years?|yrs?|yr)[\s\-]?(?:old|of age)|y/o|yo|anos de idade)(?![a-z])",
        runs=(1, 2, 3),
    ),
    rule(
        AGE,
        Rank.LABELLED,
        rf"{label('idade|aged?|turned', gap_of('is|e|de'))}(?P<v>1?[0-9]{{2}})(?![0-9])(?![.,/\-%][0-9]|%)",
        starts="idade|age|aged|turned",
    ),
    rule_at_words(PERSON, _TITLES, _pointed_at(_TITLED)),
    rule_at_words(
        PERSON,
        "my|meu|me|chamo|i|call|name|signed|assinado|em|on|outorgante|outorgado|outorgada|falar|aos|ass|eu",
        _pointed_at(_INTRODUCED),
    ),
    rule_at_words(
        PERSON,
        "dear|hi|hello|hey|prezado|prezada|prezados|prezadas|caro|cara|querido|querida|ola|oi",
        _pointed_at(_GREETED),
    ),
    rule_at_words(
        PERSON,
        "atenciosamente|att|cordialmente|respeitosamente|abraco|abracos|abs|grato|grata|sincerely|best|kind|warm|regards|yours|cheers"
        "|thanks|thank|obrigado|obrigada",
        _pointed_at(_CLOSED),
    ),
    rule_at_words(PERSON, "from|to|cc|bcc|de|para|reply", _pointed_at(_HEADER)),
    rule_at_words(PERSON, _LABEL_STARTS, _find_labelled),
    rule_at_words(PERSON, _BEFORE, _find_introduced),
)
