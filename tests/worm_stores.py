"""WORM stores for tests: a folder, a bucket of a local S3 with object lock, a container of a local Azure."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.worm_store import WormStore, worm_store_from
from tests.azure_blob_storage import ACCOUNT, CONTAINER, AzureBlobServer, azure_blob_server


@dataclass(frozen=True)
class LocalS3:
    """A bucket that locks objects and one that does not. Their names are new: all local servers of a process share buckets."""

    locking: str
    plain: str

    @property
    def url(self) -> str:
        """Where a replica may go."""
        return f"s3://{self.locking}/replica"


@contextmanager
def worm_folder() -> Iterator[Path]:
    """A folder that can be removed again, whatever was kept in it."""
    folder = Path(tempfile.mkdtemp(prefix="ca-worm-"))
    try:
        yield folder
    finally:
        release(folder)
        shutil.rmtree(folder)


def release(folder: Path) -> None:
    """What root has to do before anything under a folder can be changed."""
    subprocess.run(["chattr", "-R", "-f", "-i", str(folder)], check=False, capture_output=True)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a local S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def new_buckets(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> LocalS3:
    """Two buckets on a local S3, which is from now on where the SDK goes."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    made = LocalS3(f"worm-{secrets.token_hex(6)}", f"plain-{secrets.token_hex(6)}")
    with s3_client() as s3:
        s3.create_bucket(Bucket=made.locking, ObjectLockEnabledForBucket=True)
        s3.create_bucket(Bucket=made.plain)
    return made


@contextmanager
def s3_client():  # type: ignore[no-untyped-def]
    """As anybody with the credentials has it."""
    import boto3

    with closing(boto3.client("s3")) as client:
        yield client


@contextmanager
def local_azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureBlobServer]:
    """A container with version-level immutability."""
    monkeypatch.setattr("resources.worm_azure.BACKOFF_SECONDS", 0)
    with azure_blob_server() as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        yield server


@contextmanager
def opened(url: str) -> Iterator[WormStore]:
    """The store, closed at the end."""
    with closing(worm_store_from(url)) as store:
        yield store


AZURE_URL = f"azure://{ACCOUNT}/{CONTAINER}/replica"
