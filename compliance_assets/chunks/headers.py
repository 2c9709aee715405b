"""Where a chunk stands, in words: title, year, section path, page heading. Embedded and searched with its text. Pure."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_LINE = 120
#: The first lines of a page are looked at for its heading; what stands there on every tenth page is a running head.
_HEAD_LINES = 6
_RUNNING_SHARE = 0.1
_RUNNING_AT_LEAST = 4
_HEADING_LINES = 2
_LONGEST_HEADING = 100
_WORD = re.compile(r"[^\W\d_]{3}")
_FIGURE = re.compile(r"\d[\d,.]*")


def header_of(title: str, year: int, path: Sequence[str], heading: str) -> str:
    """A line each: the document, with its year where the title does not say it; the section path; the page heading."""
    document = title if not title or str(year) in title else f"{title} {year}"
    section = " > ".join(part[:MAX_LINE] for part in path)
    lines = [document, section, heading if heading not in section else ""]
    return "\n".join(line for line in lines if line)


def page_headings(text: str, page_ends: Sequence[int]) -> list[str]:
    """The title-like lines that each page begins with, running heads left out; empty for a page that begins in a sentence."""
    heads = [_lines(text[start:end]) for start, end in itertools.pairwise((0, *page_ends))]
    pages_with = Counter(line for head in heads for line in {_same(line) for line in head})
    running = {
        line for line, pages in pages_with.items() if pages >= max(_RUNNING_AT_LEAST, _RUNNING_SHARE * len(heads))
    }
    return [_heading(line for line in head if _same(line) not in running) for head in heads]


def _lines(page: str) -> list[str]:
    """The first lines of a page that hold anything."""
    lines = (line.strip() for line in page[:2_000].split("\n"))
    return list(itertools.islice((line for line in lines if line), _HEAD_LINES))


def _heading(lines: Iterable[str]) -> str:
    heading: list[str] = []
    for line in lines:
        if not _is_title(line) or (heading and line[-1] in ".;:"):
            break
        heading.append(line.lstrip("# "))  # as in a section path
        if len(heading) == _HEADING_LINES:
            break
    return " ".join(heading)[:MAX_LINE]


def _is_title(line: str) -> bool:
    """A short line of words; a row of a table holds more figures than a date."""
    return len(line) <= _LONGEST_HEADING and bool(_WORD.search(line)) and len(_FIGURE.findall(line)) <= 2


def _same(line: str) -> str:
    """A line without its page number."""
    return re.sub(r"\d+", "", line.lower()).strip()
