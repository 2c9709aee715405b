"""Embedders: text to unit vectors. One protocol, three makes; heavy libraries load with the first encoding.

The digest names the model (weights, tokenizer, pooling, length limit); precision and backend are recorded beside it,
because they change with the processor while the model stays the same.
"""

from collections.abc import Callable
from functools import cache

from compliance_assets.contracts.errors import InvalidInput
from resources.embedder.batching import length_sorted_batches
from resources.embedder.hashing import HashEmbedder
from resources.embedder.minilm import MiniLM
from resources.embedder.openai_compatible import OpenAICompatibleEmbedder
from resources.embedder.protocol import Embedder, OnBatch, Vectors

__all__ = [
    "Embedder", "HashEmbedder", "MiniLM", "OnBatch", "OpenAICompatibleEmbedder", "Vectors",
    "embedder_from", "embedder_like", "length_sorted_batches",
]  # fmt: skip

_minilm = cache(MiniLM)  # one a process: its weights and its lanes are shared


def embedder_from(spec: str) -> Embedder:
    """`minilm`, `hash`, or `openai:MODEL` (OPENAI_BASE_URL and OPENAI_API_KEY as the SDK reads them)."""
    make, _, model = spec.partition(":")
    if spec == "minilm":
        return _minilm()
    if spec == "hash":
        return HashEmbedder()
    if make == "openai" and model:
        return OpenAICompatibleEmbedder(model)
    raise InvalidInput(
        "unknown embedder",
        expected="minilm, hash or openai:MODEL",
        found=repr(spec),
        remedy="Set COMPLIANCE_EMBEDDER to one of them.",
    )


def embedder_like(name: str, digest: str) -> Embedder | None:
    """The embedder of that name that an index was built with, where it is installed here and its digest is the same."""
    installed: dict[str, Callable[[], Embedder]] = {MiniLM.name: _minilm, HashEmbedder.name: HashEmbedder}
    make = installed.get(name)
    found = make() if make else None
    return found if found and found.digest == digest else None
