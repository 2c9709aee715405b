"""The printed layouts of the return, as data: what a page says, in which order and in which form.

No layout copies a form of the Receita Federal: they are this project's own, in the wording of such forms, and differ as
the years of real ones do. A text may hold `{key}`: the value of a field (`fields.Field`), or of what `page_values.py`
adds to them. `render_page.py` draws the parts.
"""

from dataclasses import dataclass
from typing import Literal

from evals.golden.declaration import Category

Source = Literal["dependants", "payers", "payments"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A label and its value. `beside` are further values of the same line, which are not the return's own.

    An entry with `corrects` stands only in a retificadora.
    """

    label: str
    value: str
    beside: tuple[str, ...] = ()
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Banner:
    """The centred lines that open the return; the first ones are large."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a part."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """One entry a line, the value at the right: behind dots, or numbered, or under the headers of its columns."""

    entries: tuple[Entry, ...]
    dots: bool = False
    numbered: bool = False
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two entries a line, the value right behind its label."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Boxes:
    """Ruled rows, each with `columns` boxes: a small label and its value below."""

    entries: tuple[Entry, ...]
    columns: int = 3


@dataclass(frozen=True, slots=True)
class ValueFirst:
    """The value left of its label, which may go on in a second line."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its header, the value of each row, and its left edge in points (right edge of an amount)."""

    header: str
    value: str
    x: int
    is_amount: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A row for each dependant, payer or payment; `empty` where there is none."""

    source: Source
    columns: tuple[Column, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class NewPage:
    """What follows stands on the next page."""


Part = Banner | Heading | Lines | Pairs | Boxes | ValueFirst | Table | NewPage


@dataclass(frozen=True, slots=True)
class Layout:
    """The printed return of some calendar years. `categories` and `return_types` are its words for these.

    `running` opens every page but the first. Headings are `ruled` below or stand on a grey bar. A hard layout is one that
    the locator map does not know.
    """

    name: str
    first_year: int
    last_year: int
    completa: tuple[Part, ...]
    simplificada: tuple[Part, ...]
    categories: tuple[str, str]
    return_types: tuple[str, str]
    running: str = ""
    ruled: bool = False
    hard: bool = False

    def parts(self, category: Category) -> tuple[Part, ...]:
        """What a return of the category prints, in order."""
        return self.completa if category == "completa" else self.simplificada

    def category(self, category: Category) -> str:
        """The layout's words for a category."""
        return self.categories[category == "simplificada"]

    def return_type(self, return_type: str) -> str:
        """The layout's words for original or retificadora."""
        return self.return_types[return_type == "retificadora"]


_DEDUCTIONS = (
    Entry("CONTRIBUIÇÃO À PREVIDÊNCIA OFICIAL", "{official_pension}"),
    Entry("CONTRIBUIÇÃO À PREVIDÊNCIA COMPLEMENTAR", "{private_pension}"),
    Entry("DEDUÇÃO DE DEPENDENTES", "{dependants_deduction}"),
    Entry("DESPESAS COM INSTRUÇÃO", "{education}"),
    Entry("DESPESAS MÉDICAS", "{medical}"),
    Entry("PENSÃO ALIMENTÍCIA JUDICIAL", "{alimony}"),
    Entry("LIVRO-CAIXA", "{cash_book}"),
    Entry("TOTAL DAS DEDUÇÕES", "{total_deductions}"),
)
_NO_INFORMATION = "SEM INFORMAÇÕES"

# 2015-2016: one column, the values behind dots.

_A_TITLE = Banner(
    (
        "MINISTÉRIO DA FAZENDA",
        "SECRETARIA DA RECEITA FEDERAL DO BRASIL",
        "IMPOSTO SOBRE A RENDA - PESSOA FÍSICA",
        "EXERCÍCIO {filing_year} ANO-CALENDÁRIO {calendar_year}",
    )
)
_A_OPENING: tuple[Part, ...] = (
    Heading("IDENTIFICAÇÃO DO CONTRIBUINTE"),
    Lines(
        (
            Entry("NOME", "{name}"),
            Entry("CPF", "{taxpayer_id}"),
            Entry("DATA DE NASCIMENTO", "{born}"),
            Entry("OCUPAÇÃO PRINCIPAL", "{occupation}"),
            Entry("MUNICÍPIO", "{city}"),
            Entry("UF", "{state}"),
            Entry("DECLARAÇÃO RETIFICADORA?", "{return_type}"),
            Entry("Nº DO RECIBO DA DECLARAÇÃO RETIFICADA", "{corrected_receipt}", corrects=True),
        ),
        dots=True,
    ),
    Heading("DEPENDENTES"),
    Table(
        "dependants",
        (
            Column("CÓDIGO", "{relation}", 46),
            Column("NOME", "{dependant_name}", 100),
            Column("NASCIMENTO", "{dependant_born}", 380),
            Column("CPF", "{dependant_id}", 470),
        ),
        _NO_INFORMATION,
    ),
    Heading("RENDIMENTOS TRIBUTÁVEIS RECEBIDOS DE PESSOA JURÍDICA PELO TITULAR"),
    Table(
        "payers",
        (
            Column("FONTE PAGADORA", "{payer_name}", 46),
            Column("CNPJ/CPF", "{payer_id}", 225),
            Column("RENDIMENTOS", "{payer_income}", 405, is_amount=True),
            Column("PREV. OFICIAL", "{payer_pension}", 480, is_amount=True),
            Column("IMPOSTO RETIDO", "{payer_withheld}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
    Heading("PAGAMENTOS EFETUADOS"),
    Table(
        "payments",
        (
            Column("CÓD.", "{payment_code}", 46),
            Column("BENEFICIÁRIO", "{payee}", 85),
            Column("CPF/CNPJ DO BENEFICIÁRIO", "{payee_id}", 290),
            Column("VALOR PAGO", "{payment_amount}", 480, is_amount=True),
            Column("PARC. NÃO DED.", "{not_deductible}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
)
_A_BALANCE: tuple[Part, ...] = (
    Heading("IMPOSTO PAGO"),
    Lines(
        (
            Entry("IMPOSTO RETIDO NA FONTE", "{tax_withheld}"),
            Entry("TOTAL DO IMPOSTO PAGO", "{tax_paid}"),
        ),
        dots=True,
    ),
    Heading("RESULTADO"),
    Lines(
        (
            Entry("SALDO DE IMPOSTO A PAGAR", "{tax_to_pay}"),
            Entry("IMPOSTO A RESTITUIR", "{tax_refund}"),
        ),
        dots=True,
    ),
    Heading("RECIBO DE ENTREGA"),
    Lines((Entry("DECLARANTE", "{name}"), Entry("CPF DO DECLARANTE", "{taxpayer_id}")), dots=True),
)
A = Layout(
    name="page-2015",
    first_year=2015,
    last_year=2016,
    completa=(
        _A_TITLE,
        Heading("DECLARAÇÃO DE AJUSTE ANUAL - OPÇÃO PELAS {filer_category}"),
        *_A_OPENING,
        Heading("RENDIMENTOS TRIBUTÁVEIS"),
        Lines((Entry("TOTAL DOS RENDIMENTOS TRIBUTÁVEIS", "{taxable_income}"),), dots=True),
        Heading("DEDUÇÕES"),
        Lines(_DEDUCTIONS, dots=True),
        Heading("IMPOSTO DEVIDO"),
        Lines(
            (
                Entry("BASE DE CÁLCULO", "{tax_base}"),
                Entry("IMPOSTO DEVIDO I", "{tax_due}"),
            ),
            dots=True,
        ),
        *_A_BALANCE,
    ),
    simplificada=(
        _A_TITLE,
        Heading("DECLARAÇÃO DE AJUSTE ANUAL - OPÇÃO PELO {filer_category}"),
        *_A_OPENING,
        Heading("RENDIMENTOS TRIBUTÁVEIS E DESCONTO SIMPLIFICADO"),
        Lines(
            (
                Entry("RENDIMENTOS RECEBIDOS NO ANO", "{taxable_income}"),
                Entry("DESCONTO SIMPLIFICADO", "{simplified_discount}"),
                Entry("BASE DE CÁLCULO DO IMPOSTO", "{tax_base}"),
                Entry("IMPOSTO DEVIDO", "{tax_due}"),
            ),
            dots=True,
        ),
        *_A_BALANCE,
    ),
    categories=("DEDUÇÕES LEGAIS", "DESCONTO SIMPLIFICADO"),
    return_types=("NÃO", "SIM"),
)

# 2017-2018: two columns, the value right behind its label.

_B_OPENING: tuple[Part, ...] = (
    Banner(
        (
            "RECEITA FEDERAL DO BRASIL",
            "IMPOSTO SOBRE A RENDA DA PESSOA FÍSICA",
            "DECLARAÇÃO DE AJUSTE ANUAL",
            "ANO-CALENDÁRIO {calendar_year} - EXERCÍCIO {filing_year}",
        )
    ),
    Heading("1. IDENTIFICAÇÃO"),
    Pairs(
        (
            Entry("Nome:", "{name}"),
            Entry("CPF:", "{taxpayer_id}"),
            Entry("Ocupação:", "{occupation}"),
            Entry("Nascimento:", "{born}"),
            Entry("Município:", "{city}"),
            Entry("UF:", "{state}"),
            Entry("Tipo de declaração:", "{return_type}"),
            Entry("Tributação:", "{filer_category}"),
            Entry("Recibo retificado nº:", "{corrected_receipt}", corrects=True),
        )
    ),
    Heading("2. RENDIMENTOS DE PESSOAS JURÍDICAS"),
    Table(
        "payers",
        (
            Column("CNPJ", "{payer_id}", 46),
            Column("Nome da fonte", "{payer_name}", 150),
            Column("Rendimento", "{payer_income}", 400, is_amount=True),
            Column("13º salário", "{payer_thirteenth}", 475, is_amount=True),
            Column("Retido", "{payer_withheld}", 549, is_amount=True),
        ),
        "Nenhuma fonte pagadora.",
    ),
    Heading("3. PAGAMENTOS EFETUADOS"),
    Table(
        "payments",
        (
            Column("Código", "{payment_code}", 46),
            Column("Nome", "{payee}", 100),
            Column("Documento", "{payee_id}", 320),
            Column("Valor", "{payment_amount}", 549, is_amount=True),
        ),
        "Nenhum pagamento.",
    ),
    Heading("4. DEPENDENTES"),
    Pairs((Entry("Número de dependentes:", "{dependants}"),)),
    Table(
        "dependants",
        (
            Column("CPF", "{dependant_id}", 46),
            Column("Nome", "{dependant_name}", 150),
            Column("Código", "{relation}", 430),
            Column("Nascido em", "{dependant_born}", 485),
        ),
        "Nenhum dependente.",
    ),
)
_B_BALANCE: tuple[Part, ...] = (
    Heading("6. IMPOSTO"),
    Pairs(
        (
            Entry("Imposto devido:", "{tax_due}"),
            Entry("Retido na fonte:", "{tax_withheld}"),
            Entry("Total pago:", "{tax_paid}"),
            Entry("A pagar:", "{tax_to_pay}"),
            Entry("A restituir:", "{tax_refund}"),
        )
    ),
    Heading("7. ASSINATURA"),
    Pairs((Entry("Declarante:", "{name}"), Entry("CPF:", "{taxpayer_id}"))),
)
B = Layout(
    name="page-2017",
    first_year=2017,
    last_year=2018,
    completa=(
        *_B_OPENING,
        Heading("5. RENDIMENTOS E DEDUÇÕES"),
        Pairs(
            (
                Entry("Rendimentos tributáveis:", "{taxable_income}"),
                Entry("Previdência oficial:", "{official_pension}"),
                Entry("Previdência privada:", "{private_pension}"),
                Entry("Dependentes:", "{dependants_deduction}"),
                Entry("Instrução:", "{education}"),
                Entry("Despesas médicas:", "{medical}"),
                Entry("Pensão judicial:", "{alimony}"),
                Entry("Livro-caixa:", "{cash_book}"),
                Entry("Soma das deduções:", "{total_deductions}"),
                Entry("Base de cálculo:", "{tax_base}"),
            )
        ),
        *_B_BALANCE,
    ),
    simplificada=(
        *_B_OPENING,
        Heading("5. RENDIMENTOS E DESCONTO SIMPLIFICADO"),
        Pairs(
            (
                Entry("Base de cálculo:", "{tax_base}"),
                Entry("Rendimentos tributáveis:", "{taxable_income}"),
                Entry("Desconto de 20%:", "{simplified_discount}"),
            )
        ),
        *_B_BALANCE,
    ),
    categories=("POR DEDUÇÕES LEGAIS", "POR DESCONTO SIMPLIFICADO"),
    return_types=("ORIGINAL", "RETIFICADORA"),
    ruled=True,
)

# 2019-2020: boxes, the value below its label.

_C_OPENING: tuple[Part, ...] = (
    Banner(
        (
            "MINISTÉRIO DA ECONOMIA - RECEITA FEDERAL",
            "IMPOSTO SOBRE A RENDA - PESSOA FÍSICA",
            "DECLARAÇÃO DE AJUSTE ANUAL - EXERCÍCIO {filing_year} - ANO-CALENDÁRIO {calendar_year}",
        )
    ),
    Heading("IDENTIFICAÇÃO DO CONTRIBUINTE"),
    Boxes((Entry("Nome do contribuinte", "{name}"), Entry("Número do CPF", "{taxpayer_id}")), columns=2),
    Boxes(
        (
            Entry("Data de nascimento", "{born}"),
            Entry("Município / UF", "{city} / {state}"),
            Entry("Tipo da declaração", "{return_type}"),
            Entry("Opção pela tributação", "{filer_category}"),
            Entry("Ocupação principal", "{occupation}"),
            Entry("Recibo da declaração retificada", "{corrected_receipt}", corrects=True),
        )
    ),
    Heading("DEPENDENTES"),
    Table(
        "dependants",
        (
            Column("Nome do dependente", "{dependant_name}", 46),
            Column("CPF do dependente", "{dependant_id}", 300),
            Column("Data de nascimento", "{dependant_born}", 410),
            Column("Relação", "{relation}", 510),
        ),
        "Não há dependentes",
    ),
    Heading("RENDIMENTOS TRIBUTÁVEIS RECEBIDOS DE PESSOA JURÍDICA PELO TITULAR"),
    Table(
        "payers",
        (
            Column("Nome da fonte pagadora", "{payer_name}", 46),
            Column("Rendimentos recebidos", "{payer_income}", 320, is_amount=True),
            Column("CNPJ/CPF", "{payer_id}", 350),
            Column("Imposto retido na fonte", "{payer_withheld}", 549, is_amount=True),
        ),
        "Não há fontes pagadoras",
    ),
    Heading("PAGAMENTOS EFETUADOS"),
    Table(
        "payments",
        (
            Column("Beneficiário", "{payee}", 46),
            Column("CPF/CNPJ", "{payee_id}", 240),
            Column("Código", "{payment_code}", 360),
            Column("Valor pago", "{payment_amount}", 470, is_amount=True),
            Column("Não dedutível", "{not_deductible}", 549, is_amount=True),
        ),
        "Não há pagamentos",
    ),
)
_C_CLOSING: tuple[Part, ...] = (
    Heading("RECIBO DE ENTREGA DA DECLARAÇÃO"),
    Boxes((Entry("Nome", "{name}"), Entry("CPF", "{taxpayer_id}")), columns=2),
)
C = Layout(
    name="page-2019",
    first_year=2019,
    last_year=2020,
    completa=(
        *_C_OPENING,
        Heading("RESUMO - DEDUÇÕES LEGAIS"),
        Boxes(
            (
                Entry("Rendimentos tributáveis", "{taxable_income}"),
                Entry("Previdência oficial", "{official_pension}"),
                Entry("Previdência complementar", "{private_pension}"),
                Entry("Dedução de dependentes", "{dependants_deduction}"),
                Entry("Despesas com instrução", "{education}"),
                Entry("Despesas médicas", "{medical}"),
                Entry("Pensão alimentícia", "{alimony}"),
                Entry("Livro-caixa", "{cash_book}"),
                Entry("Total de deduções", "{total_deductions}"),
                Entry("Base de cálculo do imposto", "{tax_base}"),
                Entry("Imposto devido", "{tax_due}"),
                Entry("Imposto retido na fonte", "{tax_withheld}"),
                Entry("Total do imposto pago", "{tax_paid}"),
                Entry("Imposto a restituir", "{tax_refund}"),
                Entry("Saldo de imposto a pagar", "{tax_to_pay}"),
            )
        ),
        *_C_CLOSING,
    ),
    simplificada=(
        *_C_OPENING,
        Heading("RESUMO - DESCONTO SIMPLIFICADO"),
        Boxes(
            (
                Entry("Rendimentos tributáveis", "{taxable_income}"),
                Entry("Desconto simplificado", "{simplified_discount}"),
                Entry("Base de cálculo do imposto", "{tax_base}"),
                Entry("Imposto devido", "{tax_due}"),
                Entry("Imposto retido na fonte", "{tax_withheld}"),
                Entry("Total do imposto pago", "{tax_paid}"),
                Entry("Saldo de imposto a pagar", "{tax_to_pay}"),
                Entry("Imposto a restituir", "{tax_refund}"),
            )
        ),
        *_C_CLOSING,
    ),
    categories=("DEDUÇÕES LEGAIS", "DESCONTO SIMPLIFICADO"),
    return_types=("DECLARAÇÃO ORIGINAL", "DECLARAÇÃO RETIFICADORA"),
)

# 2021-2022: numbered lines, and a comparison with the category that was not chosen.

_D_OPENING: tuple[Part, ...] = (
    Banner(
        (
            "MINISTÉRIO DA ECONOMIA",
            "SECRETARIA ESPECIAL DA RECEITA FEDERAL DO BRASIL",
            "IMPOSTO SOBRE A RENDA - PESSOA FÍSICA",
            "DECLARAÇÃO DE AJUSTE ANUAL",
            "EXERCÍCIO {filing_year} ANO-CALENDÁRIO {calendar_year}",
        )
    ),
    Heading("FICHA I - IDENTIFICAÇÃO DO CONTRIBUINTE"),
    Lines(
        (
            Entry("CPF", "{taxpayer_id}"),
            Entry("NOME", "{name}"),
            Entry("DATA DE NASCIMENTO", "{born}"),
            Entry("OCUPAÇÃO", "{occupation}"),
            Entry("MUNICÍPIO DE DOMICÍLIO", "{city} - {state}"),
            Entry("NATUREZA DA DECLARAÇÃO", "{return_type}"),
            Entry("RECIBO DA DECLARAÇÃO A RETIFICAR", "{corrected_receipt}", corrects=True),
            Entry("FORMA DE TRIBUTAÇÃO", "{filer_category}"),
        ),
        numbered=True,
    ),
    Heading("FICHA II - DEPENDENTES"),
    Table(
        "dependants",
        (
            Column("CÓD.", "{relation}", 46),
            Column("CPF", "{dependant_id}", 90),
            Column("NOME", "{dependant_name}", 190),
            Column("DATA DE NASC.", "{dependant_born}", 470),
        ),
        _NO_INFORMATION,
    ),
    Heading("FICHA III - FONTES PAGADORAS"),
    Table(
        "payers",
        (
            Column("CNPJ/CPF", "{payer_id}", 46),
            Column("NOME EMPRESARIAL", "{payer_name}", 160),
            Column("REND. TRIBUTÁVEIS", "{payer_income}", 450, is_amount=True),
            Column("IRRF", "{payer_withheld}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
    Heading("FICHA IV - PAGAMENTOS EFETUADOS"),
    Table(
        "payments",
        (
            Column("CÓD.", "{payment_code}", 46),
            Column("CPF/CNPJ", "{payee_id}", 90),
            Column("NOME", "{payee}", 190),
            Column("VALOR PAGO", "{payment_amount}", 470, is_amount=True),
            Column("NÃO DEDUT.", "{not_deductible}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
)
_D_CLOSING: tuple[Part, ...] = (
    Heading("COMPARATIVO DAS OPÇÕES DE TRIBUTAÇÃO"),
    Lines(
        (
            Entry("BASE DE CÁLCULO", "{legal:tax_base}", ("{simplified:tax_base}",)),
            Entry("IMPOSTO DEVIDO", "{legal:tax_due}", ("{simplified:tax_due}",)),
            Entry("SALDO DE IMPOSTO A PAGAR", "{legal:tax_to_pay}", ("{simplified:tax_to_pay}",)),
            Entry("IMPOSTO A RESTITUIR", "{legal:tax_refund}", ("{simplified:tax_refund}",)),
        ),
        headers=("DEDUÇÕES LEGAIS", "DESCONTO SIMPLIFICADO"),
    ),
    Heading("RECIBO"),
    Lines((Entry("NOME DO DECLARANTE", "{name}"), Entry("CPF DO DECLARANTE", "{taxpayer_id}"))),
)
_D_BALANCE = (
    Entry("BASE DE CÁLCULO", "{tax_base}"),
    Entry("IMPOSTO DEVIDO", "{tax_due}"),
    Entry("IMPOSTO RETIDO NA FONTE", "{tax_withheld}"),
    Entry("TOTAL DO IMPOSTO PAGO", "{tax_paid}"),
    Entry("SALDO DE IMPOSTO A PAGAR", "{tax_to_pay}"),
    Entry("IMPOSTO A RESTITUIR", "{tax_refund}"),
)
D = Layout(
    name="page-2021",
    first_year=2021,
    last_year=2022,
    completa=(
        *_D_OPENING,
        Heading("FICHA V - RESUMO DA TRIBUTAÇÃO"),
        Lines((Entry("RENDIMENTOS TRIBUTÁVEIS", "{taxable_income}"), *_DEDUCTIONS, *_D_BALANCE), numbered=True),
        *_D_CLOSING,
    ),
    simplificada=(
        *_D_OPENING,
        Heading("FICHA V - RESUMO DA TRIBUTAÇÃO"),
        Lines(
            (
                Entry("RENDIMENTOS TRIBUTÁVEIS", "{taxable_income}"),
                Entry("DESCONTO SIMPLIFICADO", "{simplified_discount}"),
                *_D_BALANCE,
            ),
            numbered=True,
        ),
        *_D_CLOSING,
    ),
    categories=("UTILIZANDO AS DEDUÇÕES LEGAIS", "UTILIZANDO O DESCONTO SIMPLIFICADO"),
    return_types=("ORIGINAL", "RETIFICADORA"),
    ruled=True,
)

# 2023-2025: several pages, and the amounts of the year before beside those of the year.

_E_OPENING: tuple[Part, ...] = (
    Banner(
        (
            "MINISTÉRIO DA FAZENDA - RECEITA FEDERAL",
            "IMPOSTO SOBRE A RENDA - PESSOA FÍSICA",
            "EXERCÍCIO {filing_year} ANO-CALENDÁRIO {calendar_year}",
            "DECLARAÇÃO DE AJUSTE ANUAL",
        )
    ),
    Heading("IDENTIFICAÇÃO"),
    Boxes((Entry("NOME", "{name}"), Entry("CPF", "{taxpayer_id}")), columns=2),
    Boxes(
        (
            Entry("NASCIMENTO", "{born}"),
            Entry("NATUREZA DA OCUPAÇÃO", "{occupation}"),
            Entry("MUNICÍPIO", "{city} {state}"),
        )
    ),
    Lines(
        (
            Entry("TIPO DE DECLARAÇÃO", "{return_type}"),
            Entry("Nº DO RECIBO DA DECLARAÇÃO RETIFICADA", "{corrected_receipt}", corrects=True),
            Entry("TRIBUTAÇÃO ESCOLHIDA", "{filer_category}"),
        )
    ),
    Heading("DEPENDENTES"),
    Table(
        "dependants",
        (
            Column("CÓDIGO", "{relation}", 46),
            Column("NOME DO DEPENDENTE", "{dependant_name}", 100),
            Column("NASCIMENTO", "{dependant_born}", 370),
            Column("CPF DO DEPENDENTE", "{dependant_id}", 455),
        ),
        _NO_INFORMATION,
    ),
    Lines((Entry("QUANTIDADE DE DEPENDENTES", "{dependants}"),)),
    Heading("RENDIMENTOS TRIBUTÁVEIS DE PESSOA JURÍDICA"),
    Table(
        "payers",
        (
            Column("NOME DA FONTE PAGADORA", "{payer_name}", 46),
            Column("CNPJ DA FONTE", "{payer_id}", 225),
            Column("RENDIMENTOS", "{payer_income}", 400, is_amount=True),
            Column("13º SALÁRIO", "{payer_thirteenth}", 475, is_amount=True),
            Column("IRRF", "{payer_withheld}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
    NewPage(),
    Heading("PAGAMENTOS EFETUADOS"),
    Table(
        "payments",
        (
            Column("CÓDIGO", "{payment_code}", 46),
            Column("NOME DO BENEFICIÁRIO", "{payee}", 95),
            Column("CPF/CNPJ", "{payee_id}", 300),
            Column("VALOR", "{payment_amount}", 480, is_amount=True),
            Column("NÃO DEDUTÍVEL", "{not_deductible}", 549, is_amount=True),
        ),
        _NO_INFORMATION,
    ),
)
_E_YEARS = ("{calendar_year}", "{previous_year}")


def _beside_the_year_before(*entries: Entry) -> Lines:
    return Lines(
        tuple(Entry(entry.label, entry.value, (f"{{previous:{entry.value[1:-1]}}}",)) for entry in entries),
        headers=_E_YEARS,
    )


_E_BALANCE: tuple[Part, ...] = (
    Heading("CÁLCULO DO IMPOSTO"),
    _beside_the_year_before(
        Entry("BASE DE CÁLCULO", "{tax_base}"),
        Entry("IMPOSTO DEVIDO", "{tax_due}"),
    ),
    Heading("IMPOSTO PAGO"),
    _beside_the_year_before(
        Entry("IMPOSTO RETIDO NA FONTE DO TITULAR", "{tax_withheld}"),
        Entry("TOTAL DO IMPOSTO PAGO", "{tax_paid}"),
    ),
    Heading("RESULTADO DA DECLARAÇÃO"),
    _beside_the_year_before(
        Entry("IMPOSTO A RESTITUIR", "{tax_refund}"),
        Entry("SALDO DE IMPOSTO A PAGAR", "{tax_to_pay}"),
    ),
)
E = Layout(
    name="page-2023",
    first_year=2023,
    last_year=2025,
    completa=(
        *_E_OPENING,
        Heading("RENDIMENTOS E DEDUÇÕES LEGAIS"),
        _beside_the_year_before(Entry("TOTAL DE RENDIMENTOS TRIBUTÁVEIS", "{taxable_income}"), *_DEDUCTIONS),
        *_E_BALANCE,
    ),
    simplificada=(
        *_E_OPENING,
        Heading("RENDIMENTOS E DESCONTO"),
        _beside_the_year_before(
            Entry("RENDIMENTOS TRIBUTÁVEIS DO ANO", "{taxable_income}"),
            Entry("DESCONTO SIMPLIFICADO", "{simplified_discount}"),
        ),
        *_E_BALANCE,
    ),
    categories=("POR DEDUÇÕES LEGAIS", "POR DESCONTO SIMPLIFICADO"),
    return_types=("ORIGINAL", "RETIFICADORA"),
    running="NOME: {name}   CPF: {taxpayer_id}   ANO-CALENDÁRIO {calendar_year}",
)

# Hard ones: other words and another order, in no year's locator map.

_F_TABLES: tuple[Part, ...] = (
    Heading("Quem depende do declarante"),
    Table(
        "dependants",
        (
            Column("Nome completo", "{dependant_name}", 46),
            Column("Inscrição", "{dependant_id}", 330),
            Column("Nasceu em", "{dependant_born}", 450),
        ),
        "ninguém",
    ),
    Heading("De onde vieram as rendas"),
    Table(
        "payers",
        (
            Column("Pagou (R$)", "{payer_income}", 110, is_amount=True),
            Column("Empresa", "{payer_name}", 130),
            Column("Inscrição", "{payer_id}", 330),
            Column("Reteve (R$)", "{payer_withheld}", 549, is_amount=True),
        ),
        "nenhuma empresa",
    ),
)
_F_OPENING: tuple[Part, ...] = (
    Banner(("Extrato da declaração anual de rendas", "rendas de {calendar_year}, entregue em {filing_year}")),
    Heading("Declarante"),
    ValueFirst(
        (
            Entry("quem declara", "{name}"),
            Entry("inscrição no cadastro de pessoas físicas", "{taxpayer_id}"),
            Entry("via entregue", "{return_type}"),
            Entry("via que esta|substitui", "{corrected_receipt}", corrects=True),
            Entry("modelo usado", "{filer_category}"),
        )
    ),
)
_F_BALANCE = (
    Entry("renda sobre a qual|incide o imposto", "R$ {tax_base}"),
    Entry("imposto apurado", "R$ {tax_due}"),
    Entry("já recolhido pelas|fontes", "R$ {tax_withheld}"),
    Entry("recolhido ao todo", "R$ {tax_paid}"),
    Entry("a ser devolvido", "R$ {tax_refund}"),
    Entry("ainda a recolher", "R$ {tax_to_pay}"),
)
F = Layout(
    name="hard-value-first",
    first_year=2015,
    last_year=2025,
    completa=(
        *_F_OPENING,
        *_F_TABLES,
        Heading("Apuração"),
        ValueFirst(
            (
                Entry("rendas do ano", "R$ {taxable_income}"),
                Entry("recolhido ao INSS ou a|regime próprio", "R$ {official_pension}"),
                Entry("plano de previdência", "R$ {private_pension}"),
                Entry("abatimento por|dependentes", "R$ {dependants_deduction}"),
                Entry("escola e faculdade", "R$ {education}"),
                Entry("saúde", "R$ {medical}"),
                Entry("pensão paga por|decisão judicial", "R$ {alimony}"),
                Entry("despesas de livro-caixa", "R$ {cash_book}"),
                Entry("abatimentos somados", "R$ {total_deductions}"),
                *_F_BALANCE,
            )
        ),
    ),
    simplificada=(
        *_F_OPENING,
        Heading("Apuração"),
        ValueFirst(
            (
                *_F_BALANCE,
                Entry("rendas do ano", "R$ {taxable_income}"),
                Entry("desconto padrão do|modelo simples", "R$ {simplified_discount}"),
            )
        ),
        *_F_TABLES,
    ),
    categories=("COMPLETA", "SIMPLIFICADA"),
    return_types=("ORIGINAL", "RETIFICADORA"),
    ruled=True,
    hard=True,
)

_G_OPENING: tuple[Part, ...] = (
    Banner(("DECLARAÇÃO DE RENDAS", "Ano-base {calendar_year}")),
    Heading("Resultado"),
    Boxes(
        (
            Entry("Valor a devolver ao declarante", "{tax_refund}"),
            Entry("Valor que falta pagar", "{tax_to_pay}"),
            Entry("Pago durante o ano", "{tax_paid}"),
            Entry("Imposto do ano", "{tax_due}"),
            Entry("Descontado pelas fontes", "{tax_withheld}"),
            Entry("Renda tributada", "{tax_base}"),
        ),
        columns=2,
    ),
)
_G_CLOSING: tuple[Part, ...] = (
    Heading("Dados pessoais"),
    Lines(
        (
            Entry("Titular", "{name}"),
            Entry("Inscrição", "{taxpayer_id}"),
            Entry("Versão", "{return_type}"),
            Entry("Substitui a de recibo", "{corrected_receipt}", corrects=True),
            Entry("Modelo", "{filer_category}"),
            Entry("Pessoas a cargo", "{dependants}"),
        ),
        dots=True,
    ),
    Heading("Fontes e dependentes"),
    Table(
        "payers",
        (Column("Fonte", "{payer_name}", 46), Column("Inscrição da fonte", "{payer_id}", 260)),
        "sem fontes",
    ),
    Table(
        "dependants",
        (Column("Pessoa a cargo", "{dependant_name}", 46), Column("Inscrição da pessoa", "{dependant_id}", 330)),
        "sem pessoas a cargo",
    ),
)
G = Layout(
    name="hard-result-first",
    first_year=2015,
    last_year=2025,
    completa=(
        *_G_OPENING,
        Heading("Rendas e abatimentos"),
        Lines(
            (
                Entry("Abatimentos, soma", "{total_deductions}"),
                Entry("Saúde", "{medical}"),
                Entry("Ensino", "{education}"),
                Entry("Previdência pública", "{official_pension}"),
                Entry("Previdência aberta ou fechada", "{private_pension}"),
                Entry("Pessoas a cargo, abatimento", "{dependants_deduction}"),
                Entry("Alimentos", "{alimony}"),
                Entry("Livro de caixa", "{cash_book}"),
                Entry("Rendas", "{taxable_income}"),
            )
        ),
        *_G_CLOSING,
    ),
    simplificada=(
        *_G_OPENING,
        Heading("Rendas e abatimentos"),
        Lines((Entry("Desconto único", "{simplified_discount}"), Entry("Rendas", "{taxable_income}"))),
        *_G_CLOSING,
    ),
    categories=("COMPLETA", "SIMPLIFICADA"),
    return_types=("ORIGINAL", "RETIFICADORA"),
    hard=True,
)

LAYOUTS = (A, B, C, D, E)
HARD_LAYOUTS = (F, G)


def layout_of(calendar_year: int) -> Layout:
    """The printed layout of a calendar year."""
    return next(layout for layout in LAYOUTS if layout.first_year <= calendar_year <= layout.last_year)


def layout_named(name: str) -> Layout:
    """A layout by its name, hard ones included."""
    return next(layout for layout in (*LAYOUTS, *HARD_LAYOUTS) if layout.name == name)
