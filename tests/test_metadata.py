import pytest

from compliance_assets.metadata import masked, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("22222222303-IRPF-A-2020-2019-ORIGI.DEC", "***-IRPF-A-2020-2019-ORIGI.DEC"),
        ("filings/222.222.223-03.pdf", "filings/***.pdf"),
        ("cpf22222222303", "cpf***"),
        ("99111111000132", "99111111000132"),
        ("a" * 20 + "12345678901" + "b" * 33, "a" * 20 + "12345678901" + "b" * 33),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_a_cpf_in_a_text_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_no_table_of_the_event_log_shows_a_cpf() -> None:
    (record,) = table([{"path": "22222222303.pdf", "n": 3}], ["path", "n"]).records

    assert record.data == {"path": "***.pdf", "n": 3}
