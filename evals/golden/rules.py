"""The rule corpus: for each calendar year the law of the return in short numbered articles, and questions about it.

The wording is this project's own summary, for tests; it is not the text of a statute. Amounts come from
`filings/law.csv`, so that the answer of another year is a wrong answer wherever the law changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from compliance_assets.normalised_documents.filings.law import Law, law_of
from evals.golden.printed import amount, day

CATEGORY = "legislacao"

# First and last day of filing, by calendar year, as the Receita Federal set them; those of 2019 to 2021 after extension.
_FILING_PERIODS = {
    2015: (date(2016, 3, 1), date(2016, 4, 29)),
    2016: (date(2017, 3, 2), date(2017, 4, 28)),
    2017: (date(2018, 3, 1), date(2018, 4, 30)),
    2018: (date(2019, 3, 7), date(2019, 4, 30)),
    2019: (date(2020, 3, 2), date(2020, 6, 30)),
    2020: (date(2021, 3, 1), date(2021, 5, 31)),
    2021: (date(2022, 3, 7), date(2022, 5, 31)),
    2022: (date(2023, 3, 15), date(2023, 5, 31)),
    2023: (date(2024, 3, 15), date(2024, 5, 31)),
    2024: (date(2025, 3, 17), date(2025, 5, 30)),
    2025: (date(2026, 3, 23), date(2026, 5, 29)),
}
_LEAST_FINE = Decimal("165.74")
_LEAST_QUOTA = Decimal("50.00")
_ONE_QUOTA_BELOW = Decimal("100.00")
_NOT_PAID_BELOW = Decimal("10.00")


@dataclass(frozen=True, slots=True)
class _Question:
    """A question that every year's rules answer. `text` and `answer` may hold the amounts of `_amounts`."""

    name: str
    text: str
    answer: str


_RULES = """\
# Regras do imposto sobre a renda da pessoa física: ano-calendário {year}

Valem para a declaração de ajuste anual do exercício {filing_year}, que trata dos rendimentos do ano-calendário {year}.

## Obrigatoriedade

Art. 1º Deve declarar quem recebeu no ano rendimentos tributáveis de mais de R$ {file_above_income}.

Art. 2º Deve declarar também quem:
I - recebeu rendimentos isentos, não tributáveis ou tributados só na fonte que somam mais de R$ {file_above_exempt};
II - era dono, em 31 de dezembro de {year}, de bens ou direitos de mais de R$ {file_above_assets};
III - teve receita bruta de atividade rural de mais de R$ {file_above_rural}.

## Prazo

Art. 3º A declaração é entregue de {opens} a {closes}.

Art. 4º Quem entrega depois do prazo paga multa de 1% do imposto devido por mês ou fração, de R$ {least_fine} no mínimo
e de 20% do imposto devido no máximo.

## Tabela

Art. 5º O imposto devido é a base de cálculo vezes a alíquota da faixa, menos a parcela a deduzir da mesma faixa:

{table}

Art. 6º A base de cálculo é a soma dos rendimentos tributáveis menos as deduções legais ou menos o desconto simplificado.

## Deduções legais

Art. 7º Cada dependente permite deduzir R$ {dependant} no ano. A mesma pessoa não pode ser dependente duas vezes,
nem em duas declarações.

Art. 8º As despesas com instrução são deduzidas até R$ {education_cap} por pessoa, do titular e de cada dependente.

Art. 9º As contribuições à previdência complementar são deduzidas até {private_pension_percent}% dos rendimentos tributáveis.

Art. 10. Não têm limite as deduções de previdência oficial, de despesas médicas comprovadas, de pensão alimentícia fixada
em juízo ou escritura, e do livro-caixa de quem trabalha sem vínculo.

## Desconto simplificado

Art. 11. Quem prefere o desconto simplificado troca todas as deduções legais por {simplified_percent}% dos rendimentos
tributáveis, até R$ {simplified_cap}.

Art. 12. A escolha entre deduções legais e desconto simplificado não pode ser mudada depois do prazo do art. 3º.

## Pagamento e restituição

Art. 13. Do imposto devido é abatido o que foi retido na fonte ou recolhido no ano. O saldo é a pagar ou a restituir.
Nunca se restitui mais do que foi pago.

Art. 14. O saldo a pagar pode ser dividido em até 8 quotas, de R$ {least_quota} no mínimo cada uma. Saldo menor que
R$ {one_quota_below} é pago de uma vez; menor que R$ {not_paid_below} não é pago com esta declaração.

Art. 15. O imposto retido na fonte só é abatido se a fonte pagadora estiver informada com o seu CNPJ ou CPF.

## Retificação

Art. 16. Quem descobre um erro entrega uma declaração retificadora, que substitui por inteiro a anterior e traz o número
do recibo da declaração que corrige.

Art. 17. A retificação pode ser feita em até cinco anos, se a declaração não estiver sob fiscalização.
"""

