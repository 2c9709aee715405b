"""A server that speaks Azure Blob Storage's REST protocol with version-level immutability, and misbehaves on command.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api: Put Blob, Get Blob, Delete Blob, List Blobs with
versions, Get Container Properties, Set Blob Immutability Policy.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT, CONTAINER = "keeper", "ledger"


@dataclass
class Version:
    """One version of a blob."""

    number: int
    data: bytes
    until: datetime | None
    mode: str | None
    current: bool = True
    written_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def version_id(self) -> str:
        """Sorts as it was written."""
        return f"2026-01-01T00:00:00.{self.number:07}Z"

    @property
    def locked(self) -> bool:
        """Whether it must stay."""
        return (
            self.mode is not None and self.mode.lower() == "locked" and self.until is not None and self.until > _now()
        )


class AzureBlobServer(ThreadingHTTPServer):
    """`behaviour` says how requests are answered: `good`, `HTTP 503`, `hangs`, `hangs up`; `failures` of them.

    `enforces` False makes it a store that promises to keep and does not.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour, self.failures, self.hang_seconds = "good", 1_000_000, 1.0
        self.immutable, self.enforces = True, True
        self.blobs: dict[str, list[Version]] = {}
        self.requests: list[str] = []
        self.count = 0

    @property
    def connection_string(self) -> str:
        """For the SDK."""
        key = base64.b64encode(b"local key").decode()
        endpoint = f"http://127.0.0.1:{self.server_address[1]}/{ACCOUNT}"
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint};"

    def write(self, name: str, data: bytes, until: datetime | None = None, mode: str | None = None) -> Version:
        """A new current version."""
        for version in self.blobs.setdefault(name, []):
            version.current = False
        if not self.enforces:
            self.blobs[name].clear()
        self.count += 1
        self.blobs[name].append(Version(self.count, data, until, mode))
        return self.blobs[name][-1]


@contextmanager
def azure_blob_server() -> Iterator[AzureBlobServer]:
    """A server in a thread, until the block ends."""
    server = AzureBlobServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AzureBlobServer

    def do_GET(self) -> None:
        name, query = self._asked()
        if self._misbehaves():
            return
        if query.get("restype") == "container" and query.get("comp") == "list":
            self._list(query.get("prefix", ""))
        elif query.get("restype") == "container":
            lock = str(self.server.immutable).lower()
            self._reply(b"", headers={"x-ms-immutable-storage-with-versioning-enabled": lock})
        elif version := self._version(name, query):
            whole = version.data
            start, _, end = self.headers.get("x-ms-range", "bytes=0-").removeprefix("bytes=").partition("-")
            if int(start) >= len(whole) > 0 or (not whole and "x-ms-range" in self.headers):
                return self._error(416, "InvalidRange")
            part = whole[int(start) : int(end) + 1 if end else None]
            spread = f"bytes {start}-{int(start) + len(part) - 1}/{len(whole)}"
            self._reply(part, status=206, headers={"Content-Range": spread, **_properties(version)})

    def do_PUT(self) -> None:
        name, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._misbehaves():
            return
        until, mode = (
            self.headers.get("x-ms-immutability-policy-until-date"),
            self.headers.get("x-ms-immutability-policy-mode"),
        )
        moment = parsedate_to_datetime(until) if until else None
        if query.get("comp") == "immutabilityPolicies":
            version = self._version(name, query)
            if version is None:
                return
            if (
                self.server.enforces
                and version.locked
                and (moment is None or version.until is None or moment < version.until)
            ):
                return self._error(409, "BlobImmutableDueToPolicy")
            version.until, version.mode = moment, mode
            return self._reply(b"")
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        if self.headers.get("Content-MD5", md5) != md5:
            return self._error(400, "Md5Mismatch")
        taken = any(version.current for version in self.server.blobs.get(name, ()))
        if self.headers.get("If-None-Match") == "*" and taken:
            return self._error(409, "BlobAlreadyExists")
        self._reply(b"", status=201, headers=_properties(self.server.write(name, body, moment, mode)))

    def do_DELETE(self) -> None:
        name, query = self._asked()
        if self._misbehaves():
            return
        version = self._version(name, query)
        if version is None:
            return
        if "versionid" not in query:
            version.current = False
        elif version.current:
            return self._error(403, "OperationNotAllowedOnRootBlob")
        elif version.locked and self.server.enforces:
            return self._error(409, "BlobImmutableDueToPolicy")
        else:
            self.server.blobs[name].remove(version)
        self._reply(b"", status=202)

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {parts.path}")
        _, _, rest = parts.path.removeprefix("/").partition("/")
        _, _, name = rest.partition("/")
        return unquote(name), {key: values[0] for key, values in parse_qs(parts.query).items()}

    def _version(self, name: str, query: dict[str, str]) -> Version | None:
        for version in self.server.blobs.get(name, ()):
            if version.version_id == query.get("versionid") or ("versionid" not in query and version.current):
                return version
        self._error(404, "BlobNotFound")
        return None

    def _list(self, prefix: str) -> None:
        items = []
        for name, versions in sorted(self.server.blobs.items()):
            for version in reversed(versions):  # the SDK's order is not to be relied upon
                if name.startswith(prefix):
                    policy = (
                        f"<ImmutabilityPolicyUntilDate>{_http(version.until)}</ImmutabilityPolicyUntilDate>"
                        f"<ImmutabilityPolicyMode>{(version.mode or '').lower()}</ImmutabilityPolicyMode>"
                        if version.until
                        else ""
                    )
                    current = "<IsCurrentVersion>true</IsCurrentVersion>" if version.current else ""
                    items.append(
                        f"<Blob><Name>{escape(name)}</Name><VersionId>{version.version_id}</VersionId>{current}<Properties>"
                        f"<Last-Modified>{_http(version.written_at)}</Last-Modified><Etag>0x{version.number:X}</Etag>"
                        f"<Content-Length>{len(version.data)}</Content-Length><BlobType>BlockBlob</BlobType>{policy}"
                        "</Properties></Blob>"
                    )
        text = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/"'
            f' ContainerName="{CONTAINER}"><Prefix>{escape(prefix)}</Prefix><Blobs>{"".join(items)}</Blobs><NextMarker />'
            "</EnumerationResults>"
        )
        self._reply(text.encode(), headers={"Content-Type": "application/xml"})

    def _misbehaves(self) -> bool:
        behaviour = self.server.behaviour
        if behaviour == "good" or self.server.failures <= 0:
            return False
        self.server.failures -= 1
        if behaviour.startswith("HTTP "):
            _, status, code = behaviour.split()
            self._error(int(status), code)
        elif behaviour == "hangs":
            time.sleep(self.server.hang_seconds)
            self.close_connection = True
        elif behaviour == "hangs up":
            self.close_connection = True
        return True

    def _error(self, status: int, code: str) -> None:
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'
        self._reply(text.encode(), status=status, headers={"x-ms-error-code": code, "Content-Type": "application/xml"})

    def _reply(self, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "x-ms-version": "2021-12-02", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


def _properties(version: Version) -> dict[str, str]:
    return {
        "ETag": f'"0x{version.number:X}"',
        "Last-Modified": _http(version.written_at),
        "x-ms-version-id": version.version_id,
        "x-ms-blob-type": "BlockBlob",
    }


def _http(moment: datetime | None) -> str:
    return "" if moment is None else format_datetime(moment.astimezone(UTC), usegmt=True)


def _now() -> datetime:
    return datetime.now(UTC)
