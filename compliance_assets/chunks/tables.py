"""Finds tables in text that lost its layout: runs of lines that end in figures, with the lines that name them. Pure."""

import re

_ROWS_AT_LEAST = 3
_LABELS_BETWEEN = 2  # lines without figures inside a table: the heading of a group of rows, a label broken over lines
_CAPTION_LINES = 4
_LONGEST_CAPTION_LINE = 100
_FIGURE = r"[-–—]|[$€£R(]*\d[\d.,]*[%)]*"
_ROW = re.compile(rf"(?:{_FIGURE})(?:\s*[$€£%)]*\s+(?:{_FIGURE}))+\s*$|(?:[$€£]\s*)\d[\d.,]*\)?\s*$")


def tables_of(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """`[start, end)` of each table within these offsets, in order: from the lines that name it and its columns to its last row."""
    lines = _lines(text, start, end)
    tables: list[tuple[int, int]] = []
    after = 0  # the first line that belongs to no table yet
    for first, last in _runs([bool(_ROW.search(line)) for _, line in lines]):
        top = first
        while top > max(after, first - _CAPTION_LINES) and _names_a_table(lines[top - 1][1]):
            top -= 1
        tables.append((lines[top][0], lines[last][0] + len(lines[last][1])))
        after = last + 1
    return tables


def _lines(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """(offset, line) of every line that holds anything."""
    found = re.finditer(r"[^\n]*\S[^\n]*", text[start:end])
    return [(start + match.start(), match[0]) for match in found]


def _runs(rows: list[bool]) -> list[tuple[int, int]]:
    """(first, last) row of every stretch of at least three rows with few other lines between them."""
    runs: list[tuple[int, int]] = []
    numbers = [number for number, is_row in enumerate(rows) if is_row]
    begin = 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] - number > _LABELS_BETWEEN + 1:
            if at - begin + 1 >= _ROWS_AT_LEAST:
                runs.append((numbers[begin], number))
            begin = at + 1
    return runs


def _names_a_table(line: str) -> bool:
    """A short line that does not end a sentence."""
    stripped = line.strip()
    return len(stripped) <= _LONGEST_CAPTION_LINE and not stripped.endswith((".", ";", "?", "!"))
