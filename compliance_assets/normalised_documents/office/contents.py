"""What every office format is read into, and the one place where its reading becomes an outcome."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parsed import (
    MAX_CHARACTERS,
    MAX_PAGES,
    Attachment,
    Outcome,
    Parsed,
    Refusal,
    clean,
)


class Unreadable(Exception):
    """A document that is not read on purpose; the text is the reason, `code: detail`."""

    def __init__(
        self, reason: str, state: Literal[DocumentState.NEEDS_HUMAN, DocumentState.REJECTED] = DocumentState.REJECTED
    ) -> None:
        super().__init__(reason)
        self.reason, self.state = reason, state


@dataclass(frozen=True, slots=True)
class Contents:
    """The lines of each page (a document has one, a workbook one a sheet, slides one each), and what is known of it all.

    `has_macros` asks a person to look: what they would do is not in the text, and nothing here runs them.
    """

    pages: Iterable[Iterable[str]]
    title: str | None = None
    has_macros: bool = False
    attachments: tuple[Attachment, ...] = ()


def outcome(read: Callable[[bytes], Contents], data: bytes, media_type: str, normaliser: str) -> Outcome:
    """What `read` makes of the bytes; whatever it raises is a refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of features that are not text
            contents = read(data)
            pages = tuple(_within_bounds(contents.pages))
    except Unreadable as unreadable:
        return Refusal(unreadable.state, unreadable.reason, media_type, normaliser)
    except RecursionError:
        return Refusal(DocumentState.REJECTED, "too_large: elements inside elements", media_type, normaliser)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: readers of broken structures raise whatever they meet
        return Refusal(DocumentState.REJECTED, f"damaged: {type(error).__name__}", media_type, normaliser)
    if not any(page.strip() for page in pages) and not contents.attachments:
        return Refusal(DocumentState.REJECTED, "empty", media_type, normaliser)
    return Parsed(
        "".join(pages),
        tuple(accumulate(map(len, pages))),
        "markup",
        media_type,
        normaliser,
        contents.title,
        needs_human=("macros_present: not run",) if contents.has_macros else (),
        attachments=contents.attachments,
    )


def _within_bounds(pages: Iterable[Iterable[str]]) -> Iterator[str]:
    """Each page as text that ends in a line feed. Lines are drawn one by one, so that a bomb stops at the bound."""
    characters = 0
    for number, lines in enumerate(pages, start=1):
        if number > MAX_PAGES:
            raise Unreadable(f"too_large: more than {MAX_PAGES} pages")
        kept = []
        for line in lines:
            characters += len(line) + 1
            if characters > MAX_CHARACTERS:
                raise Unreadable(f"too_large: more than {MAX_CHARACTERS} characters")
            kept.append(clean(line.rstrip()) + "\n")
        yield "".join(kept) or "\n"


def titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines under a heading; nothing if there are none."""
    for number, line in enumerate(lines):
        if number == 0:
            yield f"# {title}"
        yield line


def row(cells: Iterable[str]) -> str:
    """A table row as one line, as in HTML; empty if all its cells are."""
    return " | ".join(" ".join(cell.split()) for cell in cells).rstrip(" |")
