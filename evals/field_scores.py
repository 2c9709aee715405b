"""How well fields were read: each document's values against the truth, added up by any grouping. Pure.

A field is exact when its canonical value is the true one. An error is silent when the document is marked ok and a field of
it is wrong, missing or made up: nobody would look at it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

State = Literal["ok", "needs_human", "rejected"]


@dataclass(frozen=True, slots=True)
class TrueField:
    """What a document states: the canonical value, and the printed characters on a page (from 1)."""

    value: str
    printed: str
    page: int


@dataclass(frozen=True, slots=True)
class FoundField:
    """What was read: the canonical value, and the characters that its span covers on a page."""

    value: str
    quoted: str
    page: int


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """One document's counts. `made_up` are fields found that the document does not state; `reasons` are codes."""

    state: State
    fields: int
    exact: int
    wrong: tuple[str, ...]
    missing: tuple[str, ...]
    made_up: tuple[str, ...]
    spans_exact: int
    reasons: tuple[str, ...]
    seconds: float
    character_errors: int = 0
    characters: int = 0

    @property
    def silent(self) -> int:
        """Errors that nobody would look at again."""
        return len(self.wrong) + len(self.missing) + len(self.made_up) if self.state == "ok" else 0

    @property
    def all_exact(self) -> bool:
        """Whether every field was read, and nothing else."""
        return self.exact == self.fields and not self.made_up


@dataclass(frozen=True, slots=True)
class Totals:
    """Documents added up. Shares are of fields, unless named otherwise; 0 where there is nothing to share."""

    documents: int
    ok: int
    needs_human: int
    rejected: int
    fields: int
    exact: int
    silent: int
    spans_exact: int
    character_errors: int
    characters: int
    seconds: float

    @property
    def exact_share(self) -> float:
        """Fields read exactly."""
        return _share(self.exact, self.fields)

    @property
    def silent_share(self) -> float:
        """Errors in documents marked ok, of all fields."""
        return _share(self.silent, self.fields)

    @property
    def needs_human_share(self) -> float:
        """Documents that wait for a person."""
        return _share(self.needs_human, self.documents)

    @property
    def span_share(self) -> float:
        """Exact fields whose span covers the printed characters, on the page where they stand."""
        return _share(self.spans_exact, self.exact)

    @property
    def character_error_rate(self) -> float:
        """Edits from what was recognised to what is printed, per printed character."""
        return _share(self.character_errors, self.characters)

    @property
    def seconds_per_document(self) -> float:
        """Parser time."""
        return self.seconds / self.documents if self.documents else 0.0


def score(
    state: State,
    truth: Mapping[str, TrueField],
    found: Mapping[str, FoundField],
    reasons: Iterable[str],
    seconds: float,
    texts: tuple[str, str] | None = None,
) -> DocumentScore:
    """One document. `texts` are (recognised, printed) where OCR read it; white space counts as one space."""
    common = truth.keys() & found.keys()
    exact = {key for key in common if found[key].value == truth[key].value}
    spans = {key for key in exact if _same_place(found[key], truth[key])}
    recognised, printed = (" ".join(text.split()) for text in texts) if texts else ("", "")
    return DocumentScore(
        state=state,
        fields=len(truth),
        exact=len(exact),
        wrong=tuple(sorted(common - exact)),
        missing=tuple(sorted(truth.keys() - found.keys())),
        made_up=tuple(sorted(found.keys() - truth.keys())),
        spans_exact=len(spans),
        reasons=tuple(sorted({reason.strip() for reason in reasons})),
        seconds=seconds,
        character_errors=Levenshtein.distance(recognised, printed),
        characters=len(printed),
    )


def total(scores: Iterable[DocumentScore]) -> Totals:
    """Documents added up."""
    rows = list(scores)
    return Totals(
        documents=len(rows),
        ok=sum(s.state == "ok" for s in rows),
        needs_human=sum(s.state == "needs_human" for s in rows),
        rejected=sum(s.state == "rejected" for s in rows),
        fields=sum(s.fields for s in rows),
        exact=sum(s.exact for s in rows),
        silent=sum(s.silent for s in rows),
        spans_exact=sum(s.spans_exact for s in rows),
        character_errors=sum(s.character_errors for s in rows),
        characters=sum(s.characters for s in rows),
        seconds=sum(s.seconds for s in rows),
    )


@dataclass(frozen=True, slots=True)
class Catch:
    """What one reason did: documents with an error that it held back, alone or not, and documents without one."""

    held_back: int
    alone: int
    without_error: int


def catches(scores: Iterable[DocumentScore]) -> dict[str, Catch]:
    """For each reason that sent a document to a person, what it caught. A reason is `code` or `code: detail`."""
    counts: dict[str, list[int]] = {}
    for s in scores:
        for reason in s.reasons if s.state == "needs_human" else ():
            count = counts.setdefault(reason, [0, 0, 0])
            count[0] += not s.all_exact
            count[1] += not s.all_exact and len(s.reasons) == 1
            count[2] += s.all_exact
    return {reason: Catch(*count) for reason, count in sorted(counts.items(), key=lambda item: -item[1][0])}


def _same_place(found: FoundField, truth: TrueField) -> bool:
    return found.page == truth.page and "".join(found.quoted.split()) == "".join(truth.printed.split())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
