"""Master keys and the key that signs checkpoints, held outside Postgres, and the subkeys derived from the master keys.

The text of the master keys has lines `KEY_ID HEX64`; the last one is the active key. A single line of 64 hex digits without
an id is key `k1`. It stands in COMPLIANCE_MASTER_KEY (there commas separate lines, too), else in the secret that
COMPLIANCE_MASTER_KEY_URL names, else in a file with mode 0600 under the data directory. The signing key is held apart, in
COMPLIANCE_SIGNING_KEY or in a file of its own: lines of 64 hex digits, of which the last one signs. Blank lines and lines
that begin with `#` do not count.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.secret_sources import private_text, read_secret

KEY_BYTES = 32
FIRST_KEY_ID = "k1"

_BARE = re.compile("[0-9a-fA-F]{64}")
_NAMED = re.compile("([a-z0-9._-]{1,32})[ \t]+([0-9a-fA-F]{64})")
_Stamp = tuple[int, int] | None


class Keyring:
    """Derives each organisation's keys with HKDF-SHA-256 (RFC 5869) from the master keys. Building one does no I/O.

    Secrets are read when first needed and kept for the life of the process; a file that was rotated meanwhile is read
    again, one that has vanished is not missed.
    """

    def __init__(
        self,
        path: Path,
        *,
        environment_key: str | None = None,
        secret_url: str | None = None,
        signing_path: Path | None = None,
        environment_signing_key: str | None = None,
    ) -> None:
        self._master_secret = _Secret(
            "the master key",
            f"a new key id and 64 random hex digits (where the one before has no id, write {FIRST_KEY_ID} before it)",
            path,
            "COMPLIANCE_MASTER_KEY",
            environment_key,
            secret_url,
        )
        self._signing_secret = _Secret(
            "the signing key",
            "64 random hex digits",
            signing_path or path.with_name("checkpoint.key"),
            "COMPLIANCE_SIGNING_KEY",
            environment_signing_key,
        )
        self._loaded: _MasterKeys | None = None
        self._signing: tuple[_Stamp, bytes] | None = None

    @property
    def active_key_id(self) -> str:
        """The id of the master key for what is written now."""
        return self._master().ids[-1]

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all master keys, oldest first."""
        return self._master().ids

    def create_if_missing(self) -> None:
        """Write a random master key and signing key, once, where a file holds them. Safe when processes start together."""
        self._master_secret.create_if_missing()
        self.create_signing_key_if_missing()

    def create_signing_key_if_missing(self) -> None:
        """The signing key alone: for a ledger that is older than its checkpoints."""
        self._signing_secret.create_if_missing()

    def chain_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        """The organisation's 32-byte HMAC key. One organisation's key says nothing of another's."""
        return self._subkey("ledger-chain", organization_id, key_id)

    def content_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        """The organisation's 32-byte key for the content of entries."""
        return self._subkey("ledger-content", organization_id, key_id)

    def subject_index_key(self, organization_id: str) -> bytes:
        """The organisation's 32-byte key to look up data subjects: of the first master key, so that rotation finds them."""
        return self._subkey("ledger-subject", organization_id, self._master().ids[0])

    def pseudonym_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        """The organisation's 32-byte key that pseudonyms in prompts are made with."""
        return self._subkey("pseudonyms", organization_id, key_id)

    def signer_seed(self) -> bytes:
        """The 32-byte Ed25519 seed that signs checkpoints now."""
        stamp, loaded = self._signing_secret.stamp(), self._signing
        if loaded is None or stamp not in (None, loaded[0]):
            seeds = parse_signing_seeds(self._signing_secret.text(), self._signing_secret.place)
            self._signing = loaded = stamp, seeds[-1]
        return loaded[1]

    def rotate(self) -> str:
        """Add a random master key to the file and make it the active one; returns its id. InvalidInput without a file."""
        place = self._master_secret.place
        written = self._master_secret.rewrite(lambda text: _with_new_master_key(text, place))
        self._loaded = None
        return list(parse_master_keys(written, place))[-1]

    def replace_signing_key(self) -> None:
        """Add a random signing key to its file: it signs from now on. InvalidInput without a file."""
        place = self._signing_secret.place
        self._signing_secret.rewrite(lambda text: _with_new_signing_key(text, place))
        self._signing = None

    def _subkey(self, purpose: str, organization_id: str, key_id: str | None) -> bytes:
        loaded = self._loaded
        if loaded is not None:  # called for every entry of a ledger: nothing but a look-up once it is derived
            key = loaded.derived.get((purpose, organization_id, key_id))
            if key is not None:
                return key
        return self._master().derive(purpose, organization_id, key_id)

    def _master(self) -> "_MasterKeys":
        stamp, loaded = self._master_secret.stamp(), self._loaded
        if loaded is None or stamp not in (None, loaded.stamp):
            place = self._master_secret.place
            loaded = _MasterKeys(parse_master_keys(self._master_secret.text(), place), stamp, place)
            self._loaded = loaded
        return loaded


def parse_master_keys(text: str, place: str) -> dict[str, bytes]:
    """Key id -> master key, in the order of their lines. Raises DependencyUnavailable, which shows no line."""
    lines = _lines(text)
    if len(lines) == 1 and _BARE.fullmatch(lines[0][1]):
        return {FIRST_KEY_ID: bytes.fromhex(lines[0][1])}
    keys: dict[str, bytes] = {}
    expected = f"lines `KEY_ID HEX64`, or one line of 64 hex digits, in {place}"
    for number, line in lines:
        match = _NAMED.fullmatch(line)
        if match is None:
            found = f"line {number} with {len(line)} characters that are not 64 hex digits after a key id"
            raise _unusable("the master key", expected, found)
        if match[1] in keys:
            raise _unusable("the master key", expected, f"key id {match[1]} twice")
        keys[match[1]] = bytes.fromhex(match[2])
    if not keys:
        raise _unusable("the master key", expected, "nothing")
    return keys


