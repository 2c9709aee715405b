import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed, Refusal


def test_nothing_is_empty() -> None:
    outcome = parse(b"")
    assert isinstance(outcome, Refusal)
    assert (outcome.state, outcome.reason) == (DocumentState.REJECTED, "empty")


def test_a_kind_without_a_parser_waits_for_a_person() -> None:
    outcome = parse(b"\x1f\x8b\x08 and the rest")
    assert isinstance(outcome, Refusal)
    assert outcome.state is DocumentState.NEEDS_HUMAN
    assert outcome.reason == "unsupported_media_type: application/gzip"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"<html>text", "text/html"), (b"text", "text/plain"), (b"<?xml version='1.0'?><a>b</a>", "application/xml")],
)
def test_the_content_chooses_the_parser(data: bytes, media_type: str) -> None:
    outcome = parse(data)
    assert isinstance(outcome, Parsed)
    assert outcome.media_type == media_type


def test_what_a_filing_lacks_or_breaks_is_judged_whatever_its_format() -> None:
    body = (
        "Segue minha Declaração de Ajuste Anual do IRPF:\nCPF: 222.222.223-04\nNome: Ana Souza\nAno-calendário: 2019\n"
        "Modelo: simplificada\nRendimentos tributáveis: R$ 100.000,00\n"
        "Desconto simplificado: R$ 16.754,34\nImposto devido: R$ 1,00\n"
    )
    head = "From: a@example.com\nTo: b@example.com\nDate: Mon, 2 Mar 2020 10:00:00 -0300\nSubject: Declaração IRPF 2020\n\n"
    outcome = parse(f"{head}{body}\n".encode())

    assert isinstance(outcome, Parsed)
    assert outcome.filing is not None
    assert "check_failed: taxpayer_check_digits" in outcome.needs_human
    assert "missing_field: tax_base" in outcome.needs_human
    assert not any("222" in reason for reason in outcome.needs_human)


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            b"",
            b"%PDF-1.7\n",
            b"<html>",
            b"PK\x03\x04",
            b"\xff\xfe",
            b"<?xml ",
            b"IRPF    20202019",
            b"\xff\xd8\xff",
            b"{\\rtf",
        ]
    ),
    st.binary(),
)
def test_any_bytes_become_an_outcome(opening: bytes, rest: bytes) -> None:
    assert isinstance(parse(opening + rest), Parsed | Refusal)
