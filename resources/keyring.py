"""Master keys, held outside Postgres, and the subkeys derived from them.

A file with mode 0600 under the data directory by default, or COMPLIANCE_MASTER_KEY (64 hex digits).
"""

import os
import re
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance_assets.contracts.errors import DependencyUnavailable

KEY_BYTES = 32


class Keyring:
    """Derives a per-organisation chain key with HKDF-SHA-256 (RFC 5869) from the master key."""

    def __init__(self, path: Path, *, environment_key: str | None = None) -> None:
        self._path = path
        self._environment_key = environment_key

    def create_if_missing(self) -> None:
        """Write a new random master key, once. Safe when several processes start together."""
        if self._environment_key or self._path.exists():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(KEY_BYTES))
        try:
            os.link(draft, self._path)  # atomic, and refuses to replace a key that another process wrote
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def chain_key(self, organization_id: str) -> bytes:
        """The organisation's 32-byte HMAC key. One organisation's key says nothing of another's."""
        derivation = HKDF(
            algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"ledger-chain:{organization_id}".encode()
        )
        return derivation.derive(self._master())

    def _master(self) -> bytes:
        text = self._environment_key or (self._path.read_text().strip() if self._path.exists() else "")
        if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
            raise DependencyUnavailable(
                "the master key is not usable",
                expected=f"64 hex digits in COMPLIANCE_MASTER_KEY or in {self._path}",
                found="nothing" if not text else f"{len(text)} characters that are not 64 hex digits",
                remedy="Restore the key file from its backup; `compliance up` writes a new one only for an empty ledger.",
            )
        if not self._environment_key and self._path.stat().st_mode & 0o077:
            raise DependencyUnavailable(
                "the master key is readable by others",
                expected="mode 0600",
                found=oct(self._path.stat().st_mode & 0o777),
                remedy=f"chmod 600 {self._path}",
            )
        return bytes.fromhex(text)
