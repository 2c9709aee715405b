import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.model_decisions.work import WorkItem, work_item_from_row

ROW = {"id": "q7", "question": "What is kept?", "year": 2021, "filer_category": "Northwind"}


def test_a_row_becomes_a_work_item() -> None:
    made = work_item_from_row(ROW, "ddq.draft_response", 1)

    assert made == WorkItem("ddq.draft_response", 2021, "What is kept?", "Northwind", item_id="q7")
    assert made.scope.years == (2021,)


@pytest.mark.parametrize(
    ("row", "expected", "found"),
    [
        ([ROW], "a JSON object", "list"),
        (None, "a JSON object", "NoneType"),
        ({**ROW, "question": "  "}, "`question` as text", "'  '"),
        ({**ROW, "question": 5}, "`question` as text", "5"),
        ({"year": 2021}, "`question` as text", "None"),
        ({**ROW, "year": "2021"}, "`year` as a whole number", "'2021'"),
        ({**ROW, "year": 2021.0}, "`year` as a whole number", "2021.0"),
        ({**ROW, "year": True}, "`year` as a whole number", "True"),
        ({"question": "What?"}, "`year` as a whole number", "None"),
        ({**ROW, "filer_category": 3}, "`filer_category` as text or null", "3"),
    ],
)
def test_a_row_that_is_not_usable_is_named_with_what_was_expected_and_found(
    row: object, expected: str, found: str
) -> None:
    with pytest.raises(InvalidInput, match="row 12 of the questions file") as refused:
        work_item_from_row(row, "ddq.draft_response", 12)

    assert (refused.value.expected, refused.value.found) == (expected, found)
    assert '"question"' in refused.value.remedy


def test_a_category_and_an_id_may_be_missing_or_a_number() -> None:
    assert work_item_from_row({"question": "What?", "year": 2021}, "w", 1).item_id is None
    assert work_item_from_row({**ROW, "id": 7}, "w", 1).item_id == "7"


def test_text_that_no_database_holds_is_made_storable() -> None:
    row = {"id": "q\x00", "question": "What\ud800?", "year": 2021, "filer_category": "North\x00wind"}
    made = work_item_from_row(row, "w", 1)

    assert (made.item_id, made.question, made.filer_category) == ("q\ufffd", "What\ufffd?", "North\ufffdwind")
    assert len(made.input_sha256) == 64


@pytest.mark.parametrize(
    "other",
    [
        WorkItem("w", 2021, "What?", item_id="b"),
        WorkItem("w", 2022, "What?", item_id="a"),
        WorkItem("w", 2021, "What? ", item_id="a"),
        WorkItem("w", 2021, "What?", "Northwind", item_id="a"),
        WorkItem("w", 2021, "What?", opt_in_years=(2020,), item_id="a"),
        WorkItem("v", 2021, "What?", item_id="a"),
    ],
)
def test_any_other_input_is_another_piece_of_work(other: WorkItem) -> None:
    one = WorkItem("w", 2021, "What?", item_id="a")

    assert one.work_id == WorkItem("w", 2021, "What?", item_id="a").work_id
    assert one.work_id != other.work_id