def parse_signing_seeds(text: str, place: str) -> list[bytes]:
    """The seeds in the order of their lines. Raises DependencyUnavailable, which shows no line."""
    lines, expected = _lines(text), f"lines of 64 hex digits in {place}"
    for number, line in lines:
        if not _BARE.fullmatch(line):
            found = f"line {number} with {len(line)} characters that are not 64 hex digits"
            raise _unusable("the signing key", expected, found)
    if not lines:
        raise _unusable("the signing key", expected, "nothing")
    return [bytes.fromhex(line) for _, line in lines]


@dataclass(frozen=True, slots=True, repr=False)
class _MasterKeys:
    """What was read at once, with the keys derived from it: a rotation replaces both together."""

    keys: dict[str, bytes]
    stamp: _Stamp
    place: str
    ids: tuple[str, ...] = field(init=False)
    derived: dict[tuple[str, str, str | None], bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(self.keys))

    def derive(self, purpose: str, organization_id: str, key_id: str | None) -> bytes:
        key = HKDF(
            algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"{purpose}:{organization_id}".encode()
        ).derive(self._master_key(self.ids[-1] if key_id is None else key_id))
        self.derived[purpose, organization_id, key_id] = key
        return key

    def _master_key(self, key_id: str) -> bytes:
        if key_id in self.keys:
            return self.keys[key_id]
        raise DependencyUnavailable(
            "a master key is missing",
            expected=f"key {key_id} in {self.place}",
            found=f"the keys {', '.join(self.ids)}",
            remedy="Put its line back from a backup of the secret, then start this process again.",
        )


class _Secret:
    """Where one secret's text comes from: an environment variable, else a URL, else a file, which alone we may write."""

    def __init__(
        self, what: str, line: str, path: Path, variable: str, value: str | None, url: str | None = None
    ) -> None:
        self._what, self._line, self._path = what, line, path
        self._variable, self._value, self._url = variable, value, url

    @property
    def place(self) -> str:
        """For messages."""
        if self._value:
            return self._variable
        return f"{self._url} (from {self._variable}_URL)" if self._url else str(self._path)

    def text(self) -> str:
        """Empty where there is none."""
        if self._value:
            return _with_lines_for_commas(self._value)
        return read_secret(self._url) if self._url else private_text(self._path, self._what) or ""

    def stamp(self) -> _Stamp:
        """Differs once a file has been rewritten; None where there is nothing to tell by."""
        if self._value or self._url:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def create_if_missing(self) -> None:
        """Write a new random key into the file, once, unless another source is configured."""
        if self._value or self._url or self._path.exists():
            return
        with self._writing():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _draft(self._path, secrets.token_hex(KEY_BYTES)) as draft:
                try:
                    os.link(draft, self._path)  # atomic, and refuses to replace a key that another process wrote
                except FileExistsError:
                    return
            _sync_folder(self._path.parent)

    def rewrite(self, change: Callable[[str], str]) -> str:
        """Replace the file's text, one process at a time; returns what was written."""
        self._refuse_without_file()
        path = self._path.resolve()  # a link stays one
        with self._writing(), _alone_in(path.parent):
            text = change(self.text())
            with _draft(path, text, owner=path.stat().st_uid) as draft:
                draft.replace(path)
            _sync_folder(path.parent)
        return text

    def _refuse_without_file(self) -> None:
        if not (self._value or self._url):
            return
        raise InvalidInput(
            f"{self._what} is not ours to rotate",
            expected=f"{self._what} in a file",
            found=self._variable if self._value else f"{self._variable}_URL",
            remedy=f"Add a last line to the secret with its own tool: {self._line}. Keep the lines before it, then start every"
            " process again.",
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise DependencyUnavailable(
                f"{self._what} cannot be written",
                expected=f"a writable folder {self._path.parent}",
                found=problem.strerror or type(problem).__name__,
                remedy="Check the folder's permissions and the free space, then try again.",
            ) from problem


@contextmanager
def _draft(path: Path, text: str, owner: int = -1) -> Iterator[Path]:
    """A file beside another one with its next text, on disk and only for the owner, until the block ends."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as handle:
            os.fchown(descriptor, owner, -1)  # root may rotate what belongs to the service
            handle.write(text)
            handle.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two processes that rotate at once must not lose one another's key: entries would be left without theirs."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that count, with their numbers."""
    numbered = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def _with_lines_for_commas(text: str) -> str:
    """Commas in a comment stay what they are."""
    lines = text.splitlines()
    return "\n".join(line if line.lstrip().startswith("#") else line.replace(",", "\n") for line in lines)


def _with_new_master_key(text: str, place: str) -> str:
    known = parse_master_keys(text, place)
    new = next(key_id for number in count(len(known) + 1) if (key_id := f"k{number}") not in known)
    lines = [f"{FIRST_KEY_ID} {line.strip()}" if _BARE.fullmatch(line.strip()) else line for line in text.splitlines()]
    return "\n".join([*lines, f"{new} {secrets.token_hex(KEY_BYTES)}", ""])


def _with_new_signing_key(text: str, place: str) -> str:
    parse_signing_seeds(text, place)
    return "\n".join([*text.splitlines(), secrets.token_hex(KEY_BYTES), ""])


def _unusable(what: str, expected: str, found: str) -> DependencyUnavailable:
    return DependencyUnavailable(
        f"{what} is not usable",
        expected=expected,
        found=found,
        remedy="Restore it from its backup; `compliance up` writes a new one only for an empty ledger.",
    )
