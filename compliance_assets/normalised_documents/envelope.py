"""Makes the canonical envelope of a pulled file from what its parser found. Pure."""

from dataclasses import dataclass, replace

from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.envelope import DocumentState, Envelope, EnvelopeMetadata, FieldSpan, RawPage
from compliance_assets.contracts.text import storable
from compliance_assets.normalised_documents.filings.fields import Field, LocatedField
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION, format_of
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.year_from_text import year_from_text

FILING = "irpf_filing"  # the document type of an income-tax return


@dataclass(frozen=True, slots=True)
class PulledFile:
    """What a pull knows of a file: its bytes' digest, where it came from, how it was labelled.

    An attachment is a file too: `part` counts its way from the pulled file (`2` is the second attachment, `2.1` the first
    of that one), `parent_id` is the document that it lies in.
    """

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
    part: str = ""
    parent_id: str | None = None

    @property
    def filing_id(self) -> str:
        """A filing is one version of one file, read by one version of the normaliser."""
        return content_id("doc", self.pull_id, self.part, NORMALISER_VERSION)

    def attachment(self, ordinal: int, name: str, object_sha256: str) -> "PulledFile":
        """The file inside this one. It inherits the label: who files a mail under a year means what is in it."""
        part = f"{self.part}.{ordinal}" if self.part else str(ordinal)
        return replace(
            self, object_sha256=object_sha256, part=part, parent_id=self.filing_id, title=storable(name) or part
        )


@dataclass(frozen=True, slots=True)
class NormalisedDocument:
    """An envelope with its state; `reason` is None exactly when the state is ok."""

    pulled: PulledFile
    envelope: Envelope
    state: DocumentState
    reason: str | None


def normalise(pulled: PulledFile, outcome: Outcome, years: tuple[int, ...]) -> NormalisedDocument:
    """The envelope and its state. A year nobody states, or one outside `years`, waits for a person."""
    reasons: tuple[str, ...]
    state: DocumentState
    if isinstance(outcome, Refusal):
        year, category, reasons, state = pulled.year, pulled.filer_category, (outcome.reason,), outcome.state
    else:
        year = pulled.year if pulled.year is not None else _stated_year(outcome)
        category = pulled.filer_category or _stated(outcome, Field.FILER_CATEGORY)
        reasons = (*_year_reasons(year, years), *_conflicts(pulled, outcome), *outcome.needs_human)
        state = DocumentState.NEEDS_HUMAN if reasons else DocumentState.OK
    return NormalisedDocument(
        pulled, _envelope(pulled, outcome, year, category, state, reasons), state, "; ".join(reasons) or None
    )


def _stated(parsed: Parsed, name: Field) -> str | None:
    return parsed.filing.value(name) if parsed.filing else None


def _stated_year(parsed: Parsed) -> int | None:
    """A filing says its year in a known place; of any other text the one year that it states."""
    if parsed.filing:
        stated = _stated(parsed, Field.CALENDAR_YEAR)
        return int(stated) if stated else None
    return year_from_text(parsed.text)


def _year_reasons(year: int | None, years: tuple[int, ...]) -> tuple[str, ...]:
    if year is None:
        return ("year_unknown",)
    return () if year in years else (f"year_out_of_range: {year} is not in {years[0]}-{years[-1]}",)


def _conflicts(pulled: PulledFile, parsed: Parsed) -> tuple[str, ...]:
    """A filing under a wrong label would be judged by another year's law, or found under another category."""
    if pulled.doc_type == FILING and parsed.filing is None and pulled.parent_id is None and not parsed.attachments:
        return (f"layout_unknown: labelled {FILING}, read as none",)
    labelled = {Field.CALENDAR_YEAR: pulled.year, Field.FILER_CATEGORY: pulled.filer_category}
    return tuple(
        f"label_conflict: {name} is labelled {label}, the filing states {stated}"
        for name, label in labelled.items()
        if label is not None and (stated := _stated(parsed, name)) is not None and stated != str(label)
    )


def _envelope(
    pulled: PulledFile,
    outcome: Outcome,
    year: int | None,
    category: str | None,
    state: DocumentState,
    reasons: tuple[str, ...],
) -> Envelope:
    parsed = outcome if isinstance(outcome, Parsed) else None
    filing = parsed.filing if parsed else None
    pages = _pages(parsed) if parsed else ()
    metadata = EnvelopeMetadata(
        title=_title(pulled, parsed),
        doc_type=pulled.doc_type or (FILING if filing else None),
        language="pt" if filing else None,
        media_type=outcome.media_type,
        source="attachment" if pulled.parent_id else "filesystem",
        source_uri=f"{pulled.source_uri}/{pulled.path}" + (f"#{pulled.part}" if pulled.part else ""),
        source_version=pulled.source_version,
        object_sha256=pulled.object_sha256,
        normaliser=outcome.normaliser,
        normaliser_version=NORMALISER_VERSION,
        ocr_engine=parsed.recognition.engine if parsed and parsed.recognition else None,
        ocr_confidence=round(parsed.recognition.confidence, 4) if parsed and parsed.recognition else None,
        xsd_sha256=parsed.xsd_sha256 if parsed else None,
        document_format=format_of(outcome),
        layout=filing.layout if filing else None,
        fields={
            "year_origin": _year_origin(pulled, year),
            **({f.key: f.value for f in filing.fields} if filing else {}),
        },
        field_spans={f.key: _span(f, pages) for f in filing.fields} if filing else {},
        findings=tuple(finding.rule for finding in filing.findings) if filing else (),
        needs_human=reasons if state is DocumentState.NEEDS_HUMAN else (),
        parent_id=pulled.parent_id,
        attachments=tuple(file.filing_id for file in attachments_of(pulled, outcome)),
    )
    return Envelope(
        filing_id=pulled.filing_id,
        year=year,
        filer_category=category,
        raw_text=parsed.text if parsed else "",
        raw_pages=pages,
        metadata=metadata,
    )


def attachments_of(pulled: PulledFile, outcome: Outcome) -> tuple[PulledFile, ...]:
    """The files inside a document, in its order."""
    inside = outcome.attachments if isinstance(outcome, Parsed) else ()
    return tuple(pulled.attachment(i, a.name, sha256_hex(a.data)) for i, a in enumerate(inside, start=1))


def _title(pulled: PulledFile, parsed: Parsed | None) -> str:
    """The manifest's title; without one the document's own; without that the file's name."""
    if (pulled.label_origin != "manifest" or pulled.parent_id) and parsed and parsed.title:
        return parsed.title
    return pulled.title


def _year_origin(pulled: PulledFile, year: int | None) -> str:
    if year is None:
        return "none"
    return pulled.label_origin if pulled.year is not None else "text"


def _pages(parsed: Parsed) -> tuple[RawPage, ...]:
    starts = (0, *parsed.page_ends)
    recognised = parsed.recognition.pages if parsed.recognition else frozenset()
    return tuple(
        RawPage(page=page, char_start=start, char_end=end, origin="ocr" if page in recognised else parsed.origin)
        for page, (start, end) in enumerate(zip(starts, parsed.page_ends, strict=False), start=1)
    )


def _span(located: LocatedField, pages: tuple[RawPage, ...]) -> FieldSpan:
    page = next(page.page for page in pages if located.start < page.char_end)
    return FieldSpan(page=page, char_start=located.start, char_end=located.end, certainty=round(located.certainty, 4))
