"""Places by path or URL, with the characters that people put into folder names."""

from pathlib import Path

import pytest

from compliance_assets.raw_pulls.connector import FilesystemConnector
from resources.location import canonical_uri, location
from resources.object_store import ObjectStore


@pytest.mark.parametrize("name", ["plain", "with space", "dír#1%20", "q?x=1&y", "日本"])
def test_a_folder_of_any_name_is_listed_and_read_by_its_uri(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / f"{name}.txt").write_bytes(b"content")

    connector = FilesystemConnector(canonical_uri(str(folder)))

    (file,) = connector.list()
    assert file.path == f"{name}.txt"
    assert connector.read(file.path) == b"content"


def test_an_object_store_stands_where_its_uri_says(tmp_path: Path) -> None:
    store = ObjectStore((tmp_path / "a store #2").as_uri())

    assert store.get(store.put(b"bytes")) == b"bytes"
    assert [path.name for path in tmp_path.iterdir()] == ["a store #2"]


def test_path_and_uri_of_a_folder_have_one_canonical_uri(tmp_path: Path) -> None:
    folder = tmp_path / "a b"

    assert canonical_uri(str(folder)) == canonical_uri(folder.as_uri()) == folder.as_uri()
    assert canonical_uri("memory://corpus/x").startswith("memory://")
    assert str(location(folder.as_uri())) == str(folder)
