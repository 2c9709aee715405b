"""Checkpoints as specified by C2SP (https://c2sp.org/tlog-checkpoint): a signed note that names a tree's size and root. Pure.

The note's text is the log's origin, the tree's size in decimal and its root in base64, a line each; extension lines may
follow and mean nothing here.
"""

import base64
import re
from dataclasses import dataclass

from compliance_assets.audit_ledger.note import Signer, Verifier, decoded_base64, open_note, sign_note
from compliance_assets.contracts.errors import IntegrityError, InvalidInput

_ROOT_BYTES = 32
_SIZE = re.compile(r"0|[1-9][0-9]{0,19}")
_LARGEST_SIZE = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log's tree."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if (
            not self.origin
            or "\n" in self.origin
            or not 0 <= self.size <= _LARGEST_SIZE
            or len(self.root) != _ROOT_BYTES
        ):
            raise InvalidInput(
                "no checkpoint can say this",
                expected=f"an origin on one line, a size below 2^64 and a root of {_ROOT_BYTES} bytes",
                found=f"{self.origin!r}, {self.size} and {len(self.root)} bytes",
                remedy="Give the head of a log's tree.",
            )

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Reads a checkpoint's text. Raises IntegrityError for any other spelling than the specification's."""
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < 3 or not all(lines):
            raise _malformed("three lines or more, none of them empty", repr(text[:200]))
        origin, size, encoded = lines[:3]
        if not _SIZE.fullmatch(size) or int(size) > _LARGEST_SIZE:
            raise _malformed("the tree's size in decimal digits, without leading zeros", repr(size[:80]))
        root = decoded_base64(encoded)
        if root is None or len(root) != _ROOT_BYTES:
            raise _malformed(f"the root's {_ROOT_BYTES} bytes in standard base64", repr(encoded[:80]))
        return cls(origin, int(size), root)


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.text, signer)


def open_checkpoint(note: str, verifier: Verifier, origin: str | None = None) -> Checkpoint:
    """The checkpoint that the verifier's key signed. Raises IntegrityError for any other note, and for another log's.

    `origin` is the log that must be meant; without it whatever the key signed is accepted.
    """
    checkpoint = Checkpoint.parse(open_note(note, verifier))
    if origin is not None and checkpoint.origin != origin:
        raise IntegrityError(
            "the checkpoint is another log's",
            expected=repr(origin),
            found=repr(checkpoint.origin),
            remedy="Take the checkpoint from the log that you want to check.",
        )
    return checkpoint


def _malformed(expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        "not a checkpoint",
        expected=expected,
        found=found,
        remedy="Fetch the checkpoint again from where it was published.",
    )
