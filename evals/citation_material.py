"""What citations are measured on: documents in chunks, and the spans of them that state something.

Filings are written from the rows of the frozen sets and read as pulled files are (those that need OCR are left out: what
stands in them is another question). Contracts, agreements, policies, reports and articles come from the folders `cuad` and
`span_qa`, with the spans that their annotators marked; the paragraphs of one source make one document. Nothing here asks
the code that is measured.
"""

import bisect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from compliance_assets.chunks.chunker import Chunker, DocumentText
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.normalised_documents.envelope import FILING, PulledFile, normalise
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.year_index.retrieved import Retrieved
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows, render_row
from evals.golden.plans import SetName

SHARED = Path(__file__).parents[2] / "shared/data"
FOLDERS = ("cuad", "span_qa")
FILINGS = "filings"

_YEARS = tuple(range(2010, 2027))
_PAGE = 3_000  # characters: sources without pages get pages of about this size
_YEAR = 2023  # of sources that have none
_HITS = 8  # chunks of a document that stand in a prompt; of a filing all do


@dataclass(frozen=True, slots=True)
class Marked:
    """`[start, end)` of a document that states something; of a filing which field, and its canonical value."""

    start: int
    end: int
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """An answer whose text does not stand at the place that its source gives it."""

    start: int
    text: str


