"""A return told in an e-mail, as people write to their accountant or to the compliance desk: six ways of writing it.

The wording is that of people, not of the parser: what a reader understands has to be enough. The same declaration and
variant give the same bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from evals.golden import printed
from evals.golden.declaration import Declaration
from evals.golden.rendered import ReferenceText, Rendered

VARIANTS = 6

_BOUNDARY = "=_retorno-{cpf}-{number}"
_DESK = "Mesa de Conformidade <conformidade@example.com>"
_COLUMNS = 72

# The order in which a return is told, with the words for a list. Fields that the declaration does not state are skipped.
_LABELS = {
    Field.NAME: "Nome do contribuinte",
    Field.TAXPAYER_ID: "CPF",
    Field.CALENDAR_YEAR: "Ano-calendário",
    Field.FILING_YEAR: "Exercício",
    Field.RETURN_TYPE: "Tipo da declaração",
    Field.CORRECTED_RECEIPT: "Nº do recibo da declaração retificada",
    Field.FILER_CATEGORY: "Modelo da declaração",
    Field.TAXABLE_INCOME: "Total dos rendimentos tributáveis",
    Field.OFFICIAL_PENSION: "Contribuição à previdência oficial",
    Field.PRIVATE_PENSION: "Contribuição à previdência complementar",
    Field.DEPENDANTS: "Número de dependentes",
    Field.DEPENDANTS_DEDUCTION: "Dedução de dependentes",
    Field.EDUCATION: "Despesas com instrução",
    Field.MEDICAL: "Despesas médicas",
    Field.ALIMONY: "Pensão alimentícia judicial",
    Field.CASH_BOOK: "Livro-caixa",
    Field.TOTAL_DEDUCTIONS: "Total das deduções",
    Field.SIMPLIFIED_DISCOUNT: "Desconto simplificado",
    Field.TAX_BASE: "Base de cálculo",
    Field.TAX_DUE: "Imposto devido",
    Field.TAX_WITHHELD: "Imposto retido na fonte",
    Field.TAX_PAID: "Total do imposto pago",
    Field.TAX_TO_PAY: "Imposto a pagar",
    Field.TAX_REFUND: "Imposto a restituir",
}
# One sentence a field; `{}` is the value. A sentence whose field is left out is not written.
_SENTENCES = {
    Field.NAME: "Em nome de {}, envio os dados da declaração de imposto de renda para conferência.",
    Field.TAXPAYER_ID: "O CPF do titular é {}.",
    Field.CALENDAR_YEAR: "Tudo se refere ao ano-calendário de {}.",
    Field.FILING_YEAR: "A entrega foi feita no exercício de {}.",
    Field.RETURN_TYPE: "Trata-se de declaração {}.",
    Field.CORRECTED_RECEIPT: "Ela retifica a declaração entregue com o recibo nº {}.",
    Field.FILER_CATEGORY: "Foi apresentada no modelo de declaração {}.",
    Field.TAXABLE_INCOME: "Os rendimentos tributáveis do ano somaram {}.",
    Field.OFFICIAL_PENSION: "Paguei à previdência oficial o valor de {}.",
    Field.PRIVATE_PENSION: "Para a previdência complementar foram {}.",
    Field.DEPENDANTS: "Tenho {} dependentes.",
    Field.DEPENDANTS_DEDUCTION: "A dedução por dependentes é de {}.",
    Field.EDUCATION: "De instrução foram {}.",
    Field.MEDICAL: "As despesas médicas chegaram a {}.",
    Field.ALIMONY: "A pensão alimentícia foi de {}.",
    Field.CASH_BOOK: "O livro-caixa soma {}.",
    Field.TOTAL_DEDUCTIONS: "O total das deduções é {}.",
    Field.SIMPLIFIED_DISCOUNT: "O desconto simplificado ficou em {}.",
    Field.TAX_BASE: "Com isso a base de cálculo é de {}.",
    Field.TAX_DUE: "O imposto devido, apurado pela tabela anual, é de {}.",
    Field.TAX_WITHHELD: "O imposto retido na fonte foi de {}.",
    Field.TAX_PAID: "O total do imposto pago é {}.",
    Field.TAX_TO_PAY: "Resta imposto a pagar de {}.",
    Field.TAX_REFUND: "Há imposto a restituir no valor de {}.",
}
_GREETING = "Bom dia,\n\nseguem os dados da minha Declaração de Ajuste Anual (IRPF).\n\n"
_FAREWELL = "\nQualquer dúvida, estou à disposição.\n\nAtenciosamente,\n"
_NOTE = "Os informes de rendimentos ficam comigo e podem ser vistos quando for preciso.\n"


@dataclass(frozen=True, slots=True)
class _Letter:
    """What all variants share: the declaration, the fields to tell in their order, and the seed of the identifiers."""

    declaration: Declaration
    leave_out: Field | None

    def told(self) -> Iterator[tuple[Field, str]]:
        """The fields with their canonical values, in the order of `_LABELS`."""
        values = self.declaration.values()
        for name in _LABELS:
            if name is not self.leave_out and str(name) in values:
                yield name, values[str(name)]


def render(declaration: Declaration, variant: int, leave_out: Field | None = None) -> Rendered:
    """The mail in one of `VARIANTS` ways, counted from 0. `leave_out` is a field that it does not state."""
    letter = _Letter(declaration, leave_out)
    message, headers = _message(declaration, variant)
    reference = ReferenceText(headers + "\n")
    _WRITERS[variant](letter, message, reference)
    _fix_boundaries(message, declaration)
    return reference.rendered(message.as_bytes(policy=SMTP), ".eml")


def _message(declaration: Declaration, variant: int) -> tuple[EmailMessage, str]:
    """The headers, and the same as a reader sees them."""
    sender = f"{declaration.taxpayer.name.title()} <contribuinte@example.com>"
    day = 1 + int(declaration.taxpayer.cpf[:4]) % 28
    sent = datetime(declaration.filing_year, 4, day, 10, variant, tzinfo=timezone(timedelta(hours=-3)))
    shown = {
        "From": sender,
        "To": _DESK,
        "Date": format_datetime(sent),
        "Subject": "Declaração de Ajuste Anual do imposto de renda",
    }
    message = EmailMessage(policy=SMTP)
    for name, value in shown.items():
        message[name] = value
    message["Message-ID"] = f"<{declaration.taxpayer.cpf}.{declaration.calendar_year}.{variant}@example.com>"
    return message, "".join(f"{name}: {value}\n" for name, value in shown.items())


# --- the six ways ---


def _labelled_utf8(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    body = _labelled(letter, reference, ": ", "R$ ")
    message.set_content(body, charset="utf-8", cte="base64")


def _labelled_latin1(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    body = _labelled(letter, reference, " ..... ", "")
    message.set_content(body, charset="iso-8859-1", cte="quoted-printable")


def _prose(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    body = _sentences(letter, reference)
    message.set_content(body, charset="utf-8", cte="quoted-printable")


def _html_table(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    start = len(reference.text)
    reference.write("Segue o resumo da minha declaração de imposto de renda.\n")
    for name, value in letter.told():
        reference.write(f"{_LABELS[name]} | ")
        _write_value(reference, name, value, "R$ ")
        reference.write("\n")
    reference.write(f"Obrigado, {_first_name(letter)}\n")
    first, *rows, last = reference.text[start:].splitlines()
    cells = "".join("<tr><td>" + escape(row).replace(" | ", "</td><td>") + "</td></tr>\r\n" for row in rows)
    page = f"<html><body><p>{escape(first)}</p>\r\n<table>{cells}</table>\r\n<p>{escape(last)}</p></body></html>\r\n"
    message.set_content(page, subtype="html", charset="utf-8", cte="quoted-printable")


def _alternative(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    body = _labelled(letter, reference, " = ", "R$")
    message.set_content(body, charset="utf-8", cte="8bit")
    page = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in body.splitlines())
    message.add_alternative(page, subtype="html", charset="utf-8", cte="quoted-printable")
    message.add_attachment(_NOTE.encode(), maintype="text", subtype="plain", filename="observação.txt")


def _reply(letter: _Letter, message: EmailMessage, reference: ReferenceText) -> None:
    start = len(reference.text)
    _sentences(letter, reference)
    reference.write(_history(letter.declaration))
    message.set_content(reference.text[start:], charset="utf-8", cte="base64")


_WRITERS: tuple[Callable[[_Letter, EmailMessage, ReferenceText], None], ...] = (
    _labelled_utf8,
    _labelled_latin1,
    _prose,
    _html_table,
    _alternative,
    _reply,
)


# --- what they are made of ---


def _labelled(letter: _Letter, reference: ReferenceText, joint: str, currency: str) -> str:
    start = len(reference.text)
    reference.write(_GREETING)
    for name, value in letter.told():
        reference.write(_LABELS[name] + joint)
        _write_value(reference, name, value, currency)
        reference.write("\n")
    reference.write(_FAREWELL + _first_name(letter) + "\n")
    return reference.text[start:]


def _sentences(letter: _Letter, reference: ReferenceText) -> str:
    """Sentences in one paragraph, its lines broken at 72 columns, so that a sentence may go on in the next line."""
    start = len(reference.text)
    for name, value in letter.told():
        before, after = _SENTENCES[name].split("{}")
        reference.write(before)
        _write_value(reference, name, value, "R$ ")
        reference.write(after + " ")
    reference.text = reference.text[:-1] + "\n"
    _wrap(reference, start)
    reference.write(_FAREWELL + _first_name(letter) + "\n")
    return reference.text[start:]


def _wrap(reference: ReferenceText, start: int) -> None:
    """Line feeds for spaces: no offset moves. A field's own value is not broken."""
    characters = list(reference.text)
    line, space = start, None
    for offset in range(start, len(characters)):
        if characters[offset] == " " and not _inside_a_field(reference, offset):
            space = offset
        if offset - line >= _COLUMNS and space is not None:
            characters[space] = "\n"
            line, space = space + 1, None
    reference.text = "".join(characters)


