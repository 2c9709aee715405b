"""Makes the canonical envelope of a pulled file from what its parser found. Pure."""

from dataclasses import dataclass

from compliance_assets.contracts.canonical import content_id
from compliance_assets.contracts.envelope import DocumentState, Envelope, EnvelopeMetadata, RawPage
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION
from compliance_assets.normalised_documents.parsed import Outcome, Parsed
from compliance_assets.normalised_documents.year_from_text import year_from_text


@dataclass(frozen=True, slots=True)
class PulledFile:
    """What a pull knows of a file: its bytes' digest, where it came from, how it was labelled."""

    pull_id: str
    object_sha256: str
    source_uri: str
    path: str
    source_version: str
    year: int | None
    filer_category: str | None
    title: str
    doc_type: str | None
    label_origin: str


@dataclass(frozen=True, slots=True)
class NormalisedDocument:
    """An envelope with its state; `reason` is None exactly when the state is ok."""

    pull_id: str
    envelope: Envelope
    state: DocumentState
    reason: str | None


def filing_id_of(pull_id: str) -> str:
    """A filing is one version of one file, read by one version of the normaliser."""
    return content_id("doc", pull_id, NORMALISER_VERSION)


def normalise(pulled: PulledFile, outcome: Outcome, years: tuple[int, ...]) -> NormalisedDocument:
    """The envelope and its state. A year nobody states, or one outside `years`, waits for a person."""
    if not isinstance(outcome, Parsed):
        return _document(pulled, outcome, outcome.state, outcome.reason, year=pulled.year)
    year = pulled.year if pulled.year is not None else year_from_text(outcome.text)
    if year is None:
        return _document(pulled, outcome, DocumentState.NEEDS_HUMAN, "year_unknown", year)
    if year not in years:
        reason = f"year_out_of_range: {year} is not in {years[0]}-{years[-1]}"
        return _document(pulled, outcome, DocumentState.NEEDS_HUMAN, reason, year)
    if outcome.needs_human:
        return _document(pulled, outcome, DocumentState.NEEDS_HUMAN, "; ".join(outcome.needs_human), year)
    return _document(pulled, outcome, DocumentState.OK, None, year)


def _document(
    pulled: PulledFile, outcome: Outcome, state: DocumentState, reason: str | None, year: int | None
) -> NormalisedDocument:
    parsed = outcome if isinstance(outcome, Parsed) else None
    metadata = EnvelopeMetadata(
        title=_title(pulled, parsed),
        doc_type=pulled.doc_type,
        language=None,
        media_type=outcome.media_type,
        source="filesystem",
        source_uri=f"{pulled.source_uri}/{pulled.path}",
        source_version=pulled.source_version,
        object_sha256=pulled.object_sha256,
        normaliser=outcome.normaliser,
        normaliser_version=NORMALISER_VERSION,
        fields={"year_origin": _year_origin(pulled, year)},
        needs_human=(reason,) if state is DocumentState.NEEDS_HUMAN and reason else (),
    )
    envelope = Envelope(
        filing_id=filing_id_of(pulled.pull_id),
        year=year,
        filer_category=pulled.filer_category,
        raw_text=parsed.text if parsed else "",
        raw_pages=_pages(parsed) if parsed else (),
        metadata=metadata,
    )
    return NormalisedDocument(pulled.pull_id, envelope, state, reason)


def _title(pulled: PulledFile, parsed: Parsed | None) -> str:
    """The manifest's title; without one the document's own; without that the file's name."""
    if pulled.label_origin != "manifest" and parsed and parsed.title:
        return parsed.title
    return pulled.title


def _year_origin(pulled: PulledFile, year: int | None) -> str:
    if year is None:
        return "none"
    return pulled.label_origin if pulled.year is not None else "text"


def _pages(parsed: Parsed) -> tuple[RawPage, ...]:
    starts = (0, *parsed.page_ends)
    return tuple(
        RawPage(page=number, char_start=start, char_end=end, origin=parsed.origin)
        for number, (start, end) in enumerate(zip(starts, parsed.page_ends, strict=False), start=1)
    )
