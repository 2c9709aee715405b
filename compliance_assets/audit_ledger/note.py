"""Signed notes as specified by C2SP (https://c2sp.org/signed-note), signed with Ed25519 (RFC 8032). Pure.

A note is a text, a blank line and signature lines:

    <text, which ends with a newline>

    — <key name> <base64(key id || signature)>

The key id is SHA-256(name || 0x0A || 0x01 || public key)[:4]. A verifier's key is written as in golang.org/x/mod/sumdb/note:
<name>+<key id in hex>+<base64(0x01 || public key)>.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from compliance_assets.contracts.errors import IntegrityError, InvalidInput

_ED25519 = b"\x01"  # the signature type's identifier byte
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_DASH = "— "
_MOST_SIGNATURES = 100  # as in golang.org/x/mod/sumdb/note; the specification asks for 16 at least


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whose signatures are believed."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise InvalidInput(
                "the key's name cannot stand in a note",
                expected="printable text without spaces and plus signs, such as example.com/ledger",
                found=repr(self.name),
                remedy="Give the key another name.",
            )
        if len(self.public_key) != _KEY_BYTES:
            raise _wrong_length("public key", self.public_key)

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in a signature."""
        named = b"%b\n%b%b" % (self.name.encode(), _ED25519, self.public_key)
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as text, as it is given to an auditor."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public_key)}"

    @classmethod
    def from_vkey(cls, text: str) -> "Verifier":
        """Reads what `vkey` writes. Raises InvalidInput for anything else."""
        name, _, key = text.partition("+")
        key_id, _, encoded = key.partition("+")
        typed = decoded_base64(encoded)
        if typed is None or typed[:1] != _ED25519 or len(typed) != 1 + _KEY_BYTES or not _is_name(name):
            raise _malformed_vkey("<name>+<8 hex digits>+<base64 of 0x01 and 32 bytes>", repr(text))
        verifier = cls(name, typed[1:])
        if key_id != verifier.key_id.hex():
            raise _malformed_vkey(f"the key id {verifier.key_id.hex()}", repr(key_id))
        return verifier

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a key's name and its RFC 8032 private key."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != _KEY_BYTES:
            raise _wrong_length("private key", self.seed)
        _ = self.verifier  # refuses the name

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature over the message: one key, one message, one signature."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def sign_note(text: str, signer: Signer) -> str:
    """The note that says `text`. Raises InvalidInput for a text that no note can hold."""
    if not (text.endswith("\n") and _is_plain(text)):
        raise InvalidInput(
            "the text cannot stand in a note",
            expected="Unicode text that ends with a newline and has no other control character",
            found=repr(text[-80:]),
            remedy="End the text with a newline.",
        )
    signature = signer.verifier.key_id + signer.sign(text.encode())
    return f"{text}\n{_DASH}{signer.name} {_base64(signature)}\n"


def open_note(note: str, verifier: Verifier) -> str:
    """The note's text. Raises IntegrityError unless the verifier's key signed it.

    Signatures by other keys are ignored, as the specification asks; one by this key that does not verify spoils the note.
    """
    text, signatures = _parsed(note)
    own = [signature for name, key_id, signature in signatures if (name, key_id) == (verifier.name, verifier.key_id)]
    if not own:
        raise IntegrityError(
            "the note is not signed by the expected key",
            expected=f"{verifier.name}+{verifier.key_id.hex()}",
            found=", ".join(f"{name}+{key_id.hex()}" for name, key_id, _ in signatures),
            remedy="Check where the note and the key come from; a replaced key's notes need the key of their time.",
        )
    if not all(verifier.verifies(text.encode(), signature) for signature in own):
        raise IntegrityError(
            "the note's signature does not verify",
            expected=f"a signature by {verifier.name}+{verifier.key_id.hex()} over the text",
            found="a signature over something else, or by another key",
            remedy="Do not use the note: it was changed after it was signed, or never signed by this key.",
        )
    return text


def signers_of(note: str) -> list[str]:
    """`name+id` of every key that the note says it is signed with. Raises IntegrityError for what is no note."""
    return [f"{name}+{key_id.hex()}" for name, key_id, _ in _parsed(note)[1]]


def decoded_base64(text: str) -> bytes | None:
    """What standard base64 (RFC 4648 section 4) in its only canonical spelling encodes; None for any other text."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if _base64(decoded) == text else None


def _parsed(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text and (key name, key id, signature) of each signature line."""
    text, blank, lines = note.rpartition("\n\n")
    if not (blank and lines.endswith("\n") and _is_plain(note)):
        raise _malformed("a text, a blank line and signature lines, without control characters", repr(note[-80:]))
    signed = lines.removesuffix("\n").split("\n")
    if len(signed) > _MOST_SIGNATURES:
        raise _malformed(f"{_MOST_SIGNATURES} signatures at most", str(len(signed)))
    return f"{text}\n", [_signature(line) for line in signed]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = decoded_base64(encoded)
    if not (line.startswith(_DASH) and _is_name(name)) or signature is None or len(signature) <= _KEY_ID_BYTES:
        raise _malformed("the line — <key name> <base64(key id || signature)>", repr(line[:80]))
    return name, signature[:_KEY_ID_BYTES], signature[_KEY_ID_BYTES:]


def _is_name(name: str) -> bool:
    return bool(name) and _is_plain(name) and not any(char == "+" or char.isspace() for char in name)


def _is_plain(text: str) -> bool:
    """Encodable as UTF-8 and without ASCII control characters other than newline."""
    return not any((char < " " and char != "\n") or "\ud800" <= char <= "\udfff" for char in text)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _wrong_length(what: str, key: bytes) -> InvalidInput:
    return InvalidInput(
        f"not an Ed25519 {what}",
        expected=f"{_KEY_BYTES} bytes",
        found=f"{len(key)} bytes",
        remedy="Give the key as RFC 8032 encodes it.",
    )


def _malformed_vkey(expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "not a verifier's key", expected=expected, found=found, remedy="Copy the whole key from where it was published."
    )


def _malformed(expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        "not a signed note", expected=expected, found=found, remedy="Fetch the note again from where it was published."
    )
