import hashlib
import json
import re
import time
from pathlib import Path

from click.testing import CliRunner

from compliance_assets.commands import read_questions
from compliance_assets.normalised_documents.sniff import media_type_of
from compliance_assets.raw_pulls.labels import MANIFEST_NAME
from evals.golden.generate import FROZEN, main, write_demo, write_set
from evals.golden.golden_set import read_rows


def test_the_demo_has_filings_of_three_years_the_rules_and_questions_about_them(tmp_path: Path) -> None:
    questions = write_demo(tmp_path)
    rows = read_questions(questions, "ddq.draft_response")
    assert {item.year for item, _ in rows} == {2022, 2023, 2024}
    for _, pages in rows:
        assert all((tmp_path / "documents" / path).exists() for path, _ in pages)
    truth = read_rows(tmp_path / "truth.jsonl")
    assert len(truth) == 40
    assert {row["year"] for row in truth} == {2022, 2023, 2024}
    assert len({row["format"] for row in truth}) == 5
    assert sum(max(f["page"] for f in row["fields"].values()) for row in truth if row["format"] == "scan") <= 8


def test_a_label_of_a_filing_says_neither_its_year_nor_its_category(tmp_path: Path) -> None:
    write_demo(tmp_path)
    labels = [json.loads(line) for line in (tmp_path / "documents" / MANIFEST_NAME).read_text().splitlines()]
    filings = [label for label in labels if label["doc_type"] == "irpf_filing"]
    assert len(filings) == 40
    assert all(set(label) == {"path", "title", "doc_type"} for label in filings)
    assert not any(re.search(r"\d{11}", label["path"] + label["title"]) for label in labels)
    assert [label["year"] for label in labels if label["doc_type"] == "legislation"] == [2022, 2023, 2024]


def test_writing_again_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    write_demo(tmp_path)
    first = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    time.sleep(0.01)
    write_demo(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == first


def test_the_files_of_a_set_have_the_digests_of_its_rows_and_are_what_they_are_called(tmp_path: Path) -> None:
    rows = read_rows(FROZEN["golden"])[::20]
    write_set(tmp_path, rows)
    for row in rows:
        data = (tmp_path / "documents" / row["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert media_type_of(data) in _MEDIA_TYPES[Path(row["path"]).suffix]


def test_the_command_writes_the_demo(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--set", "demo"])
    assert result.exit_code == 0
    assert (tmp_path / "questions.jsonl").exists()
    assert "40 filings" in result.output


_MEDIA_TYPES = {
    ".pdf": {"application/pdf"},
    ".jpg": {"image/jpeg"},
    ".png": {"image/png"},
    ".tiff": {"image/tiff"},
    ".xml": {"application/xml"},
    ".eml": {"message/rfc822"},
    ".DEC": {"application/x-irpf-dec"},
}
