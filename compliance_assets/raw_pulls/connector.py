"""The filesystem connector: read-only, over any fsspec URL. Lists deterministically, reads one file at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from resources.location import location

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# What a store may call the mark that changes with each write; a plain creation time comes last.
_STAMPS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "modified", "created")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as its store lists it. `version` changes whenever the store says that the file was written."""

    path: str
    size_bytes: int
    version: str


class SourceUnreachable(DependencyUnavailable):
    """A source that cannot be listed. The others still can."""


class FilesystemConnector:
    """Everything below one folder or prefix, hidden files excepted."""

    def __init__(self, url: str) -> None:
        self._root = location(url)
        self._names: dict[str, str] = {}  # the store's own name of each path that was listed

    def list(self) -> tuple[SourceFile, ...]:
        """All files, sorted by path. Raises SourceUnreachable when the folder itself is not there.

        A source, or a folder of it, that cannot be listed must not look like one from which everything was removed.
        """
        file_system, root = self._root.fs, self._root.path.rstrip("/")
        try:
            if not file_system.isdir(root):
                raise FileNotFoundError(f"{self._root} is not a folder")
            found = _find(file_system, root)
        except OSError as problem:
            raise SourceUnreachable(
                "a source cannot be listed",
                expected=f"a readable folder at {self._root}",
                found=str(problem),
                remedy="Mount or correct it; nothing was changed and nothing was marked as removed.",
            ) from problem
        listed = {name[len(root) + 1 :]: info for name, info in found.items()}
        self._names = {_unicode(name): name for name in listed}
        files = (_source_file(_unicode(name), info) for name, info in listed.items())
        return tuple(sorted((f for f in files if not _hidden(f.path)), key=lambda f: f.path))

    def read(self, path: str) -> bytes:
        """The bytes of one file. Raises OSError when it cannot be read."""
        data: bytes = (self._root / self._names.get(path, path)).read_bytes()
        return data


def source_id_of(uri: str) -> str:
    """The id of a source: derived from its URI."""
    return content_id("src", uri)


def _find(file_system: "AbstractFileSystem", root: str) -> dict[str, Mapping[str, object]]:
    """Every file below a folder. Raises OSError for one inside that may not be entered; fsspec's own walk skips it."""
    if file_system.async_impl:  # an object store: one flat listing, no folders to enter
        listing: dict[str, Mapping[str, object]] = file_system.find(root, detail=True)
        return listing
    found: dict[str, Mapping[str, object]] = {}
    folders = [root]
    while folders:
        for info in file_system.ls(folders.pop(), detail=True):
            if info["type"] == "directory":
                folders.append(info["name"])
            else:
                found[info["name"]] = info
    return found


def _source_file(path: str, info: Mapping[str, object]) -> SourceFile:
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    size = int(info.get("size") or 0)  # type: ignore[call-overload]
    return SourceFile(path, size, sha256_hex(f"{stamp}:{size}")[:16])


def _unicode(name: str) -> str:
    """A file's name as text that can be hashed and stored; the bytes of one that is not UTF-8 are spelt out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path).parts)
