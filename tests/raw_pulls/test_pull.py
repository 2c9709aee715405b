"""A pull on real Postgres, a real folder and a real object store."""

import os
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.assets import COUNTS
from compliance_assets.raw_pulls.connector import FilesystemConnector
from compliance_assets.raw_pulls.pull import PullReport
from tests.raw_pulls.watched import WatchedSource

NORTHWIND = "2021/northwind.md"


def counts(report: PullReport) -> dict[str, int]:
    """The counts of a report that are not zero, bytes aside."""
    named = {name: getattr(report, name) for name in COUNTS}
    return {name: count for name, count in named.items() if count}


def test_the_first_pull_takes_every_document_and_not_the_manifest(watched: WatchedSource) -> None:
    report = watched.pull()
    assert counts(report) == {"new": 4}
    assert watched.paths() == ["2021/northwind.md", "2021/southwind.md", "2022/northwind.md", "2022/southwind.md"]
    assert watched.bytes_of(NORTHWIND) == (watched.folder / NORTHWIND).read_bytes()
    assert report.bytes_read == sum(path.stat().st_size for path in watched.folder.glob("*/*.md"))
    assert report.manifest_problems == []


def test_the_second_pull_does_nothing(watched: WatchedSource) -> None:
    watched.pull()
    before = watched.versions(NORTHWIND)
    report = watched.pull()
    assert counts(report) == {"unchanged": 4}
    assert report.bytes_read == 0
    assert watched.versions(NORTHWIND) == before


def test_a_changed_file_is_a_new_version_and_the_old_one_is_kept(watched: WatchedSource) -> None:
    watched.pull()
    old = watched.bytes_of(NORTHWIND)
    watched.write(NORTHWIND, "# Liquidity policy\n\nChanged.\n")
    assert counts(watched.pull()) == {"changed": 1, "unchanged": 3}
    first, second = watched.versions(NORTHWIND)
    assert (first.object_sha256, second.object_sha256) == (sha256_hex(old), sha256_hex(watched.bytes_of(NORTHWIND)))
    assert watched.deployment.objects.get(sha256_hex(old)) == old


def test_a_file_rewritten_with_the_same_bytes_is_no_new_version(watched: WatchedSource) -> None:
    watched.pull()
    watched.write(NORTHWIND, (watched.folder / NORTHWIND).read_text(encoding="utf-8"))
    assert counts(watched.pull()) == {"unchanged": 4}
    assert len(watched.versions(NORTHWIND)) == 1
    assert watched.pull().bytes_read == 0, "the new time of writing was not noted"


def test_a_removed_file_is_a_tombstone(watched: WatchedSource) -> None:
    watched.pull()
    (watched.folder / NORTHWIND).unlink()
    assert counts(watched.pull()) == {"removed": 1, "unchanged": 3}
    assert NORTHWIND not in watched.paths()
    pulled, tombstone = watched.versions(NORTHWIND)
    assert (pulled.state, tombstone.state) == ("pulled", "removed")
    assert (tombstone.reason, tombstone.object_sha256) == ("no longer listed by the source", None)
    assert counts(watched.pull()) == {"unchanged": 3}
    assert len(watched.versions(NORTHWIND)) == 2


def test_a_removed_file_that_comes_back_is_new(watched: WatchedSource) -> None:
    watched.pull()
    text = (watched.folder / NORTHWIND).read_text(encoding="utf-8")
    (watched.folder / NORTHWIND).unlink()
    watched.pull()
    watched.write(NORTHWIND, text)
    assert counts(watched.pull()) == {"new": 1, "unchanged": 3}
    assert [version.state for version in watched.versions(NORTHWIND)] == ["pulled", "removed", "pulled"]


def test_a_moved_file_says_where_it_was(watched: WatchedSource) -> None:
    watched.pull()
    (watched.folder / NORTHWIND).rename(watched.folder / "2021" / "renamed.md")
    assert counts(watched.pull()) == {"moved": 1, "removed": 1, "unchanged": 3}
    assert watched.moved_from("2021/renamed.md") == NORTHWIND
    assert counts(watched.pull()) == {"unchanged": 4}


