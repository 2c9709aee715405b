"""Scores decisions against gold pages: was the page that holds the answer among the hits, and among the citations? Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from compliance_assets.contracts.response_envelope import ResponseEnvelope

Page = tuple[str, int]


@dataclass(frozen=True, slots=True)
class GoldPageScore:
    """Counts over `n` questions that have gold pages."""

    n: int
    gold_page_retrieved: int
    gold_page_cited: int

    def as_json(self) -> dict[str, float | int]:
        """Counts and shares."""
        return {
            **asdict(self),
            "share_retrieved": round(self.gold_page_retrieved / self.n, 4) if self.n else 0.0,
            "share_cited": round(self.gold_page_cited / self.n, 4) if self.n else 0.0,
        }


def gold_pages_of(row: Mapping[str, object]) -> frozenset[Page]:
    """The `(path, page)` pairs of a question's `evidence`, empty where it has none."""
    evidence = row.get("evidence")
    if not isinstance(evidence, list):
        return frozenset()
    return frozenset(
        (str(e["path"]), int(e["page"])) for e in evidence if isinstance(e, dict) and {"path", "page"} <= set(e)
    )


def score_gold_pages(
    pairs: Sequence[tuple[frozenset[Page], ResponseEnvelope]], path_of: Mapping[str, str]
) -> GoldPageScore:
    """`pairs` are the gold pages and the envelope of each question; `path_of` maps a doc_id to its file's path."""
    judged = [(gold, envelope) for gold, envelope in pairs if gold]
    retrieved = sum(bool(gold & {(path_of[c.doc_id], c.page) for c in e.retrieved_chunks}) for gold, e in judged)
    cited = sum(bool(gold & {(path_of[c.doc_id], c.page) for c in e.citations}) for gold, e in judged)
    return GoldPageScore(len(judged), retrieved, cited)
