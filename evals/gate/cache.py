"""Evaluations that were made, as files by what they depend on: an unchanged candidate is answered without measuring again.

A key stands for everything that goes into an evaluation, the code included. A file is sealed (HMAC-SHA-256), so that nobody who
can write into the data directory can write an evaluation; one that does not hold is as if it were not there.
"""

import hmac
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from evals.gate.evaluation import Evaluation

#: Where all that stands which a decision or its score depends on. A folder of `.` is looked at without those below it.
_FOLDERS = (
    *(f"compliance_assets/{room}" for room in ("chunks", "contracts", "governance", "model_decisions")),
    *(f"compliance_assets/{room}" for room in ("embeddings", "normalised_documents", "year_index")),
    "resources", "evals/.", "evals/gate", "evals/golden",
)  # fmt: skip
_CODE = {".py", ".csv", ".json", ".jsonl", ".rego", ".txt", ".sql"}
_SEAL_BYTES = 32


@dataclass(frozen=True, slots=True)
class EvaluationCache:
    """A folder, and the key that its files are sealed with."""

    folder: Path
    key: bytes

    def find(self, name: str) -> Evaluation | None:
        """The evaluation of that name; None where there is none that holds."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        seal, packed = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(name, packed)):
            return None
        try:
            return Evaluation.model_validate_json(zlib.decompress(packed))
        except (zlib.error, ValidationError):
            return None

    def keep(self, name: str, evaluation: Evaluation) -> None:
        """Written whole or not at all."""
        packed = zlib.compress(evaluation.canonical.encode())
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{name}.{os.getpid()}"
        draft.write_bytes(self._seal(name, packed) + packed)
        draft.replace(self.folder / name)

    def _seal(self, name: str, packed: bytes) -> bytes:
        return hmac.digest(self.key, f"evaluation {name}\n".encode() + packed, "sha256")


def name_of(*parts: object) -> str:
    """The name of an evaluation that depends on these, and on the code."""
    return digest_of([*map(str, parts), code_digest()])


@cache
def code_digest() -> str:
    """SHA-256 over path and digest of every file of code and data that decides or scores, as they stand."""
    return digest_of([[path, sha256_hex(content)] for path, content in _files()])


def _files() -> Iterator[tuple[str, bytes]]:
    root = Path(__file__).parents[2]
    for folder in _FOLDERS:
        found = (root / folder).glob("*") if folder.endswith("/.") else (root / folder).rglob("*")
        for path in sorted(found):
            if path.suffix in _CODE and path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes()
