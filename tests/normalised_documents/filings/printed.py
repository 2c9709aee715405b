"""Sets text on a page by columns and rows, for tests of what reads printed forms. A character is 5 by 10 units."""

from compliance_assets.normalised_documents.words import Box, Word

WIDTH, HEIGHT, PITCH = 5.0, 10.0, 14.0


def page(*rows: str, certainty: float = 1.0, number: int = 1) -> tuple[str, tuple[Word, ...]]:
    """Rows of monospaced text as they stand; two spaces or more part cells."""
    text, words = "", []
    for line, row in enumerate(rows):
        column = 0
        while column < len(row):
            if row[column] == " ":
                column += 1
                continue
            end = next((i for i in range(column, len(row)) if row[i] == " "), len(row))
            words.append(_word(len(text) + column, len(text) + end, line, column, end, certainty, number))
            column = end
        text += row + "\n"
    return text, tuple(words)


def _word(start: int, end: int, line: int, left: int, right: int, certainty: float, number: int) -> Word:
    box = Box(left * WIDTH, line * PITCH, right * WIDTH, line * PITCH + HEIGHT)
    return Word(start, end, number, box, certainty)
