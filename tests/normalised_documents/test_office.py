import datetime
import functools
import io
import struct
import zipfile
from collections.abc import Callable

import docx
import openpyxl
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odfdo import Document, Header, Paragraph, Row, Table
from pptx.util import Inches

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.office import legacy, opendocument, rich_text, slides, word, workbook
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal, clean
from compliance_assets.normalised_documents.sniff import media_type_of

Parser = Callable[[bytes], Outcome]

ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'


def parsed(parser: Parser, data: bytes) -> Parsed:
    outcome = parser(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def reason(parser: Parser, data: bytes) -> str:
    outcome = parser(data)
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def with_members(data: bytes, **changed: bytes | None) -> bytes:
    """The same container with members replaced, added, or left out; `__` stands for the slash and `_` for the dot."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for key, content in changed.items():
        name = key.replace("__", "/").replace("_", ".")
        if content is None:
            del members[name]
        else:
            members[name] = content
    return zip_of(members)


@functools.cache
def letter() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Carta"
    document.sections[0].header.paragraphs[0].text = "Banco"
    document.sections[0].footer.paragraphs[0].text = "Rua 1"
    document.add_heading("Declaração", level=2)
    document.add_paragraph("one\ttwo").add_run(" three")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((c for r in table.rows for c in r.cells), ("Item", "2022", "Net", "1,\n234"), strict=True):
        cell.text = text
    document.add_paragraph("end")
    return saved(document.save)


@functools.cache
def accounts() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Saldos"
    book.active.append(["Conta", "Data", "Valor", "Pago"])
    book.active.append([1, datetime.date(2023, 1, 31), 1234.5, True])
    book.active["C9"] = "far below"
    book.create_sheet("Vazia")
    book.create_sheet("Notas").append(["a\nb", None, "c"])
    return saved(book.save)


@functools.cache
def talk() -> bytes:
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Plano"
    first.placeholders[1].text = "um\ndois"
    first.notes_slide.notes_text_frame.text = "dizer isto"
    second = deck.slides.add_slide(deck.slide_layouts[6])
    table = second.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(2), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    return saved(deck.save)


@functools.cache
def open_text() -> bytes:
    document = Document("text")
    document.body.clear()
    document.body.append(Header(1, "Título"))
    document.body.append(Paragraph("um  dois\tfim"))
    table = Table("T", width=2, height=1)
    table.set_value((0, 0), "a")
    table.set_value((1, 0), "b")
    document.body.append(table)
    return saved(document.save)


@functools.cache
def open_sheets() -> bytes:
    document = Document("spreadsheet")
    document.body.clear()
    table = Table("Saldos")
    for values in (["Conta", "Valor"], [1, 2]):
        row = Row()
        row.set_values(values)
        table.append_row(row)
    document.body.append(table)
    document.body.append(Table("Vazia"))
    return saved(document.save)


RTF = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Declara\'e7\'e3o\par {\b 1.234,56}\par}"


def test_a_word_document_is_read_in_order() -> None:
    outcome = parsed(word.parse, letter())
    assert outcome.text == "Banco\n## Declaração\none\ttwo three\nItem | 2022\nNet | 1, 234\nend\nRua 1\n"
    assert (outcome.page_ends, outcome.title, outcome.needs_human) == ((len(outcome.text),), "Carta", ())


def test_deleted_text_is_no_text_and_alternatives_are_read_once() -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>"
        "</mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Fallback>"
        "</mc:AlternateContent><w:t>anchor</w:t><w:instrText>PAGE</w:instrText></w:r></w:p>"
    )
    document = f'<w:document xmlns:w="w" xmlns:mc="mc"><w:body>{body}</w:body></w:document>'.encode()
    data = with_members(letter(), word__document_xml=document)
    assert parsed(word.parse, data).text.splitlines()[1:-1] == ["new", "control", "anchor", "box"]


def test_each_sheet_of_a_workbook_is_a_page() -> None:
    outcome = parsed(workbook.parse, accounts())
    sheets = ["# Saldos\nConta | Data | Valor | Pago\n1 | 2023-01-31 | 1234.5 | TRUE\n |  | far below\n", "\n"]
    assert outcome.text == "".join(sheets) + "# Notas\na b |  | c\n"
    assert outcome.page_ends == (len(sheets[0]), len(sheets[0]) + 1, len(outcome.text))


def test_a_row_number_of_no_spreadsheet_is_refused() -> None:
    row = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    row += b'<row r="900000000000"><c r="A900000000000" t="str"><v>x</v></c></row></sheetData></worksheet>'
    data = with_members(accounts(), xl__worksheets__sheet1_xml=row)
    assert reason(workbook.parse, data).startswith("too_large: ")


def test_each_slide_is_a_page_with_its_notes() -> None:
    outcome = parsed(slides.parse, talk())
    assert outcome.text == "# Plano\num\ndois\ndizer isto\na | b\n"
    assert outcome.page_ends == (len("# Plano\num\ndois\ndizer isto\n"), len(outcome.text))


def test_an_open_document_text_is_read_in_order() -> None:
    outcome = parsed(opendocument.parse, open_text())
    assert outcome.text == "# Título\num  dois\tfim\na | b\n"
    assert outcome.media_type == "application/vnd.oasis.opendocument.text"


def test_each_sheet_of_an_open_document_is_a_page() -> None:
    outcome = parsed(opendocument.parse, open_sheets())
    assert (outcome.text, len(outcome.page_ends)) == ("# Saldos\nConta | Valor\n1 | 2\n\n", 2)


def test_a_flat_open_document_is_read_like_a_zipped_one() -> None:
    flat = (
        b'<?xml version="1.0"?><office:document xmlns:office="o" xmlns:text="t" xmlns:table="b" office:mimetype="m">'
        b'<office:body><office:text><text:h text:outline-level="3">A</text:h><text:p>b<text:s text:c="2"/>c<text:line-break/>'
        b'</text:p><table:table><table:table-row table:number-rows-repeated="2"><table:table-cell '
        b'table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell></table:table-row></table:table>'
        b"</office:text></office:body></office:document>"
    )
    assert parsed(opendocument.parse_flat, flat).text == "### A\nb  c\nx | x\nx | x\n"
    assert media_type_of(flat) == "application/vnd.oasis.opendocument.text-flat-xml"


def test_repeated_cells_are_no_bomb() -> None:
    cell = f'<b:table-cell b:number-columns-repeated="16384"><t:p>{"x" * 2000}</t:p></b:table-cell>'
    rows = f'<b:table-row b:number-rows-repeated="1000000">{cell}</b:table-row>'
    content = (
        f'<o:d xmlns:o="o" xmlns:t="t" xmlns:b="b"><o:body><o:text><b:table>{rows}</b:table></o:text></o:body></o:d>'
    )
    data = with_members(open_text(), content_xml=content.encode())
    assert reason(opendocument.parse, data).startswith("too_large: ")


def test_rich_text_is_read_without_its_formatting() -> None:
    assert parsed(rich_text.parse, RTF).text == "Declaração\n1.234,56\n"


PICTURE = b"{\\rtf1 before{\\pict " + b"89504e47\r\n" * 300_000 + b"}after}"


@pytest.mark.timeout(10)
def test_the_pictures_of_rich_text_take_no_time() -> None:
    assert "after" in parsed(rich_text.parse, PICTURE).text


def test_files_inside_are_attachments() -> None:
    data = with_members(letter(), word__embeddings__sheet_xlsx=accounts())
    assert [(a.name, a.data) for a in parsed(word.parse, data).attachments] == [("sheet.xlsx", accounts())]


@pytest.mark.parametrize(
    ("parser", "data"),
    [
        (word.parse, with_members(letter(), word__vbaProject_bin=b"x")),
        (workbook.parse, with_members(accounts(), xl__vbaProject_bin=b"x")),
        (opendocument.parse, with_members(open_text(), Basic__Standard__Module1_xml=b"<x/>")),
    ],
)
def test_a_program_inside_is_not_run_and_shown_to_a_person(parser: Parser, data: bytes) -> None:
    assert parsed(parser, data).needs_human == ("macros_present: not run",)


def test_what_lies_outside_is_not_fetched() -> None:
    relation = b'<Relationship Id="rId1" Type="x/header" TargetMode="External" Target="http://127.0.0.1:1/header.xml"/>'
    relations = b'<Relationships xmlns="r">' + relation + b"</Relationships>"
    data = with_members(letter(), word___rels__document_xml_rels=relations)
    data = data.replace(b"word/.rels", b"word/_rels")
    assert parsed(word.parse, data).text.startswith("Declaração\n")


# --- protected, hostile and broken ---


def lying_about_sizes(data: bytes) -> bytes:
    """The central directory says that every member inflates to ten bytes."""
    changed = bytearray(data)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", changed, at + 24, 10)
        at = changed.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


@pytest.mark.parametrize(
    ("parser", "file"),
    [(word.parse, letter), (workbook.parse, accounts), (slides.parse, talk), (opendocument.parse, open_text)],
    ids=["word", "workbook", "slides", "opendocument"],
)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: with_members(data, bomb_bin=bytes(20 * 1024 * 1024)), "too_large: a member inflates"),
        (lambda data: with_members(data, **{f"m{i}": b"" for i in range(10_001)}), "too_large: "),
        (lambda data: with_members(data, extra_xml=b"<x>" + b"abcdefgh" * 9_000_000 + b"</x>"), "too_large: "),
        (lambda data: with_members(data, extra_xml=ENTITIES), "unsafe_xml: entities are declared"),
        (
            lambda data: with_members(data, extra_xml=ENTITIES.decode().encode("utf-16")),
            "unsafe_xml: entities are declared",
        ),
        (
            lambda data: with_members(data, extra_xml=b'<?xml version="1.0" encoding="utf-7"?><x/>'),
            "unsafe_xml: an encoding",
        ),
        (lying_about_sizes, "damaged: "),
        (lambda data: data[: len(data) // 2], "damaged: "),
        (lambda data: b"PK\x03\x04", "damaged: "),
        (lambda data: zip_of({"a": b"b"}), "damaged: "),
    ],
    ids=[
        "ratio",
        "members",
        "giant xml",
        "entities",
        "wide entities",
        "encoding",
        "lying",
        "cut",
        "no zip",
        "another zip",
    ],
)
def test_a_container_is_looked_at_before_it_is_opened(
    parser: Parser, file: Callable[[], bytes], change: Callable[[bytes], bytes], expected: str
) -> None:
    assert reason(parser, change(file())).startswith(expected)


def test_an_encrypted_open_document_waits_for_a_person() -> None:
    manifest = b'<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
    outcome = opendocument.parse(with_members(open_text(), **{"META-INF__manifest_xml": manifest}))
    assert outcome == Refusal(
        DocumentState.NEEDS_HUMAN, "encrypted: a password is needed", "application/vnd.oasis.opendocument.text",
        "office.opendocument",
    )  # fmt: skip


def test_encrypted_members_wait_for_a_person() -> None:
    changed = bytearray(letter())
    struct.pack_into("<H", changed, changed.find(b"PK\x01\x02") + 8, 1)
    assert reason(word.parse, bytes(changed)) == "encrypted: a password is needed"


@pytest.mark.parametrize("depth", [300, 100_000])
def test_deep_elements_are_refused(depth: int) -> None:
    document = b"<x>" * depth + b"</x>" * depth
    assert reason(word.parse, with_members(letter(), word__document_xml=document)).startswith(("damaged", "too_large"))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("WordDocument", "unsupported_media_type: application/msword (convert to docx)"),
        ("Workbook", "unsupported_media_type: application/vnd.ms-excel (convert to xlsx)"),
        ("PowerPoint Document", "unsupported_media_type: application/vnd.ms-powerpoint (convert to pptx)"),
        ("DRMContent", "encrypted: a password is needed"),
        ("", "unsupported_media_type: application/x-ole-storage"),
    ],
)
def test_a_file_of_the_old_formats_is_named(stream: str, expected: str) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + stream.encode("utf-16-le")
    outcome = legacy.parse(data)
    assert isinstance(outcome, Refusal)
    assert (outcome.state, outcome.reason) == (DocumentState.NEEDS_HUMAN, expected)


def test_an_encrypted_ooxml_file_waits_for_a_person() -> None:
    from msoffcrypto.format.ooxml import OOXMLFile

    encrypted = saved(lambda buffer: OOXMLFile(io.BytesIO(letter())).encrypt("senha", buffer))
    assert reason(legacy.parse, encrypted) == "encrypted: a password is needed"


def test_an_empty_document_is_empty() -> None:
    assert reason(word.parse, saved(docx.Document().save)) == "empty"


PARSERS = {word.parse: letter, workbook.parse: accounts, slides.parse: talk, opendocument.parse: open_text}


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([*PARSERS, rich_text.parse, legacy.parse, opendocument.parse_flat]),
    st.integers(0, 2**32),
    st.binary(min_size=1, max_size=6),
)
def test_any_bytes_become_an_outcome(parser: Parser, place: int, change: bytes) -> None:
    valid = PARSERS[parser]() if parser in PARSERS else RTF
    at = place % len(valid)
    for data in (change, valid[:at] + change + valid[at + len(change) :]):
        outcome = parser(data)
        if isinstance(outcome, Parsed):
            assert outcome.page_ends[-1] == len(outcome.text)
            assert clean(outcome.text) == outcome.text
