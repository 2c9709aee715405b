"""A hit together with the text that it stands for, and the order of hits. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from compliance_assets.contracts.hit import Hit


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What goes into a prompt."""

    hit: Hit
    text: str


def ranked(found: Iterable[Retrieved], document_id: str | None = None) -> list[Retrieved]:
    """Hits in the order of a prompt, ranks from 1: the document that the work is about as it reads, then by score."""

    def place(one: Retrieved) -> tuple[int, float, str]:
        if one.hit.doc_id == document_id:
            return 0, one.hit.char_range[0], one.hit.chunk_id
        return 1, -one.hit.score, one.hit.chunk_id

    return [
        Retrieved(one.hit.model_copy(update={"rank": rank}), one.text)
        for rank, one in enumerate(sorted(found, key=place), start=1)
    ]
