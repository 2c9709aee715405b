"""XML as lines that a person can follow, and the fields of a return where its root is one that we have a schema of.

Each value is one line, `path / attribute: value`, under a heading for its part of the document, the child of the root:

    # classe
    dataHoraSalvamento: 07/04/2020 22:34:49

    ## resumo
    calculoImposto / baseCalculo: 93.869,18

Elements of one name beside each other are numbered, white space is single spaces, what is empty is left out. Nothing that
a document points at is fetched, and one that declares entities is refused: their only uses today are attacks.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources
from itertools import islice
from typing import Any, NoReturn
from xml.parsers import expat

from lxml import etree

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.filings.fields import REPEATED, Field, Filing, Kind, LocatedField, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.values import canonical
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome, Parsed, Refusal, clean

MEDIA_TYPE = "application/xml"
NORMALISER = "lxml"

_MAX_BYTES = 32 * 1024 * 1024  # the tree takes up to thirty times as much
_MAX_TAGS = 2_000_000
_MAX_ATTRIBUTES = 1_000  # of one element: reading them all costs lxml the square of their number
_MAX_SCHEMA_ERRORS = 10
_LONGEST_PATH = 4_000  # in characters; it stands before every value

# The roots that are returns, and the name of both their schema in xsd/ and their layout in the locator map.
_FORMS: Mapping[str, str] = {
    "{http://www.receita.fazenda.gov.br/declaracao}classe": "programa",
    "{urn:compliance-assets:irpf:declaracao:1}declaracaoAjusteAnual": "declaracao-v1",
    "{urn:compliance-assets:irpf:declaracao:2}irpf": "declaracao-v2",
}
_MAY_BE_BLANK = REPEATED | {Field.CORRECTED_RECEIPT}
_CODES: Mapping[Kind, Mapping[str, str]] = {
    Kind.CATEGORY: {"0": "completa", "1": "simplificada"},
    Kind.RETURN_TYPE: {"0": "original", "1": "retificadora"},
}
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]{2}")
# Where a document exceeds a limit of libxml2, the error has no code of its own, only words.
_LIMIT = re.compile(r"XML_PARSE_HUGE|: huge text node|^Excessive depth|amplification factor exceeded")

_Span = tuple[int, int]
_Key = tuple[str, str]  # the path of an element below the root, and its attribute; empty for its text


class _UnsafeError(Exception):
    """The document declares entities."""


class _TooLargeError(Exception):
    """The lines would be more than a document may have."""


class _PrologueReadError(Exception):
    """The root element has begun: what may declare entities is over."""


def parse(data: bytes) -> Outcome:
    """The values of the document as lines, in one page, and its fields if it is a return."""
    if len(data) > _MAX_BYTES:
        return _rejected(f"too_large: {len(data)} bytes, at most {_MAX_BYTES}")
    if data.count(b"<") > _MAX_TAGS:
        return _rejected(f"too_large: more than {_MAX_TAGS} tags")
    try:
        root = _root(data)
    except _UnsafeError:
        return _rejected("unsafe_xml: declares entities")
    except etree.XMLSyntaxError as error:
        return _rejected(_refused(error))
    form = _FORMS.get(root.tag)
    places = [place for place in locator_map("xml") if place.layout == form]
    rendering = _Rendering(frozenset((place.section, place.label) for place in places))
    try:
        rendering.write(root)
    except _TooLargeError as error:
        return _rejected(f"too_large: {error}")
    text = clean(rendering.text)  # replaces one for one: XML has no carriage returns left once white space is collapsed
    if not text:
        return _rejected("empty")
    if form is None:
        return Parsed(text, (len(text),), "markup", MEDIA_TYPE, NORMALISER, title=None)
    return _return(root, form, _Located(text, rendering.values, rendering.elements, places))


# --- reading it safely ---


def _root(data: bytes) -> Any:
    _look_at_prologue(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(data, parser)
    dtd: Any = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):  # in an encoding that the look before does not read
        raise _UnsafeError
    return root


def _look_at_prologue(data: bytes) -> None:
    """Raises _UnsafeError at the first entity that is declared, before a parser has expanded anything."""
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _entity_declared
    parser.StartElementHandler = _root_begins
    try:
        parser.Parse(data, True)
    except (_PrologueReadError, expat.ExpatError, ValueError):  # what is damaged, the parser itself explains
        return


def _entity_declared(*_: object) -> NoReturn:
    raise _UnsafeError


def _root_begins(*_: object) -> NoReturn:
    raise _PrologueReadError


def _refused(error: Any) -> str:
    """The reason without the parser's message, which quotes the document."""
    if _LIMIT.search(str(error)):
        return "too_large: nested too deep, or a single value too long"
    code = etree.ErrorTypes._getName(error.code, "ERR_UNKNOWN") if error.code else "ERR_UNKNOWN"
    return f"damaged: line {error.lineno or 1}: {code.removeprefix('ERR_').lower()}"


