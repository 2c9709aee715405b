"""Bad citations of ten kinds, made from true ones; each is bad by what it was made of, and that is shown without the code
that is to refuse it.

A quote is bad that is no part of the passage it names, white space in both left out of account: so a quote that was changed
and happens to stand in the passage all the same is no attack and is drawn again. A shifted place, a page and a year are held
against the document itself.

| kind | how it is made |
|---|---|
| fabricated | words of the passage in an order of their own, with an invented amount |
| shifted | the span moved past the edge of its passage; or the passage said to stand some characters from where it does |
| wrong_page | a passage of another page named for the quote; or the passage said to be on another page |
| wrong_year | a document of another year among the hits, found in a search of that year; or said to be of this one |
| paraphrased | a word replaced, left out, put in, or changed with its neighbour |
| digit | one digit changed |
| negation | a negation left out, or put in where there is none |
| look_alike | a letter in the other case or from another alphabet, a digit of another script, another form of Unicode |
| other_chunk | a quote of another document's passage |
| joined | two places of the passage with what stands between them left out |
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from compliance_assets.model_decisions.answer import AnswerCitation
from compliance_assets.year_index.retrieved import Retrieved
from evals.citation_material import Document, Marked

_MOST_TRIES = 400
_WORD = re.compile(r"\S+")
_NEGATION = re.compile(r"\b(?:not|no|never|without|neither|nor|não|nem|sem|nunca|cannot)\b\s*", re.IGNORECASE)
_LOOK_ALIKES = str.maketrans("aeopcxyABEHKMOPTX01", "аеорсхуАВЕНКМОРТХ０１")
_STAND_INS: Mapping[str, str] = {
    "shall": "will", "may": "can", "agreement": "contract", "company": "firm", "information": "data", "party": "side",
    "use": "employ", "we": "they", "and": "as well as", "or": "and", "all": "most", "any": "some", "the": "a",
    "de": "para", "do": "de um", "da": "de uma", "e": "ou", "o": "um", "a": "uma", "os": "uns", "total": "soma",
    "imposto": "tributo", "despesas": "gastos", "rendimentos": "ganhos", "é": "foi", "que": "qual", "em": "sobre",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """A citation, with the hits that it came with and what the documents say of themselves."""

    kind: str
    corpus: str
    how: str
    cited: AnswerCitation
    hits: tuple[Retrieved, ...]
    year: int
    documents: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class Material:
    """Documents of one corpus, their spans with the hit that holds each, and a source of chance."""

    documents: Sequence[Document]
    quotable: Sequence[tuple[Document, Retrieved, Marked]]
    chance: Random

    def draw(self) -> tuple[Document, Retrieved, Marked]:
        """A span, its document and the hit that holds it."""
        return self.chance.choice(self.quotable)


def quotable(document: Document, least: int = 12) -> list[tuple[Document, Retrieved, Marked]]:
    """The spans that lie in one chunk; of a filing with the words before them on their line."""
    found = []
    for marked in document.marked:
        for r in document.hits:
            first, last = r.hit.char_range
            if first <= marked.start and marked.end <= last:
                begun = document.text.rfind("\n", 0, marked.start) + 1 if marked.field else marked.start
                start = max(begun, marked.start - 60, first)
                if marked.end - start >= least:
                    found.append((document, r, Marked(start, marked.end, marked.field, marked.value)))
                break
    return found


def attacks(kind: str, material: Material, count: int) -> tuple[list[Attack], int]:
    """So many attacks of the kind, and how many drafts were thrown away because they were true by accident."""
    made: list[Attack] = []
    accidents = 0
    for _ in range(count * _MOST_TRIES):
        if len(made) == count:
            break
        draft = _KINDS[kind](material)
        if draft is None:
            continue
        if is_bad(draft):
            made.append(draft)
        else:
            accidents += 1
    return made, accidents


def is_bad(attack: Attack) -> bool:
    """Whether the citation is false: shown from the documents, not by the code that is to find it."""
    hit = next((r for r in attack.hits if r.hit.chunk_id == attack.cited.chunk_id), None)
    if hit is None or _squeezed(attack.cited.quote) not in _squeezed(hit.text):
        return True
    document = attack.documents[hit.hit.doc_id]
    first, last = hit.hit.char_range
    if document.year != attack.year or hit.hit.method.scope.year != attack.year:
        return True
    if document.text[first:last] != hit.text:
        return True
    return 1 + sum(end <= first for end in document.page_ends) != hit.hit.page


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _attack(
    kind: str, how: str, drawn: tuple[Document, Retrieved, Marked], quote: str, chunk_id: str | None = None
) -> Attack | None:
    document, hit, _ = drawn
    if len(quote.strip()) < 2:
        return None
    cited = AnswerCitation(chunk_id=chunk_id or hit.hit.chunk_id, quote=quote)
    hits = tuple(document.around(hit))
    return Attack(kind, document.corpus, how, cited, hits, document.year, {document.doc_id: document})


def _with_hit(attack: Attack | None, changed: Retrieved) -> Attack | None:
    """The attack with one of its hits said to be otherwise, alone: no other hit is there to contradict it."""
    return attack and replace(attack, hits=(changed,))


def _quote(drawn: tuple[Document, Retrieved, Marked]) -> str:
    document, _, marked = drawn
    return document.text[marked.start : marked.end]


def _fabricated(material: Material) -> Attack | None:
    drawn = material.draw()
    words = list(dict.fromkeys(re.findall(r"\w+", drawn[1].text)))
    picked = material.chance.sample(words, min(len(words), material.chance.randint(5, 12)))
    amount = f"{material.chance.randint(1, 999)}.{material.chance.randint(100, 999)},{material.chance.randint(10, 99)}"
    return _attack("fabricated", "invented", drawn, f"{' '.join(picked)} {amount}")


def _shifted(material: Material) -> Attack | None:
    drawn = document, hit, marked = material.draw()
    first, last = hit.hit.char_range
    if material.chance.random() < 0.5:
        room = last - marked.end if material.chance.random() < 0.5 else first - marked.start
        by = room + (1 if room >= 0 else -1) * material.chance.randint(1, 20)
        start, end = marked.start + by, marked.end + by
        if start < 0 or end > len(document.text):
            return None
        return _attack("shifted", "past the edge of its passage", drawn, document.text[start:end])
    by = material.chance.choice([-1, 1]) * material.chance.randint(1, 20)
    if first + by < 0 or document.text[marked.start + by : marked.end + by] == _quote(drawn):
        return None
    moved = hit.hit.model_copy(update={"char_range": (first + by, last + by)})
    return _with_hit(_attack("shifted", "passage misplaced", drawn, _quote(drawn)), Retrieved(moved, hit.text))


def _wrong_page(material: Material) -> Attack | None:
    drawn = document, hit, _ = material.draw()
    elsewhere = [r for r in document.hits if r.hit.page != hit.hit.page]
    if elsewhere and material.chance.random() < 0.5:
        other = material.chance.choice(elsewhere)
        made = _attack("wrong_page", "passage of another page", drawn, _quote(drawn), other.hit.chunk_id)
        return made and replace(made, hits=(hit, other))
    page = material.chance.choice([p for p in range(1, len(document.page_ends) + 3) if p != hit.hit.page])
    changed = Retrieved(hit.hit.model_copy(update={"page": page}), hit.text)
    return _with_hit(_attack("wrong_page", "page misstated", drawn, _quote(drawn)), changed)


def _wrong_year(material: Material) -> Attack | None:
    drawn = document, hit, _ = material.draw()
    asked = document.year + material.chance.choice([-2, -1, 1, 2])
    made = _attack("wrong_year", "", drawn, _quote(drawn))
    if made is None:
        return None
    if material.chance.random() < 0.5:
        return replace(made, how="found in another year", year=asked)
    scope = hit.hit.method.scope.model_copy(update={"year": asked})
    method = hit.hit.method.model_copy(update={"scope": scope})
    hits = tuple(Retrieved(r.hit.model_copy(update={"method": method}), r.text) for r in made.hits)
    return replace(made, how="said to be of this year", hits=hits, year=asked)


def _paraphrased(material: Material) -> Attack | None:
    drawn = material.draw()
    quote = _quote(drawn)
    words = list(_WORD.finditer(quote))
    if len(words) < 4:
        return None
    at = material.chance.randrange(1, len(words) - 1)
    word, following = words[at], words[at + 1]
    replaced = [m for m in words if m[0].lower() in _STAND_INS]
    how = material.chance.choice(["replaced", "left out", "put in", "changed places"])
    if how == "replaced" and replaced:
        word = material.chance.choice(replaced)
        changed = quote[: word.start()] + _STAND_INS[word[0].lower()] + quote[word.end() :]
    elif how == "left out":
        changed = quote[: word.start()] + quote[following.start() :]
    elif how == "put in":
        changed = (
            quote[: word.start()] + material.chance.choice(["também ", "always ", "only "]) + quote[word.start() :]
        )
    else:
        between = quote[word.end() : following.start()]
        changed = quote[: word.start()] + following[0] + between + word[0] + quote[following.end() :]
    return _attack("paraphrased", f"a word {how}", drawn, changed)


def _digit(material: Material) -> Attack | None:
    drawn = material.draw()
    quote = _quote(drawn)
    places = [place for place, character in enumerate(quote) if character in "0123456789"]
    if not places:
        return None
    at = material.chance.choice(places)
    other = material.chance.choice([d for d in "0123456789" if d != quote[at]])
    return _attack("digit", "one digit changed", drawn, quote[:at] + other + quote[at + 1 :])


def _negation(material: Material) -> Attack | None:
    drawn = material.draw()
    quote = _quote(drawn)
    inner = [m for m in _NEGATION.finditer(quote) if m.start() > 0 and m.end() < len(quote)]
    if inner:
        match = material.chance.choice(inner)
        return _attack("negation", "left out", drawn, quote[: match.start()] + quote[match.end() :])
    words = list(_WORD.finditer(quote))
    if len(words) < 2:
        return None
    at = material.chance.choice(words[1:]).start()
    word = "NÃO" if drawn[0].is_filing else "não" if drawn[0].corpus == "faquad" else "not"
    return _attack("negation", "put in", drawn, f"{quote[:at]}{word} {quote[at:]}")


def _look_alike(material: Material) -> Attack | None:
    drawn = material.draw()
    quote = _quote(drawn)
    how, change = material.chance.choice(_DISGUISES)
    at = material.chance.randrange(len(quote))
    changed = change(quote, at)
    return None if changed == quote else _attack("look_alike", how, drawn, changed)


def _one(change: Callable[[str], str]) -> Callable[[str, int], str]:
    """The change made to the one character at a place, or to the first after it that it changes."""

    def changed(quote: str, at: int) -> str:
        places = [*range(at, len(quote)), *range(at)]
        place = next((p for p in places if change(quote[p]) != quote[p]), None)
        return quote if place is None else quote[:place] + change(quote[place]) + quote[place + 1 :]

    return changed


_DISGUISES: Sequence[tuple[str, Callable[[str, int], str]]] = (
    ("one letter in the other case", _one(str.swapcase)),
    ("all in the other case", lambda quote, at: quote.swapcase()),
    ("one character of another alphabet", _one(lambda character: character.translate(_LOOK_ALIKES))),
    ("letters and accents apart", _one(lambda character: unicodedata.normalize("NFD", character))),
    ("without an accent", _one(lambda character: unicodedata.normalize("NFD", character)[0])),
    ("something invisible put in", lambda quote, at: quote[: at or 1] + "\u200b" + quote[at or 1 :]),
    ("other marks", _one(lambda c: {"-": "–", '"': "”", "'": "’", "’": "'", "“": '"', ".": "․"}.get(c, c))),
)


def _other_chunk(material: Material) -> Attack | None:
    drawn, other = material.draw(), material.draw()
    if drawn[0].doc_id == other[0].doc_id:
        return None
    made = _attack("other_chunk", "of another document", drawn, _quote(drawn), other[1].hit.chunk_id)
    documents = {drawn[0].doc_id: drawn[0], other[0].doc_id: other[0]}
    if made is None or drawn[0].year != other[0].year:  # a passage of another year would be refused for its year
        return None
    return replace(made, hits=(drawn[1], other[1]), documents=documents)


def _joined(material: Material) -> Attack | None:
    drawn = material.draw()
    words = list(_WORD.finditer(drawn[1].text))
    if len(words) < 12:
        return None
    first = material.chance.randrange(len(words) - 9)
    middle = material.chance.randint(1, 4)
    text = drawn[1].text
    head = text[words[first].start() : words[first + 2].end()]
    tail = text[words[first + 3 + middle].start() : words[min(first + 6 + middle, len(words) - 1)].end()]
    return _attack(
        "joined", "the middle left out", drawn, head + material.chance.choice([" ", " … ", "...", "\n"]) + tail
    )


_KINDS: Mapping[str, Callable[[Material], Attack | None]] = {
    "fabricated": _fabricated,
    "shifted": _shifted,
    "wrong_page": _wrong_page,
    "wrong_year": _wrong_year,
    "paraphrased": _paraphrased,
    "digit": _digit,
    "negation": _negation,
    "look_alike": _look_alike,
    "other_chunk": _other_chunk,
    "joined": _joined,
}
KINDS = tuple(_KINDS)
