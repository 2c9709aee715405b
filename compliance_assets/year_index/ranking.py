"""How what was found is put in order: ranks fused, neighbours of a better passage left out. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

#: How many each list proposes, at least.
DEPTH = 64
#: Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009), with their constant.
RANK_CONSTANT = 60
#: What a hit of a year that was opted into counts beside one of the year that was asked for.
OPTED_IN_WEIGHT = 0.5
#: Windows so near to a better one of the same section and page overlap it or go on with it; a hit of another place says more.
NEIGHBOURHOOD = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands: its document, its page, its section, and which window of the document it is."""

    doc_id: str
    page: int
    section: str
    ordinal: int


def depth_for(top_k: int) -> int:
    """How many each list proposes where `top_k` are asked for: neighbours are left out of them."""
    return max(DEPTH, 2 * top_k)


def fused(
    lists: Iterable[Iterable[tuple[float, str]]], depth: int, opted_in: Collection[str]
) -> list[tuple[str, float]]:
    """(id, score) of everything that stands among the `depth` best of any list, best first; ties by id.

    A list holds (how well it answers, id) of each once, in any order; what its figures mean is its own: only ranks count.
    """
    scores: defaultdict[str, float] = defaultdict(float)
    for found in lists:
        best = heapq.nsmallest(depth, found, key=lambda one: (-one[0], one[1]))
        for rank, (_, each) in enumerate(best, start=1):
            scores[each] += 1 / (RANK_CONSTANT + rank)
    weighted = ((each, score * (OPTED_IN_WEIGHT if each in opted_in else 1)) for each, score in scores.items())
    return sorted(weighted, key=lambda item: (-item[1], item[0]))


def merged(rankings: Iterable[Iterable[tuple[str, float]]]) -> list[tuple[str, float]]:
    """The rankings of a question's parts as one, each id with its best score: every part has its first hits among the first.

    Added up, what says a little of each part would stand before what answers one of them.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for each, score in ranking:
            scores[each] = max(score, scores.get(each, 0.0))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def spread(ranked: Iterable[tuple[str, Place]]) -> Iterator[str]:
    """Ids in their order without those that stand beside a better one in the same section of the same page."""
    kept: defaultdict[tuple[str, int, str], list[int]] = defaultdict(list)
    for each, place in ranked:
        around = kept[place.doc_id, place.page, place.section]
        if all(abs(place.ordinal - ordinal) > NEIGHBOURHOOD for ordinal in around):
            around.append(place.ordinal)
            yield each