_QUESTIONS = (
    _Question("limite-isencao", "Até que base de cálculo anual não há imposto?", "R$ {limit_1}"),
    _Question("parcela-275", "Qual é a parcela a deduzir da faixa de 27,5%?", "R$ {parcel_5}"),
    _Question("parcela-75", "Qual é a parcela a deduzir da faixa de 7,5%?", "R$ {parcel_2}"),
    _Question("obrigatoriedade", "Acima de que soma de rendimentos tributáveis é preciso declarar?", "R$ {file_above_income}"),
    _Question("bens", "Quem tem bens acima de que valor deve declarar?", "R$ {file_above_assets}"),
    _Question("prazo", "Até que dia a declaração pode ser entregue no prazo?", "{closes}"),
    _Question("rural", "Acima de que receita bruta da atividade rural é preciso declarar?", "R$ {file_above_rural}"),
    _Question("instrucao", "Qual é o limite por pessoa das despesas com instrução?", "R$ {education_cap}"),
    _Question("simplificado", "Qual é o teto do desconto simplificado?", "R$ {simplified_cap}"),
    _Question("dependente", "Quanto se deduz por dependente no ano?", "R$ {dependant}"),
    _Question("retificadora", "O que a declaração retificadora traz da declaração que corrige?", "o número do recibo"),
)  # fmt: skip


def path_of(year: int) -> str:
    """Where the rules of a year lie in a folder of documents."""
    return f"rules/regras-{year}.md"


def rules_of(year: int) -> str:
    """The rules of a calendar year, in Portuguese, as Markdown. Raises InvalidInput for a year without a law."""
    law = law_of(year)
    return _RULES.format(**_amounts(law), table=_table(law))


def rule_questions(years: Sequence[int]) -> list[dict[str, object]]:
    """Rows of a questions file about the rules of each year, with the page that answers them."""
    return [
        {
            "id": f"{question.name}-{year}",
            "question": f"{question.text[:-1]} no ano-calendário {year}?",
            "year": year,
            "filer_category": CATEGORY,
            "answer": question.answer.format(**_amounts(law_of(year))),
            "evidence": [{"path": path_of(year), "page": 1}],
        }
        for year in years
        for question in _QUESTIONS
    ]


def _amounts(law: Law) -> dict[str, str]:
    opens, closes = _FILING_PERIODS[law.year]
    limits = {f"limit_{n}": amount(band.up_to) for n, band in enumerate(law.bands, 1) if band.up_to is not None}
    parcels = {f"parcel_{n}": amount(band.parcel) for n, band in enumerate(law.bands, 1)}
    return {
        **limits,
        **parcels,
        "year": str(law.year),
        "filing_year": str(law.year + 1),
        "opens": day(opens),
        "closes": day(closes),
        "dependant": amount(law.dependant),
        "education_cap": amount(law.education_cap),
        "private_pension_percent": _percent(law.private_pension_share),
        "simplified_percent": _percent(law.simplified_share),
        "simplified_cap": amount(law.simplified_cap),
        "file_above_income": amount(law.must_file.taxable_income),
        "file_above_exempt": amount(law.must_file.exempt_income),
        "file_above_assets": amount(law.must_file.assets),
        "file_above_rural": amount(law.must_file.rural_revenue),
        "least_fine": amount(_LEAST_FINE),
        "least_quota": amount(_LEAST_QUOTA),
        "one_quota_below": amount(_ONE_QUOTA_BELOW),
        "not_paid_below": amount(_NOT_PAID_BELOW),
    }


def _table(law: Law) -> str:
    lines = ["| base de cálculo anual | alíquota | parcela a deduzir |", "|---|---|---|"]
    below = "0,00"
    for band in law.bands:
        span = f"até R$ {amount(band.up_to)}" if band.up_to is not None else f"acima de R$ {below}"
        lines.append(f"| {span} | {_percent(band.rate)}% | R$ {amount(band.parcel)} |")
        below = amount(band.up_to) if band.up_to is not None else below
    return "\n".join(lines)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}".replace(".", ",")
