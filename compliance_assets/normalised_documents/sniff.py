"""The media type of bytes by their content: a file name is a claim, not evidence. Nothing is decompressed here."""

import re
import struct

UNKNOWN = "application/octet-stream"

_HEAD = 64 * 1024
_ZIP = "application/zip"
_OPENXML = "application/vnd.openxmlformats-officedocument"

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE = "application/x-ole-storage"
# The stream that holds the document, by its name in the directory; what protects a document wraps all of them.
_OLE_STREAMS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", _OLE),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book\0", "application/vnd.ms-excel"),
)

_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
_PATTERNS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM.{4}\x00{4}", re.DOTALL), "image/bmp"),
    (re.compile(rb".{0,1019}?%PDF-", re.DOTALL), "application/pdf"),
    (re.compile(rb"IRPF    [0-9]{8}"), "application/x-irpf-dec"),  # its first record: system, exercise and base year
)
_ZIP_FOLDERS: tuple[tuple[bytes, str], ...] = (
    (b"word/", f"{_OPENXML}.wordprocessingml.document"),
    (b"ppt/", f"{_OPENXML}.presentationml.presentation"),
    (b"xl/", f"{_OPENXML}.spreadsheetml.sheet"),
)
_OPENDOCUMENT = re.compile(rb"PK\x03\x04.{26}mimetype(application/vnd\.oasis\.opendocument\.[a-z]+)", re.DOTALL)

_UNICODE_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# The comments are atomic: backtracking over their ends would be exponential.
_PROLOGUE = r"\s*+(?>(?:<\?[^>]*>|<!--.*?-->)\s*)*+"
_MARKUP: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            _PROLOGUE + r"<(?:!doctype\s+html|html|head|body|title|meta|script|style|table|div|p|h[1-6])\b",
            re.DOTALL | re.IGNORECASE,
        ),
        "text/html",
    ),
    (
        re.compile(_PROLOGUE + r"<office:document\s[^>]*\boffice:mimetype\s*="),
        "application/vnd.oasis.opendocument.text-flat-xml",
    ),
    (re.compile(r"\s*<\?xml\s|" + _PROLOGUE + r"<(?:!DOCTYPE\s|[A-Za-z_][\w.:-]*[\s/>])"), "application/xml"),
)
_HEADER_LINE = re.compile(r"(?:From [^\n]*\n)?[!-9;-~]+:[ \t]")
# One header that only mail programs write is enough; those that a memo has too must come together.
_MAIL_PROGRAM_HEADER = re.compile(r"^(?:content-type|mime-version|received|message-id|return-path):", re.I | re.M)
_MEMO_HEADERS = tuple(re.compile(rf"^{name}:", re.I | re.M) for name in ("from", "to", "subject", "date"))
_CONTROL = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")


def media_type_of(data: bytes) -> str:
    """The media type that the content shows, `application/octet-stream` where it shows none."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(data)
    if data.startswith(_OLE_MAGIC):
        return _ole_kind(data)
    for prefix, media_type in _PREFIXES:
        if data.startswith(prefix):
            return media_type
    for pattern, media_type in _PATTERNS:
        if pattern.match(data):
            return media_type
    return _text_kind(data[:_HEAD])


def encoding_from_bom(data: bytes) -> str | None:
    """The Unicode encoding that a byte order mark declares."""
    return next((encoding for bom, encoding in _UNICODE_BOMS if data.startswith(bom)), None)


def is_binary(text: str) -> bool:
    """Whether decoded bytes hold more control characters than any text does."""
    head = text[:_HEAD]
    return len(_CONTROL.findall(head)) > len(head) // 50


def _zip_kind(data: bytes) -> str:
    if opendocument := _OPENDOCUMENT.match(data):
        return opendocument[1].decode("ascii")
    directory = _zip_directory(data)
    if b"[Content_Types].xml" in directory:
        return next((media_type for folder, media_type in _ZIP_FOLDERS if folder in directory), _ZIP)
    return _ZIP


def _ole_kind(data: bytes) -> str:
    """By the names of its streams, which stand in UTF-16 in the directory, somewhere in the file."""
    return next((kind for stream, kind in _OLE_STREAMS if stream.encode("utf-16-le") in data), _OLE)


def _zip_directory(data: bytes) -> bytes:
    """The raw central directory: member names without trusting a single length inside it."""
    end = data.rfind(b"PK\x05\x06", -65_557)
    if end < 0 or end + 20 > len(data):
        return b""
    size, offset = struct.unpack_from("<II", data, end + 12)
    return data[offset : offset + size]


def _text_kind(head: bytes) -> str:
    text = head.decode(encoding_from_bom(head) or "latin-1", errors="replace")
    if is_binary(text):
        return UNKNOWN
    for pattern, media_type in _MARKUP:
        if pattern.match(text):
            return media_type
    return "message/rfc822" if _is_mail(text) else "text/plain"


def _is_mail(text: str) -> bool:
    headers = text.lstrip().replace("\r\n", "\n").partition("\n\n")[0]
    if not _HEADER_LINE.match(headers):
        return False
    return bool(_MAIL_PROGRAM_HEADER.search(headers)) or all(header.search(headers) for header in _MEMO_HEADERS)
