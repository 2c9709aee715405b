"""Sealed content: personal content that can be erased while the proof of it stays. Pure.

A sealed content is, in order: one byte 0x01, 32 random bytes (the seal's own), then AES-256-GCM of

    salt (32 random bytes) || one byte, 0 or 1 || the content's canonical JSON, deflated (RFC 1950) where the byte is 1

The AES key is HMAC-SHA-256 over the seal's random bytes under SHA-256 of the keys of all its data subjects, in the order of
their key ids; the nonce is the first twelve of those bytes, since no key is used twice. The additional data is
`organization_id/subject_id`. The ledger commits to SHA-256(salt || canonical JSON): who is shown the content and its salt
can check it without any key; once a key is destroyed the salt is gone with the content and no guess can be tried.
"""

import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from isal import isal_zlib

from compliance_assets.contracts.errors import IntegrityError

VERSION = b"\x01"
SALT_BYTES = 32
DEFLATE_FROM = 2048  # bytes; below, deflating costs more time than it saves space


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key of a data subject: 32 bytes, known by a random id that says nothing of the person."""

    key_id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """Opened content: canonical JSON text and the salt that its commitment was made with."""

    text: str
    salt: bytes

    @property
    def commitment(self) -> str:
        """What the ledger holds of it."""
        return commitment_of(self.salt, self.text)

    def as_json(self) -> dict[str, Any]:
        """The content as an object."""
        value: dict[str, Any] = json.loads(self.text)
        return value


def commitment_of(salt: bytes, text: str) -> str:
    """SHA-256 over the salt and the canonical JSON."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def seal(text: str, keys: Sequence[SubjectKey], organization_id: str, subject_id: str) -> tuple[bytes, str]:
    """(sealed content, commitment) of canonical JSON text."""
    salt, own, plain = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(SALT_BYTES), text.encode()
    packed = b"\x00" + plain if len(plain) < DEFLATE_FROM else b"\x01" + isal_zlib.compress(plain, 1)
    cipher = AESGCM(_content_key(keys, own)).encrypt(own[:12], salt + packed, _bound_to(organization_id, subject_id))
    return VERSION + own + cipher, hashlib.sha256(salt + plain).hexdigest()


def unseal(sealed: bytes, keys: Sequence[SubjectKey], organization_id: str, subject_id: str) -> Content:
    """The content again. Raises IntegrityError when the bytes, the keys or the entry are others than those it was sealed with."""
    own, cipher = sealed[1 : 1 + SALT_BYTES], sealed[1 + SALT_BYTES :]
    try:
        if sealed[:1] != VERSION:
            raise ValueError(f"first byte {sealed[:1].hex() or 'missing'}")
        opened = AESGCM(_content_key(keys, own)).decrypt(own[:12], cipher, _bound_to(organization_id, subject_id))
        salt, packing, packed = opened[:SALT_BYTES], opened[SALT_BYTES], opened[SALT_BYTES + 1 :]
        return Content((zlib.decompress(packed) if packing else packed).decode(), salt)
    except (InvalidTag, ValueError) as problem:
        raise IntegrityError(
            f"the sealed content of {subject_id} cannot be opened",
            expected="the bytes and the keys that it was sealed with",
            found=str(problem) or type(problem).__name__,
            remedy="Run `compliance verify`; restore the entry or the key table from a backup.",
        ) from None


def _content_key(keys: Sequence[SubjectKey], own: bytes) -> bytes:
    joined = hashlib.sha256(b"".join(key.secret for key in sorted(keys, key=lambda key: key.key_id))).digest()
    return hmac.digest(joined, own, "sha256")


def _bound_to(organization_id: str, subject_id: str) -> bytes:
    return f"{organization_id}/{subject_id}".encode()
