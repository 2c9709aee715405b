import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from compliance_assets.raw_pulls.labels import Label, Manifest, label_of, read_manifest

PATTERN = r"(?P<year>\d{4})/(?P<filer_category>[^/]+)/"


def manifest_of(*rows: object, folder: str = ".") -> Manifest:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return read_manifest("\n".join(lines).encode(), PurePosixPath(folder))


def test_a_manifest_row_labels_its_file() -> None:
    row = {"path": "a.md", "year": 2021, "filer_category": "Northwind", "title": "A policy", "doc_type": "policy"}
    assert manifest_of(row) == Manifest({"a.md": Label(2021, "Northwind", "A policy", "policy", "manifest")}, ())


@pytest.mark.parametrize(
    ("access", "names"),
    [("board", ("board",)), (["hr", "board", "hr", ""], ("board", "hr")), ([], ()), (None, ()), ("", ())],
)
def test_who_may_see_a_file_is_one_name_or_several(access: object, names: tuple[str, ...]) -> None:
    assert manifest_of({"path": "a.md", "access": access}).labels["a.md"].access == names


def test_who_may_see_a_file_is_not_part_of_what_is_read() -> None:
    label = Label(2021, None, "a", None, "manifest")
    assert replace(label, access=("board",)).digest == label.digest
    stored = replace(label, access=("board",)).as_json()
    assert Label.from_json(stored) == replace(label, access=("board",))
    del stored["access"]
    assert Label.from_json(stored) == label, "a label from before there was access"


def test_only_the_path_is_required() -> None:
    assert manifest_of({"path": "sub/a.md"}).labels == {"sub/a.md": Label(None, None, "a.md", None, "manifest")}


def test_paths_are_relative_to_the_folder_of_the_manifest() -> None:
    assert list(manifest_of({"path": "./a.md"}, {"path": "deep/b.md"}, folder="2021").labels) == [
        "2021/a.md",
        "2021/deep/b.md",
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("not JSON", "text that is not JSON"),
        ("[" * 200_000, "text that is not JSON"),
        ('["a.md"]', "found list"),
        ("{}", "found []"),
        ('{"year": 2021}', "found ['year']"),
        ('{"path": 7}', "found ['path']"),
        ('{"path": "b.md", "year": "2021"}', "expected year as a whole number"),
        ('{"path": "b.md", "year": true}', "expected year as a whole number"),
        ('{"path": "b.md", "year": 2021.5}', "expected year as a whole number"),
        ('{"path": "b.md", "year": 99999999999999999999}', "expected year as a whole number up to 9999"),
        ('{"path": "b.md", "year": -1}', "expected year as a whole number up to 9999"),
        ('{"path": "b.md", "title": 7}', "expected title as text or null, found int"),
        ('{"path": "b.md", "doc_type": []}', "expected doc_type as text or null"),
        ('{"path": "b.md", "filer_category": {}}', "expected filer_category as text or null"),
        ('{"path": "b.md", "access": 7}', "expected access as text, a list of texts or null, found int"),
        ('{"path": "b.md", "access": ["board", 7]}', "expected access as text, a list of texts or null"),
    ],
)
def test_a_bad_row_is_named_and_the_others_stand(row: str, problem: str) -> None:
    manifest = manifest_of({"path": "a.md", "year": 2020}, row, {"path": "c.md", "year": 2022})
    assert list(manifest.labels) == ["a.md", "c.md"]
    [named] = manifest.problems
    assert named.startswith("row 2: expected")
    assert problem in named


def test_blank_lines_and_windows_line_ends_and_a_byte_order_mark_are_no_problem() -> None:
    data = b'\xef\xbb\xbf{"path": "a.md"}\r\n\r\n  \r\n{"path": "b.md"}\r\n'
    assert read_manifest(data, PurePosixPath(".")) == manifest_of({"path": "a.md"}, {"path": "b.md"})


def test_a_title_may_hold_the_line_separators_that_json_allows_in_text() -> None:
    row = json.dumps({"path": "a.md", "title": "one\u2028two\u0085three"}, ensure_ascii=False)
    assert manifest_of(row).labels["a.md"].title == "one\u2028two\u0085three"


def test_text_that_cannot_be_stored_is_made_storable() -> None:
    label = manifest_of(r'{"path": "a.md", "title": "nul \u0000", "filer_category": "half \ud800"}').labels["a.md"]
    assert (label.title, label.filer_category) == ("nul \ufffd", "half \ufffd")
    assert len(label.digest) == 64


def test_bytes_that_are_not_utf_8_do_not_stop_the_other_rows() -> None:
    manifest = read_manifest(b'{"path": "a.md", "title": "Declara\xe7ao"}\n\xff\xfe\n', PurePosixPath("."))
    assert manifest.labels["a.md"].title == "Declara\ufffdao"
    assert manifest.problems == ("row 2: expected a JSON object, found text that is not JSON",)


def test_a_file_whose_rows_are_all_something_else_is_no_manifest() -> None:
    assert not manifest_of({"id": 1, "name": "a"}, {"id": 2, "name": "b"}).usable
    assert not manifest_of().usable
    assert manifest_of({"path": "a.md"}, "garbage").usable


def test_the_manifest_goes_before_the_path_pattern() -> None:
    listed = manifest_of({"path": "2020/Northwind/a.md", "year": 2021}).labels
    assert label_of("2020/Northwind/a.md", listed, PATTERN).year == 2021
    assert label_of("2020/Northwind/b.md", listed, PATTERN) == Label(2020, "Northwind", "b.md", None, "path_pattern")


def test_a_pattern_may_name_the_type_too() -> None:
    pattern = r"(?P<year>\d{4})-(?P<doc_type>\w+)\.pdf$"
    assert label_of("x/2021-policy.pdf", {}, pattern) == Label(2021, None, "2021-policy.pdf", "policy", "path_pattern")


@pytest.mark.parametrize("path", ["no-year/a.md", "20²1/Northwind/a.md", "99999/a.md"])
def test_a_file_that_nothing_labels_has_only_its_name(path: str) -> None:
    assert label_of(path, {}, r"^(?P<year>\d{4})/") == Label(None, None, PurePosixPath(path).name, None, "none")
    assert label_of(path, {}, None) == Label(None, None, PurePosixPath(path).name, None, "none")


@pytest.mark.parametrize("year", ["99999999999999999999", "20²1", "MMXX"])
def test_a_pattern_that_finds_no_usable_year_leaves_it_open(year: str) -> None:
    label = label_of(f"{year}/a.md", {}, r"^(?P<year>[^/]+)/")
    assert (label.year, label.origin) == (None, "path_pattern")


def test_the_digest_of_a_label_changes_with_every_part_of_it() -> None:
    label = Label(2021, "Northwind", "A policy", "policy", "manifest")
    others = [
        Label(2022, "Northwind", "A policy", "policy", "manifest"),
        Label(2021, "Southwind", "A policy", "policy", "manifest"),
        Label(2021, "Northwind", "Another", "policy", "manifest"),
        Label(2021, "Northwind", "A policy", None, "manifest"),
        Label(2021, "Northwind", "A policy", "policy", "path_pattern"),
    ]
    assert len({label.digest, *(other.digest for other in others)}) == 6
    assert label.digest == Label.from_json(label.as_json()).digest
