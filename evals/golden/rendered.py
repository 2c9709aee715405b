"""A filing as a file, with the text that a perfect reader would see and where each field stands in it."""

from dataclasses import dataclass, field
from typing import Literal

from compliance_assets.normalised_documents.filings.fields import REPEATED, Field

DocumentFormat = Literal["pdf", "scan", "xml", "fixed_width", "email"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """`spans` are `[start, end)` in code points of `text`, by field key; a field that is not printed has none.

    `page_ends` are the end offsets of the pages of `text`.
    """

    data: bytes
    suffix: str
    text: str
    page_ends: tuple[int, ...]
    spans: dict[str, tuple[int, int]]


@dataclass(slots=True)
class ReferenceText:
    """Collects the text of a file while it is written, noting where each field is printed first."""

    text: str = ""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    page_ends: list[int] = field(default_factory=list)

    def write(self, text: str) -> None:
        """Text that is no field."""
        self.text += text

    def write_field(self, name: Field, printed: str, ordinal: int = 1) -> None:
        """A field's printed value. `ordinal` counts the values of a repeated field from 1."""
        key = f"{name}[{ordinal}]" if name in REPEATED else str(name)
        self.spans.setdefault(key, (len(self.text), len(self.text) + len(printed)))
        self.text += printed

    def end_page(self) -> None:
        """Every page ends with a line feed."""
        if not self.text.endswith("\n"):
            self.text += "\n"
        self.page_ends.append(len(self.text))

    def rendered(self, data: bytes, suffix: str) -> Rendered:
        """The finished file."""
        if not self.page_ends or self.page_ends[-1] != len(self.text):
            self.end_page()
        return Rendered(data, suffix, self.text, tuple(self.page_ends), dict(self.spans))
