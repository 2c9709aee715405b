import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput
from resources import worm_azure, worm_s3
from resources.worm_folder import FolderWormStore
from resources.worm_store import Probe, Protection, Tampering, WormStore, worm_store_from
from tests.azure_blob_storage import AzureBlobServer
from tests.worm_stores import (
    AZURE_URL,
    LocalS3,
    local_azure,
    new_buckets,
    opened,
    release,
    s3_client,
    s3_server,
    worm_folder,
)

UNTIL = datetime(2031, 11, 26, 2, 30, tzinfo=UTC)
NOBODY = 65_534
NAME = "org/entries/1.jsonl"
KEY = f"replica/{NAME}"


@pytest.fixture
def folder() -> Iterator[Path]:
    with worm_folder() as made:
        yield made / "worm"


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> LocalS3:
    return new_buckets(s3_endpoint, monkeypatch)


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureBlobServer]:
    with local_azure(monkeypatch) as server:
        yield server


@pytest.fixture(params=["folder", "s3", "azure"])
def store(request: pytest.FixtureRequest) -> Iterator[WormStore]:
    """The same promises from all three."""
    made = request.getfixturevalue(request.param)
    url = made.url if isinstance(made, LocalS3) else {"folder": str(made), "azure": AZURE_URL}[request.param]
    with opened(url) as worm:
        yield worm


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's way past permissions."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


# ── what all of them promise ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_object_comes_back_as_it_was_and_says_until_when_it_is_kept(store: WormStore) -> None:
    store.put(NAME, b"one\n", UNTIL)
    store.put("org/empty.txt", b"", UNTIL)
    assert (store.get(NAME), store.get("org/empty.txt")) == (b"one\n", b"")
    kept = store.protection(NAME)
    assert (kept.retain_until, kept.mode in {"COMPLIANCE", "Locked", "immutable", "read-only"}) == (UNTIL, True)


def test_the_same_bytes_again_change_nothing_but_may_prolong(store: WormStore) -> None:
    store.put(NAME, b"one\n", UNTIL)
    store.put(NAME, b"one\n", UNTIL - timedelta(days=300))
    assert store.protection(NAME).retain_until == UNTIL
    store.put(NAME, b"one\n", UNTIL + timedelta(days=300))
    assert store.protection(NAME).retain_until == UNTIL + timedelta(days=300)
    assert (store.get(NAME), list(store.tampering())) == (b"one\n", [])


def test_other_bytes_under_a_name_are_refused(store: WormStore) -> None:
    store.put(NAME, b"one\n", UNTIL)
    with pytest.raises(IntegrityError, match="an object that must never change is to be written with other content"):
        store.put(NAME, b"two\n", UNTIL)
    assert (store.get(NAME), list(store.tampering())) == (b"one\n", [])


def test_names_are_listed_in_order_by_prefix(store: WormStore) -> None:
    for name in ("b/2.txt", "a/1.txt", "b/10.txt", "b.txt"):
        store.put(name, b"x", UNTIL)
    assert list(store.names("b/")) == ["b/10.txt", "b/2.txt"]
    assert list(store.names()) == ["a/1.txt", "b.txt", "b/10.txt", "b/2.txt"]
    assert list(store.names("c/")) == []


def test_a_name_that_begins_like_another_is_another(store: WormStore) -> None:
    store.put("a/key.txt.old", b"other", UNTIL)
    with pytest.raises(IntegrityError, match="an object of the replica is missing"):
        store.get("a/key.txt")
    store.put("a/key.txt", b"mine", UNTIL)
    assert (store.get("a/key.txt"), store.get("a/key.txt.old")) == (b"mine", b"other")


def test_a_missing_object_is_an_integrity_error(store: WormStore) -> None:
    for ask in (store.get, store.protection):
        with pytest.raises(IntegrityError, match="an object of the replica is missing"):
            ask("org/none.txt")


# ── urls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "s3://", "s3:///prefix", "azure://account", "azure://account/", "s3://me:secret@bucket/x"]
)
def test_a_url_that_cannot_be_meant_is_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(InvalidInput, match="the place of the replica is not usable") as refused:
        worm_store_from(url)
    assert "secret" not in str(refused.value)


