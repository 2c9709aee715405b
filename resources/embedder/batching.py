"""Groups texts for a model by their lengths."""

from collections.abc import Sequence


def length_sorted_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices grouped so that a batch, padded to its longest member, holds at most `budget` tokens. Longest first."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > budget:
            batches.append([])
        batches[-1].append(index)
    return batches
