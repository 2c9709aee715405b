"""What makes an index fit to go live. Pure: measurements in, findings out."""

from dataclasses import dataclass

from compliance_assets.year_index.parameters import IndexParameters

MIN_RECALL_AT_8 = 0.98


@dataclass(frozen=True, slots=True)
class IndexMeasurements:
    """Counted and measured on the candidate's own vectors. `parameters`: what it was searched with."""

    chunks: int
    vectors: int
    models: int
    foreign_rows: int
    recall_at_8: float
    scoped_recall_at_8: float
    recall_queries: int
    parameters: IndexParameters


def findings_of(measured: IndexMeasurements) -> list[str]:
    """Every reason to refuse the index, empty when it is fit."""
    found = []
    if measured.chunks != measured.vectors:
        found.append(f"parity: expected {measured.chunks} vectors, found {measured.vectors}")
    if measured.models > 1:
        found.append(f"models: expected vectors of one model, found {measured.models}")
    if measured.foreign_rows:
        found.append(f"scope: {measured.foreign_rows} rows of another year or organisation")
    for name, recall in (("recall@8", measured.recall_at_8), ("recall@8 in a category", measured.scoped_recall_at_8)):
        if recall < MIN_RECALL_AT_8:
            found.append(
                f"{name}: expected at least {MIN_RECALL_AT_8}, found {recall:.4f} (n = {measured.recall_queries})"
            )
    return found
