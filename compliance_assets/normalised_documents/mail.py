"""E-mail (RFC 5322 with MIME) as its reader sees it: a few header lines, the body, and the attached files.

Headers are decoded here and not by the standard library's newer policies, which raise on headers that mail programs write.
A message inside the message stays the bytes that it was: it becomes a document of its own, like any attached file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32, Policy
from itertools import count

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import html, plain_text
from compliance_assets.normalised_documents.filings.fields import Filing
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Attachment, Outcome, Parsed, Refusal, clean
from compliance_assets.normalised_documents.sniff import is_binary

MEDIA_TYPE = "message/rfc822"
NORMALISER = "email"

_MIB = 1024 * 1024
_MAX_BYTES = 96 * _MIB
_MAX_DECODED = 64 * _MIB  # base64 needs 4 bytes for 3
_MAX_PARTS = 500
_MAX_DEPTH = 20
# The standard library's reading of header parameters takes quadratic time; no header that counts is this long.
_MAX_STRUCTURAL_HEADER = 8 * 1024
_MAX_HEADER = 16 * 1024
_LONGEST_TITLE = 200

_SHOWN_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_UTF8_BOM = b"\xef\xbb\xbf"
_PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"
_LOCKED = "encrypted: the message needs its receiver's key"
_ENCRYPTED_TYPES = frozenset({"multipart/encrypted", "application/pgp-encrypted"})
_DELIVERY_STATUS = "message/delivery-status"
_UNDIVIDED_TYPES = _ENCRYPTED_TYPES | {_DELIVERY_STATUS}
_SMIME_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# What broken structure makes the standard library raise; a RecursionError is told apart before.
_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError)


class _TooLarge(Exception):
    """The message exceeds a bound; the text says which."""


class _Part(Message):
    """A part that keeps a message inside it as bytes, so that nothing is lost and its nesting costs nothing here."""

    def get_content_maintype(self) -> str:
        maintype = super().get_content_maintype()
        return "application" if maintype == "message" else maintype


class _Policy(Compat32):
    """Header values as text whose bytes were UTF-8 or Windows-1252, cut at what is still useful."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """The value of a header; encoded words in it stay encoded."""
        limit = _MAX_STRUCTURAL_HEADER if name.lower().startswith("content-") else _MAX_HEADER
        data = value[:limit].encode("ascii", "surrogateescape")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")


@dataclass(slots=True)
class _Contents:
    """What the parts of a message hold: the texts of the body in order, the attachments, why it cannot be read."""

    texts: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    locked: str | None = None
    decoded_bytes: int = 0


def parse(data: bytes, read_filing: Callable[[str], Filing | None] | None = None) -> Outcome:
    """The message as one page. `read_filing` says what its text states as an income-tax filing, if it is one."""
    if len(data) > _MAX_BYTES:
        return _rejected(f"too_large: {len(data)} bytes, at most {_MAX_BYTES}")
    try:
        message = _message(data)
        contents = _contents(message)
        headers = _shown_headers(message)
    except _TooLarge as error:
        return _rejected(f"too_large: {error}")
    except RecursionError:
        return _rejected(f"too_large: parts inside parts, at most {_MAX_DEPTH} deep")
    except _BROKEN as error:
        return _rejected(f"damaged: {type(error).__name__}")
    if not message.keys():
        return _rejected("damaged: no header")
    return _outcome(headers, contents, read_filing)


def _outcome(
    headers: dict[str, str], contents: _Contents, read_filing: Callable[[str], Filing | None] | None
) -> Outcome:
    body = "\n\n".join(contents.texts)
    if contents.locked and not body:
        return Refusal(DocumentState.NEEDS_HUMAN, contents.locked, MEDIA_TYPE, NORMALISER)
    if not body and not contents.attachments:
        return _rejected("empty")
    text = "".join(f"{name}: {value}\n" for name, value in headers.items()) + ("\n" + body + "\n" if body else "")
    if not text:
        text = "\n"  # attachments alone, under headers that nobody is shown
    if len(text) > MAX_CHARACTERS:
        return _rejected(f"too_large: {len(text)} characters, at most {MAX_CHARACTERS}")
    return Parsed(
        text,
        (len(text),),
        "markup",
        MEDIA_TYPE,
        NORMALISER,
        title=headers.get("Subject", "")[:_LONGEST_TITLE] or None,
        needs_human=(contents.locked,) if contents.locked else (),
        filing=read_filing(text) if read_filing else None,
        attachments=tuple(contents.attachments),
    )


def _message(data: bytes) -> Message:
    parts = count()

    def part(policy: Policy) -> Message:
        if next(parts) > _MAX_PARTS:
            raise _TooLarge(f"more than {_MAX_PARTS} parts")
        return _Part(policy)

    # A mail program skips empty lines before the headers; so does sniff.
    parser = BytesParser(part, policy=_Policy())  # type: ignore[arg-type] # it hands the policy to the class
    return parser.parsebytes(data.removeprefix(_UTF8_BOM).lstrip(b"\r\n\t "))


# --- headers ---


def _shown_headers(message: Message) -> dict[str, str]:
    shown = ((name, _one_line(_header(message, name))) for name in _SHOWN_HEADERS)
    return {name: value for name, value in shown if value}


def _header(part: Message, name: str) -> str:
    return _decoded_words(str(part.get(name, "")))


def _decoded_words(value: str) -> str:
    """Header text with its encoded words (RFC 2047) decoded; as it stands where they are broken."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(_decoded_word(piece, charset) for piece, charset in pieces)