# --- the lines ---


@dataclass(frozen=True, slots=True)
class _Step:
    """Something to write: an element, a piece of text between elements, or that an element ends here."""

    path: str
    label: str
    element: Any = None
    text: str | None = None
    ends: bool = False


@dataclass(slots=True)
class _Rendering:
    """Collects the lines of a document, and the spans of the values and elements that are `wanted`."""

    wanted: frozenset[_Key]
    lines: list[str] = field(default_factory=list)
    length: int = 0
    values: dict[_Key, list[_Span]] = field(default_factory=dict)
    elements: dict[str, list[_Span]] = field(default_factory=dict)
    _headings: list[str] = field(default_factory=list)  # of parts that have no line yet
    _after_part: bool = False

    @property
    def text(self) -> str:
        """The lines so far."""
        return "".join(self.lines)

    def write(self, root: Any) -> None:
        """All values of the document. Raises _TooLargeError where they are more than a document may have."""
        self._headings = [f"# {_name(root)}"]
        self._attributes(root, "", "")
        self._value(("", ""), "", root.text)
        for child, label in _numbered_children(root):
            self._part(child, label)
            self._value(("", ""), "", child.tail)

    def _part(self, element: Any, label: str) -> None:
        """A child of the root: a line of its own if it is one value, otherwise a heading with lines below it."""
        if _is_entity(element):
            self._value(("", ""), "", element.text)
        elif len(element) or element.attrib:
            before = list(self._headings)
            self._headings.append(f"\n## {label}")
            self._element(element, _name(element), "")
            self._headings = before if self._headings else []
            self._after_part = True
        else:
            if self._after_part and (element.text or "").strip():
                self._headings.append("")
                self._after_part = False
            self._element(element, _name(element), label)

    def _element(self, element: Any, path: str, label: str) -> None:
        """Depth first in the order of the document; a loop with the steps that are still to come at each depth."""
        depths: list[Iterator[_Step]] = [iter((_Step(path, label, element),))]
        begun: list[int] = []
        while depths:
            step = next(depths[-1], None)
            if step is None:
                depths.pop()
            elif step.ends:
                start = begun.pop()
                if (step.path, "") in self.wanted:
                    self.elements.setdefault(step.path, []).append((start, self.length))
            elif step.element is None:
                self._value((step.path, ""), step.label, step.text)
            else:
                begun.append(self.length)
                self._attributes(step.element, step.path, step.label)
                depths.append(_steps_inside(step))

    def _attributes(self, element: Any, path: str, label: str) -> None:
        if len(element.attrib) > _MAX_ATTRIBUTES:
            raise _TooLargeError(f"an element has more than {_MAX_ATTRIBUTES} attributes")
        for name, value in element.attrib.items():
            local = _local(name)
            self._value((path, local), _joined(label, local), value)

    def _value(self, key: _Key, label: str, raw: str | None) -> None:
        value = " ".join((raw or "").split())
        if not value:
            return
        self._line(f"{label}: {value}" if label else value)
        if key in self.wanted:
            end = self.length - 1
            self.values.setdefault(key, []).append((end - len(value), end))

    def _line(self, line: str) -> None:
        for written in (*self._headings, line):
            self.lines.append(written + "\n")
            self.length += len(written) + 1
        self._headings.clear()
        if self.length > MAX_CHARACTERS:
            raise _TooLargeError(f"more than {MAX_CHARACTERS} characters")


def _steps_inside(step: _Step) -> Iterator[_Step]:
    if len(step.path) > _LONGEST_PATH:
        raise _TooLargeError(f"an element's path is longer than {_LONGEST_PATH} characters")
    if step.element.text:
        yield _Step(step.path, step.label, text=step.element.text)
    for child, name in _numbered_children(step.element):
        if _is_entity(child):
            yield _Step(step.path, step.label, text=child.text)
        else:
            yield _Step(f"{step.path}/{_name(child)}", _joined(step.label, name), child)
        if child.tail:
            yield _Step(step.path, step.label, text=child.tail)
    yield _Step(step.path, step.label, ends=True)


