"""What counts as read exactly, as an error that nobody would look at again, and as caught."""

from dataclasses import replace

import pytest

from evals.field_scores import Catch, DocumentScore, FoundField, State, Totals, TrueField, catches, score, total

TRUTH = {
    "name": TrueField("ANA LIMA", "ANA LIMA", 1),
    "tax_due": TrueField("1234.50", "1.234,50", 2),
}
READ = {
    "name": FoundField("ANA LIMA", "ANA LIMA", 1),
    "tax_due": FoundField("1234.50", "1.234,50", 2),
}
SURPLUS = {"payer_id[1]": FoundField("11222333000181", "11.222.333/0001-81", 1)}
WRONG = {"tax_due": FoundField("234.50", "234,50", 2)}


def scored(state: State = "ok", found: dict[str, FoundField] = READ, *reasons: str) -> DocumentScore:
    return score(state, TRUTH, found, reasons, seconds=0.5)


def test_a_document_that_was_read_exactly_has_no_errors() -> None:
    exact = scored()

    assert (exact.fields, exact.exact, exact.spans_exact) == (2, 2, 2)
    assert (exact.wrong, exact.missing, exact.made_up) == ((), (), ())
    assert exact.all_exact
    assert exact.silent == 0


@pytest.mark.parametrize(
    ("found", "wrong", "missing", "made_up"),
    [
        ({**READ, **WRONG}, ("tax_due",), (), ()),
        ({"name": READ["name"]}, (), ("tax_due",), ()),
        ({**READ, **SURPLUS}, (), (), ("payer_id[1]",)),
    ],
)
def test_a_field_that_is_wrong_missing_or_made_up_is_a_silent_error_where_no_person_looks(
    found: dict[str, FoundField], wrong: tuple[str, ...], missing: tuple[str, ...], made_up: tuple[str, ...]
) -> None:
    trusted, waiting = scored("ok", found), scored("needs_human", found, "low_certainty")

    for each in (trusted, waiting):
        assert (each.wrong, each.missing, each.made_up) == (wrong, missing, made_up)
        assert not each.all_exact
    assert (trusted.silent, waiting.silent) == (1, 0)


def test_every_error_of_a_trusted_document_counts() -> None:
    assert scored("ok", {**WRONG, **SURPLUS}).silent == 3


def test_a_rejected_document_misses_everything_and_deceives_nobody() -> None:
    rejected = scored("rejected", {}, "encrypted")

    assert (rejected.exact, rejected.missing) == (0, ("name", "tax_due"))
    assert rejected.silent == 0


@pytest.mark.parametrize(
    ("quoted", "page", "exact"),
    [("1.234,50", 2, 1), (" 1.234, 50\n", 2, 1), ("1.234,5", 2, 0), ("R$ 1.234,50", 2, 0), ("1.234,50", 1, 0)],
)
def test_a_span_is_exact_when_it_covers_what_is_printed_on_its_page(quoted: str, page: int, exact: int) -> None:
    found = score("ok", TRUTH, {"tax_due": FoundField("1234.50", quoted, page)}, (), 0.0)

    assert (found.exact, found.spans_exact) == (1, exact)


def test_the_span_of_a_wrong_value_is_not_counted_as_exact() -> None:
    assert score("ok", TRUTH, {"tax_due": FoundField("1.00", "1.234,50", 2)}, (), 0.0).spans_exact == 0


def test_characters_are_compared_with_white_space_counted_as_one_space() -> None:
    read = score("ok", TRUTH, READ, (), 0.0, texts=("Imp0sto\n\n  devido ", "Imposto devido"))

    assert (read.character_errors, read.characters) == (1, len("Imposto devido"))


def test_without_recognised_text_there_are_no_character_errors() -> None:
    assert (scored().character_errors, scored().characters) == (0, 0)


def test_reasons_are_kept_once_in_order_without_white_space_around_them() -> None:
    reasons = scored("needs_human", READ, " missing_field: name", "check_failed: sum", "missing_field: name").reasons

    assert reasons == ("check_failed: sum", "missing_field: name")


def test_totals_add_up_and_share() -> None:
    totals = total(
        [
            scored(),
            scored("ok", {**READ, **WRONG}),
            scored("needs_human", {**READ, **WRONG}, "low_certainty"),
            replace(scored("rejected", {}, "encrypted"), character_errors=3, characters=60),
        ]
    )

    assert (totals.documents, totals.ok, totals.needs_human, totals.rejected) == (4, 2, 1, 1)
    assert (totals.fields, totals.exact, totals.silent) == (8, 4, 1)
    assert totals.exact_share == 4 / 8
    assert totals.silent_share == 1 / 8
    assert totals.needs_human_share == 1 / 4
    assert totals.span_share == 1.0
    assert totals.character_error_rate == 3 / 60
    assert totals.seconds_per_document == 0.5


def test_spans_are_a_share_of_the_fields_that_were_read_exactly() -> None:
    elsewhere = {**READ, "name": replace(READ["name"], page=2)}

    assert total([scored("ok", elsewhere), scored("ok", {"name": READ["name"]})]).span_share == 2 / 3


def test_with_nothing_to_share_every_share_is_zero() -> None:
    nothing: Totals = total([])

    assert nothing.documents == 0
    assert nothing.exact_share == nothing.silent_share == nothing.needs_human_share == nothing.span_share == 0.0
    assert nothing.character_error_rate == nothing.seconds_per_document == 0.0


def test_a_reason_catches_a_document_with_an_error_alone_or_beside_others() -> None:
    found = catches(
        [
            scored("needs_human", {**READ, **WRONG}, "check_failed: sum"),
            scored("needs_human", {**READ, **WRONG}, "check_failed: sum", "low_certainty"),
            scored("needs_human", {**READ, **SURPLUS}, "low_certainty"),
        ]
    )

    assert found == {"check_failed: sum": Catch(2, 1, 0), "low_certainty": Catch(2, 1, 0)}


def test_a_reason_that_held_back_a_document_without_an_error_was_a_false_alarm() -> None:
    found = catches([scored("needs_human", READ, "low_certainty"), scored("needs_human", WRONG, "low_certainty")])

    assert found == {"low_certainty": Catch(held_back=1, alone=1, without_error=1)}


def test_only_what_waits_for_a_person_was_held_back() -> None:
    assert catches([scored("ok", WRONG), scored("rejected", {}, "encrypted"), scored("ok", READ, "odd")]) == {}


def test_the_reason_that_caught_most_comes_first() -> None:
    once, twice = scored("needs_human", WRONG, "a"), scored("needs_human", WRONG, "b")

    assert list(catches([once, twice, twice])) == ["b", "a"]