def _inside_a_field(reference: ReferenceText, offset: int) -> bool:
    return any(start <= offset < end for start, end in reference.spans.values())


def _write_value(reference: ReferenceText, name: Field, value: str, currency: str) -> None:
    """The value as people write it; the currency is no part of it."""
    if kind_of(name) is Kind.AMOUNT:
        reference.write(currency)
    reference.write_field(name, _printed(name, value))


def _printed(name: Field, value: str) -> str:
    match kind_of(name):
        case Kind.AMOUNT:
            return printed.amount(Decimal(value))
        case Kind.CPF:
            return printed.taxpayer_id(value)
        case Kind.RECEIPT:
            return printed.receipt(value)
        case _:
            return value


def _history(declaration: Declaration) -> str:
    """The mail that this one answers: another year's numbers, which are not stated now."""
    earlier = declaration.calendar_year - 1
    sums = {name: printed.amount(amount * Decimal("0.9")) for name, amount in declaration.stated.items()}
    told = "".join(f"> {_LABELS[name]}: R$ {amount}\n" for name, amount in sums.items() if name in _LABELS)
    return (
        f"\nEm 2 de março de {declaration.filing_year}, Mesa de Conformidade <conformidade@example.com> escreveu:\n"
        f"> Bom dia, no ano passado recebemos estes dados da sua declaração:\n> Ano-calendário: {earlier}\n{told}"
    )


def _first_name(letter: _Letter) -> str:
    return letter.declaration.taxpayer.name.split()[0].title()


def _fix_boundaries(message: EmailMessage, declaration: Declaration) -> None:
    """Boundaries that depend on the declaration alone; the standard library draws them at random."""
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(multiparts):
        part.set_boundary(_BOUNDARY.format(cpf=declaration.taxpayer.cpf, number=number))