def test_a_moved_file_is_known_by_its_bytes_also_when_the_removal_was_seen_first(watched: WatchedSource) -> None:
    watched.pull()
    text = (watched.folder / NORTHWIND).read_text(encoding="utf-8")
    (watched.folder / NORTHWIND).unlink()
    watched.changes()
    watched.write("later.md", text)
    assert counts(watched.pull()) == {"moved": 1, "unchanged": 3}
    assert watched.moved_from("later.md") == NORTHWIND


def test_a_file_moves_once_and_its_other_copies_are_new(watched: WatchedSource) -> None:
    watched.pull()
    text = (watched.folder / NORTHWIND).read_text(encoding="utf-8")
    (watched.folder / NORTHWIND).unlink()
    for path in ("copy-1.md", "copy-2.md"):
        watched.write(path, text)
    assert counts(watched.pull()) == {"new": 1, "moved": 1, "removed": 1, "unchanged": 3}


def test_a_file_that_moves_there_and_back_has_moved_twice(watched: WatchedSource) -> None:
    watched.pull()
    here, there = watched.folder / NORTHWIND, watched.folder / "there.md"
    here.rename(there)
    watched.pull()
    there.rename(here)
    assert counts(watched.pull()) == {"moved": 1, "removed": 1, "unchanged": 3}
    assert watched.moved_from(NORTHWIND) == "there.md"
    assert watched.paths() == [NORTHWIND, "2021/southwind.md", "2022/northwind.md", "2022/southwind.md"]


def test_another_access_is_taken_over_without_a_new_version(watched: WatchedSource) -> None:
    watched.pull()
    manifest = (watched.folder / "manifest.jsonl").read_text(encoding="utf-8")
    watched.write("manifest.jsonl", manifest.replace('"doc_type"', '"access": ["board", "audit"], "doc_type"', 1))
    report = watched.pull()
    assert counts(report) == {"relabelled": 1, "unchanged": 4}
    assert report.bytes_read == 0
    assert [version.access for version in watched.versions(NORTHWIND)] == [["audit", "board"]]
    assert counts(watched.pull()) == {"unchanged": 4}


def test_a_removed_file_is_buried_while_another_one_is_being_read(watched: WatchedSource) -> None:
    watched.pull()
    (watched.folder / NORTHWIND).unlink()
    (watched.folder / "2022" / "southwind.md").unlink()
    with watched.deployment.postgres.connect() as reader:
        reader.execute(
            "SELECT FROM compliance.raw_pulls WHERE path = '2022/southwind.md' AND superseded_at IS NULL FOR UPDATE"
        )
        before = watched.last_listed_at()
        assert watched.changes().counts == {"removed": 2}
        assert watched.versions(NORTHWIND)[-1].state == "removed"
        assert watched.versions("2022/southwind.md")[-1].state == "pulled"
        assert watched.last_listed_at() == before, "one of them can still be found"
    watched.changes()
    assert watched.versions("2022/southwind.md")[-1].state == "removed"
    assert watched.last_listed_at() > before


def test_going_back_to_old_content_is_a_new_version(watched: WatchedSource) -> None:
    watched.pull()
    text = (watched.folder / NORTHWIND).read_text(encoding="utf-8")
    for content in ("something else\n", text):
        watched.write(NORTHWIND, content)
        assert counts(watched.pull()) == {"changed": 1, "unchanged": 3}
    first, _, third = watched.versions(NORTHWIND)
    assert first.object_sha256 == third.object_sha256
    assert first.pull_id != third.pull_id


def test_a_relabelled_file_is_a_new_version(watched: WatchedSource) -> None:
    watched.pull()
    manifest = (watched.folder / "manifest.jsonl").read_text(encoding="utf-8")
    watched.write("manifest.jsonl", manifest.replace('northwind.md", "year": 2021', 'northwind.md", "year": 2020'))
    assert counts(watched.pull()) == {"changed": 1, "unchanged": 3}
    before, after = watched.versions(NORTHWIND)
    assert (before.year, after.year) == (2021, 2020)
    assert before.object_sha256 == after.object_sha256


