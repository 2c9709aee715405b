from dataclasses import replace

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.envelope import FILING, PulledFile, normalise
from compliance_assets.normalised_documents.filings.fields import Field, Filing, Finding, LocatedField
from compliance_assets.normalised_documents.parsed import Attachment, Parsed, Recognition

YEARS = tuple(range(2015, 2026))
FILE = PulledFile("pull", "0" * 64, "file:///s", "a.pdf", "v1", None, None, "a.pdf", None, "none")
TEXT = "CPF 222.222.223-03\n2019\ncompleta\n"
FIELDS = (
    LocatedField(Field.TAXPAYER_ID, "22222222303", 4, 18),
    LocatedField(Field.CALENDAR_YEAR, "2019", 19, 23, certainty=0.87654),
    LocatedField(Field.FILER_CATEGORY, "completa", 24, 32),
)
PARSED = Parsed(TEXT, (19, len(TEXT)), "text_layer", "application/pdf", "p", None, filing=Filing("page-2019", FIELDS))


def test_a_filing_gives_its_year_its_category_and_its_fields_with_their_spans() -> None:
    document = normalise(FILE, PARSED, YEARS)

    envelope = document.envelope
    assert (document.state, envelope.year, envelope.filer_category) == (DocumentState.OK, 2019, "completa")
    assert envelope.metadata.fields == {
        "year_origin": "text", "taxpayer_id": "22222222303", "calendar_year": "2019", "filer_category": "completa",
    }  # fmt: skip
    assert (envelope.metadata.doc_type, envelope.metadata.layout, envelope.metadata.language) == (
        FILING,
        "page-2019",
        "pt",
    )
    spans = envelope.metadata.field_spans
    assert {name: (s.page, envelope.raw_text[s.char_start : s.char_end]) for name, s in spans.items()} == {
        "taxpayer_id": (1, "222.222.223-03"), "calendar_year": (2, "2019"), "filer_category": (2, "completa"),
    }  # fmt: skip
    assert spans["calendar_year"].certainty == 0.8765


def test_a_label_that_contradicts_the_filing_goes_to_a_person() -> None:
    document = normalise(replace(FILE, year=2020, filer_category="simplificada"), PARSED, YEARS)

    assert document.state is DocumentState.NEEDS_HUMAN
    assert document.envelope.metadata.needs_human == (
        "label_conflict: calendar_year is labelled 2020, the filing states 2019",
        "label_conflict: filer_category is labelled simplificada, the filing states completa",
    )


def test_what_is_labelled_a_filing_and_read_as_none_is_not_passed_off_as_a_text() -> None:
    text = Parsed("Ano-calendário 2019\n", (20,), "markup", "text/plain", "p", None)

    assert normalise(FILE, text, YEARS).state is DocumentState.OK
    labelled = normalise(replace(FILE, doc_type=FILING), text, YEARS)
    assert (labelled.state, labelled.reason) == (
        DocumentState.NEEDS_HUMAN, f"layout_unknown: labelled {FILING}, read as none",
    )  # fmt: skip


def test_a_filing_without_a_year_waits_and_no_other_year_of_its_text_is_taken() -> None:
    nameless = replace(PARSED, text="Ano-calendário 2018 x completa\n", page_ends=(31,), filing=Filing("l", ()))

    assert normalise(FILE, nameless, YEARS).reason == "year_unknown"


def test_doubts_and_findings_are_kept_apart() -> None:
    finding = Finding("deductions_add_up", (Field.MEDICAL,), False)
    doubted = replace(PARSED, filing=replace(PARSED.filing, findings=(finding,)), needs_human=("missing_field: name",))

    document = normalise(FILE, doubted, YEARS)

    assert document.envelope.metadata.findings == ("deductions_add_up",)
    assert document.envelope.metadata.needs_human == ("missing_field: name",)


def test_the_engine_its_certainty_and_the_pages_it_read_are_in_the_envelope() -> None:
    scanned = replace(PARSED, recognition=Recognition("an-engine", 0.91234, frozenset({2})))

    metadata = normalise(FILE, scanned, YEARS).envelope
    assert [page.origin for page in metadata.raw_pages] == ["text_layer", "ocr"]
    assert (metadata.metadata.ocr_engine, metadata.metadata.ocr_confidence) == ("an-engine", 0.9123)
    assert metadata.metadata.document_format == "scan"


def test_attachments_are_linked_both_ways_and_inherit_the_label() -> None:
    file = replace(FILE, year=2019, doc_type="letter")
    mail = Parsed(
        "x\n",
        (2,),
        "markup",
        "message/rfc822",
        "m",
        "s",
        attachments=(Attachment("a\x00b.pdf", b"1"), Attachment("", b"2")),
    )

    envelope = normalise(file, mail, YEARS).envelope
    inner = file.attachment(1, "a\x00b.pdf", "1" * 64)
    innermost = inner.attachment(2, "", "2" * 64)

    assert envelope.metadata.attachments[0] == inner.filing_id
    assert (inner.parent_id, inner.part, inner.year) == (envelope.filing_id, "1", 2019)
    assert (innermost.parent_id, innermost.part) == (inner.filing_id, "1.2")
    assert len({file.filing_id, inner.filing_id, innermost.filing_id}) == 3
    child = normalise(inner, replace(PARSED, title="Its own"), YEARS).envelope.metadata
    assert (child.parent_id, child.title, child.source_uri) == (envelope.filing_id, "Its own", "file:///s/a.pdf#1")


def test_two_equal_attachments_are_two_documents() -> None:
    assert FILE.attachment(1, "a", "0" * 64).filing_id != FILE.attachment(2, "a", "0" * 64).filing_id
