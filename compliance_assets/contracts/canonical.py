"""Canonical bytes, digests and content-derived ids. Every hash in the project starts here."""

import hashlib

import rfc8785


def canonical_json(value: object) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme) bytes of a JSON value."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def sha256_hex(data: bytes | str) -> str:
    """SHA-256 as 64 lowercase hex digits; text is hashed as UTF-8."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return sha256_hex(canonical_json(value))


def content_id(prefix: str, *fields: str | int) -> str:
    """An id derived from content alone: `prefix` plus 160 bits of SHA-256 over length-prefixed fields.

    Length prefixes keep ("ab", "c") and ("a", "bc") apart.
    """
    hasher = hashlib.sha256()
    for field in (prefix, *fields):
        raw = str(field).encode()
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return f"{prefix}_{hasher.hexdigest()[:40]}"