def test_an_unreadable_file_is_kept_with_its_reason(watched: WatchedSource) -> None:
    (watched.folder / "2021" / "dangling.md").symlink_to("/nowhere/at/all.md")
    assert counts(watched.pull()) == {"new": 4, "unreadable": 1}
    [version] = watched.versions("2021/dangling.md")
    assert (version.state, version.reason) == ("unreadable", "unreadable: FileNotFoundError")
    watched.pull()
    assert len(watched.versions("2021/dangling.md")) == 1, "trying it again made a new version"
    with watched.deployment.postgres.connect() as conn:
        assert store.unreadable(conn) == [{"path": "2021/dangling.md", "reason": "unreadable: FileNotFoundError"}]
        assert store.state_counts(conn) == {"pulled": 4, "unreadable": 1}


def test_an_unreadable_file_is_taken_once_it_can_be_read(watched: WatchedSource) -> None:
    watched.write("a.md", "text")
    link = watched.folder / "2021" / "dangling.md"
    link.symlink_to("../b.md")
    watched.pull()
    watched.write("b.md", "text")
    watched.pull()
    assert [version.state for version in watched.versions("2021/dangling.md")] == ["unreadable", "pulled"]


def test_a_file_that_fails_while_it_is_read_does_not_stop_the_others(
    watched: WatchedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FilesystemConnector.read

    def failing(connector: FilesystemConnector, path: str) -> bytes:
        if path == NORTHWIND:
            raise TimeoutError("the share went away")
        return read(connector, path)

    monkeypatch.setattr(FilesystemConnector, "read", failing)
    assert counts(watched.pull()) == {"new": 3, "unreadable": 1}
    monkeypatch.undo()
    assert counts(watched.pull()) == {"changed": 1, "unchanged": 3}


def test_a_file_over_the_limit_is_kept_with_its_reason(watched: WatchedSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance_assets.raw_pulls.pull.MAX_OBJECT_BYTES", 1_000)
    watched.write("big.md", "x" * 1_001)
    assert counts(watched.pull()) == {"new": 4, "unreadable": 1}
    assert watched.versions("big.md")[0].reason == "too_large: 1001 bytes, the limit is 1000"


def test_a_missing_source_folder_buries_nothing(watched: WatchedSource) -> None:
    watched.pull()
    watched.folder.rename(watched.folder.with_name("unmounted"))
    with pytest.raises(DependencyUnavailable, match="nothing was marked as removed"):
        watched.pull()
    assert len(watched.paths()) == 4
    watched.folder.with_name("unmounted").rename(watched.folder)
    assert counts(watched.pull()) == {"unchanged": 4}


def test_a_folder_that_may_not_be_entered_buries_nothing(
    watched: WatchedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.pull()
    listed = LocalFileSystem.ls

    def refusing(file_system: LocalFileSystem, path: str, *args: object, **kwargs: object) -> object:
        if str(path).endswith("/2021"):
            raise PermissionError(path)
        return listed(file_system, path, *args, **kwargs)

    monkeypatch.setattr(LocalFileSystem, "ls", refusing)
    with pytest.raises(DependencyUnavailable, match="cannot be listed"):
        watched.pull()
    assert len(watched.paths()) == 4


def test_hidden_files_and_folders_are_left_alone(watched: WatchedSource) -> None:
    for path in (".DS_Store", "2021/.draft.md", ".git/config", "2021/.hidden/a.md"):
        watched.write(path, "hidden")
    assert counts(watched.pull()) == {"new": 4}


def test_a_foreign_manifest_is_a_document_and_is_reported(watched: WatchedSource) -> None:
    watched.write("export/manifest.jsonl", '{"id": 1, "kind": "invoice"}\n')
    report = watched.pull()
    assert "export/manifest.jsonl" in watched.paths()
    assert report.manifest_problems == [
        "export/manifest.jsonl: row 1: expected the keys"
        " ['access', 'doc_type', 'filer_category', 'path', 'title', 'year'], found ['id', 'kind']"
    ]


def test_a_file_that_is_listed_but_missing_is_reported(watched: WatchedSource) -> None:
    (watched.folder / NORTHWIND).unlink()
    assert watched.pull().manifest_problems == [f"listed in a manifest but not there: {NORTHWIND}"]


def test_a_sub_folder_may_have_a_manifest_of_its_own(watched: WatchedSource) -> None:
    watched.write("2019/filing.md", "text")
    watched.write("2019/manifest.jsonl", '{"path": "filing.md", "year": 2019}\n')
    assert counts(watched.pull()) == {"new": 5}
    assert [version.year for version in watched.versions("2019/filing.md")] == [2019]


def test_a_row_with_a_title_that_cannot_be_stored_stops_nothing(watched: WatchedSource) -> None:
    watched.write("odd/a.md", "text")
    watched.write("odd/manifest.jsonl", r'{"path": "a.md", "year": 2021, "title": "a\u0000\ud800"}')
    assert counts(watched.pull()) == {"new": 5}


def test_the_path_pattern_labels_what_no_manifest_does(deployment: Deployment, tmp_path: Path) -> None:
    watched = WatchedSource(deployment, tmp_path / "plain", r"^(?P<year>\d{4})/(?P<filer_category>[^/]+)/")
    watched.write("2020/Northwind/a.md", "text")
    watched.write("unsorted/b.md", "text")
    assert counts(watched.pull()) == {"new": 2}
    assert watched.versions("2020/Northwind/a.md")[0].year == 2020
    assert watched.versions("unsorted/b.md")[0].year is None


def test_a_file_whose_name_is_not_unicode_is_pulled(watched: WatchedSource) -> None:
    path = os.fsencode(watched.folder) + b"/declara\xe7\xe3o.md"
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("text")
    assert counts(watched.pull()) == {"new": 5}
    assert watched.bytes_of(r"declara\udce7\udce3o.md") == b"text"
    assert counts(watched.pull()) == {"unchanged": 5}


def test_an_empty_source_is_pulled(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert counts(WatchedSource(deployment, tmp_path / "empty").pull()) == {}


def test_the_same_bytes_in_two_files_are_one_object(watched: WatchedSource) -> None:
    watched.write("copy.md", (watched.folder / NORTHWIND).read_text(encoding="utf-8"))
    watched.pull()
    assert watched.versions("copy.md")[0].object_sha256 == watched.versions(NORTHWIND)[0].object_sha256
    assert len(list(watched.deployment.objects.digests())) == 4


def test_a_source_with_more_files_than_one_batch_is_pulled_whole(deployment: Deployment, tmp_path: Path) -> None:
    watched = WatchedSource(deployment, tmp_path / "many")
    for number in range(130):
        watched.write(f"{number:03}.md", f"document {number}")
    assert counts(watched.pull()) == {"new": 130}
    assert counts(watched.pull()) == {"unchanged": 130}


def test_two_sources_do_not_bury_each_others_files(watched: WatchedSource, tmp_path: Path) -> None:
    other = WatchedSource(watched.deployment, tmp_path / "other")
    other.write("a.md", "text")
    assert (counts(watched.pull()), counts(other.pull())) == ({"new": 4}, {"new": 1})
    assert (counts(watched.pull()), counts(other.pull())) == ({"unchanged": 4}, {"unchanged": 1})


def test_registering_a_source_twice_registers_it_once(watched: WatchedSource) -> None:
    with watched.deployment.postgres.connect() as conn:
        store.register_source(conn, watched.source_id, watched.uri)
        assert store.sources(conn) == [(watched.source_id, watched.uri)]


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The in-memory file system of fsspec: a store that is not a folder."""
    file_system = fsspec.filesystem("memory")
    file_system.pipe_file("/bucket/2021/a.md", b"one")
    yield file_system
    file_system.rm("/bucket", recursive=True)


def test_any_fsspec_url_is_a_source(deployment: Deployment, memory: fsspec.AbstractFileSystem) -> None:
    watched = WatchedSource(deployment, "memory://bucket")
    assert (watched.uri, counts(watched.pull())) == ("memory://bucket", {"new": 1})
    assert watched.bytes_of("2021/a.md") == b"one"
    assert counts(watched.pull()) == {"unchanged": 1}
    memory.pipe_file("/bucket/2021/a.md", b"two")  # as long as before
    assert counts(watched.pull()) == {"changed": 1}
    memory.rm_file("/bucket/2021/a.md")
    memory.pipe_file("/bucket/b.md", b"three")
    assert counts(watched.pull()) == {"new": 1, "removed": 1}


def test_a_listing_is_sorted_whatever_the_order_of_the_store(watched: WatchedSource) -> None:
    files = FilesystemConnector(watched.uri).list()
    assert [file.path for file in files] == sorted(file.path for file in files)
    assert [astuple(file) for file in files] == [astuple(file) for file in FilesystemConnector(watched.uri).list()]
