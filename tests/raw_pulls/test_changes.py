"""What the sensor asks before every run: which years would a pull touch?"""

from compliance_assets.raw_pulls.changes import Changes
from tests.raw_pulls.watched import WatchedSource

NOTHING = Changes({}, None)
NORTHWIND = "2021/northwind.md"


def test_before_the_first_pull_every_year_of_the_source_is_touched(watched: WatchedSource) -> None:
    changes = watched.changes()
    assert sorted(changes.by_year) == [2021, 2022]
    assert changes.without_year is None


def test_after_a_pull_nothing_is_touched(watched: WatchedSource) -> None:
    watched.pull()
    assert watched.changes() == NOTHING
    assert watched.changes().digest == NOTHING.digest


def test_asking_changes_nothing(watched: WatchedSource) -> None:
    assert watched.changes() == watched.changes()
    assert watched.paths() == []


def test_a_changed_file_touches_its_year_only(watched: WatchedSource) -> None:
    watched.pull()
    watched.write("2021/northwind.md", "changed")
    assert list(watched.changes().by_year) == [2021]


def test_a_second_change_of_the_same_file_has_another_digest(watched: WatchedSource) -> None:
    watched.pull()
    watched.write("2021/northwind.md", "changed")
    first = watched.changes()
    watched.write("2021/northwind.md", "changed again")
    second = watched.changes()
    assert first.by_year[2021] != second.by_year[2021]
    assert first.digest != second.digest


def test_a_removed_file_is_taken_out_by_the_look_itself_and_leaves_nothing_to_read(watched: WatchedSource) -> None:
    watched.pull()
    (watched.folder / NORTHWIND).unlink()
    changes = watched.changes()
    assert (changes.by_year, changes.counts) == ({}, {"removed": 1})
    assert [version.state for version in watched.versions(NORTHWIND)] == ["pulled", "removed"]
    assert watched.changes() == NOTHING


def test_every_kind_of_change_is_counted(watched: WatchedSource) -> None:
    watched.pull()
    manifest = (watched.folder / "manifest.jsonl").read_text(encoding="utf-8")
    manifest = manifest.replace('"title": "Southwind 2021"', '"title": "Another"')
    manifest = manifest.replace('"title": "Northwind 2022"', '"title": "Northwind 2022", "access": "board"')
    watched.write("manifest.jsonl", manifest)
    watched.write("2022/northwind.md", "changed")
    (watched.folder / "2022" / "southwind.md").rename(watched.folder / "southwind.md")
    (watched.folder / NORTHWIND).unlink()
    watched.write("added.md", "In 2021 …")
    assert watched.changes().counts == {
        "added": 1, "changed": 1, "moved": 1, "removed": 1, "relabelled": 1, "access": 1
    }  # fmt: skip


def test_a_relabelled_file_touches_the_old_year_and_the_new_one(watched: WatchedSource) -> None:
    watched.pull()
    manifest = (watched.folder / "manifest.jsonl").read_text(encoding="utf-8")
    watched.write("manifest.jsonl", manifest.replace('northwind.md", "year": 2021', 'northwind.md", "year": 2019'))
    assert sorted(watched.changes().by_year) == [2019, 2021]


def test_a_file_without_a_label_may_touch_any_year(watched: WatchedSource) -> None:
    watched.pull()
    watched.write("unsorted.md", "In 2021 …")
    changes = watched.changes()
    assert changes.by_year == {}
    assert changes.without_year is not None


def test_a_file_that_stays_unreadable_keeps_the_same_digest(watched: WatchedSource) -> None:
    (watched.folder / "dangling.md").symlink_to("/nowhere.md")
    watched.pull()
    assert watched.changes() == watched.changes()
    before = watched.changes().digest
    watched.pull()
    assert watched.changes().digest == before
