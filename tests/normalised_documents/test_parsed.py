from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.parsed import clean

ANY_TEXT = st.text(alphabet=st.characters())  # surrogates and NUL included
TEXT_OR_ODDITIES = st.lists(ANY_TEXT | st.sampled_from(["\r", "\n", "\r\n", "\x00", "\ufffe", "\ud800", "\udfff"])).map(
    "".join
)


@given(TEXT_OR_ODDITIES)
def test_cleaned_text_can_be_stored_by_postgres(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")  # raises on a surrogate
    assert "\x00" not in cleaned
    assert "\r" not in cleaned
    assert "\ufffe" not in cleaned


@given(TEXT_OR_ODDITIES)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\ufffe")))
def test_storable_text_is_kept_exactly(text: str) -> None:
    assert clean(text) == text


def test_line_ends_become_line_feeds() -> None:
    assert clean("a\r\nb\rc\nd\r\r\n") == "a\nb\nc\nd\n\n"


def test_what_cannot_be_stored_becomes_the_replacement_character() -> None:
    assert clean("a\x00b\ud800c") == "a\ufffdb\ufffdc"


def test_the_line_end_hyphen_of_pdfium_becomes_a_hyphen() -> None:
    assert clean("infor\ufffemation") == "infor-mation"