def test_urls_are_told_as_they_were_given() -> None:
    urls = [
        "s3://bucket",
        "s3://bucket/a/b",
        "azure://account/container",
        "azure://account/container/a",
        "file:///srv/worm",
    ]
    assert [worm_store_from(url).url for url in urls] == urls


# ── a folder ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_read_only_in_a_closed_folder(folder: Path) -> None:
    with opened(folder.as_uri()) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        path = folder / NAME
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert {stat.S_IMODE(part.stat().st_mode) for part in (path.parent, path.parent.parent, folder)} == {0o555}
        worm.put("org/entries/2.jsonl", b"two\n", UNTIL)
        assert list(worm.names()) == [NAME, "org/entries/2.jsonl"]


def test_a_closed_folder_holds_off_whoever_is_not_root(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder.parent.chmod(0o755)
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with as_nobody(), opened(str(folder)) as worm:
        worm.put("a.txt", b"x", UNTIL)
        assert worm.protection("a.txt") == Protection(UNTIL, "read-only")
        assert worm.probe() == Probe("read-only", ())
        worm.put("b.txt", b"x", UNTIL)


def test_root_cannot_change_a_file_before_it_takes_the_immutable_flag_away(folder: Path) -> None:
    with opened(str(folder)) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        if worm.protection(NAME).mode != "immutable":
            pytest.skip("this process or file system has no immutable flag")
        for change in (
            lambda p: p.write_bytes(b"two"),
            lambda p: p.unlink(),
            lambda p: os.utime(p),
            lambda p: p.chmod(0o777),
        ):
            with pytest.raises(PermissionError):
                change(folder / NAME)
        assert worm.probe() == Probe("immutable", ())


def test_the_probe_tells_what_a_folder_lets_its_owner_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root passes by permissions")
    monkeypatch.setattr("resources.worm_folder._set_immutable", lambda path, immutable: None)
    with opened(str(folder)) as worm:
        assert worm.probe() == Probe("read-only", ("overwrite", "delete"))


def test_a_draft_of_a_killed_process_is_no_object_and_goes_with_the_next_write(folder: Path) -> None:
    with opened(str(folder)) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        release(folder)
        draft = folder / f"{NAME}.0a1b2c3d.draft"
        draft.write_bytes(b"on")
        assert list(worm.names()) == [NAME]
        worm.put("org/entries/2.jsonl", b"two\n", UNTIL)
        assert not draft.exists()


def test_a_process_killed_before_it_closed_the_file_is_made_up_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(str(folder)) as worm, monkeypatch.context() as killed:
        killed.setattr("resources.worm_folder._set_immutable", lambda path, immutable: None)
        worm.put(NAME, b"one\n", UNTIL)
    with opened(str(folder)) as worm:
        worm.put("other.txt", b"", UNTIL)
        worm.put(NAME, b"one\n", UNTIL)
        assert worm.protection(NAME) == Protection(UNTIL, worm.protection("other.txt").mode)


def test_a_file_that_somebody_opened_for_writing_is_not_protected(folder: Path) -> None:
    with opened(str(folder)) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        release(folder)
        assert worm.protection(NAME).mode == "none"


def test_a_link_in_the_place_of_a_file_is_told(folder: Path) -> None:
    with opened(str(folder)) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        release(folder)
        (folder / NAME).rename(folder / "elsewhere")
        (folder / NAME).symlink_to(folder / "elsewhere")
        assert list(worm.tampering("org/")) == [Tampering(NAME, "a link stands in the place of the file")]


@pytest.mark.parametrize("name", ["", "../x", "/etc/x", "a/../../x"])
def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    with opened(str(folder)) as worm, pytest.raises(InvalidInput, match="an object's name is not usable"):
        worm.put(name, b"x", UNTIL)


def test_a_folder_that_takes_nothing_says_so(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    with (
        opened(str(folder)) as worm,
        pytest.raises(DependencyUnavailable, match="the replica's folder does not answer"),
    ):
        worm.put(NAME, b"x", UNTIL)


def test_a_remote_file_system_is_no_folder() -> None:
    from resources.location import location

    with pytest.raises(InvalidInput, match="a folder of this machine"):
        FolderWormStore(location("memory://worm"))


# ── s3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_s3_keeps_what_was_written_first_and_tells_of_whoever_wrote_over_or_deleted_it(s3: LocalS3) -> None:
    with opened(s3.url) as worm, s3_client() as anybody:
        worm.put(NAME, b"one\n", UNTIL)
        worm.put("org/other.txt", b"kept\n", UNTIL)
        anybody.put_object(Bucket=s3.locking, Key=KEY, Body=b"two\n")
        anybody.delete_object(Bucket=s3.locking, Key=KEY)
        assert (worm.get(NAME), worm.protection(NAME)) == (b"one\n", Protection(UNTIL, "COMPLIANCE"))
        assert set(worm.names("org/")) == {NAME, "org/other.txt"}
        assert set(worm.tampering("org/")) == {
            Tampering(NAME, "it was marked as deleted"),
            Tampering(NAME, "it was written over: it has 2 versions"),
        }
        worm.put(NAME, b"one\n", UNTIL)
        with pytest.raises(IntegrityError, match="other content"):
            worm.put(NAME, b"two\n", UNTIL)


def test_s3_refuses_to_delete_a_locked_version_and_lets_the_lock_grow(s3: LocalS3) -> None:
    from botocore.exceptions import ClientError

    with opened(s3.url) as worm, s3_client() as anybody:
        worm.put(NAME, b"one\n", UNTIL)
        (version,) = anybody.list_object_versions(Bucket=s3.locking, Prefix=KEY)["Versions"]
        for bypass in ({}, {"BypassGovernanceRetention": True}):
            with pytest.raises(ClientError, match="AccessDenied"):
                anybody.delete_object(Bucket=s3.locking, Key=KEY, VersionId=version["VersionId"], **bypass)
        assert worm.get(NAME) == b"one\n"


def test_the_local_s3_does_not_enforce_that_a_lock_never_shrinks_and_the_probe_says_so(s3: LocalS3) -> None:
    with opened(s3.url) as worm:
        assert worm.probe() == Probe("COMPLIANCE", ("shorten",))  # S3 itself answers AccessDenied


def test_the_probe_of_a_store_that_enforces_all_of_it_finds_nothing(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    def refuse(**arguments: object) -> None:
        answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, "PutObjectRetention")  # type: ignore[arg-type]

    with opened(s3.url) as worm:
        monkeypatch.setattr(worm._client, "put_object_retention", refuse)  # type: ignore[attr-defined]
        assert worm.probe() == Probe("COMPLIANCE", ())


def test_expired_probes_are_cleared_away(s3: LocalS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worm_s3, "_PROBE_LIFE", timedelta(seconds=-1))  # the local S3 takes a date in the past
    with opened(s3.url) as worm:
        worm.probe()
        expired = set(worm.names("probes/"))
        monkeypatch.setattr(worm_s3, "_PROBE_LIFE", timedelta(minutes=5))
        worm.probe()
        assert (len(expired), len(list(worm.names("probes/"))), expired & set(worm.names("probes/"))) == (1, 1, set())


def test_a_bucket_without_object_lock_is_refused(s3: LocalS3) -> None:
    with opened(f"s3://{s3.plain}/replica") as worm:
        with pytest.raises(
            DependencyUnavailable, match=r"the bucket does not lock objects.*Make a bucket with Object Lock"
        ):
            worm.put(NAME, b"one\n", UNTIL)
        assert list(worm.names()) == []


def test_a_bucket_that_is_not_there_is_unavailable(s3: LocalS3) -> None:
    with opened("s3://none/replica") as worm, pytest.raises(DependencyUnavailable, match=r"NoSuchBucket \(HTTP 404\)"):
        worm.put(NAME, b"one\n", UNTIL)


def test_whoever_takes_the_name_in_the_same_moment_wins_and_is_told(
    s3: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(s3.url) as worm, s3_client() as anybody:
        anybody.put_object(Bucket=s3.locking, Key=KEY, Body=b"two\n")
        monkeypatch.setattr(worm, "_first", lambda name: None)
        with pytest.raises(IntegrityError, match="PreconditionFailed"):
            worm.put(NAME, b"one\n", UNTIL)


def test_many_objects_are_listed_page_by_page(s3: LocalS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worm_s3, "PAGE", 3)
    with opened(s3.url) as worm, s3_client() as anybody:
        for number in range(10):
            anybody.put_object(Bucket=s3.locking, Key=f"replica/many/{number // 2}", Body=b"")
        assert list(worm.names("many/")) == [f"many/{number}" for number in range(5)]
        assert len(list(worm.tampering("many/"))) == 5


def test_an_s3_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(worm_s3, "ATTEMPTS", 1)
    with opened("s3://worm/replica") as worm, pytest.raises(DependencyUnavailable, match="EndpointConnectionError"):
        worm.get(NAME)


# ── azure ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_azure_keeps_what_was_written_first_and_tells_of_whoever_wrote_over_or_deleted_it(
    azure: AzureBlobServer,
) -> None:
    with opened(AZURE_URL) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        worm.put("org/other.txt", b"kept\n", UNTIL)
        azure.write(KEY, b"two\n").current = False  # written over, then deleted
        assert (worm.get(NAME), worm.protection(NAME)) == (b"one\n", Protection(UNTIL, "Locked"))
        assert set(worm.names("org/")) == {NAME, "org/other.txt"}
        assert set(worm.tampering("org/")) == {
            Tampering(NAME, "it was deleted: it has no current version"),
            Tampering(NAME, "it was written over: it has 2 versions"),
        }
        with pytest.raises(IntegrityError, match="other content"):
            worm.put(NAME, b"two\n", UNTIL)


def test_azure_withstands_the_probe(azure: AzureBlobServer) -> None:
    with opened(AZURE_URL) as worm:
        assert worm.probe() == Probe("Locked", ())


def test_the_probe_tells_of_an_azure_that_keeps_no_promise(azure: AzureBlobServer) -> None:
    azure.enforces = False
    with opened(AZURE_URL) as worm:
        permitted = worm.probe().permitted
    assert "overwrite" in permitted


def test_a_container_without_version_level_immutability_is_refused(azure: AzureBlobServer) -> None:
    azure.immutable = False
    with opened(AZURE_URL) as worm, pytest.raises(DependencyUnavailable, match="the container does not lock blobs"):
        worm.put(NAME, b"one\n", UNTIL)
    assert azure.blobs == {}


@pytest.mark.parametrize("status", ["HTTP 403 AuthorizationPermissionMismatch", "HTTP 503 ServerBusy", "hangs up"])
def test_an_azure_that_refuses_or_fails_is_unavailable(azure: AzureBlobServer, status: str) -> None:
    azure.behaviour = status
    with (
        opened(AZURE_URL) as worm,
        pytest.raises(DependencyUnavailable, match="the replica's container does not answer"),
    ):
        worm.put(NAME, b"one\n", UNTIL)
    assert len(azure.requests) <= 1 + worm_azure.RETRIES


def test_a_busy_azure_is_asked_again(azure: AzureBlobServer) -> None:
    azure.behaviour, azure.failures = "HTTP 503 ServerBusy", 2
    with opened(AZURE_URL) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        assert worm.get(NAME) == b"one\n"


def test_an_azure_that_hangs_is_given_up(azure: AzureBlobServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worm_azure, "READ_SECONDS", 0.2)
    azure.behaviour, azure.hang_seconds = "hangs", 1.0
    with (
        opened(AZURE_URL) as worm,
        pytest.raises(DependencyUnavailable, match="the replica's container does not answer"),
    ):
        list(worm.names())


def test_a_blob_that_must_not_change_is_an_integrity_error(
    azure: AzureBlobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(AZURE_URL) as worm:
        worm.put(NAME, b"one\n", UNTIL)
        monkeypatch.setattr(worm, "_first", lambda name: None)  # somebody was quicker
        with pytest.raises(IntegrityError, match="BlobAlreadyExists"):
            worm.put(NAME, b"one\n", UNTIL)
        azure.behaviour = "HTTP 409 BlobImmutableDueToPolicy"
        with pytest.raises(IntegrityError, match="BlobImmutableDueToPolicy"):
            worm.put("org/new.txt", b"one\n", UNTIL)


def test_credentials_of_another_account_are_refused(azure: AzureBlobServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("azure://other/ledger/x") as worm, pytest.raises(InvalidInput, match="do not belong together"):
        worm.get(NAME)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "nonsense")
    with opened(AZURE_URL) as worm, pytest.raises(InvalidInput, match="is not usable") as refused:
        worm.get(NAME)
    assert "nonsense" not in str(refused.value)


def test_without_a_connection_string_the_machines_own_identity_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    with opened("azure://account/container/x") as worm:
        client = worm._container  # type: ignore[attr-defined]
        assert client.url == "https://account.blob.core.windows.net/container"
