"""Work that later rooms do while an earlier one is still at it: what a room is given that may not import them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Done:
    """What was done ahead, so far."""

    documents_chunked: int = 0
    texts_encoded: int = 0


class Ahead(Protocol):
    """Starts workers that take what the database holds for them."""

    def beside(self) -> AbstractContextManager[Done]:
        """They work while the block runs, and its end waits until nothing is left for them. Their first error is raised there."""
