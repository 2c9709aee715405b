import time
from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import xml
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.locator_map import locator_map
from compliance_assets.normalised_documents.parsed import Parsed, Refusal
from evals.golden import render_xml
from evals.golden.declaration import Category
from tests.evals.golden.small_declaration import small_declaration

FORMS = {2016: "declaracao-v1", 2019: "programa", 2024: "declaracao-v2"}


def file_of(calendar_year: int, category: Category = "completa") -> bytes:
    return render_xml.render(small_declaration(category, calendar_year)).data


def parsed(data: bytes) -> Parsed:
    outcome = xml.parse(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def refused(data: bytes) -> str:
    outcome = xml.parse(data)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.state is DocumentState.REJECTED
    return outcome.reason


# --- the lines ---


def test_each_value_is_a_line_under_the_heading_of_its_part() -> None:
    data = b"""<order id="7"><customer name="Ada"><address><city>London</city></address></customer>
               <line sku="a">2 pens</line><line sku="b">1 book</line></order>"""
    assert parsed(data).text == (
        "# order\nid: 7\n"
        "\n## customer\nname: Ada\naddress / city: London\n"
        "\n## line 1\nsku: a\n2 pens\n"
        "\n## line 2\nsku: b\n1 book\n"
    )


def test_values_directly_below_the_root_are_lines_of_their_own() -> None:
    data = b"<r><year>2020</year><part><x>1</x></part><note>end</note></r>"
    assert parsed(data).text == "# r\nyear: 2020\n\n## part\nx: 1\n\nnote: end\n"


def test_equal_names_are_numbered_and_mixed_content_keeps_its_order() -> None:
    data = b"<r><p>One <b>two</b> three<i>four</i><i>five</i> six</p></r>"
    assert parsed(data).text == "# r\n\n## p\nOne\nb: two\nthree\ni 1: four\ni 2: five\nsix\n"


def test_namespaces_comments_and_instructions_are_left_out_and_so_is_what_is_empty() -> None:
    data = b'<?go away?><a:r xmlns:a="urn:a"><!-- not this --><a:x a:y=" 1\n 2 " z=""><a:e/></a:x></a:r>'
    assert parsed(data).text == "# r\n\n## x\ny: 1 2\n"


def test_the_declared_encoding_is_read() -> None:
    for encoding in ("iso-8859-1", "utf-16", "windows-1252"):
        data = f'<?xml version="1.0" encoding="{encoding}"?><r>João</r>'.encode(encoding)
        assert parsed(data).text == "# r\nJoão\n"


def test_other_documents_have_no_schema_and_state_nothing() -> None:
    outcome = parsed(b'<svg xmlns="http://www.w3.org/2000/svg"><text>hello</text></svg>')
    assert (outcome.xsd_sha256, outcome.filing, outcome.needs_human) == (None, None, ())


# --- what is refused ---


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]>',
        '<!DOCTYPE r SYSTEM "x.dtd" [%unknown; <!ENTITY a "x">]>',
    ],
    ids=["internal", "external", "parameter", "after a reference"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_that_declares_entities_is_refused(prologue: str, encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?>{prologue}<r v="&a;">&a;</r>'.encode(encoding)
    assert refused(data) == "unsafe_xml: declares entities"


def test_a_bomb_is_refused_before_it_expands() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE r [<!ENTITY l0 "lol">{entities}]><r v="&l11;">&l11;</r>'.encode()
    assert _seconds(lambda: refused(bomb)) < 0.5


def test_nothing_that_a_document_points_at_is_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.dtd"
    secret.write_text('<!ENTITY a "leaked">')
    document = f"""<!DOCTYPE r SYSTEM "{secret.as_uri()}"><r xmlns:xi="http://www.w3.org/2001/XInclude"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {secret.as_uri()}">
        <xi:include href="{secret.as_uri()}" parse="text"/><p>&a;</p></r>"""
    text = parsed(document.encode()).text
    assert "leaked" not in text
    assert "&a;" in text
    assert f"href: {secret.as_uri()}" in text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged: line 1: document_empty"),
        (b"<a>\n<b></a>", "damaged: line 2: tag_name_mismatch"),
        (b"<a><b>", "damaged: line 1: tag_not_finished"),
        (b"<a/>", "empty"),
        (b"<a>" * 300 + b"x" + b"</a>" * 300, "too_large: nested too deep, or a single value too long"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "too_large: nested too deep, or a single value too long"),
        (b"<a>" + b"<b/>" * 2_000_000 + b"</a>", "too_large: more than 2000000 tags"),
        (
            b"<a %s/>" % b" ".join(b'b%d="1"' % n for n in range(1_001)),
            "too_large: an element has more than 1000 attributes",
        ),
        (b"<a>" + b" " * (32 * 1024 * 1024) + b"</a>", "too_large: 33554439 bytes, at most 33554432"),
    ],
    ids=["nothing", "mismatch", "unfinished", "no value", "deep", "long value", "tags", "attributes", "bytes"],
)
def test_what_cannot_be_read_is_refused_with_the_line(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_reasons_of_damage_quote_nothing() -> None:
    assert "22222222303" not in refused(b"<a><cpf>22222222303</cpf><b22222222303></a>")


def test_paths_that_would_make_the_text_explode_are_refused() -> None:
    names = [f"n{'x' * 1000}{depth}" for depth in range(100)]
    data = (
        "".join(f"<{name}>" for name in names) + "<v>1</v>" * 1000 + "".join(f"</{name}>" for name in reversed(names))
    )
    assert refused(data.encode()).startswith("too_large: ")


def test_more_text_than_a_document_may_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_CHARACTERS", 100)
    assert refused(b"<r>" + b"<v>1</v>" * 30 + b"</r>") == "too_large: more than 100 characters"


# --- returns ---


@pytest.mark.parametrize("year", FORMS)
def test_a_return_is_read_by_the_form_of_its_root_and_pinned_to_its_schema(year: int) -> None:
    outcome = parsed(file_of(year))
    assert outcome.needs_human == ()
    assert outcome.filing is not None
    assert outcome.filing.layout == FORMS[year]
    schema = resources.files("compliance_assets.normalised_documents") / "xsd" / f"{FORMS[year]}.xsd"
    assert outcome.xsd_sha256 == sha256(schema.read_bytes()).hexdigest()


@pytest.mark.parametrize("year", FORMS)
def test_a_field_stands_in_another_place_by_category(year: int) -> None:
    full, short = parsed(file_of(year, "completa")).filing, parsed(file_of(year, "simplificada")).filing
    assert full is not None
    assert short is not None
    assert full.value(Field.TAXABLE_INCOME) == short.value(Field.TAXABLE_INCOME) == "110623.52"
    assert (full.value(Field.SIMPLIFIED_DISCOUNT), short.value(Field.SIMPLIFIED_DISCOUNT)) == (None, "16754.34")
    assert (full.value(Field.MEDICAL), short.value(Field.MEDICAL)) == ("1234.00", None)


def test_the_program_keeps_no_calendar_year_so_the_exercise_stands_for_it() -> None:
    outcome = parsed(file_of(2019))
    assert outcome.filing is not None
    year = next(field for field in outcome.filing.fields if field.field is Field.CALENDAR_YEAR)
    assert (year.value, outcome.text[year.start : year.end]) == ("2019", "2020")


def test_counted_dependants_are_quoted_with_their_lines() -> None:
    outcome = parsed(file_of(2019))
    assert outcome.filing is not None
    count = next(field for field in outcome.filing.fields if field.field is Field.DEPENDANTS)
    quote = outcome.text[count.start : count.end]
    assert count.value == "2"
    assert quote.startswith("item 1 / codigo: 11\n")
    assert quote.endswith("item 2 / nome: ARTUR SYONAY")


@pytest.mark.parametrize(
    ("year", "old", "new"),
    [
        (2016, "<baseCalculo>96.159,92<", "<baseCalculo>96,159.92<"),
        (2019, 'baseCalculo="96.159,92"', 'baseCalculo="96,159.92"'),
        (2024, 'base="96159.92"', 'base="96.159,920"'),
    ],
)
def test_a_value_that_breaks_the_schema_is_named_by_line_and_rule_not_quoted(year: int, old: str, new: str) -> None:
    text = file_of(year).decode()
    assert old in text
    outcome = parsed(text.replace(old, new).encode())
    schema = [doubt for doubt in outcome.needs_human if doubt.startswith("schema: line ")]
    assert schema
    assert "field_unreadable: tax_base" in outcome.needs_human
    assert not any("96" in doubt for doubt in schema)


def test_a_field_that_is_not_there_is_named() -> None:
    data = file_of(2016).replace(b"    <imposto>\n      <baseCalculo>96.159,92</baseCalculo>\n", b"    <imposto>\n")
    assert "missing_field: tax_base" in parsed(data).needs_human


def test_a_field_that_stands_twice_is_named() -> None:
    base = b"<baseCalculo>96.159,92</baseCalculo>"
    doubts = parsed(file_of(2016).replace(base, base + base.replace(b"96", b"16"))).needs_human
    assert "repeated_field: tax_base" in doubts


def test_a_year_that_no_row_of_the_map_serves_is_not_read() -> None:
    data = file_of(2024).replace(b'anoCalendario="2024"', b'anoCalendario="2030"')
    outcome = parsed(data)
    assert outcome.needs_human == ("layout_unknown: declaracao-v2, calendar year 2030",)
    assert outcome.filing is None
    assert "OLZEFU" in outcome.text


def test_a_return_without_a_year_is_not_read() -> None:
    outcome = parsed(file_of(2024).replace(b'anoCalendario="2024"', b""))
    assert "missing_field: calendar_year" in outcome.needs_human
    assert outcome.filing is None


def test_more_than_the_schema_knows_may_stand_in_another_namespace() -> None:
    data = file_of(2024).replace(b"</irpf>", b'<x:stamp xmlns:x="urn:x">ours</x:stamp></irpf>')
    outcome = parsed(data)
    assert outcome.needs_human == ()
    assert outcome.text.endswith("stamp: ours\n")


def test_masks_without_a_digit_are_no_values() -> None:
    data = file_of(2019).replace(b'cpfDependente="333.333.334-14"', b'cpfDependente="   .   .   -  "')
    filing = parsed(data).filing
    assert filing is not None
    assert filing.values(Field.DEPENDANT_ID) == ("44444444425",)
    assert filing.value(Field.DEPENDANTS) == "2"


@pytest.mark.parametrize("year", FORMS)
def test_a_return_is_read_in_a_moment(year: int) -> None:
    """About 0.4 ms; the bound is loose because the machine is shared."""
    data = file_of(year)
    xml.parse(data)
    assert min(_seconds(lambda: xml.parse(data)) for _ in range(5)) < 0.005


def test_every_layout_of_the_map_has_a_schema_and_a_way_to_be_read() -> None:
    for place in locator_map("xml"):
        assert (resources.files("compliance_assets.normalised_documents") / "xsd" / f"{place.layout}.xsd").is_file()
        assert place.place in {"attribute", "text", "count", "exercise"}


# --- for all inputs ---


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(file_of(draw(st.sampled_from(list(FORMS)))))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=12) | st.sampled_from([b"<a>", b"</a>", b"<!ENTITY", b"&x;", b'"', b"]]>"]))
        data[at : at + draw(st.integers(0, 12))] = piece
    return bytes(data)


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='<&"\ufffe\uffff'), max_size=8)


def elements() -> st.SearchStrategy[str]:
    leaves = st.builds('<{0} k="{1}">{1}</{0}>'.format, st.sampled_from("abé"), VALUES)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4).map(lambda c: f"<g>{'-'.join(c)}</g>"), max_leaves=8
    )


@settings(deadline=None, max_examples=150)
@given(mutated() | elements().map(str.encode) | st.binary(max_size=60))
def test_any_bytes_become_an_outcome_with_spans_inside_its_text(data: bytes) -> None:
    outcome = xml.parse(data)
    if isinstance(outcome, Parsed):
        assert outcome.page_ends == (len(outcome.text),)
        for field in outcome.filing.fields if outcome.filing else ():
            assert 0 <= field.start < field.end <= len(outcome.text)
            assert outcome.text[field.start : field.end].strip() == outcome.text[field.start : field.end]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_no_value_is_lost(values: list[str]) -> None:
    text = parsed("".join(["<r><g>", *(f'<v k="{v}">{v}</v>' for v in ["first", *values]), "</g></r>"]).encode()).text
    for number, value in enumerate(values, start=2):
        if shown := " ".join(value.split()):
            assert f"\nv {number} / k: {shown}\nv {number}: {shown}\n" in text


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
