"""A WORM store in an Azure container with version-level immutability: each blob's version bears a locked policy.

Until the policy's date nobody removes the version, the account's owner included. Writing over a blob makes a version,
deleting it leaves it without a current one. What counts is the oldest version, since that is ours.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput
from resources.worm_store import PROBES, Probe, Protection, Tampering, missing, refuse_other_bytes

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, ContainerClient, ImmutabilityPolicy

CONNECT_SECONDS = 5
READ_SECONDS = 60
RETRIES = 2
BACKOFF_SECONDS = 2
CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
_PROBE_LIFE = timedelta(minutes=5)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class AzureWormStore:
    """Credentials are DefaultAzureCredential's, or AZURE_STORAGE_CONNECTION_STRING's where that is set."""

    def __init__(self, account: str, container: str, prefix: str) -> None:
        self._account, self._name = account, container
        self._prefix = f"{prefix}/" if prefix else ""
        self._open = contextlib.ExitStack()
        self._firsts: dict[str, BlobProperties] = {}  # name -> its oldest version, of the last listing

    @property
    def url(self) -> str:
        """Account, container and prefix."""
        return f"azure://{self._account}/{self._name}/{self._prefix}".rstrip("/")

    def put(self, name: str, data: bytes, retain_until: datetime) -> None:
        """Blob and policy in one request, refused by the service where the bytes do not arrive whole or the name is taken."""
        self._firsts.pop(name, None)
        with self._failures():
            first = self._first(name)
            if first is not None:
                refuse_other_bytes(name, self._read(name, first), data)
                self._prolong(name, first, retain_until)
                return
            self._locking.get_blob_client(self._prefix + name).upload_blob(
                data, overwrite=False, validate_content="md5", immutability_policy=_locked(retain_until)
            )

    def get(self, name: str) -> bytes:
        """The bytes of the oldest version."""
        with self._failures(name):
            return self._read(name, self._existing(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names with at least one version."""
        self._firsts = {}
        for version in self._versions(prefix):
            self._firsts.setdefault(self._relative(version), version)
        yield from list(self._firsts)

    def protection(self, name: str) -> Protection:
        """The policy of the oldest version."""
        with self._failures():
            return _protection(self._existing(name))

    def tampering(self, prefix: str = "") -> Iterator[Tampering]:
        """Names with more than one version, or without a current one."""
        versions: dict[str, list[BlobProperties]] = {}
        for version in self._versions(prefix):
            versions.setdefault(self._relative(version), []).append(version)
        for name, found in versions.items():
            if not any(version.is_current_version for version in found):
                yield Tampering(name, "it was deleted: it has no current version")
            if len(found) > 1:
                yield Tampering(name, f"it was written over: it has {len(found)} versions")

    def probe(self) -> Probe:
        """Writes over a fresh blob, sets its date back, deletes its version."""
        name = f"{PROBES}/{secrets.token_hex(8)}.txt"
        self._remove_expired_probes()
        until = datetime.now(UTC) + _PROBE_LIFE
        self.put(name, b"kept\n", until)
        with self._failures():
            first, blob, permitted = self._existing(name), self._container.get_blob_client(self._prefix + name), []
            version = first.version_id
            self._permits(lambda: blob.upload_blob(b"changed\n", overwrite=True))  # a version of its own, or refused
            if self._read(name, self._existing(name)) != b"kept\n":
                permitted.append("overwrite")
            sooner = _locked(until - _PROBE_LIFE / 2)
            if self._permits(lambda: blob.set_immutability_policy(sooner, version_id=version)):
                permitted.append("shorten")
            if self._permits(lambda: blob.delete_blob(version_id=version)):
                permitted.append("delete")
        return Probe(_protection(first).mode, tuple(permitted))

    def close(self) -> None:
        """Close the connections."""
        self._open.close()

    @cached_property
    def _container(self) -> "ContainerClient":
        from azure.storage.blob import BlobServiceClient, LinearRetry

        options: dict[str, Any] = {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_policy": LinearRetry(backoff=BACKOFF_SECONDS, retry_total=RETRIES, random_jitter_range=0),
        }
        connection_string = os.environ.get(CONNECTION_STRING)
        if connection_string:
            service = _from_connection_string(connection_string, options)
        else:
            from azure.identity import DefaultAzureCredential

            credential = self._open.enter_context(DefaultAzureCredential())
            service = BlobServiceClient(
                f"https://{self._account}.blob.core.windows.net", credential=credential, **options
            )
        self._open.enter_context(service)
        if service.account_name != self._account:
            raise InvalidInput(
                "the replica's account and the credentials do not belong together",
                expected=f"an {CONNECTION_STRING} of account {self._account}",
                found=f"one of {service.account_name}",
                remedy=f"Correct COMPLIANCE_WORM_URL or {CONNECTION_STRING}.",
            )
        container: ContainerClient = service.get_container_client(self._name)
        return container

    @cached_property
    def _locking(self) -> "ContainerClient":
        """The container, once it is known to lock versions."""
        if not self._container.get_container_properties().immutable_storage_with_versioning_enabled:
            raise DependencyUnavailable(
                "the container does not lock blobs",
                expected=f"version-level immutability on {self._name}",
                found="not enabled",
                remedy="Enable blob versioning on the account and version-level immutability on the container.",
            )
        return self._container

    def _versions(self, prefix: str) -> Iterator["BlobProperties"]:
        """Every version, the oldest of a name first."""
        with self._failures():
            found = list(
                self._container.list_blobs(
                    name_starts_with=self._prefix + prefix, include=["versions", "immutabilitypolicy"]
                )
            )
        yield from sorted(found, key=lambda version: (version.name, version.version_id or ""))

    def _relative(self, version: "BlobProperties") -> str:
        return str(version.name).removeprefix(self._prefix)

    def _first(self, name: str) -> "BlobProperties | None":
        return next((version for version in self._versions(name) if self._relative(version) == name), None)

    def _existing(self, name: str) -> "BlobProperties":
        first = self._firsts.get(name) or self._first(name)
        if first is None:
            raise missing(name, self.url)
        return first

    def _read(self, name: str, version: "BlobProperties") -> bytes:
        blob = self._container.get_blob_client(self._prefix + name, version_id=version.version_id)
        data: bytes = blob.download_blob().readall()
        return data

    def _prolong(self, name: str, version: "BlobProperties", retain_until: datetime) -> None:
        """A locked policy may grow, never shrink."""
        if _protection(version).retain_until < retain_until:
            self._locking.get_blob_client(self._prefix + name).set_immutability_policy(
                _locked(retain_until), version_id=version.version_id
            )

    def _permits(self, request: Any) -> bool:
        from azure.core.exceptions import HttpResponseError

        try:
            request()
        except HttpResponseError as problem:
            if 400 <= (problem.status_code or 0) < 500:
                return False
            raise
        return True

    def _remove_expired_probes(self) -> None:
        """Best effort: versions whose policy has run out; a current one becomes a former one first."""
        from azure.core.exceptions import HttpResponseError

        for version in self._versions(f"{PROBES}/"):
            if _protection(version).retain_until < datetime.now(UTC):
                which = {} if version.is_current_version else {"version_id": version.version_id}
                with self._failures(), contextlib.suppress(HttpResponseError):
                    self._container.get_blob_client(version.name).delete_blob(**which)

    @contextlib.contextmanager
    def _failures(self, name: str = "") -> Iterator[None]:
        from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError

        try:
            yield
        except ResourceExistsError as problem:
            raise IntegrityError(
                "an object was written by somebody else in the same moment, or must not change",
                expected=f"a free name in {self.url}",
                found=_code(problem),
                remedy="Run it again: what was written is compared.",
            ) from problem
        except HttpResponseError as problem:
            if name and _code(problem) == "BlobNotFound":
                raise missing(name, self.url) from problem
            raise self._unavailable(f"{_code(problem)} (HTTP {problem.status_code})") from problem
        except AzureError as problem:
            raise self._unavailable(f"{type(problem).__name__}: {problem.message}") from problem

    def _unavailable(self, found: str) -> DependencyUnavailable:
        return DependencyUnavailable(
            "the replica's container does not answer",
            expected=f"{self.url}, readable and writable by us",
            found=found,
            remedy=f"Check COMPLIANCE_WORM_URL and the credentials ({CONNECTION_STRING}, or the identity's role: Storage Blob"
            " Data Owner).",
        )


