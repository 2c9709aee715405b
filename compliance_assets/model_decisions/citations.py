"""Holds a model's citations against the source. Pure: the source comes in as a function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compliance_assets.contracts.response_envelope import Citation
from compliance_assets.model_decisions.answer import ModelAnswer
from compliance_assets.year_index.retrieved import Retrieved

#: (doc_id, char_start, char_end) -> those characters of the document's raw_text.
Source = Callable[[str, int, int], str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Citations as spans of documents, with the chunk that each came through; or the problems that forbid them."""

    citations: tuple[Citation, ...]
    chunk_ids: tuple[str, ...]
    problems: tuple[str, ...]


def resolve(answer: ModelAnswer, retrieved: Sequence[Retrieved], source: Source) -> Resolved:
    """Turn quotes into exact spans. A quote that is not verbatim in the chunk it names, or a segment without one, is a problem."""
    by_id = {r.hit.chunk_id: r for r in retrieved}
    citations, chunk_ids, problems = [], [], []
    for number, cited in enumerate(answer.citations, start=1):
        found = _locate(cited.chunk_id, cited.quote, by_id, source)
        if isinstance(found, str):
            problems.append(f"citation {number}: {found}")
        else:
            citations.append(found)
            chunk_ids.append(cited.chunk_id)
    quoted = {cited.chunk_id for cited in answer.citations}
    for number, segment in enumerate(answer.segments, start=1):
        if missing := sorted(set(segment.cited_chunk_ids) - quoted):
            problems.append(f"segment {number}: rests on chunks that are not quoted: {', '.join(missing)}")
    if answer.decision == "answered" and not answer.segments:
        problems.append("answered without a segment")
    return Resolved(tuple(citations), tuple(chunk_ids), tuple(problems))


def _locate(chunk_id: str, quote: str, by_id: dict[str, Retrieved], source: Source) -> Citation | str:
    if chunk_id not in by_id:
        return f"{chunk_id} was not retrieved"
    if not quote.strip():
        return f"the quote from {chunk_id} is white space"
    retrieved = by_id[chunk_id]
    offset = retrieved.text.find(quote)
    if offset < 0:
        return f"the quote does not stand in {chunk_id}"
    start = retrieved.hit.char_range[0] + offset
    end = start + len(quote)
    if source(retrieved.hit.doc_id, start, end) != quote:
        return f"the document has other characters at [{start}, {end}) than {chunk_id}"
    return Citation(doc_id=retrieved.hit.doc_id, page=retrieved.hit.page, char_range=(start, end), quote=quote)
