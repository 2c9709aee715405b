from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.pg_arrays import bigints, blobs, doubles, texts, uuids

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
ON_ONE_SESSION = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as conn:
        yield conn


@ON_ONE_SESSION
@given(values=st.lists(st.none() | TEXT, max_size=6))
def test_a_column_of_text_arrives_as_it_was_sent(conn: psycopg.Connection, values: list[str | None]) -> None:
    assert conn.execute("SELECT %b", [texts(values)]).fetchone() == (values,)


@ON_ONE_SESSION
@given(values=st.lists(st.none() | st.binary(max_size=20), max_size=6))
def test_a_column_of_bytes_arrives_as_it_was_sent(conn: psycopg.Connection, values: list[bytes | None]) -> None:
    assert conn.execute("SELECT %b", [blobs(values)]).fetchone() == (values,)


@ON_ONE_SESSION
@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1)), fractions=st.lists(st.floats(allow_nan=False)))
def test_numbers_arrive_as_they_were_sent(conn: psycopg.Connection, numbers: list[int], fractions: list[float]) -> None:
    assert conn.execute("SELECT %b, %b", [bigints(numbers), doubles(fractions)]).fetchone() == (numbers, fractions)


@ON_ONE_SESSION
@given(values=st.lists(st.uuids(), max_size=4))
def test_uuids_arrive_as_they_were_sent(conn: psycopg.Connection, values: list[object]) -> None:
    assert conn.execute("SELECT %b", [uuids(map(str, values))]).fetchone() == (values,)


def test_columns_become_rows_and_are_cast_to_narrower_types(conn: psycopg.Connection) -> None:
    rows = conn.execute(
        "SELECT pg_typeof(a)::text, a, b FROM unnest(%b::smallint[], %b::timestamptz[]) r (a, b)",
        [bigints([1, 2]), texts(["2026-01-01T00:00:00Z", None])],
    ).fetchall()

    assert [row[:2] for row in rows] == [("smallint", 1), ("smallint", 2)]
    assert rows[1][2] is None
