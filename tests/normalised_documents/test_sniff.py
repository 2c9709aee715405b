import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.sniff import media_type_of

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"
OPENDOCUMENT = "application/vnd.oasis.opendocument"
OPENXML = "application/vnd.openxmlformats-officedocument"


def zip_of(*names: str, first: tuple[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in ([first] if first else []) + [(name, "x") for name in names]:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\r\njunk before the header\n%PDF-1.4\n", "application/pdf"),
        (b"x" * 2000 + b"%PDF-1.4\n", "text/plain"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"II*\x00\x08\x00", "image/tiff"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00", "image/bmp"),
        (b"BM is an abbreviation", "text/plain"),
        (OLE, "application/x-ole-storage"),
        (OLE + "WordDocument".encode("utf-16-le"), "application/msword"),
        (OLE + "Workbook".encode("utf-16-le"), "application/vnd.ms-excel"),
        (OLE + "PowerPoint Document".encode("utf-16-le"), "application/vnd.ms-powerpoint"),
        (OLE + "EncryptedPackage WordDocument".encode("utf-16-le"), "application/x-ole-storage"),
        (b"IRPF    20242023", "application/x-irpf-dec"),
        (b"IRPF 2020 is a tax", "text/plain"),
        (b"IRPF    ", "text/plain"),
        (b"IRPF    what is it?", "text/plain"),
        (b"<?xml version='1.0'?><office:document office:mimetype='x'/>", f"{OPENDOCUMENT}.text-flat-xml"),
        (b"{\\rtf1\\ansi}", "application/rtf"),
        (b"\x1f\x8b\x08\x00", "application/gzip"),
        (zip_of("[Content_Types].xml", "word/document.xml"), f"{OPENXML}.wordprocessingml.document"),
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), f"{OPENXML}.spreadsheetml.sheet"),
        (zip_of("[Content_Types].xml", "ppt/presentation.xml"), f"{OPENXML}.presentationml.presentation"),
        (
            zip_of("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text")),
            "application/vnd.oasis.opendocument.text",
        ),
        (zip_of("word/notes.txt"), "application/zip"),
        (zip_of("[Content_Types].xml", "word/document.xml")[:60], "application/zip"),
        (b"<?xml version='1.0'?><return/>", "application/xml"),
        (b"<?pi?>\n<!-- comment --><root xmlns='n'/>", "application/xml"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html><html/>", "text/html"),
        (b"\xef\xbb\xbf  <!-- licence -->\n<HTML lang=en>", "text/html"),
        ("\ufeff<html>".encode("utf-16-le"), "text/html"),
        (b"<john@example.com> wrote", "text/plain"),
        (b"Received: from a by b\r\nSubject: x\r\n\r\nhello", "message/rfc822"),
        (b"From: a\nTo: b\nDate: c\nSubject: d\n\nhello", "message/rfc822"),
        (b"Note: this is no mail\nSubject: none\n\nhello", "text/plain"),
        ("Declara\u00e7\u00e3o".encode(), "text/plain"),
        ("Declara\u00e7\u00e3o".encode("latin-1"), "text/plain"),
        (bytes(range(256)), "application/octet-stream"),
    ],
)
def test_the_content_shows_the_media_type(data: bytes, media_type: str) -> None:
    assert media_type_of(data) == media_type


@given(st.binary() | st.binary().map(lambda tail: b"PK\x03\x04" + tail + b"PK\x05\x06" + tail))
def test_every_content_has_a_media_type(data: bytes) -> None:
    assert "/" in media_type_of(data)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "data", [b"<!-- a -->" * 10_000, b"<!--" * 20_000, b"<?x" * 20_000, b" " * 10**6, b"a:" * 50_000]
)
def test_hostile_openings_take_no_time(data: bytes) -> None:
    assert media_type_of(data)
