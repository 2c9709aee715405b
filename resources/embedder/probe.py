"""Texts that precisions are compared on: short questions, prose, tables of numbers, two languages, close neighbours."""

_COMPANIES = ("Northwind Bank", "Harbour Foods", "Meadow Energia S.A.", "Lakeside Software")
_YEARS = (2018, 2021)


def probe_texts() -> list[str]:
    """Always the same, shortest a few tokens, longest about 300. Texts of one kind differ in a name, a year or numbers alone."""
    texts = []
    for number, company in enumerate(_COMPANIES):
        for year in _YEARS:
            amount = 1_000 + 137 * number + 11 * (year - 2017)
            texts += [
                f"What was the operating margin of {company} in {year}?",
                f"{company} dividends {year}",
                f"Quanto {company} deduziu de despesas médicas em {year}?",
                f"Net revenue of {company} rose to {amount} million in {year}, mostly because prices were raised in the second"
                " half and because a plant that had stood still produced again. Costs grew more slowly than revenue.",
                f"Note {number + 7}. Leases. {company} recognises a right-of-use asset and a liability at the start of a lease, "
                f"measured at the present value of the payments that remain, discounted at {3 + number / 4:.2f}% in {year}.",
                f"Os bens e direitos de {company} em 31 de dezembro de {year} somavam R$ {amount}.{number}50,00, dos quais "
                f"R$ {amount // 3}.200,00 em imóveis e o restante em aplicações financeiras de renda fixa.",
                _table(company, year, amount),
            ]
    return [*texts, _long(2019), _long(2023)]


def _table(company: str, year: int, amount: int) -> str:
    """A statement as a page's text layer gives it."""
    lines = ("Net sales", "Cost of sales", "Gross profit", "Research and development", "Operating income", "Interest")
    rows = [f"{line} {amount - 90 * i:,} {amount - 97 * i:,} ({i}.{i + 2}%)" for i, line in enumerate(lines)]
    return "\n".join([f"{company} Consolidated statements of income {year} {year - 1}", *rows])


def _long(year: int) -> str:
    sentence = (
        "The board reviewed liquidity, capital and the risks of section {n} in {y}, and set the limit at {a} percent. "
    )
    return "".join(sentence.format(n=n, y=year, a=10 + n * 3) for n in range(11))