def _numbered_children(element: Any) -> Iterator[tuple[Any, str]]:
    """The children with their names, numbered where several have one name."""
    if not len(element):
        return
    total = Counter(map(_name, element))
    seen: Counter[str] = Counter()
    for child in element:
        name = _name(child)
        seen[name] += 1
        yield child, f"{name} {seen[name]}" if total[name] > 1 else name


def _name(element: Any) -> str:
    return "" if _is_entity(element) else _local(element.tag)


def _is_entity(node: Any) -> bool:
    """A reference that is kept as it is written, `&name;`: without a declaration nobody knows what it means."""
    return node.tag is etree.Entity


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _joined(label: str, name: str) -> str:
    return f"{label} / {name}" if label else name


# --- the fields of a return ---


@dataclass(frozen=True, slots=True)
class _Located:
    """What stands where in the text, and the rows of the locator map that may read it."""

    text: str
    values: Mapping[_Key, Sequence[_Span]]
    elements: Mapping[str, Sequence[_Span]]
    places: Sequence[Place]

    def spans(self, place: Place) -> Sequence[_Span]:
        return self.values.get((place.section, place.label), ())

    def first(self, name: Field) -> str | None:
        """The value of a field by whichever row finds it: what decides about the rows cannot be chosen by them."""
        for place in self.places:
            for start, end in self.spans(place) if place.field is name else ():
                return _canonical(place, self.text[start:end])
        return None


def _return(root: Any, form: str, located: _Located) -> Parsed:
    schema, digest = _schema(form)
    doubts = list(_schema_errors(schema, root))
    filing = None
    year = located.first(Field.CALENDAR_YEAR)
    if year is None:
        doubts.append(f"missing_field: {Field.CALENDAR_YEAR}")
    else:
        category = located.first(Field.FILER_CATEGORY)
        places = [place for place in located.places if place.serves(int(year), category)]
        if places:
            fields = tuple(_fields(places, located, doubts))
            filing = Filing(form, fields)
        else:
            doubts.append(f"layout_unknown: {form}, calendar year {year}")
    return Parsed(
        located.text,
        (len(located.text),),
        "markup",
        MEDIA_TYPE,
        NORMALISER,
        title=None,
        needs_human=tuple(dict.fromkeys(doubts)),
        xsd_sha256=digest,
        filing=filing,
    )


def _fields(places: Iterable[Place], located: _Located, doubts: list[str]) -> Iterator[LocatedField]:
    ordinals: Counter[Field] = Counter()
    for place in places:
        if place.place == "count":
            yield from _count(place, located)
            continue
        spans = located.spans(place)
        if place.field not in _MAY_BE_BLANK and len(spans) != 1:
            doubts.append(f"{'repeated' if spans else 'missing'}_field: {place.field}")
        for start, end in spans if place.field in REPEATED else spans[:1]:
            printed = located.text[start:end]
            if place.field in _MAY_BE_BLANK and not re.search(r"[1-9]", printed):
                continue
            value = _canonical(place, printed)
            if value is None:
                doubts.append(f"field_unreadable: {place.field}")
            else:
                ordinals[place.field] += 1
                yield LocatedField(place.field, value, start, end, ordinals[place.field])


def _count(place: Place, located: _Located) -> Iterator[LocatedField]:
    """How many elements there are; none leave nothing in the text to point at."""
    spans = located.elements.get(place.section, ())
    if spans:
        start, end = spans[0][0], spans[-1][1]
        shown = located.text[start:end]
        start, end = start + len(shown) - len(shown.lstrip()), start + len(shown.rstrip())
        if start < end:
            yield LocatedField(place.field, str(len(spans)), start, end)


def _canonical(place: Place, printed: str) -> str | None:
    kind = kind_of(place.field)
    if place.place == "exercise":  # the program keeps only the exercício, the year after the income
        year = canonical(kind, printed)
        return None if year is None else str(int(year) - 1)
    if kind is Kind.AMOUNT and _DECIMAL.fullmatch(printed):
        return printed
    return _CODES.get(kind, {}).get(printed) or canonical(kind, printed)


# --- the schemas ---


@cache
def _schema(form: str) -> tuple[Any, str]:
    """The compiled schema of a form, once per process, and the SHA-256 of its file."""
    source = (resources.files(__package__) / "xsd" / f"{form}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source)), sha256(source).hexdigest()


def _schema_errors(schema: Any, root: Any) -> Iterator[str]:
    """What breaks the schema, by line and by libxml2's name of the rule: its messages quote the values."""
    if not schema.validate(root):
        for error in islice(schema.error_log, _MAX_SCHEMA_ERRORS):
            yield f"schema: line {error.line}: {error.type_name.removeprefix('SCHEMAV_').lower()}"


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)
