"""Content-addressed, write-once object store over any fsspec URL (file, s3, abfs, gs)."""

import secrets
from collections.abc import Iterator

from upath import UPath

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.location import location


class ObjectStore:
    """Objects are named by the SHA-256 of their bytes, so an object can be written once and never changed."""

    def __init__(self, url: str) -> None:
        self._root = location(url)

    def put(self, data: bytes) -> str:
        """Store bytes; returns their SHA-256. Storing the same bytes again writes nothing."""
        digest = sha256_hex(data)
        target = self._path(digest)
        if target.exists():
            return digest
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
            draft.write_bytes(data)  # a reader never sees half an object: the name appears when the bytes are all there
            draft.rename(target)
        except OSError as problem:
            raise DependencyUnavailable(
                "the object store does not take objects",
                expected=f"a writable store at {self._root}",
                found=str(problem),
                remedy="Check COMPLIANCE_OBJECT_STORE_URL, its permissions and the free space.",
            ) from problem
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of an object, verified. Raises IntegrityError when they are gone or changed."""
        target = self._path(digest)
        if not target.exists():
            raise IntegrityError(
                "an object is missing",
                expected=f"object {digest} in {self._root}",
                found="no such object",
                remedy="Restore the object store from its backup.",
            )
        data: bytes = target.read_bytes()
        if sha256_hex(data) != digest:
            raise IntegrityError(
                "an object was changed",
                expected=f"SHA-256 {digest}",
                found=f"SHA-256 {sha256_hex(data)}",
                remedy="Restore the object from its backup and find out who wrote to the store.",
            )
        return data

    def delete(self, digest: str) -> None:
        """Erase an object on an order; one that is gone already is fine."""
        try:
            self._path(digest).unlink(missing_ok=True)
        except OSError as problem:
            raise DependencyUnavailable(
                "the object store does not let an object be erased",
                expected=f"the right to delete in {self._root}",
                found=str(problem),
                remedy="Grant it, or lift the store's own retention for that object, and erase again.",
            ) from problem

    def digests(self) -> Iterator[str]:
        """Every stored digest, in order."""
        for path in sorted(self._root.glob("*/*/*"), key=str):
            if len(path.name) == 64:
                yield path.name

    def _path(self, digest: str) -> UPath:
        return self._root / digest[:2] / digest[2:4] / digest