def _decoded_word(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    if charset is None:  # the words between encoded ones, which the standard library encodes in this way
        return piece.decode("raw-unicode-escape", "replace")
    return _decoded(piece, charset)


def _one_line(value: str) -> str:
    return " ".join(clean(value).split())


# --- parts ---


def _contents(message: Message) -> _Contents:
    contents = _Contents()
    for number, part in enumerate(_leaves(message), start=1):
        _add(part, number, contents)
    return contents


def _leaves(part: Message, depth: int = 0) -> Iterator[Message]:
    """The parts that hold data, in the order of reading; of alternatives, the one to be read and what is attached."""
    if depth > _MAX_DEPTH:
        raise _TooLarge(f"parts inside parts, at most {_MAX_DEPTH} deep")
    inside = _parts(part)
    if not inside or part.get_content_type() in _UNDIVIDED_TYPES:
        yield part
    elif part.get_content_type() == "multipart/alternative":
        yield from _one_of([list(_leaves(child, depth + 1)) for child in inside])
    else:
        for child in inside:
            yield from _leaves(child, depth + 1)


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [inside for inside in payload if isinstance(inside, Message)] if isinstance(payload, list) else []


def _one_of(alternatives: list[list[Message]]) -> Iterator[Message]:
    """Plain text before anything else, since it is what was written; the others' texts say the same once more."""
    written = [leaves for leaves in alternatives if any(map(_is_written, leaves))]
    plain = (leaves for leaves in written if any(_is_written(leaf) and not _is_html(leaf) for leaf in leaves))
    chosen = next(plain, next(iter(written), []))
    for leaves in alternatives:
        yield from (leaf for leaf in leaves if leaves is chosen or not _is_written(leaf))


def _add(part: Message, number: int, contents: _Contents) -> None:
    content_type = part.get_content_type()
    if content_type in _ENCRYPTED_TYPES or _is_enveloped(part):
        contents.locked = _LOCKED
        return
    data = _payload(part)
    contents.decoded_bytes += len(data)
    if contents.decoded_bytes > _MAX_DECODED:
        raise _TooLarge(f"more than {_MAX_DECODED} bytes of contents")
    text = _body_text(part, data, contents)
    if text is None and _is_attached(part, data):
        name = _name(part) or (f"message-{number}.eml" if content_type == MEDIA_TYPE else f"part-{number}")
        contents.attachments.append(Attachment(name, data))
    elif text and text.startswith(_PGP_MESSAGE):
        contents.locked = _LOCKED
    elif text:
        contents.texts.append(text)


def _body_text(part: Message, data: bytes, contents: _Contents) -> str | None:
    """The text of a part of the body; None for an attachment, which a named text after the first is too."""
    if not _is_text(part) or part.get_content_disposition() == "attachment" or (_name(part) and contents.texts):
        return None
    text = _readable(part, data)
    return None if _name(part) and is_binary(text) else text


def _is_attached(part: Message, data: bytes) -> bool:
    """Whether a reader finds the part beside the body: not if it is nothing, or a picture without a name inside it."""
    if _name(part) or part.get_content_disposition() == "attachment":
        return True
    return bool(data) and part.get_content_maintype() != "image"


def _readable(part: Message, data: bytes) -> str:
    charset = str(part.get_content_charset() or "")
    if _is_html(part):
        source = _decoded(data, charset) if charset else html.decode(data) or data.decode("cp1252", "replace")
        try:
            return html.visible_text(source).strip()
        except ValueError:
            return ""
    return clean(_decoded(data, charset)).strip()


def _decoded(data: bytes, charset: str) -> str:
    """Text in the charset that it is labelled with if that can be true, else in what the bytes themselves suggest."""
    encoding = html.text_encoding(charset)
    if encoding is not None:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass
    return plain_text.decode(data) or data.decode("cp1252", "replace")


def _is_written(part: Message) -> bool:
    """Whether the part is a text of the body that says something."""
    return _is_text(part) and not _name(part) and bool(_payload(part).strip())


def _is_html(part: Message) -> bool:
    return part.get_content_type() == "text/html"


def _is_text(part: Message) -> bool:
    content_type = part.get_content_type()
    # A report about a delivery is read; a multipart whose boundary never came is shown as the text that it is.
    return content_type.startswith(("text/", "multipart/")) or content_type in (
        _DELIVERY_STATUS,
        "message/disposition-notification",
        "message/feedback-report",
    )


def _is_enveloped(part: Message) -> bool:
    return part.get_content_type() in _SMIME_TYPES and str(part.get_param("smime-type", "")) != "signed-data"


def _payload(part: Message) -> bytes:
    if blocks := _parts(part):  # the fields of a delivery status, which the standard library has taken apart
        return "\n\n".join("\n".join(f"{name}: {value}" for name, value in b.items()) for b in blocks).encode()
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _name(part: Message) -> str:
    return _one_line(_decoded_words(part.get_filename() or ""))


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)
