import time
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents import fixed_width
from compliance_assets.normalised_documents.filings.fields import Field, Filing
from compliance_assets.normalised_documents.filings.locator_map import locator_map, years_of
from compliance_assets.normalised_documents.filings.record_layout import filing_years, record_layout
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Parsed, Refusal
from evals.golden import render_fixed_width
from evals.golden.declaration import Category
from tests.evals.golden.small_declaration import small_declaration


def file_of(category: Category = "completa", calendar_year: int = 2019) -> bytes:
    return render_fixed_width.render(small_declaration(category, calendar_year)).data


def parsed(data: bytes) -> Parsed:
    outcome = fixed_width.parse(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def filing_of(data: bytes) -> Filing:
    filing = parsed(data).filing
    assert filing is not None
    return filing


def resealed(data: bytes) -> bytes:
    """The file with its control numbers and its hash made right again, as a program that changed it would."""
    lines = [line[:-10] for line in data.removesuffix(b"\r\n").split(b"\r\n")]
    body = [line + _crc(line) for line in lines[1:]]
    signed = [line for line in body if line[:2] not in (b"HR", b"DR", b"R9")]
    header = lines[0][:101] + _crc(b"".join(signed)) + lines[0][111:]
    return b"".join(line + b"\r\n" for line in [header + _crc(header[21:29] + b".DEC" + header), *body])


def _crc(data: bytes) -> bytes:
    return b"%010d" % zlib.crc32(data)


def changed(data: bytes, record: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The file with its first line of a record changed before the control number, and resealed."""
    lines = data.split(b"\r\n")
    number = next(number for number, line in enumerate(lines) if line.startswith(record))
    lines[number] = change(lines[number][:-10]) + b"0" * 10
    return resealed(b"\r\n".join(lines))


def without(data: bytes, record: bytes) -> bytes:
    return b"\r\n".join(line for line in data.split(b"\r\n") if not line.startswith(record))


# --- what is read ---


def test_the_text_is_the_files_own_lines_in_one_page() -> None:
    data = file_of()
    outcome = parsed(data)
    assert outcome.text == data.decode("latin-1").replace("\r\n", "\n")
    assert outcome.page_ends == (len(outcome.text),)
    assert (outcome.media_type, outcome.origin) == ("application/x-irpf-dec", "markup")


def test_a_full_return_states_its_deductions_and_the_amounts_are_the_digits() -> None:
    outcome = parsed(file_of("completa"))
    assert outcome.needs_human == ()
    filing = filing_of(file_of("completa"))
    assert filing.value(Field.FILER_CATEGORY) == "completa"
    assert filing.value(Field.MEDICAL) == "1234.00"
    assert filing.value(Field.SIMPLIFIED_DISCOUNT) is None
    medical = next(field for field in filing.fields if field.field is Field.MEDICAL)
    assert outcome.text[medical.start : medical.end] == "0000000123400"


def test_a_simplified_return_states_its_discount_and_no_deductions() -> None:
    filing = filing_of(file_of("simplificada"))
    assert filing.value(Field.SIMPLIFIED_DISCOUNT) == "16754.34"
    assert filing.value(Field.TOTAL_DEDUCTIONS) is None
    assert (filing.value(Field.TAX_TO_PAY), filing.value(Field.TAX_REFUND)) == ("0.00", "39.95")


def test_payers_and_dependants_are_read_in_the_order_of_the_file() -> None:
    filing = filing_of(file_of())
    assert filing.values(Field.PAYER_ID) == ("99111111000132", "99222222000116")
    assert filing.values(Field.DEPENDANT_ID) == ("33333333414", "44444444425")
    assert filing.value(Field.DEPENDANTS) == "2"


def test_the_payers_of_dependants_are_payers_too() -> None:
    record = b"322222222230333333333414" + b"99333333000118" + b"CAOK LTDA".ljust(60) + b"0" * 83
    data = file_of().replace(b"\r\nT9", b"\r\n" + record + b"\r\nT9")
    assert filing_of(data).values(Field.PAYER_ID)[-1] == "99333333000118"


def test_a_dependant_without_a_cpf_is_counted_but_has_no_id() -> None:
    filing = filing_of(changed(file_of(), b"25", lambda line: line[:88] + b" " * 11 + line[99:]))
    assert filing.value(Field.DEPENDANTS) == "2"
    assert filing.values(Field.DEPENDANT_ID) == ("44444444425",)


def test_line_ends_and_a_last_line_without_one_do_not_matter() -> None:
    unix = file_of().replace(b"\r\n", b"\n")
    assert parsed(unix).needs_human == ()
    assert parsed(unix.rstrip(b"\n")).needs_human == ()


def test_a_saved_file_has_no_receipt_and_is_signed_with_its_own_name() -> None:
    saved = file_of()
    for record in (b"HR", b"DR", b"R9"):
        saved = without(saved, record)
    header, rest = saved.split(b"\r\n", 1)
    saved = header[:-10] + _crc(b"22222222.DBK" + header[:-10]) + b"\r\n" + rest
    assert parsed(saved).needs_human == ()


@pytest.mark.parametrize("calendar_year", sorted(render_fixed_width.YEARS))
def test_each_year_is_read_by_the_layout_of_its_years(calendar_year: int) -> None:
    filing = filing_of(file_of(calendar_year=calendar_year))
    assert filing.value(Field.CALENDAR_YEAR) == str(calendar_year)
    rows = [place for place in locator_map("fixed_width") if place.layout == filing.layout]
    assert all(row.first_year <= calendar_year <= row.last_year for row in rows)


# --- what waits for a person ---


def test_a_year_without_a_layout_is_shown_and_not_read() -> None:
    outcome = parsed(b"IRPF    20212020" + file_of()[16:])
    assert outcome.needs_human == ("layout_unknown: exercício 2021",)
    assert outcome.filing is None
    assert "OLZEFU" in outcome.text


def test_a_record_of_another_length_is_not_read() -> None:
    outcome = parsed(changed(file_of(), b"20", lambda line: line[:-13]))
    assert "record_length: record 20, expected 900, found 887" in outcome.needs_human
    assert outcome.filing is not None
    assert outcome.filing.value(Field.TAX_BASE) is None
    assert outcome.filing.value(Field.NAME) == "OLZEFU BYAISNO ASRIM"


def test_the_lengths_of_another_year_are_noticed() -> None:
    """The header of one exercício over the records of another."""
    data = file_of(calendar_year=2024)
    assert any(
        doubt.startswith("record_length: record 16") for doubt in parsed(b"IRPF    20202019" + data[16:]).needs_human
    )


def test_missing_totals_are_named() -> None:
    doubts = parsed(resealed(without(file_of("simplificada"), b"18"))).needs_human
    missing = next(doubt for doubt in doubts if doubt.startswith("record_missing: record 18"))
    assert "taxable_income" in missing
    assert "tax_refund" in missing


def test_a_file_that_breaks_off_is_noticed() -> None:
    data = file_of()
    doubts = parsed(data[: data.index(b"\r\nT9") + 2]).needs_human
    assert "record_missing: record T9 (dependants)" in doubts


def test_years_that_do_not_follow_each_other_are_noticed() -> None:
    doubts = parsed(changed(file_of(), b"IR", lambda line: line[:12] + b"2018" + line[16:])).needs_human
    assert doubts == ("years_disagree: record IR",)


def test_a_record_of_another_taxpayer_is_noticed() -> None:
    doubts = parsed(changed(file_of(), b"21", lambda line: b"2155555555536" + line[13:])).needs_human
    assert doubts == ("taxpayer_differs: record 21 line 5",)


def test_a_changed_digit_breaks_the_control_number_of_its_line() -> None:
    data = file_of().replace(b"0000000123400", b"0000000923400", 1)
    assert parsed(data).needs_human == (
        "checksum: record 20 line 4",
        "checksum: record IR does not fit the records after it",
    )


def test_a_line_that_was_taken_out_is_noticed() -> None:
    data = file_of()
    lines = data.split(b"\r\n")
    del lines[7]  # the first dependant
    assert parsed(b"\r\n".join(lines)).needs_human == (
        "checksum: record IR does not fit the records after it",
        "record_count: all records",
        "record_count: record 25",
    )


def test_totals_that_stand_twice_are_noticed() -> None:
    lines = file_of().split(b"\r\n")
    doubts = parsed(b"\r\n".join([*lines[:4], lines[3], *lines[4:]])).needs_human
    assert "record_repeated: record 20" in doubts


def test_an_amount_that_is_no_number_is_named_and_not_read() -> None:
    outcome = parsed(changed(file_of(), b"20", lambda line: line.replace(b"0000000123400", b"000000O123400")))
    assert outcome.needs_human == ("field_unreadable: medical",)
    assert outcome.filing is not None
    assert outcome.filing.value(Field.MEDICAL) is None


def test_a_category_that_is_neither_leaves_the_totals_unread() -> None:
    outcome = parsed(changed(file_of(), b"IR", lambda line: line[:120] + b"X" + line[121:]))
    assert outcome.needs_human == ("field_unreadable: filer_category",)
    assert outcome.filing is not None
    assert outcome.filing.value(Field.TAX_BASE) is None
    assert outcome.filing.value(Field.TAXPAYER_ID) == "22222222303"


def test_reasons_are_few_and_quote_nobody() -> None:
    lines = file_of().split(b"\r\n")
    doubts = parsed(b"\r\n".join([lines[0], *(b"22222222303 OLZEFU" for _ in range(500))])).needs_human
    assert len(doubts) <= 21
    assert not any("OLZEFU" in doubt or "22222222303" in doubt for doubt in doubts)


# --- what is refused ---


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "damaged"),
        (b"16IRPF    20202019", "damaged"),
        (b"IRPF    20202019" + b"\n" * 100_001, "too_large"),
        (b"IRPF    20202019" + b" " * MAX_CHARACTERS, "too_large"),
    ],
    ids=["empty", "no header", "too many lines", "too many characters"],
)
def test_what_is_no_return_is_refused(data: bytes, code: str) -> None:
    outcome = fixed_width.parse(data)
    assert isinstance(outcome, Refusal)
    assert outcome.state is DocumentState.REJECTED
    assert outcome.reason.partition(":")[0] == code


# --- for all inputs ---


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(
        file_of(draw(st.sampled_from(["completa", "simplificada"])), draw(st.sampled_from([2016, 2019, 2024])))
    )
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 30))] = draw(st.binary(max_size=30))
    return bytes(data)


@settings(deadline=None, max_examples=150)
@given(mutated() | st.binary(max_size=200).map(lambda tail: b"IRPF    20202019" + tail) | st.binary(max_size=50))
def test_any_bytes_become_an_outcome_with_spans_inside_its_text(data: bytes) -> None:
    outcome = fixed_width.parse(data)
    if isinstance(outcome, Parsed) and outcome.filing is not None:
        for field in outcome.filing.fields:
            assert 0 <= field.start < field.end <= len(outcome.text)
            assert "\n" not in outcome.text[field.start : field.end]


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 5_000), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, change: int) -> None:
    original = file_of("simplificada").replace(b"\r\n", b"\n")
    data = bytearray(original)
    at %= len(data)
    data[at] ^= change
    outcome = fixed_width.parse(bytes(data))
    same = isinstance(outcome, Parsed) and outcome.text == parsed(original).text  # a CR ends a line as an LF does
    assert isinstance(outcome, Refusal) or outcome.needs_human or same


# --- the data of the layouts ---


def test_the_map_and_the_layouts_name_the_same_places() -> None:
    for place in locator_map("fixed_width"):
        for year in range(place.first_year, place.last_year + 1):
            position = record_layout(year + 1)[place.section].fields[place.label]
            assert place.place == f"{position.start + 1}-{position.end}", place


def test_every_layout_is_in_the_map_and_the_other_way_round() -> None:
    assert years_of("fixed_width") == {year - 1 for year in filing_years()}
    assert {2016, 2017, 2018, 2019, 2022, 2024} <= years_of("fixed_width")


@pytest.mark.parametrize("year", sorted(filing_years()))
def test_the_fields_of_a_record_do_not_overlap_and_end_with_its_control_number(year: int) -> None:
    for record in record_layout(year).values():
        positions = sorted(record.fields.values(), key=lambda position: position.start)
        assert all(a.end <= b.start for a, b in pairwise(positions)), record.name
        assert record.fields["NR_CONTROLE"].width == 10
        assert record.length == positions[-1].end


def test_an_unknown_year_has_no_layout() -> None:
    with pytest.raises(InvalidInput, match="2021"):
        record_layout(2021)


def test_a_return_is_read_in_a_moment() -> None:
    """About 0.2 ms; the bound is loose because the machine is shared."""
    data = file_of()
    fixed_width.parse(data)
    fastest = min(_seconds(lambda: fixed_width.parse(data)) for _ in range(5))
    assert fastest < 0.005


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
