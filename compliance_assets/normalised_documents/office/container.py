"""The ZIP container of OOXML and OpenDocument files: what is looked at before any reader opens it, and its XML.

The bounds hold for what the central directory says, and for what is in truth inflated: the standard library inflates no
more of a member than the directory says, and reports a member that is larger as damaged. Nothing outside the container is
ever fetched: relationships to targets outside are skipped, and the XML parser reads no network and no DTD.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.office.contents import Unreadable
from compliance_assets.normalised_documents.parsed import Attachment

Element = Any  # an lxml element, whose stubs are looser than their use

ENCRYPTED = "encrypted: a password is needed"

_MIB = 1024 * 1024
_MAX_MEMBERS = 10_000
_MAX_INFLATED = 512 * _MIB
_MAX_XML = 64 * _MIB
# Deflate cannot exceed 1032 to 1; spreadsheets of equal rows come to about 100 to 1.
_MAX_RATIO = 300
_RATIO_COUNTS_FROM = 4 * _MIB
_MAX_ATTACHMENTS = 500

_XML_NAMES = (".xml", ".rels", ".vml")
_ENCRYPTED_FLAG = 0x1
_DECLARED_ENCODING = re.compile(rb"\A\s*<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
# In these an ASCII search finds what is markup; in others it might not.
_PLAIN_ENCODINGS = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252", b"utf-16", b"utf8"})
_CORE_PROPERTIES = "docProps/core.xml"
_LONGEST_TITLE = 200


class Container:
    """A checked ZIP file. Raises Unreadable if it is a bomb, encrypted or unsafe, zipfile.BadZipFile if damaged."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        members = self._archive.infolist()
        _check_directory(members)
        self.names = frozenset(member.filename for member in members)
        for member in members:
            if member.filename.lower().endswith(_XML_NAMES):
                check_xml(self._archive.read(member))

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises KeyError if there is none."""
        return self._archive.read(name)

    def xml(self, name: str) -> Element:
        """The root element of a member."""
        return parse_xml(self.read(name))

    @cached_property
    def main_part(self) -> str:
        """OOXML: the member that is the document itself. Raises KeyError if none is named."""
        return next(iter(self.related("", "officeDocument").values()))

    def related(self, part: str, kind: str) -> dict[str, str]:
        """OOXML: the members that a part is related to in a way, by relationship id; those outside are left out."""
        folder, name = posixpath.split(part)
        relationships = posixpath.join(folder, "_rels", f"{name}.rels")
        if relationships not in self.names:
            return {}
        targets = {
            relation.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip(
                "/"
            )
            for relation in self.xml(relationships)
            if relation.get("Type", "").endswith(f"/{kind}") and relation.get("TargetMode") != "External"
        }
        return {key: target for key, target in targets.items() if target in self.names}

    @property
    def has_macros(self) -> bool:
        """Whether the document brings a program along."""
        return any(
            name.lower().endswith("vbaproject.bin") or name.startswith(("Basic/", "Scripts/")) for name in self.names
        )

    def title(self) -> str | None:
        """OOXML: the title among the document's properties."""
        if _CORE_PROPERTIES not in self.names:
            return None
        return first_text(self.xml(_CORE_PROPERTIES), "{*}title")

    def attachments(self) -> tuple[Attachment, ...]:
        """OOXML: the files that the document carries inside."""
        names = sorted(name for name in self.names if "/embeddings/" in name and not name.endswith("/"))
        return tuple(Attachment(posixpath.basename(name), self.read(name)) for name in names[:_MAX_ATTACHMENTS])


def parse_xml(data: bytes) -> Element:
    """The root element of a document that `check_xml` let through. No entity, no network, at most 256 levels."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(data, parser)


def check_xml(data: bytes) -> None:
    """Raises Unreadable for XML that declares entities, or hides markup in a rare encoding."""
    declared = _DECLARED_ENCODING.match(data)
    if declared and declared[1].lower() not in _PLAIN_ENCODINGS:
        raise Unreadable("unsafe_xml: an encoding that no office program writes")
    wide = b"\x00" in data[:4]
    if b"<!ENTITY" in (data.replace(b"\x00", b"") if wide else data):
        raise Unreadable("unsafe_xml: entities are declared")


def local(element: Element) -> str:
    """The name of an element without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """The value of an attribute whatever its namespace."""
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def children(element: Element, name: str) -> Iterator[Element]:
    """The child elements of a local name."""
    return (child for child in element if local(child) == name)


def first_text(root: Element, path: str) -> str | None:
    """The text of the first descendant, in single spaces, as a title; None if it is empty or no title by its length."""
    found = root.find(f".//{path}")
    text = " ".join("".join(found.itertext()).split()) if found is not None else ""
    return text if 0 < len(text) <= _LONGEST_TITLE else None


def _check_directory(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MAX_MEMBERS:
        raise Unreadable(f"too_large: {len(members)} members, at most {_MAX_MEMBERS}")
    inflated = sum(member.file_size for member in members)
    if inflated > _MAX_INFLATED:
        raise Unreadable(f"too_large: {inflated} bytes inflated, at most {_MAX_INFLATED}")
    for member in members:
        if member.flag_bits & _ENCRYPTED_FLAG:
            raise Unreadable(ENCRYPTED, DocumentState.NEEDS_HUMAN)
        if member.file_size > _RATIO_COUNTS_FROM and member.file_size > _MAX_RATIO * member.compress_size:
            raise Unreadable(f"too_large: a member inflates more than {_MAX_RATIO} times")
        if member.filename.lower().endswith(_XML_NAMES) and member.file_size > _MAX_XML:
            raise Unreadable(f"too_large: {member.file_size} bytes of XML, at most {_MAX_XML}")
