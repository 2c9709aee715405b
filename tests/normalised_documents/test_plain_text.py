import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import plain_text
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, MAX_PAGES, Parsed, Refusal, clean


def parsed(data: bytes) -> Parsed:
    outcome = plain_text.parse(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def refused(data: bytes) -> str:
    outcome = plain_text.parse(data)
    assert isinstance(outcome, Refusal)
    assert outcome.state is DocumentState.REJECTED
    return outcome.reason


@given(st.text(min_size=1).filter(str.strip))
def test_the_text_is_kept_exactly_but_for_cleaning(text: str) -> None:
    outcome = plain_text.parse(text.encode())
    assert isinstance(outcome, Refusal) or outcome.text == clean(text.removeprefix("\ufeff"))


@settings(deadline=None)
@given(st.binary() | st.text(alphabet="a\f\n \x00é").map(str.encode))
def test_any_bytes_become_an_outcome_whose_pages_tile_the_text(data: bytes) -> None:
    outcome = plain_text.parse(data)
    if isinstance(outcome, Parsed):
        starts = (0, *outcome.page_ends)
        assert all(start < end for start, end in zip(starts, outcome.page_ends, strict=False))
        assert outcome.page_ends[-1] == len(outcome.text)


def test_form_feeds_end_pages() -> None:
    outcome = parsed(b"one\fanother\f")
    assert outcome.page_ends == (4, 12)
    assert outcome.text == "one\fanother\f"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1", "cp850"])
def test_the_encoding_of_portuguese_is_found(encoding: str) -> None:
    text = "Declaração de imposto sobre a renda: não há rendimentos isentos e não tributáveis a declarar neste ano.\n"
    assert parsed(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "The company\u2019s \u201cresults\u201d were good \u2014 net income rose to \u20ac 5 million."),
        ("cp1252", "IMPOSTO SOBRE A RENDA - PESSOA FÍSICA. DECLARAÇÃO DE AJUSTE ANUAL. ANO-CALENDÁRIO 2022."),
        ("cp1252", "Große Änderungen für die Öffentlichkeit: der Bericht über das Geschäftsjahr liegt vor."),
        ("cp1251", "Компания получила прибыль в отчётном году и выплатила дивиденды своим акционерам."),
        ("shift_jis", "会社は今年度に利益を上げ、株主に配当を支払いました。詳細は報告書を参照してください。"),
    ],
)
def test_the_encoding_of_other_text_is_found(encoding: str, text: str) -> None:
    assert parsed(text.encode(encoding)).text == text


def test_text_with_headings_is_markdown() -> None:
    assert parsed(b"# Title\n\ntext").media_type == "text/markdown"
    assert parsed(b"#1 of the list\n\ntext").media_type == "text/plain"


def test_nothing_but_space_is_empty() -> None:
    assert refused(b" \n\f\t") == "empty"
    assert refused(b"") == "empty"


def test_binary_is_not_text() -> None:
    assert refused(bytes(range(256)) * 4) == "not_text"


def test_a_stray_nul_does_not_make_text_binary() -> None:
    assert parsed(b"a line of text\n" * 10 + b"\x00").text.endswith("\n\ufffd")


def test_too_much_is_rejected() -> None:
    assert refused(b"x" * (MAX_CHARACTERS + 1)).startswith("too_large")
    assert refused(b"x\f" * (MAX_PAGES + 1)).startswith("too_large")
