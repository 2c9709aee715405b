"""Stores that keep an object unchanged until a date: write once, read many.

`s3://bucket/prefix` (object lock in compliance mode), `azure://account/container/prefix` (a locked immutability policy on
each blob's version), or a folder given as a path or a file URI (read-only, and immutable where the process may make it so).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from resources.location import location

#: Below a store's prefix; no organisation's objects lie there.
PROBES = "probes"


@dataclass(frozen=True, slots=True)
class Protection:
    """Until when an object is kept, and by what: `COMPLIANCE`, `Locked`, `immutable`, `read-only`; `none` is by nothing."""

    retain_until: datetime
    mode: str


@dataclass(frozen=True, slots=True)
class Tampering:
    """Traces of somebody who tried to change or remove an object. What was written first is still there."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What a store let us do to a fresh object that it had promised to keep. Nothing, if it is any good."""

    mode: str
    permitted: tuple[str, ...]


class WormStore(Protocol):
    """Names are relative to the store's prefix, with `/` between their parts.

    Every method raises DependencyUnavailable when the store does not answer or does not let us, and IntegrityError when it
    does not hold what it was given.
    """

    @property
    def url(self) -> str:
        """Where it is. Holds no secret."""

    def put(self, name: str, data: bytes, retain_until: datetime) -> None:
        """Keep an object at least until a date. The same bytes again only prolong. IntegrityError for other bytes."""

    def get(self, name: str) -> bytes:
        """What was first written under a name."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Every name that begins with a prefix, in order, those included that somebody tried to delete."""

    def protection(self, name: str) -> Protection:
        """How what was first written under a name is kept."""

    def tampering(self, prefix: str = "") -> Iterator[Tampering]:
        """Objects below a prefix that somebody wrote over or marked as deleted."""

    def probe(self) -> Probe:
        """Write a small object, then try to change, to shorten and to remove it."""

    def close(self) -> None:
        """Let go of connections."""


def worm_store_from(url: str) -> WormStore:
    """The store that a URL or a path names. Does no I/O."""
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme == "s3":
        from resources.worm_s3 import S3WormStore

        bucket, prefix = _place(url, "s3://BUCKET/PREFIX")
        return S3WormStore(bucket, prefix)
    if scheme == "azure":
        from resources.worm_azure import AzureWormStore

        account, path = _place(url, "azure://ACCOUNT/CONTAINER/PREFIX")
        container, _, prefix = path.partition("/")
        if container:
            return AzureWormStore(account, container, prefix)
    if scheme == "file":
        from resources.worm_folder import FolderWormStore

        return FolderWormStore(location(url))
    raise InvalidInput(
        "the place of the replica is not usable",
        expected="s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX, file:///FOLDER or a path",
        found=repr(url) if scheme in {"s3", "azure"} else repr(f"{scheme}://…"),
        remedy="Set COMPLIANCE_WORM_URL to one of them.",
    )


def _place(url: str, form: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not parts.netloc or "@" in parts.netloc or parts.query:
        raise InvalidInput(
            "the place of the replica is not usable",
            expected=f"{form}, without credentials",
            found="credentials in the URL" if parts.netloc else repr(url),
            remedy="Set COMPLIANCE_WORM_URL to it; credentials come from where the vendor's SDK looks for them.",
        )
    return parts.netloc, parts.path.strip("/")


def refuse_other_bytes(name: str, kept: bytes, offered: bytes) -> None:
    """Raises IntegrityError where a name already stands for other bytes."""
    if kept != offered:
        raise IntegrityError(
            "an object that must never change is to be written with other content",
            expected=f"{name} with SHA-256 {sha256_hex(kept)}, as it is kept",
            found=f"SHA-256 {sha256_hex(offered)}",
            remedy="Nothing was written. Run `compliance verify`: the ledger, or whoever wrote to the store, is not to be trusted.",
        )


def missing(name: str, url: str) -> IntegrityError:
    """The error for an object that is not there."""
    return IntegrityError(
        "an object of the replica is missing",
        expected=f"{name} in {url}",
        found="no such object",
        remedy="Find out who removed it; what is left of the replica proves which entries it held.",
    )