def _from_connection_string(connection_string: str, options: dict[str, Any]) -> Any:
    from azure.storage.blob import BlobServiceClient

    try:
        return BlobServiceClient.from_connection_string(connection_string, **options)
    except ValueError as problem:
        raise InvalidInput(
            f"{CONNECTION_STRING} is not usable",
            expected="a connection string of a storage account",
            found="something else",
            remedy="Copy it from the account's access keys, or unset it for the machine's own identity.",
        ) from problem


def _locked(until: datetime) -> "ImmutabilityPolicy":
    from azure.storage.blob import BlobImmutabilityPolicyMode, ImmutabilityPolicy

    return ImmutabilityPolicy(expiry_time=until, policy_mode=BlobImmutabilityPolicyMode.LOCKED)


def _protection(version: "BlobProperties") -> Protection:
    policy = version.immutability_policy
    until, mode = policy.expiry_time, policy.policy_mode
    text = str(getattr(mode, "value", mode) or "none")  # the service writes it in either case
    return Protection(_moment(until), text.capitalize() if text.lower() == "locked" else text)


def _moment(value: object) -> datetime:
    """The SDK hands the date of a listing on as it came."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if not value:
        return _NEVER
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(str(value))


def _code(problem: Any) -> str:
    return str(getattr(problem, "error_code", None) or problem.reason or type(problem).__name__)
