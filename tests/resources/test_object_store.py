from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.object_store import ObjectStore

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """The same store over a folder and over an fsspec file system that is none."""
    if request.param == "file":
        yield ObjectStore((tmp_path / "objects").as_uri())
        return
    yield ObjectStore("memory://objects")
    fsspec.filesystem("memory").rm("/objects", recursive=True)


def path_of(folder: Path, digest: str) -> Path:
    return folder / "objects" / digest[:2] / digest[2:4] / digest


def test_an_object_is_named_by_its_bytes_and_comes_back_as_it_was(store: ObjectStore) -> None:
    assert store.put(b"abc") == ABC
    assert store.get(ABC) == b"abc"


def test_putting_twice_stores_once(store: ObjectStore) -> None:
    assert [store.put(b"abc"), store.put(b"abc"), store.put(b"")] == [ABC, ABC, sha256_hex(b"")]
    assert list(store.digests()) == sorted([ABC, sha256_hex(b"")])


def test_a_second_put_does_not_touch_the_object(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "objects").as_uri())
    store.put(b"abc")
    before = path_of(tmp_path, ABC).stat()
    store.put(b"abc")
    after = path_of(tmp_path, ABC).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_come_back(contents: list[bytes]) -> None:
    store = ObjectStore("memory://any")
    digests = [store.put(content) for content in contents]
    assert [store.get(digest) for digest in digests] == contents


def test_changed_bytes_are_never_handed_out(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "objects").as_uri())
    store.put(b"abc")
    path_of(tmp_path, ABC).write_bytes(b"abd")
    with pytest.raises(IntegrityError, match="an object was changed") as refused:
        store.get(ABC)
    assert (ABC in refused.value.expected, sha256_hex(b"abd") in refused.value.found) == (True, True)


def test_a_missing_object_is_an_integrity_error(store: ObjectStore) -> None:
    store.put(b"something else")
    with pytest.raises(IntegrityError, match=f"an object is missing: expected object {ABC}"):
        store.get(ABC)


def test_an_empty_store_has_no_digests(tmp_path: Path) -> None:
    assert list(ObjectStore((tmp_path / "objects").as_uri()).digests()) == []


def test_half_written_objects_are_not_listed(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "objects").as_uri())
    store.put(b"abc")
    path_of(tmp_path, ABC).with_name(f"{ABC}.0a1b2c3d").write_bytes(b"ab")
    assert list(store.digests()) == [ABC]


def test_a_store_that_takes_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file where the folder should be")
    with pytest.raises(DependencyUnavailable, match="the object store does not take objects"):
        ObjectStore((tmp_path / "objects").as_uri()).put(b"abc")
