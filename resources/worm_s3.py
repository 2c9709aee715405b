"""A WORM store in a bucket with S3 Object Lock, in compliance mode: until its date nobody, root included, removes a version.

A locked bucket is versioned: writing over a name adds a version, deleting a name adds a marker. What counts is the oldest
version of a name, since that is ours; anything younger is somebody's attempt to change it.
"""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.worm_store import PROBES, Probe, Protection, Tampering, missing, refuse_other_bytes

CONNECT_SECONDS = 5
READ_SECONDS = 60
ATTEMPTS = 3
PAGE = 1000
MODE = "COMPLIANCE"
_PROBE_LIFE = timedelta(minutes=5)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class S3WormStore:
    """Region, credentials and AWS_ENDPOINT_URL are where boto3 looks for them."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._firsts: dict[str, str] = {}  # name -> its oldest version, of the last listing

    @property
    def url(self) -> str:
        """Bucket and prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, data: bytes, retain_until: datetime) -> None:
        """One request, refused by S3 where the bytes do not arrive whole or where the name is taken."""
        with self._failures():
            first = self._first(name)
            if first is not None:
                refuse_other_bytes(name, self._read(name, first), data)
                self._prolong(name, first, retain_until)
                return
            self._locking.put_object(
                Bucket=self._bucket,
                Key=self._prefix + name,
                Body=data,
                IfNoneMatch="*",
                ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
                ObjectLockMode=MODE,
                ObjectLockRetainUntilDate=retain_until,
            )

    def get(self, name: str) -> bytes:
        """The bytes of the oldest version."""
        with self._failures(name):
            return self._read(name, self._existing(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names with at least one version."""
        self._firsts = {name: version for kind, name, version in self._versions(prefix) if kind == "Versions"}
        yield from sorted(self._firsts)

    def protection(self, name: str) -> Protection:
        """The lock of the oldest version."""
        with self._failures(name):
            head = self._head(name, self._existing(name))
        return Protection(head.get("ObjectLockRetainUntilDate", _NEVER), head.get("ObjectLockMode", "none"))

    def tampering(self, prefix: str = "") -> Iterator[Tampering]:
        """Names with more than one version, and markers."""
        versions: dict[str, int] = {}
        for kind, name, _ in self._versions(prefix):
            if kind == "DeleteMarkers":
                yield Tampering(name, "it was marked as deleted")
            else:
                versions[name] = versions.get(name, 0) + 1
        for name, count in versions.items():
            if count > 1:
                yield Tampering(name, f"it was written over: it has {count} versions")

    def probe(self) -> Probe:
        """Writes over a fresh object, deletes its version, sets its date back."""
        name = f"{PROBES}/{secrets.token_hex(8)}.txt"
        self._remove_expired_probes()
        until = datetime.now(UTC) + _PROBE_LIFE
        self.put(name, b"kept\n", until)
        with self._failures():
            first = self._existing(name)
            key, s3, permitted = self._prefix + name, self._client, []
            self._permits(s3.put_object, Key=key, Body=b"changed\n")  # makes a version, unless a policy refuses it
            if self._read(name, self._existing(name)) != b"kept\n":
                permitted.append("overwrite")
            mode = self._head(name, first).get("ObjectLockMode", "none")
            sooner = {"Mode": MODE, "RetainUntilDate": until - _PROBE_LIFE / 2}
            if self._permits(s3.put_object_retention, Key=key, VersionId=first, Retention=sooner):
                permitted.append("shorten")
            if self._permits(s3.delete_object, Key=key, VersionId=first):
                permitted.append("delete")
        return Probe(mode, tuple(permitted))

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        return boto3.session.Session().client("s3", config=config)

    @cached_property
    def _locking(self) -> Any:
        """The client, once the bucket is known to lock."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_object_lock_configuration(Bucket=self._bucket)
            enabled = answer["ObjectLockConfiguration"]["ObjectLockEnabled"]
        except ClientError as problem:
            if _code(problem) != "ObjectLockConfigurationNotFoundError":
                raise
            enabled = "not enabled"
        if enabled != "Enabled":
            raise DependencyUnavailable(
                "the bucket does not lock objects",
                expected=f"Object Lock on {self._bucket}",
                found=str(enabled),
                remedy="Make a bucket with Object Lock, or enable it on this one, and give it to us in COMPLIANCE_WORM_URL.",
            )
        return self._client

    def _versions(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        """(kind, name, version id), the newest of a name first, as S3 lists them."""
        with self._failures():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": PAGE}
            )
            for page in pages:
                for kind in ("Versions", "DeleteMarkers"):
                    for item in page.get(kind, ()):
                        yield kind, item["Key"].removeprefix(self._prefix), item["VersionId"]

    def _first(self, name: str) -> str | None:
        versions = [version for kind, key, version in self._versions(name) if kind == "Versions" and key == name]
        return versions[-1] if versions else None

    def _existing(self, name: str) -> str:
        first = self._firsts.get(name) or self._first(name)
        if first is None:
            raise missing(name, self.url)
        return first

    def _read(self, name: str, version: str) -> bytes:
        answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)
        with contextlib.closing(answer["Body"]) as body:
            data: bytes = body.read()
        return data

    def _head(self, name: str, version: str) -> dict[str, Any]:
        head: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)
        return head

    def _prolong(self, name: str, version: str, retain_until: datetime) -> None:
        """S3 lets a lock grow, never shrink."""
        if self._head(name, version).get("ObjectLockRetainUntilDate", _NEVER) < retain_until:
            self._locking.put_object_retention(
                Bucket=self._bucket,
                Key=self._prefix + name,
                VersionId=version,
                Retention={"Mode": MODE, "RetainUntilDate": retain_until},
            )

    def _permits(self, request: Any, **arguments: object) -> bool:
        from botocore.exceptions import ClientError

        try:
            request(Bucket=self._bucket, **arguments)
        except ClientError as problem:
            if _status(problem) < 500:
                return False
            raise
        return True

    def _remove_expired_probes(self) -> None:
        """Best effort: those whose lock has run out, and what was written over them."""
        from botocore.exceptions import ClientError

        with self._failures():
            for kind, name, version in list(self._versions(f"{PROBES}/")):
                expired = kind == "DeleteMarkers" or self._expired(name, version)
                if expired:
                    with contextlib.suppress(ClientError):
                        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)

    def _expired(self, name: str, version: str) -> bool:
        until: datetime = self._head(name, version).get("ObjectLockRetainUntilDate", _NEVER)
        return until < datetime.now(UTC)

    @contextlib.contextmanager
    def _failures(self, name: str = "") -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as problem:
            if _code(problem) in {"PreconditionFailed", "ConditionalRequestConflict"}:
                raise IntegrityError(
                    "an object was written by somebody else in the same moment",
                    expected=f"a free name in {self.url}",
                    found=_code(problem),
                    remedy="Run it again: what was written is compared.",
                ) from problem
            if name and _code(problem) in {"NoSuchKey", "NoSuchVersion", "404"}:
                raise missing(name, self.url) from problem
            raise self._unavailable(f"{_code(problem)} (HTTP {_status(problem)})") from problem
        except (BotoCoreError, HTTPClientError) as problem:
            raise self._unavailable(f"{type(problem).__name__}: {problem}") from problem

    def _unavailable(self, found: str) -> DependencyUnavailable:
        return DependencyUnavailable(
            "the replica's bucket does not answer",
            expected=f"{self.url}, readable and writable by us",
            found=found,
            remedy="Check COMPLIANCE_WORM_URL, AWS_ENDPOINT_URL and the credentials: listing, reading and writing versions,"
            " and reading and setting locks.",
        )


def _code(problem: Any) -> str:
    return str(problem.response.get("Error", {}).get("Code", "unknown"))


def _status(problem: Any) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
