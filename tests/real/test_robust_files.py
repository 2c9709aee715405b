"""Every file of the robustness corpus goes through the worker pool: each has an outcome, none stops the others."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parse import parser_with
from compliance_assets.normalised_documents.parsed import Parsed
from compliance_assets.normalised_documents.worker import Limits, ParseResult, ParserPool

CORPUS = Path(__file__).parents[2].parent / "shared/data/robust"

pytestmark = [
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the robustness corpus is not at {CORPUS}"),
    pytest.mark.timeout(300),
    pytest.mark.slow,
]

# Dispositions that honour the label. A damaged file may still show its text; it may not pass for read without any.
# Office files from before 2007 wait for a person, to be saved in today's format.
NO_TEXT = {"no_text_found"}
AGREES = {
    "pdf": {
        "valid": {"parsed"},
        "valid_no_text": NO_TEXT,
        "image_only": NO_TEXT,
        "encrypted_owner_only_readable": {"parsed"},
        "encrypted_user_password": {"encrypted"},
        "recoverable_damaged": {"parsed"},
        "broken_partially_readable": {"parsed", "unsupported_media_type", *NO_TEXT},
        "broken_unreadable": {"damaged", "unsupported_media_type", *NO_TEXT},
    },
    "office": {
        "valid": {"parsed"},
        "embedded_objects": {"parsed"},
        "macro": {"parsed"},
        "encrypted_or_protected": {"encrypted", "parsed"},  # protected against changes it can be read
        "malformed": {"parsed", "damaged", "unsupported_media_type"},
    },
    "legacy_office": {
        "valid": {"unsupported_media_type"},
        "embedded_objects": {"unsupported_media_type"},
        "macro": {"unsupported_media_type"},
        "encrypted_or_protected": {"encrypted"},
    },
    "image": {"image_text_no_ground_truth": {"parsed"}, "scanned_with_ground_truth": {"parsed"}},
    "receipt_image": {"scanned_with_ground_truth": {"parsed"}},
    "xml_html_txt": {
        "valid": {"parsed"},
        "malformed": {"parsed"},
        "xxe_external": {"empty", "unsafe_xml"},
    },  # nothing is fetched
    "xml_attack": {
        "valid": {"parsed"},
        "billion_laughs_entity_expansion": {"unsafe_xml"},
        "xxe_external_file": {"unsafe_xml"},
        "dtd_external_retrieval": {"parsed", "unsafe_xml"},
        "xsd_external_include": {"parsed"},
    },
}
LEGACY_OFFICE = (".doc", ".xls", ".ppt")
DISAGREES = {
    "pdf/qpdf__bad1.pdf": "five letters and nothing of a PDF: it is read as the text that it is",
    "pdf/qpdf__bad35.pdf": "PDFium opens no page of it",
    "pdf/qpdf__enc-XI-R6_V5_U_attachment_encrypted-attachments.pdf": "the password is that of its attachments",
    "pdf/tika__testPDF_protected.pdf": "the password is the owner's; everybody may open it",
    "pdf/sample-files__imagemagick-images.pdf": "its pictures have captions in letters",
    "pdf/pdf.js__recursiveCompositGlyf.pdf": "its text is hello world",
    "pdf/qpdf__bad27.pdf": "PDFium repairs it into a blank page",
    "pdf/qpdf__bad32.pdf": "the same",
    "image/tika__testOCR_encode.png": "one pixel",
    "office/tika__testWORD_multi_authors.docx": "one paragraph without a letter",
    "office/tika__testWORD_missing_ooxml_bean1.docx": "all its text is marked as deleted",
    "office/tika__testEXCEL_embeddedPDF_mac.xlsx": "an empty sheet; the embedded file was saved as a picture of itself",
}


@dataclass(frozen=True, slots=True)
class RobustFile:
    name: str
    kind: str
    expected: str
    characters: int | None  # the most that another reader found in a PDF; None where none was tried

    @property
    def accepted(self) -> set[str]:
        """A damaged file in which nobody finds a character has none to show."""
        kind = "legacy_office" if self.name.endswith(LEGACY_OFFICE) else self.kind
        empty = NO_TEXT if self.expected == "recoverable_damaged" and self.characters == 0 else set()
        return AGREES[kind][self.expected] | empty


@pytest.fixture(scope="module")
def results() -> list[ParseResult[RobustFile]]:
    rows = [json.loads(line) for line in (CORPUS / "manifest.jsonl").read_text().splitlines()]
    files = [RobustFile(row["file"], row["kind"], row["expected"], most_characters(row)) for row in rows]
    with ParserPool(2, Limits(), parser_with(OcrSettings())) as pool:
        return list(pool.parse_all((file, (CORPUS / file.name).read_bytes()) for file in files))


def most_characters(row: dict[str, Any]) -> int | None:
    readers = (row.get("reference_engines") or {}).values()
    return max((reader["chars"] for reader in readers if "chars" in reader), default=None)


def disposition(result: ParseResult[RobustFile]) -> str:
    return "parsed" if isinstance(result.outcome, Parsed) else result.outcome.reason.partition(":")[0]


def test_every_file_has_one_outcome_and_no_parser_crashed_or_hung(results: list[ParseResult[RobustFile]]) -> None:
    assert len({result.key for result in results}) == len(results) == 271
    stopped = [result for result in results if disposition(result) in {"parser_crashed", "time_limit", "memory_limit"}]
    assert stopped == []


def test_what_is_read_has_text_and_pages_that_tile_it(results: list[ParseResult[RobustFile]]) -> None:
    for outcome in (result.outcome for result in results):
        if isinstance(outcome, Parsed):
            assert outcome.text.strip() or outcome.attachments
            assert list(outcome.page_ends) == sorted(outcome.page_ends)
            assert outcome.page_ends[-1] == len(outcome.text)
            assert "\x00" not in outcome.text
            outcome.text.encode("utf-8")


def test_what_has_no_parser_yet_waits_for_a_person(results: list[ParseResult[RobustFile]]) -> None:
    for result in results:
        if disposition(result) == "unsupported_media_type":
            assert not isinstance(result.outcome, Parsed)
            assert result.outcome.state is DocumentState.NEEDS_HUMAN


def test_files_are_treated_as_their_labels_say(results: list[ParseResult[RobustFile]]) -> None:
    became = {result.key.name: disposition(result) for result in results}
    disagreeing = {r.key.name for r in results if disposition(r) not in r.key.accepted}
    print(f"{len(results) - len(disagreeing)} of {len(results)} agree")
    assert disagreeing == set(DISAGREES), {name: became[name] for name in disagreeing ^ set(DISAGREES)}
    assert len(disagreeing) <= 0.05 * len(results)


def test_office_files_show_their_text_programs_and_files_inside(results: list[ParseResult[RobustFile]]) -> None:
    by_name = {result.key.name.rpartition("__")[2]: result.outcome for result in results}
    inside = by_name["testWORD_embeded.docx"]
    assert isinstance(inside, Parsed)
    assert {attachment.name.rpartition(".")[2] for attachment in inside.attachments} >= {"xlsx", "pptx", "doc"}
    macro = by_name["testODTMacro.odt"]
    assert isinstance(macro, Parsed)
    assert macro.needs_human == ("macros_present: not run",)


def test_xml_is_never_expanded(results: list[ParseResult[RobustFile]]) -> None:
    for result in results:
        if result.key.kind == "xml_attack" and isinstance(result.outcome, Parsed):
            assert len(result.outcome.text) < 1_000
