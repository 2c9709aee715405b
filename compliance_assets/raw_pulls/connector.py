"""The filesystem connector: read-only, over any fsspec URL. Lists deterministically, reads one file at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from upath import UPath

from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as its store lists it. `version` changes whenever the store says that the file was written."""

    path: str
    size_bytes: int
    version: str


class FilesystemConnector:
    """Everything below one folder or prefix, hidden files excepted."""

    def __init__(self, url: str) -> None:
        self._root = UPath(url)

    def list(self) -> tuple[SourceFile, ...]:
        """All files, sorted by path. Raises DependencyUnavailable when the folder itself is not there.

        A source that cannot be listed must not look like a source from which everything was removed.
        """
        file_system, root = self._root.fs, self._root.path.rstrip("/")
        try:
            if not file_system.isdir(root):
                raise FileNotFoundError(f"{self._root} is not a folder")
            found = file_system.find(root, detail=True)
        except OSError as problem:
            raise DependencyUnavailable(
                "a source cannot be listed",
                expected=f"a readable folder at {self._root}",
                found=str(problem),
                remedy="Mount or correct it; nothing was changed and nothing was marked as removed.",
            ) from problem
        files = (_source_file(name[len(root) + 1 :], info) for name, info in found.items())
        return tuple(sorted((f for f in files if not _hidden(f.path)), key=lambda f: f.path))

    def read(self, path: str) -> bytes:
        """The bytes of one file. Raises OSError when it cannot be read."""
        data: bytes = (self._root / path).read_bytes()
        return data


def source_id_of(uri: str) -> str:
    """The id of a source: derived from its URI."""
    return content_id("src", uri)


def canonical_uri(location: str) -> str:
    """An absolute URI for a folder given as a path or as a URL."""
    path = UPath(location)
    return (
        path.as_uri() if path.protocol and path.protocol != "file" else UPath(path.path).expanduser().resolve().as_uri()
    )


def _source_file(path: str, info: Mapping[str, object]) -> SourceFile:
    stamp = next((str(info[key]) for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime") if info.get(key)), "")
    size = int(info.get("size") or 0)  # type: ignore[call-overload]
    return SourceFile(path, size, sha256_hex(f"{stamp}:{size}")[:16])


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path).parts)
