"""HTML as lines: one per block or table row, headings marked as in Markdown so that sections can be seen later."""

import codecs
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import plain_text
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome, Parsed, Refusal, clean
from compliance_assets.normalised_documents.sniff import encoding_from_bom

MEDIA_TYPE = "text/html"
NORMALISER = "selectolax"

_MAX_BYTES = 64 * 1024 * 1024
_DECLARED_WITHIN = 4096
_DROPPED = frozenset({"head", "script", "style", "template", "noscript", "iframe"})
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)

_DECLARED_ENCODING = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_WEB_ENCODINGS = frozenset(
    [
        "utf-8",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "iso8859-2",
        "iso8859-3",
        "iso8859-4",
        "iso8859-5",
        "iso8859-6",
        "iso8859-7",
        "iso8859-8",
        "iso8859-9",
        "iso8859-10",
        "iso8859-13",
        "iso8859-14",
        "iso8859-15",
        "iso8859-16",
        "koi8-r",
        "koi8-u",
        "cp866",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc_jp",
        "euc_kr",
        "shift_jis",
        "iso2022_jp",
        "mac-roman",
    ]
)
# As browsers read them: pages that say ASCII or Latin-1 use the characters that only Windows-1252 has.
_WINDOWS_1252 = frozenset({"ascii", "iso8859-1"})


def parse(data: bytes) -> Outcome:
    """The visible text as one page."""
    if len(data) > _MAX_BYTES:
        return _rejected(f"too_large: {len(data)} bytes, at most {_MAX_BYTES}")
    source = decode(data)
    if source is None:
        return _rejected("not_text")
    try:
        tree = LexborHTMLParser(clean(source))
    except ValueError as error:
        return _rejected(f"damaged: {error}")
    text = _text(tree)
    if not text:
        return _rejected("empty")
    if len(text) > MAX_CHARACTERS:
        return _rejected(f"too_large: {len(text)} characters, at most {MAX_CHARACTERS}")
    return Parsed(text, (len(text),), "markup", MEDIA_TYPE, NORMALISER, _title(tree))


def visible_text(source: str) -> str:
    """What decoded HTML shows, as lines; empty where it shows nothing. Raises ValueError if it cannot be read at all."""
    return _text(LexborHTMLParser(clean(source)))


def decode(data: bytes) -> str | None:
    """The source in the encoding that it declares, or that its bytes suggest; None if nothing fits."""
    declared = None if encoding_from_bom(data) else _declared_encoding(data)
    try:
        return data.decode(declared) if declared else plain_text.decode(data)
    except UnicodeDecodeError:  # the label is untrue: the bytes themselves decide
        return plain_text.decode(data)


def _declared_encoding(data: bytes) -> str | None:
    label = _DECLARED_ENCODING.search(data, 0, _DECLARED_WITHIN)
    return text_encoding(label[1].decode("ascii")) if label else None


def text_encoding(label: str) -> str | None:
    """The encoding that a label means to a browser or a mail program; None where it means none."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):  # a NUL in the label is a ValueError
        return None
    if name in _WINDOWS_1252:
        return "cp1252"
    return name if name in _WEB_ENCODINGS else None


def _text(tree: LexborHTMLParser) -> str:
    lines = _Lines()
    for node, opens in _walk(tree.root):
        tag = node.tag
        if tag == "-text":
            lines.write(node.text_content or "")
        elif tag is not None:
            (lines.open if opens else lines.close)(tag)
    return clean(lines.text())


def _walk(root: LexborNode | None) -> Iterator[tuple[LexborNode, bool]]:
    """Depth first, each element when it opens and when it closes; a loop, since the author chooses the depth."""
    stack = [] if root is None else [(root, True)]
    while stack:
        node, opens = stack.pop()
        if node.tag in _DROPPED:
            continue
        yield node, opens
        if opens and node.tag != "-text":
            stack.append((node, False))
            child = node.last_child
            while child is not None:
                stack.append((child, True))
                child = child.prev


class _Lines:
    """Collects text into lines. Inside a table row a block is a space, and the row is the line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._pieces: list[str] = []
        self._heading = ""
        self._preformatted = False
        self._row: list[str] | None = None
        self._outer_rows: list[list[str] | None] = []

    def write(self, text: str) -> None:
        self._pieces.append(text)

    def open(self, tag: str) -> None:
        if tag == "table":
            self._end_line()
            self._outer_rows.append(self._row)
            self._row = None
        elif tag == "tr":
            self._end_line()
            self._row = []
        self._block(tag)
        if self._row is None:
            self._heading = _HEADINGS.get(tag, self._heading)
            self._preformatted = self._preformatted or tag == "pre"

    def close(self, tag: str) -> None:
        if tag in _CELLS and self._row is not None:
            self._end_cell(self._row)
        elif tag == "tr":
            self._end_line()
            self._row = None
        self._block(tag)
        if tag in _HEADINGS:
            self._heading = ""
        elif tag == "pre":
            self._preformatted = False
        elif tag == "table":
            # A row around a nested table has been written up to here; what follows is its next line.
            self._row = None if self._outer_rows.pop() is None else []

    def text(self) -> str:
        self._end_line()
        return "".join(line + "\n" for line in self._lines)

    def _block(self, tag: str) -> None:
        if tag not in _BLOCKS:
            return
        if self._row is not None or (self._heading and tag == "br"):
            self._pieces.append(" ")
        elif self._preformatted and tag == "br":
            self._pieces.append("\n")
        else:
            self._end_line()

    def _end_cell(self, row: list[str]) -> None:
        row.append(" ".join("".join(self._pieces).split()))
        self._pieces.clear()

    def _end_line(self) -> None:
        if self._row is not None:
            self._end_row(self._row)
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._preformatted:
            self._lines += [line.rstrip() for line in text.splitlines() if line.strip()]
        elif collapsed := " ".join(text.split()):
            self._lines.append(self._heading + collapsed)

    def _end_row(self, row: list[str]) -> None:
        if "".join(self._pieces).strip():
            self._end_cell(row)
        self._pieces.clear()
        if any(row):
            self._lines.append(" | ".join(row).rstrip(" |"))
        row.clear()


def _title(tree: LexborHTMLParser) -> str | None:
    node = tree.css_first("head > title")
    return None if node is None else " ".join(clean(node.text()).split()) or None


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)
