import pytest

from compliance_assets.normalised_documents.year_from_text import year_from_text


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("FORM 10-K\nFor the fiscal year ended December 31, 2022\n", 2022),
        ("FORM 10-K\nFor the year ended 31 December 2021", 2021),
        ("for the financial year ending on June 30 , 2020.", 2020),
        ("fiscal year 2019", 2019),
        ("results of FY2022, and again FY 2022", 2022),
        ("tax year 2021", 2021),
        ("Declaração do ano-calendário de 2019", 2019),
        ("ANO-CALENDÁRIO: 2018", 2018),
        ("ano-calenda\u0301rio 2017", 2017),
        ("EXERCÍCIO 2020 ANO-CALENDÁRIO 2019", 2019),
    ],
)
def test_a_stated_year_is_read(text: str, year: int) -> None:
    assert year_from_text(text) == year


@pytest.mark.parametrize(
    "text",
    [
        "",
        "In 2022 the company grew.",
        "exercício de 2020",
        "fiscal year 2021 and fiscal year 2022",
        "for the fiscal years ended December 31, 2022, 2021 and 2020",
        "fiscal years 2022 and 2021",
        "fiscal year 2021-22",
        "fiscal year 2021/2022",
        "FY20225",
        "fiscal year 1822",
        "our Annual Report on Form 10-K for the fiscal year ended June 30, 2022",
        "included in Form 10-K for the year\nended January 29, 2022",
        " " * 20_000 + "fiscal year 2022",
    ],
)
def test_no_year_is_guessed(text: str) -> None:
    assert year_from_text(text) is None