@dataclass(frozen=True)
class Document:
    """A document with its chunks, in order, as hits of a search in its own year."""

    corpus: str
    doc_id: str
    year: int
    text: str
    page_ends: tuple[int, ...]
    marked: tuple[Marked, ...]
    misplaced: tuple[Misplaced, ...]
    hits: tuple[Retrieved, ...]

    @property
    def is_filing(self) -> bool:
        """Whether it is a filing."""
        return self.corpus.startswith(FILINGS)

    def page_of(self, start: int, end: int) -> int | None:
        """The page that `[start, end)` stands on."""
        first, last = bisect.bisect_right(self.page_ends, start), bisect.bisect_left(self.page_ends, end)
        return first + 1 if first == last else None

    def around(self, hit: Retrieved) -> list[Retrieved]:
        """What stood in the prompt: a filing as a whole, of any other document the chunks around one."""
        if self.is_filing:
            return list(self.hits)
        at = self._order[hit.hit.chunk_id]
        first = max(0, min(at - _HITS // 2, len(self.hits) - _HITS))
        return list(self.hits[first : first + _HITS])

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {r.hit.chunk_id: place for place, r in enumerate(self.hits)}


def missing_folders(shared: Path = SHARED) -> list[str]:
    """Which of the folders are not here."""
    return [name for name in FOLDERS if not (shared / name).is_dir()]


def filings(chunker: Chunker, name: SetName, limit: int | None = None) -> Iterator[Document]:
    """The filings of a set that have text, as they are read."""
    rows = [row for row in read_rows(FROZEN[name]) if row["format"] != "scan"]
    for row in rows if limit is None else rows[:: max(1, len(rows) // limit)][:limit]:
        yield _filing(f"{FILINGS}, {name}", row, chunker)


def annotated(chunker: Chunker, shared: Path = SHARED) -> Iterator[Document]:
    """The documents of the folders, with the spans of their annotators, each span once."""
    for corpus, doc_id, year, text, spans in _sources(shared):
        marked = sorted(
            {(start, start + len(span)) for start, span in spans if text[start : start + len(span)] == span}
        )
        misplaced = [(start, span) for start, span in spans if text[start : start + len(span)] != span]
        yield _document(
            corpus, doc_id, year, text, _pages(text),
            [Marked(*_trimmed(text, *span)) for span in marked if text[slice(*span)].strip()],
            [Misplaced(*one) for one in misplaced], chunker,
        )  # fmt: skip


def answers_not_verbatim(shared: Path = SHARED) -> Iterator[tuple[str, str]]:
    """(passage, answer) where an annotator's answer is no part of the paragraphs that it was taken from."""
    for report in _json(shared / "span_qa/tatqa_dataset_dev.json"):
        for passage, answer in _tatqa_answers(report):
            if answer not in passage:
                yield passage, answer


def _filing(corpus: str, row: Row, chunker: Chunker) -> Document:
    pulled = PulledFile(row["id"], row["sha256"], "set", row["path"], "1", None, None, row["id"], FILING, "manifest")
    envelope = normalise(pulled, parse(render_row(row).data), _YEARS).envelope
    marked = [
        Marked(span.char_start, span.char_end, name, row["fields"][name]["value"])
        for name, span in sorted(envelope.metadata.field_spans.items())
        if name in row["fields"] and envelope.metadata.fields[name] == row["fields"][name]["value"]
    ]
    ends = tuple(page.char_end for page in envelope.raw_pages)
    return _document(corpus, row["id"], row["year"], envelope.raw_text, ends, marked, (), chunker)


def _document(
    corpus: str,
    doc_id: str,
    year: int,
    text: str,
    page_ends: tuple[int, ...],
    marked: Sequence[Marked],
    misplaced: Sequence[Misplaced],
    chunker: Chunker,
) -> Document:
    chunks = chunker.chunk(DocumentText(doc_id, year, None, text, page_ends))
    hits = [
        Retrieved(hit_of(c.chunk_id, doc_id, year, c.page, (c.char_start, c.char_end), rank), c.text)
        for rank, c in enumerate(chunks, start=1)
    ]
    return Document(corpus, doc_id, year, text, page_ends, tuple(marked), tuple(misplaced), tuple(hits))


def hit_of(chunk_id: str, doc_id: str, year: int, page: int, char_range: tuple[int, int], rank: int = 1) -> Hit:
    """A hit of a search in this year."""
    method = RetrievalMethod(
        embedder="none",
        embedder_digest="0" * 64,
        index_version="ix",
        mode="dense",
        scope=RetrievalScope(year=year),
        opt_in_years=(),
    )
    return Hit(
        rank=rank, chunk_id=chunk_id, doc_id=doc_id, doc_title=doc_id, page=page, char_range=char_range,
        embedding_score=0.5, lexical_score=None, score=0.5, method=method,
    )  # fmt: skip


Source = tuple[str, str, int, str, list[tuple[int, str]]]  # corpus, doc_id, year, text, (start, span)


def _sources(shared: Path) -> Iterator[Source]:
    yield from _contracts(shared / "cuad")
    yield from _agreements(shared / "span_qa/contractnli_dev.json")
    for corpus, name in (("policyqa", "policyqa_dev.json"), ("faquad", "faquad_pt_train.json")):
        for number, source in enumerate(_json(shared / "span_qa" / name)["data"]):
            yield _joined(corpus, number, [(p["context"], _answers(p)) for p in source["paragraphs"]])
    for number, report in enumerate(_json(shared / "span_qa/tatqa_dataset_dev.json")):
        found = [(passage, answer) for passage, answer in _tatqa_answers(report) if answer in passage]
        texts = [p["text"] for p in report["paragraphs"]]
        yield _joined("tatqa", number, [(t, [(t.index(a), a) for passage, a in found if passage == t]) for t in texts])


def _contracts(folder: Path) -> Iterator[Source]:
    for line in (folder / "annotations.jsonl").read_text(encoding="utf-8").splitlines():
        contract = json.loads(line)
        text = (folder / contract["txt"]).read_text(encoding="utf-8")
        spans = [(span["start"], span["text"]) for found in contract["annotations"] for span in found["spans"]]
        yield "cuad", contract["id"], contract["filing_year"], text, spans


def _agreements(path: Path) -> Iterator[Source]:
    for agreement in _json(path)["documents"]:
        text = agreement["text"]
        choices = [choice for one in agreement["annotation_sets"] for choice in one["annotations"].values()]
        places = [agreement["spans"][number] for choice in choices for number in choice["spans"]]
        yield "contractnli", f"contractnli-{agreement['id']}", _YEAR, text, [(a, text[a:b]) for a, b in places]


def _answers(paragraph: Mapping[str, Any]) -> list[tuple[int, str]]:
    return [(answer["answer_start"], answer["text"]) for qa in paragraph["qas"] for answer in qa["answers"]]


def _tatqa_answers(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(paragraph, answer) of the questions that the paragraphs alone answer by a span; the paragraph that holds it, if any."""
    for question in report["questions"]:
        if question["answer_from"] == "text" and question["answer_type"] in ("span", "multi-span"):
            named = [p["text"] for p in report["paragraphs"] if str(p["order"]) in question["rel_paragraphs"]]
            for answer in question["answer"]:
                yield next((text for text in named if answer in text), "\n\n".join(named)), answer


def _joined(corpus: str, number: int, paragraphs: Sequence[tuple[str, list[tuple[int, str]]]]) -> Source:
    text, spans = "", []
    for paragraph, answers in paragraphs:
        spans += [(len(text) + start, answer) for start, answer in answers]
        text += paragraph + "\n\n"
    return corpus, f"{corpus}-{number}", _YEAR, text, spans


def _pages(text: str) -> tuple[int, ...]:
    """Pages end at the first white space after so many characters."""
    ends, at = [], _PAGE
    while at < len(text):
        while at < len(text) and not text[at].isspace():
            at += 1
        ends.append(at)
        at += _PAGE
    return (*(end for end in ends if end < len(text)), len(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    return start, end


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
