"""Holds a model's citations against the source. Pure: the source comes in as functions.

A citation is a span that exists: in a passage that was retrieved, in a year that the scope opens, on the page that the hit
names, with the document's own characters. Where in its passage a quote stands, quotes.py says; whether it states a field's
value, stated_values.py.

A problem is a code, a colon and words about it. The words name places of the answer as it was given (`citations[0]`, from
0) and ids of passages. They hold no text of a document and none of the answer: what was hidden from the model has been put
back into both, and a problem is sent to the model again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from compliance_assets.contracts.response_envelope import Citation
from compliance_assets.model_decisions.answer import AnswerCitation, AnswerField, ModelAnswer
from compliance_assets.model_decisions.quotes import Misquoted, Span, place_of
from compliance_assets.model_decisions.stated_values import LONGEST_RECORD, Quoted, states
from compliance_assets.year_index.retrieved import Retrieved

#: (doc_id, char_start, char_end) -> those characters of the document's raw_text.
Source = Callable[[str, int, int], str]
#: (doc_id, char_start, char_end) -> the page that they stand on, from 1; None where they stand on none or on several.
PageOf = Callable[[str, int, int], int | None]

#: What a model says that decides nothing: it needs no citation.
ABSTENTIONS = frozenset({"insufficient_evidence"})

_MAX_LISTED = 20  # problems that are sent back: an answer that is wrong throughout is not helped by more
_MAX_LENGTH = 300  # characters of one of them


class Problem(StrEnum):
    """What can be wrong with a citation, or with an answer's use of it."""

    NOT_RETRIEVED = "chunk_not_retrieved"
    WRONG_YEAR = "wrong_year"
    WRONG_PAGE = "wrong_page"
    DOCUMENT_DIFFERS = "document_differs"
    NOT_QUOTED = "chunk_not_quoted"
    NO_SUCH_CITATION = "no_such_citation"
    VALUE_NOT_STATED = "value_not_in_quote"
    NO_CITATION = "no_citation"
    SAYS_NOTHING = "says_nothing"


@dataclass(frozen=True, slots=True)
class Resolved:
    """Citations as spans of documents, with the chunk that each came through; or the problems that forbid them."""

    citations: tuple[Citation, ...]
    chunk_ids: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authority:
    """What may be cited: the hits, the scope's years, and what the documents themselves say.

    `document_years` and `page_of` are held against the hits where they are given; without them a hit's own scope and the
    other hits of its document are all that contradicts it.
    """

    retrieved: Sequence[Retrieved]
    source: Source
    years: Collection[int]
    document_years: Mapping[str, int | None] | None = None
    page_of: PageOf | None = None


def resolve(
    answer: ModelAnswer,
    retrieved: Sequence[Retrieved],
    source: Source,
    years: Collection[int],
    *,
    require_citations: bool = True,
    values_in_quotes: bool = True,
    document_years: Mapping[str, int | None] | None = None,
    page_of: PageOf | None = None,
) -> Resolved:
    """Turn quotes into exact spans, and say what forbids it.

    `retrieved` are the hits with the document's own text, `years` those that the scope opens. `document_years` are the
    years of the documents themselves: a document that is not among them is of no year. With `values_in_quotes` a field's
    value has to stand in its quote. The citations that hold are in the answer's order.
    """
    authority = Authority(retrieved, source, years, document_years, page_of)
    found = [_found(place, cited, authority) for place, cited in enumerate(answer.citations)]
    problems = [one for one in found if isinstance(one, str)]
    problems += _unquoted(answer)
    problems += _missing_citations(answer)
    if values_in_quotes:
        problems += _unstated(answer.fields, found)
    if answer.decision not in ABSTENTIONS:
        problems += _unfounded(answer, require_citations)
    held = [one for one in found if isinstance(one, _Found)]
    return Resolved(tuple(one.citation for one in held), tuple(one.chunk_id for one in held), tuple(problems))


def reprompt_text(problems: Sequence[str]) -> str:
    """What was wrong with an answer and what one looks like that holds, for the model that gave it."""
    distinct = list(dict.fromkeys(map(_in_words, problems)))
    listed = [f"- {words}" for words in distinct[:_MAX_LISTED]]
    if len(distinct) > _MAX_LISTED:
        listed.append(f"- and {len(distinct) - _MAX_LISTED} more of these")
    return "\n".join(["WHAT DOES NOT HOLD", *listed, "", _WHAT_HOLDS])


_WHAT_HOLDS = """\
A CITATION THAT HOLDS
{"chunk_id": the id of a passage above, "quote": words of the text of that very passage}
- The quote is copied character by character: no word, digit, sign or accent changed, no letter made large or small, nothing \
left out, nothing joined from two places. Only white space may be written otherwise.
- It begins and ends with whole words and whole numbers.
- A number, a code, a yes or no is quoted together with the words that say what it is, so that the quote stands at one place.
- The value of a field stands in the quote of the citation that the field names by its place, from 0.
- Every passage that a segment names is quoted. What no passage says is left out.
Return the whole answer again, as one JSON object and nothing else."""


# ── one citation ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Found:
    citation: Citation
    chunk_id: str
    quoted: Quoted


_MISQUOTED = {
    Misquoted.BLANK: "the quote holds neither a letter nor a digit",
    Misquoted.NOT_VERBATIM: "the quote does not stand in {chunk_id}, character by character",
    Misquoted.CUTS_NUMBER: "the quote cuts a number of {chunk_id} in two",
    Misquoted.AMBIGUOUS: "the quote stands at several places of {chunk_id} and says too little to tell which is meant",
}


