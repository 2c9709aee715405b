import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import html
from compliance_assets.normalised_documents.parsed import Parsed, Refusal, clean

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<table>",
            "</table>",
            "<tr>",
            "</tr>",
            "<td>",
            "</td>",
            "<h1>",
            "</h1>",
            "<pre>",
            "</pre>",
            "<p>",
            "<br>",
            "<svg>",
            "<template>",
            "&#0;",
            "\x00",
        ]
    )
    | st.text(max_size=5)
).map("".join)


def parsed(source: str | bytes) -> Parsed:
    outcome = html.parse(source if isinstance(source, bytes) else source.encode())
    assert isinstance(outcome, Parsed), outcome
    return outcome


@settings(deadline=None)
@given(st.binary() | FRAGMENTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_become_an_outcome_of_one_page(data: bytes) -> None:
    outcome = html.parse(data)
    if isinstance(outcome, Parsed):
        assert outcome.page_ends == (len(outcome.text),)
        assert outcome.text.strip()
        assert clean(outcome.text) == outcome.text


def test_blocks_are_lines_and_their_space_is_collapsed() -> None:
    assert parsed("<p>one\n  <b>bold</b>word</p>two<div>three<br>four<ul><li>five</ul></div>").text == (
        "one boldword\ntwo\nthree\nfour\nfive\n"
    )


def test_headings_are_marked_as_in_markdown() -> None:
    assert parsed("<h1>Report</h1><h3>Part <br>one</h3>text").text == "# Report\n### Part one\ntext\n"


def test_a_table_row_is_one_line() -> None:
    source = "<table><tr><th>Item<th>2022<tr><td><p>Net</p><p>income</p><td>1,234<td></table>after"
    assert parsed(source).text == "Item | 2022\nNet income | 1,234\nafter\n"


def test_an_empty_cell_keeps_its_column() -> None:
    assert parsed("<table><tr><td>a<td><td>c</table>").text == "a |  | c\n"


def test_a_nested_table_has_its_own_rows() -> None:
    source = "<table><tr><td>before<table><tr><td>a<td>b<tr><td>c<td>d</table>after<td>last</table>"
    assert parsed(source).text == "before\na | b\nc | d\nafter | last\n"


def test_preformatted_lines_are_kept() -> None:
    assert parsed("<pre>Item      2022\n  Net     1,234\n</pre>").text == "Item      2022\n  Net     1,234\n"


def test_what_is_not_shown_is_dropped() -> None:
    head = "<head><title> The\nTitle </title><style>s</style></head>"
    source = f"{head}<script>x</script><noscript>n</noscript>seen<template>t"
    assert parsed(source).text == "seen\n"
    assert parsed(source).title == "The Title"


@pytest.mark.parametrize(
    "data",
    [
        "<meta charset=iso-8859-1><p>Declaração".encode("latin-1"),
        b'<meta http-equiv=Content-Type content="text/html; charset=windows-1252"><p>Declara\xe7\xe3o',
        "<meta charset=latin1><p>Declaração".encode("utf-16"),
        "<meta charset=unicode><p>Declaração".encode(),
        "<meta charset=ascii><p>Declaração".encode("cp1252"),
        "<meta charset=punycode><p>Declaração".encode(),
        "<meta charset=iso-2022-jp><p>Declaração".encode(),
    ],
)
def test_the_encoding_is_declared_or_found(data: bytes) -> None:
    assert parsed(data).text == "Declaração\n"


def test_a_page_without_text_is_empty() -> None:
    assert html.parse(b"<html><body><img src=x></body></html>") == Refusal(
        DocumentState.REJECTED, "empty", "text/html", "selectolax"
    )


@pytest.mark.timeout(30)
@pytest.mark.parametrize("tag", ["div", "b", "table", "table><tr><td", "svg", "font"])
def test_deep_nesting_is_read(tag: str) -> None:
    assert "deep" in parsed(f"<{tag}>" * 20_000 + "deep").text


def test_a_giant_page_is_rejected() -> None:
    outcome = html.parse(b"<p>" + b"x" * (64 * 1024 * 1024))
    assert isinstance(outcome, Refusal)
    assert outcome.reason.startswith("too_large")
