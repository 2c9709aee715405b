import pytest
from hypothesis import given

from compliance_assets.chunks.sections import MAX_TITLE, sections_of
from tests.chunks.texts import pages


def titles(text: str, year: int = 2021) -> list[str]:
    return [section.title for section in sections_of(text, year)]


@given(pages)
def test_sections_tile_the_text(text: str) -> None:
    sections = sections_of(text, 2021)
    assert "".join(text[section.start : section.end] for section in sections) == text
    assert all(section.start < section.end for section in sections)
    assert all(len(section.title) <= MAX_TITLE for section in sections)


def test_a_text_without_dividers_is_one_section_without_a_title() -> None:
    assert titles("Only text.\nAnd more.\n") == [""]
    assert titles("") == []


@pytest.mark.parametrize(
    "divider",
    [
        "# Liquidity",
        "###### Deep",
        "  ## Indented",
        "PART II",
        "Part IV. Financial statements",
        "ITEM 7. MANAGEMENT'S DISCUSSION",
        "Item 1A. Risk factors",
        "Article 12",
        "SECTION 3.1 Scope",
        "Chapter IX",
        "Note 5 Leases",
        "Schedule 2",
        "CAPÍTULO II",
        "Capitulo 4",
        "SEÇÃO III",
        "TÍTULO I",
        "CLÁUSULA PRIMEIRA",
        "Cláusula 12",
        "ANEXO IV",
        "Artigo 5",
        "Art. 5 O contribuinte",
    ],
)
def test_a_divider_opens_a_section_that_bears_its_line(divider: str) -> None:
    assert titles(f"Before it.\n{divider}\nThe body.\n") == ["", divider.strip()]


@pytest.mark.parametrize(
    "line",
    [
        "Parting words",
        "Items sold",
        "Item",
        "The Item 7 above",
        "#hashtag",
        "Note that",
        "Articles 12",
        "Partida 3",
        "Art deco",
        "Anexo com",
        "DEPENDENTESX",
    ],
)
def test_an_ordinary_line_opens_nothing(line: str) -> None:
    assert titles(f"Before it.\n{line}\nThe body.\n") == [""]


@pytest.mark.parametrize(
    "ficha",
    ["BENS E DIREITOS", "DÍVIDAS E ÔNUS REAIS", "RENDIMENTOS ISENTOS E NÃO TRIBUTÁVEIS", "IMPOSTO  PAGO", "RESUMO"],
)
def test_a_ficha_of_the_return_opens_a_section(ficha: str) -> None:
    assert titles(f"Valor.\n{ficha}\n1.000,00\n") == ["", ficha]


@pytest.mark.parametrize(("year", "opens"), [(2017, True), (2018, True), (2019, False), (2024, False)])
def test_the_employers_contribution_was_a_ficha_until_2018(year: int, opens: bool) -> None:
    assert ("CONTRIBUIÇÃO PATRONAL" in titles("Valor.\nCONTRIBUIÇÃO PATRONAL\n1.000,00\n", year)) is opens


@pytest.mark.parametrize(("year", "opens"), [(2009, False), (2010, True), (2024, True)])
def test_income_received_at_once_is_a_ficha_since_2010(year: int, opens: bool) -> None:
    text = "Valor.\nRENDIMENTOS RECEBIDOS ACUMULADAMENTE\n1.000,00\n"
    assert ("RENDIMENTOS RECEBIDOS ACUMULADAMENTE" in titles(text, year)) is opens


def test_a_table_of_contents_does_not_shatter() -> None:
    text = "CONTENTS:\nItem 1. Business 3\nItem 1A. Risk factors 9\n\nItem 2. Properties 20\nItem 3. Legal 21\nText.\n"
    assert titles(text) == ["", "Item 1. Business 3"]


def test_headings_that_follow_each_other_open_one_section() -> None:
    assert titles("# Policy\n\n## Scope\n\nIt is wide.\n\n## Custody\n\nIt is held.\n") == ["# Policy", "## Custody"]


@pytest.mark.parametrize("before", ["as described in, see\n", "Leases,\n", "Leases;\n", "Leases (\n", "Leases &\n"])
def test_a_line_that_the_layout_broke_off_opens_nothing(before: str) -> None:
    assert titles(f"{before}Note 5 below. More.\n") == [""]


def test_a_markdown_heading_opens_a_section_whatever_stands_before_it() -> None:
    assert titles("# Assets\n\n- cash\n- bonds\n\n## Custody\n\nHeld.\n") == ["# Assets", "## Custody"]


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (["PART II", "Item 7. Results", "Note 5 Leases"], ("PART II", "Item 7. Results", "Note 5 Leases")),
        (["Item 7. Results", "Note 5 Leases", "Item 8. Statements"], ("Item 8. Statements",)),
        (["PART I", "Item 1. Business", "PART II"], ("PART II",)),
        (["Note 4 Debt", "Note 5 Leases"], ("Note 5 Leases",)),
        (["TÍTULO I", "CAPÍTULO II", "SEÇÃO III", "Art.7 O prazo"], ("TÍTULO I", "CAPÍTULO II", "SEÇÃO III", "Art.7 O prazo")),
        (["Capitulo 4", "SEÇAO I", "Cláusula 12"], ("Capitulo 4", "SEÇAO I", "Cláusula 12")),
        (["# Policy", "## Custody", "### Fees"], ("Policy", "Custody", "Fees")),
        (["# Policy", "## Custody", "## Fees"], ("Policy", "Fees")),
        (["# Act", "Art. 5 O prazo"], ("Act", "Art. 5 O prazo")),
        (["BENS E DIREITOS", "IMPOSTO PAGO"], ("IMPOSTO PAGO",)),
    ],
)  # fmt: skip
def test_a_section_lies_under_the_dividers_of_wider_units(lines: list[str], path: tuple[str, ...]) -> None:
    text = "".join(f"{line}\nThe body.\n" for line in lines)
    assert sections_of(text, 2021)[-1].path == path


def test_headings_that_open_one_section_together_are_all_in_its_path() -> None:
    [section] = sections_of("# Policy\n\n## Scope\n\nIt is wide.\n", 2021)
    assert (section.title, section.path) == ("# Policy", ("Policy", "Scope"))


def test_what_stands_before_the_first_divider_lies_under_none() -> None:
    assert [section.path for section in sections_of("Before it.\nPART II\nThe body.\n", 2021)] == [(), ("PART II",)]


def test_windows_line_ends_hide_no_divider() -> None:
    assert titles("Before it.\r\nItem 2. Properties\r\nA house.\r\n") == ["", "Item 2. Properties"]


def test_a_long_title_is_cut() -> None:
    assert titles("# " + "x" * 500) == [("# " + "x" * 500)[:MAX_TITLE]]