def _found(place: int, cited: AnswerCitation, authority: Authority) -> _Found | str:
    at = f"citations[{place}]"
    retrieved = next((r for r in authority.retrieved if r.hit.chunk_id == cited.chunk_id), None)
    if retrieved is None:
        return _problem(Problem.NOT_RETRIEVED, f"{at} names a chunk_id that no passage has")
    hit = retrieved.hit
    if not _year_opened(retrieved, authority):
        return _problem(Problem.WRONG_YEAR, f"{at}: {hit.chunk_id} is not of {_listing(authority.years)}")
    span = place_of(cited.quote, retrieved.text)
    if isinstance(span, Misquoted):
        return _problem(span, f"{at}: {_MISQUOTED[span].format(chunk_id=hit.chunk_id)}")
    first = hit.char_range[0]
    start, end = first + span[0], first + span[1]
    quote = retrieved.text[slice(*span)]
    if first + len(retrieved.text) != hit.char_range[1] or authority.source(hit.doc_id, start, end) != quote:
        return _problem(Problem.DOCUMENT_DIFFERS, f"{at}: the document has other characters than {hit.chunk_id}")
    if not _page_holds(retrieved, start, end, authority):
        return _problem(Problem.WRONG_PAGE, f"{at}: {hit.chunk_id} does not stand on page {hit.page}")
    citation = Citation(doc_id=hit.doc_id, page=hit.page, char_range=(start, end), quote=quote)
    return _Found(citation, hit.chunk_id, _quoted(retrieved, span, authority))


def _year_opened(retrieved: Retrieved, authority: Authority) -> bool:
    """Whether all that the hit was searched in, and its document where its year is known, is open to the answer."""
    hit = retrieved.hit
    years = set(hit.method.scope.years)
    if authority.document_years is not None:
        years.add(authority.document_years.get(hit.doc_id) or 0)  # no document is of the year 0
    return years <= set(authority.years)


def _page_holds(retrieved: Retrieved, start: int, end: int, authority: Authority) -> bool:
    """Whether the span is on the hit's page: by the document, and by the order in which its other hits lie."""
    hit = retrieved.hit
    if authority.page_of is not None and authority.page_of(hit.doc_id, start, end) != hit.page:
        return False
    others = [r.hit for r in authority.retrieved if r.hit.doc_id == hit.doc_id]
    return not any(_contradicts((other.char_range, other.page), (hit.char_range, hit.page)) for other in others)


def _contradicts(one: tuple[Span, int], other: tuple[Span, int]) -> bool:
    """Pages follow each other as the text does, and a chunk lies on one of them."""
    ((start, end), page), ((other_start, other_end), other_page) = one, other
    if start < other_end and other_start < end:
        return page != other_page
    return page > other_page if end <= other_start else page < other_page


def _quoted(retrieved: Retrieved, span: Span, authority: Authority) -> Quoted:
    start, end = span
    at = retrieved.hit.char_range[0] + start

    def line_before() -> str:
        return authority.source(retrieved.hit.doc_id, max(0, at - LONGEST_RECORD), at)

    return Quoted(retrieved.text, start, end, line_before, authority.years)


# ── what rests on citations ──────────────────────────────────────────────────────────────────────────────────────────


def _unquoted(answer: ModelAnswer) -> list[str]:
    quoted = {cited.chunk_id for cited in answer.citations}
    return [
        _problem(Problem.NOT_QUOTED, f"segments[{place}] rests on a passage that is not quoted")
        for place, segment in enumerate(answer.segments)
        if not quoted.issuperset(segment.cited_chunk_ids)
    ]


def _missing_citations(answer: ModelAnswer) -> list[str]:
    named = [(f"fields[{place}]", field.citation) for place, field in enumerate(answer.fields)]
    named += [
        (f"anomalies[{place}]", cited) for place, anomaly in enumerate(answer.anomalies) for cited in anomaly.citations
    ]
    return [
        _problem(Problem.NO_SUCH_CITATION, f"{what} names citation {cited} of {len(answer.citations)}, counted from 0")
        for what, cited in named
        if cited >= len(answer.citations)
    ]


def _unstated(fields: Sequence[AnswerField], found: Sequence[_Found | str]) -> list[str]:
    """Fields whose value their quote does not state; a quote that does not hold is a problem already."""
    problems = []
    for place, field in enumerate(fields):
        cited = found[field.citation] if field.citation < len(found) else None
        if isinstance(cited, _Found) and not states(field.name, field.value, cited.quoted):
            words = f"fields[{place}]: its value does not stand in the quote of citations[{field.citation}]"
            problems.append(_problem(Problem.VALUE_NOT_STATED, words))
    return problems


def _unfounded(answer: ModelAnswer, require_citations: bool) -> list[str]:
    problems = []
    if not answer.segments and not answer.fields:
        problems.append(_problem(Problem.SAYS_NOTHING, "the answer decides with neither a segment nor a field"))
    if require_citations and not answer.citations:
        problems.append(_problem(Problem.NO_CITATION, "the answer decides and quotes nothing"))
    return problems


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_CODES = frozenset({*Problem, *Misquoted, "citations_invalid"})


def _problem(code: Problem | Misquoted, words: str) -> str:
    return f"{code}: {words}"


def _in_words(problem: str) -> str:
    """A problem without its codes, on one line."""
    code, _, rest = problem.partition(": ")
    if rest and code in _CODES:
        return _in_words(rest)
    line = " ".join(problem.split())
    return line if len(line) <= _MAX_LENGTH else f"{line[: _MAX_LENGTH - 1]}…"


def _listing(years: Collection[int]) -> str:
    return " or ".join(map(str, sorted(years))) or "any year"
