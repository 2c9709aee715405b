"""Questions in whatever format a firm has them, and answers that a spreadsheet opens."""

import csv
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.response_envelope import Citation, ResponseEnvelope, ResponseSegment, RetrievedChunk
from compliance_assets.model_decisions.questionnaire import ANSWER_COLUMNS, Answered, Row, answers_file, read_rows
from compliance_assets.model_decisions.work import WorkItem

FIRST = {"id": "q1", "question": "Quem guarda os ativos?", "year": 2022, "filer_category": "legislacao"}


def workbook(*rows: tuple[object, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", "id,question,year,filer_category\nq1,Quem guarda os ativos?,2022,legislacao\n"),
        ("q.CSV", "\ufeffYear;Owner;Question;Filer Category;ID\r\n2022;Ana;Quem guarda os ativos?;legislacao;q1\r\n"),
        (
            "q.jsonl",
            '{"id": "q1", "question": "Quem guarda os ativos?", "year": 2022, "filer_category": "legislacao"}\n',
        ),
    ],
)
def test_a_row_is_the_same_in_every_format(name: str, content: str) -> None:
    (row,) = read_rows(name, content.encode())
    assert row.values == FIRST


def test_a_workbook_is_read_with_its_numbers_as_they_are_shown() -> None:
    content = workbook(
        ("id", "question", "year", "note"), (7.0, " Quem guarda? ", 2022, "x"), (None,), ("8", "E?", None)
    )
    assert read_rows("q.xlsx", content) == [
        Row(2, {"id": "7", "question": "Quem guarda?", "year": 2022}),
        Row(4, {"id": "8", "question": "E?"}),
    ]


def test_a_text_is_a_question_a_line() -> None:
    assert read_rows("q.txt", b"Where?\n\n  Who? \r\n") == [
        Row(1, {"question": "Where?"}),
        Row(3, {"question": "Who?"}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "problem", "expected"),
    [
        ("q.pdf", b"", "no known format", "*.csv"),
        ("q.csv", b"", "has no rows", "a question a row"),
        ("q.csv", b"id,question\n , \n", "has no rows", "a question a row"),
        ("q.csv", b"id,text\n1,Where?\n", "row 1 ", "a header with one column `question`"),
        ("q.csv", b"question,year,Year\nWhere?,1,2\n", "row 1 ", "a header with one column `year`"),
        ("q.csv", b"id,question\n1,Where?\n2,Who?,too\n", "row 3 ", "2 cells, as in the header"),
        ("q.csv", b'id,question\n1,"Where?" or "Who?"\n', "row 2 ", "a row of CSV"),
        ("q.txt", b"Where?\nQu\xe9?\n", "row 2 ", "text in UTF-8"),
        ("q.jsonl", b'{"question": "Where?"}\n\n["Who?"]\n', "row 3 ", "a JSON object"),
        ("q.jsonl", b"Where?\n", "row 1 ", "a JSON object"),
        ("q.xlsx", b"question\nWhere?\n", "not a workbook", "an XLSX workbook"),
    ],
)
def test_a_file_that_is_not_usable_is_refused_by_its_row(
    name: str, content: bytes, problem: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_rows(name, content)
    assert problem in refused.value.problem
    assert expected in refused.value.expected


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def answered(text: str = "O Harbour Bank.", quote: str = "os ativos são\nguardados pelo Harbour Bank") -> Answered:
    chunk = RetrievedChunk(
        chunk_id="ck_1", doc_id="doc_1", doc_title="Política", page=3, char_range=(0, 99), embedding_score=0.5
    )
    envelope = ResponseEnvelope(
        response_id="rsp_01J0000000000000000000000A",
        workload="ddq.draft_response",
        model="local/extractive-v1",
        prompt_hash=f"sha256:{'a' * 64}",
        retrieved_chunks=(chunk,),
        response_segments=(ResponseSegment(text=text, cited_chunk_ids=("ck_1",)),),
        decision="answered",
        confidence=0.123456,
        citations=(Citation(doc_id="doc_1", page=3, char_range=(5, 5 + len(quote)), quote=quote),),
    )
    item = WorkItem("ddq.draft_response", 2022, "Quem guarda?", "legislacao", item_id="q1")
    return Answered(2, item, "decided", None, envelope.response_id, envelope)


WAITING = Answered(3, WorkItem("ddq.draft_response", 2022, "E?"), "queued", "no model answers")


def table_of(content: bytes, suffix: str) -> list[list[str]]:
    if suffix == ".csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    rows = load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_answers_come_out_in_the_order_of_the_questions_with_document_page_and_quote(suffix: str) -> None:
    header, first, second = table_of(answers_file([answered(), WAITING], suffix), suffix)

    assert tuple(header) == ANSWER_COLUMNS
    assert first == [
        "2", "q1", "Quem guarda?", "2022", "legislacao", "decided", "", "answered", "O Harbour Bank.", "0.1235",
        "[1] Política (doc_1), page 3: “os ativos são\nguardados pelo Harbour Bank”", "rsp_01J0000000000000000000000A",
    ]  # fmt: skip
    assert second == ["3", "", "E?", "2022", "", "queued", "no model answers", "", "", "", "", ""]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_same_answers_are_the_same_bytes(suffix: str) -> None:
    rows = [answered(), WAITING]
    assert answers_file(rows, suffix) == answers_file(rows, suffix)


def test_a_workbook_says_nothing_of_when_it_was_written() -> None:
    with zipfile.ZipFile(io.BytesIO(answers_file([answered()], ".xlsx"))) as book:
        assert {part.date_time[0] for part in book.infolist()} == {1980}
        assert b"20" not in book.read("docProps/core.xml").partition(b"<dcterms")[2]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@given(text=st.sampled_from(["=", "+", "-", "@"]).flatmap(lambda sign: st.text(min_size=1).map(sign.__add__)))
def test_no_answer_becomes_a_formula(suffix: str, text: str) -> None:
    content = answers_file([answered(text=text.encode(errors="replace").decode())], suffix)
    if suffix == ".csv":
        assert table_of(content, suffix)[1][8].startswith("'")
    else:
        assert load_workbook(io.BytesIO(content)).worksheets[0].cell(2, 9).data_type == "s"
