"""A WORM store in a folder: as far as a file system can hold its owner back.

A file's modification time is the date until which it is kept (NetApp SnapLock uses the access time so). Files are 0444 in
folders of 0555; where the process may set it (root, CAP_LINUX_IMMUTABLE) they bear the immutable flag of chattr(1), which
holds root back as well until root takes it away.
"""

import contextlib
import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upath import UPath

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.worm_store import PROBES, Probe, Protection, Tampering, missing, refuse_other_bytes

# linux/fs.h, 64 bit
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x00000010
_DRAFT = ".draft"
_PROBE_LIFE = timedelta(minutes=1)


class FolderWormStore:
    """Objects as files below a folder."""

    def __init__(self, root: UPath) -> None:
        if root.protocol not in ("", "file"):
            raise InvalidInput(
                "the place of the replica is not usable",
                expected="a folder of this machine",
                found=str(root),
                remedy="Set COMPLIANCE_WORM_URL to a path, an s3:// or an azure:// URL.",
            )
        self._root = Path(str(root)).expanduser().absolute()

    @property
    def url(self) -> str:
        """As a file URI."""
        return self._root.as_uri()

    def put(self, name: str, data: bytes, retain_until: datetime) -> None:
        """A draft, flushed to the disk, renamed when it is whole; then it is closed to everybody."""
        path = self._path(name)
        with self._failures(f"{name} to be written"):
            if path.exists():
                refuse_other_bytes(name, path.read_bytes(), data)
                if _kept_until(path) < retain_until:
                    _set_immutable(path, False)
                    _keep(path, retain_until)
                _set_immutable(path, True)
                return
            with self._opened(path.parent):
                draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_DRAFT}")
                _write(draft, data)
                _keep(draft, retain_until)
                draft.rename(path)
                for left_over in path.parent.glob(f"*{_DRAFT}"):  # of a process that was killed
                    left_over.unlink()
                _flush(path.parent)
            _set_immutable(path, True)

    def get(self, name: str) -> bytes:
        """The file's bytes."""
        with self._failures(f"{name} to be readable"):
            return self._existing(name).read_bytes()

    def names(self, prefix: str = "") -> Iterator[str]:
        """Every file but drafts."""
        with self._failures("a readable folder"):
            files = [path for path in self._root.rglob("*") if path.is_file() or path.is_symlink()]
        names = sorted(path.relative_to(self._root).as_posix() for path in files if path.suffix != _DRAFT)
        yield from (name for name in names if name.startswith(prefix))

    def protection(self, name: str) -> Protection:
        """Whether the file is immutable, merely read-only, or neither."""
        with self._failures(f"{name} to be readable"):
            path = self._existing(name)
            return Protection(_kept_until(path), _mode(path))

    def tampering(self, prefix: str = "") -> Iterator[Tampering]:
        """A folder keeps no second versions; what is no plain file is told."""
        for name in self.names(prefix):
            if self._path(name).is_symlink():
                yield Tampering(name, "a link stands in the place of the file")

    def probe(self) -> Probe:
        """Opens a fresh file for writing, sets its date back, deletes it."""
        self._remove_expired_probes()
        name, data = f"{PROBES}/{secrets.token_hex(8)}.txt", b"kept\n"
        self.put(name, data, datetime.now(UTC) + _PROBE_LIFE)
        path, permitted = self._path(name), []
        try:
            with open(path, "ab") as handle:
                handle.write(b"changed\n")
            permitted.append("overwrite")
        except OSError:
            pass
        mode = _mode(path)
        if mode == "immutable":  # the owner of a file that is merely read-only may set its date
            with contextlib.suppress(OSError):
                os.utime(path, (0, 0))
                permitted.append("shorten")
        try:
            path.unlink()
            permitted.append("delete")
        except OSError:
            pass
        return Probe(mode, tuple(permitted))

    def close(self) -> None:
        """Nothing is held."""

    def _remove_expired_probes(self) -> None:
        for name in list(self.names(f"{PROBES}/")):
            path = self._path(name)
            if _kept_until(path) < datetime.now(UTC):
                with contextlib.suppress(OSError), self._opened(path.parent):
                    _set_immutable(path, False)
                    path.unlink()

    def _path(self, name: str) -> Path:
        path = self._root / name
        if not name or ".." in path.parts or not path.is_relative_to(self._root):
            raise InvalidInput(
                "an object's name is not usable", expected="a relative path", found=repr(name), remedy="Use another."
            )
        return path

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        if not path.exists():
            raise missing(name, self.url)
        return path

    @contextlib.contextmanager
    def _opened(self, folder: Path) -> Iterator[None]:
        """The folder, writable for the time of one change; it and those above it up to the root are made where missing."""
        missing_folders = [f for f in (folder, *folder.parents) if f.is_relative_to(self._root) and not f.exists()]
        for part in reversed(missing_folders):
            if part == self._root:
                part.mkdir(parents=True, exist_ok=True)
            else:
                with self._opened(part.parent):
                    part.mkdir(exist_ok=True)
        folder.chmod(0o755)
        try:
            yield
        finally:
            folder.chmod(0o555)

    @contextlib.contextmanager
    def _failures(self, expected: str) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise DependencyUnavailable(
                "the replica's folder does not answer",
                expected=f"{expected} in {self._root}",
                found=str(problem),
                remedy="Check COMPLIANCE_WORM_URL, the folder's owner and the free space.",
            ) from problem


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: Path, retain_until: datetime) -> None:
    seconds = retain_until.timestamp()
    os.utime(path, (seconds, seconds))


def _kept_until(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _mode(path: Path) -> str:
    if _flags(path) & _IMMUTABLE:
        return "immutable"
    return "none" if path.stat().st_mode & 0o222 else "read-only"


def _flags(path: Path) -> int:
    """As lsattr(1) shows them; 0 where the file system has none."""
    buffer = bytearray(8)
    try:
        with open(path, "rb") as handle:
            fcntl.ioctl(handle, _GET_FLAGS, buffer)
    except OSError:
        return 0
    return int(struct.unpack("i", buffer[:4])[0])


def _set_immutable(path: Path, immutable: bool) -> None:
    """As chattr(1) sets it, where the process and the file system let us."""
    flags = _flags(path)
    wanted = flags | _IMMUTABLE if immutable else flags & ~_IMMUTABLE
    if wanted != flags:
        with contextlib.suppress(OSError), open(path, "rb") as handle:
            fcntl.ioctl(handle, _SET_FLAGS, struct.pack("i", wanted) + bytes(4))
