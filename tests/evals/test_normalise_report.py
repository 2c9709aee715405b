"""The report holds what was measured, the tables say it, the picture is drawn from it."""

import json
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.fixed_width import parse as parse_fixed_width
from compliance_assets.normalised_documents.parsed import Outcome, Refusal
from compliance_assets.normalised_documents.worker import ParseResult
from evals import eval_normalise
from evals.field_scores import DocumentScore, FoundField, State, TrueField, score
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows, render_row
from evals.normalise_report import Scored, Speed, draw, report, tables

TRUTH = {"name": TrueField("ANA LIMA", "ANA LIMA", 1), "payer_id[2]": TrueField("11222333000181", "1", 1)}
READ = {key: FoundField(field.value, field.printed, field.page) for key, field in TRUTH.items()}
SPEED = Speed("text formats", "filings", 400, (41.5, 40.0, 47.25), worker_mib=312.4)


def exact(state: State = "ok", *reasons: str, seconds: float = 0.25) -> DocumentScore:
    return score(state, TRUTH, READ, reasons, seconds)


def one_field_missing(state: State = "ok", *reasons: str) -> DocumentScore:
    return score(state, TRUTH, {"name": READ["name"]}, reasons, 0.75)


def scored(made: DocumentScore, kind: str = "xml", *, name: str = "golden", engine: str | None = None) -> Scored:
    return Scored(name, kind, f"{kind}-2019", "golden-007", engine, score=made)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Three XML filings and one scan of the golden set, one XML filing of the hard set."""
    recognised = score("ok", TRUTH, READ, (), 3.5, texts=("1 2 3 A", "1 2 3 4"))
    return report(
        [
            scored(exact()),
            scored(one_field_missing()),
            scored(one_field_missing("needs_human", "missing_field: payer_id")),
            scored(recognised, "scan, tesseract", engine="tesseract-5"),
            scored(exact("needs_human", "layout_unknown"), name="hard"),
        ],
        [SPEED],
    )


def test_documents_are_added_up_by_set_and_format(found: dict[str, Any]) -> None:
    rows = {(row["set"], row["format"]): row for row in found["by_format"]}
    xml = rows["golden", "xml"]

    assert set(rows) == {("golden", "xml"), ("golden", "scan, tesseract"), ("hard", "xml")}
    assert (xml["documents"], xml["fields"], xml["exact"]) == (3, 6, 4)
    assert xml["exact_share"] == 4 / 6
    assert (xml["silent"], xml["silent_share"]) == (1, 1 / 6)
    assert xml["needs_human_share"] == 1 / 3
    assert (xml["seconds_median"], xml["seconds_most"]) == (0.75, 0.75)


def test_character_errors_are_of_recognised_text_alone(found: dict[str, Any]) -> None:
    rates = {row["format"]: row["character_error_rate"] for row in found["by_format"]}

    assert rates == {"scan, tesseract": 1 / 7, "xml": None}
    assert found["engines"] == ["tesseract-5"]


def test_the_same_documents_are_added_up_by_layout_and_all_together(found: dict[str, Any]) -> None:
    layouts = {(row["set"], row["layout"]): row["documents"] for row in found["by_layout"]}

    assert layouts == {("golden", "xml-2019"): 3, ("golden", "scan, tesseract-2019"): 1, ("hard", "xml-2019"): 1}
    assert {row["set"]: row["documents"] for row in found["all_formats"]} == {"golden": 4, "hard": 1}


def test_a_field_that_was_not_exact_is_counted_whatever_its_ordinal(found: dict[str, Any]) -> None:
    assert found["fields_missed"] == [
        {"set": "golden", "format": "xml", "field": "payer_id", "not_exact": 2, "documents": 3}
    ]


def test_a_reason_is_reported_with_what_it_caught_and_its_false_alarms(found: dict[str, Any]) -> None:
    assert found["checks"] == [
        {
            "set": "golden",
            "format": "xml",
            "reason": "missing_field: payer_id",
            "held_back": 1,
            "alone": 1,
            "without_error": 0,
        },
        {"set": "hard", "format": "xml", "reason": "layout_unknown", "held_back": 0, "alone": 0, "without_error": 1},
    ]


def test_a_silent_error_is_named_and_one_that_waits_for_a_person_is_not(found: dict[str, Any]) -> None:
    (silent,) = found["silent_errors"]

    assert (silent["document"], silent["missing"]) == ("golden-007", ("payer_id[2]",))
    assert (silent["wrong"], silent["made_up"]) == ((), ())


def test_a_speed_is_the_median_with_its_spread(found: dict[str, Any]) -> None:
    (speed,) = found["speeds"]

    assert (speed["per_second"], speed["least"], speed["most"], speed["rounds"]) == (41.5, 40.0, 47.25, 3)


def test_a_report_is_json(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found))["by_format"] == found["by_format"]


def test_the_tables_say_the_numbers_of_the_report(found: dict[str, Any]) -> None:
    said = [" ".join(line.replace("│", " ").split()) for line in tables(found).splitlines()]

    assert "golden xml 3 6 66.67% 1 (16.67%) 33.3% 0 100.00% 0.750 (0.75)" in said
    assert "golden scan, tesseract 1 2 100.00% 0 (0.00%) 0.0% 0 100.00% 14.29% 3.500 (3.50)" in said
    assert "hard xml layout_unknown 0 0 1" in said
    assert "golden xml payer_id 2 3" in said
    assert "golden-007 xml xml-2019 payer_id[2]" in said
    assert "text formats 400 41.5 filings (40.0 to 47.2), 3 rounds 312" in said


def test_the_picture_is_a_png_that_shows_the_shares(found: dict[str, Any], tmp_path: Path) -> None:
    draw(found, tmp_path / "all.png")
    better = report([scored(exact())], [])
    draw(better, tmp_path / "better.png")

    pictures = [(tmp_path / name).read_bytes() for name in ("all.png", "better.png")]
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 5_000 for picture in pictures)
    assert pictures[0] != pictures[1]


def test_a_run_without_speeds_or_errors_has_tables_too() -> None:
    assert "100.00%" in tables(report([scored(exact())], []))


@pytest.fixture
def written(tmp_path: Path) -> eval_normalise.Written:
    """A fixed-width filing of the golden set, as a file."""
    row = next(row for row in read_rows(FROZEN["golden"]) if row["format"] == "fixed_width")
    rendered = render_row(row)
    path = tmp_path / "filing.DEC"
    path.write_bytes(rendered.data)
    return eval_normalise.Written(row, path, rendered.text)


def as_read(written: eval_normalise.Written, outcome: Outcome) -> Scored:
    result = ParseResult(written.row["id"], outcome, 0.125)
    return eval_normalise._scored("golden", written, result, "none")


def test_a_filing_is_scored_against_the_truth_of_its_row(written: eval_normalise.Written) -> None:
    made = as_read(written, parse_fixed_width(written.path.read_bytes()))

    assert (made.document, made.format, made.layout) == (written.row["id"], "fixed_width", written.row["layout"])
    assert made.score.state == "ok"
    assert made.score.fields == made.score.exact == made.score.spans_exact == len(written.row["fields"])
    assert (made.score.made_up, made.score.reasons, made.score.characters) == ((), (), 0)
    assert made.score.seconds == 0.125


def test_a_truth_that_the_filing_does_not_state_is_an_error(written: eval_normalise.Written) -> None:
    fields = {**written.row["fields"], "tax_due": {**written.row["fields"]["tax_due"], "value": "0.01"}}
    del fields["name"]
    other = eval_normalise.Written({**written.row, "fields": fields}, written.path, written.text)

    made = as_read(other, parse_fixed_width(written.path.read_bytes()))

    assert (made.score.wrong, made.score.made_up) == (("tax_due",), ("name",))
    assert made.score.silent == 2


def test_a_filing_cut_in_half_waits_for_a_person_and_is_no_silent_error(written: eval_normalise.Written) -> None:
    data = written.path.read_bytes()

    made = as_read(written, parse_fixed_width(data[: len(data) // 2]))

    assert made.score.state == "needs_human"
    assert made.score.reasons
    assert 0 < made.score.exact < made.score.fields
    assert made.score.silent == 0


def test_a_refused_filing_misses_every_field_for_the_reason_of_the_refusal(written: eval_normalise.Written) -> None:
    refusal = Refusal(
        DocumentState.REJECTED, "too_large: 9 records, at most 8", "application/x-irpf-dec", "fixed_width"
    )

    made = as_read(written, refusal)

    assert (made.score.state, made.score.reasons) == ("rejected", (refusal.reason,))
    assert (made.score.exact, made.score.missing) == (0, tuple(sorted(written.row["fields"])))
    assert made.score.silent == 0
