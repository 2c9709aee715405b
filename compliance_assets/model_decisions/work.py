"""A piece of work: one question, or one filing, under one workload. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compliance_assets.contracts.canonical import content_id, digest_of
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.contracts.policy import Classification
from compliance_assets.contracts.text import storable


@dataclass(frozen=True, slots=True)
class WorkItem:
    """`item_id` is the caller's own name for the question, kept so that two rows with one text stay two decisions.

    `document_id` is the document that the work is about, `user` who asked, `classification` how protected the request is,
    `batch` the name of the questionnaire that it came with: what is not said is not part of the input's digest.
    """

    workload: str
    year: int
    question: str
    filer_category: str | None = None
    opt_in_years: tuple[int, ...] = ()
    item_id: str | None = None
    document_id: str | None = None
    user: str | None = None
    classification: Classification | None = None
    batch: str | None = None

    def as_json(self) -> dict[str, object]:
        """The canonical input: what `input_sha256` is taken of."""
        said = {
            "document_id": self.document_id,
            "user": self.user,
            "classification": self.classification,
            "batch": self.batch,
        }
        return {
            "workload": self.workload,
            "year": self.year,
            "question": self.question,
            "filer_category": self.filer_category,
            "opt_in_years": list(self.opt_in_years),
            "item_id": self.item_id,
            **{name: value for name, value in said.items() if value is not None},
        }

    @property
    def input_sha256(self) -> str:
        """SHA-256 of the canonical JSON of the input."""
        return digest_of(self.as_json())

    @property
    def work_id(self) -> str:
        """The same input is the same piece of work."""
        return content_id("work", self.input_sha256)

    @property
    def scope(self) -> RetrievalScope:
        """Where its retrieval may look: from the request, never from the question's text."""
        return RetrievalScope(year=self.year, filer_category=self.filer_category, opt_in_years=self.opt_in_years)


def work_item(stored: Mapping[str, Any]) -> WorkItem:
    """The work item that `as_json` wrote."""
    return WorkItem(**{**stored, "opt_in_years": tuple(stored["opt_in_years"])})


def work_item_from_row(row: object, workload: str, number: int) -> WorkItem:
    """A work item from a row of a questions file: `{id, question, year, filer_category}`. Raises InvalidInput."""
    if not isinstance(row, dict):
        raise unusable_row(number, "a JSON object", type(row).__name__)
    year, question, category = row.get("year"), row.get("question"), row.get("filer_category")
    if not isinstance(question, str) or not question.strip():
        raise unusable_row(number, "`question` as text", repr(question))
    if not isinstance(year, int) or isinstance(year, bool):
        raise unusable_row(number, "`year` as a whole number", repr(year))
    if not isinstance(category, str | None):
        raise unusable_row(number, "`filer_category` as text or null", repr(category))
    item_id = row.get("id")
    return WorkItem(
        workload,
        year,
        storable(question),
        None if category is None else storable(category),
        item_id=None if item_id is None else storable(str(item_id)),
    )


def unusable_row(number: int, expected: str, found: str) -> InvalidInput:
    """That a row of a questions file, counted from 1, cannot become work."""
    return InvalidInput(
        f"row {number} of the questions file is not usable",
        expected=expected,
        found=found,
        remedy='A row looks like {"id": "q1", "question": "…", "year": 2023, "filer_category": "…"}.',
    )
