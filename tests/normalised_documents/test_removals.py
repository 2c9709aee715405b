"""A file that is removed, replaced or shown to others: what becomes of its document, and when."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents import store
from compliance_assets.normalised_documents.checks import removed_files_unretrievable_in_time
from compliance_assets.normalised_documents.envelope import normalise
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.removals import Removal, Times, times_of
from tests.raw_pulls.watched import WatchedSource
from tests.rooms import chunk, take_in
from tests.small_corpus import SmallCorpus

NORTHWIND = "2021/northwind.md"


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_values_that_were_measured_and_in_order(seconds: list[float]) -> None:
    times = times_of(seconds)
    assert {times.p50, times.p95, times.max} <= set(seconds)
    assert times.p50 <= times.p95 <= times.max == max(seconds)
    assert sum(value <= times.p95 for value in seconds) >= 0.95 * len(seconds)


def test_percentiles_of_nothing_and_of_twenty() -> None:
    assert times_of([]) == Times(0, 0.0, 0.0, 0.0)
    assert times_of([float(n) for n in range(1, 21)]) == Times(20, 10.0, 19.0, 20.0)


def test_without_a_listing_on_record_the_bound_is_the_time_since_the_tombstone() -> None:
    assert Removal(2.0, None, None).bound == 2.0
    assert Removal(2.0, 31.0, None).bound == 31.0


class Held:
    """A source that was taken in, and what is known of its documents."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.source = WatchedSource(deployment, folder)
        take_in(deployment, folder)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self.deployment.postgres.connect() as conn:
            return conn.execute(query, list(values)).fetchall()  # type: ignore[call-overload,no-any-return]

    def live(self) -> list[object]:
        """The paths with a live document, once for each."""
        rows = self.rows("SELECT path FROM compliance.documents JOIN compliance.raw_pulls USING (pull_id) WHERE live")
        return sorted(path for (path,) in rows)  # type: ignore[type-var]

    def withdrawals(self) -> list[tuple[object, ...]]:
        """(path, cause, whether the times are in order, whether an index was left, whether it came back)."""
        return self.rows(
            "SELECT path, cause, coalesce(last_listed_at <= noticed_at, true) AND noticed_at <= unretrievable_at,"
            " index_left_at IS NOT NULL, returned_at IS NOT NULL FROM compliance.withdrawals w"
            " JOIN compliance.documents d ON d.filing_id = w.doc_id JOIN compliance.raw_pulls USING (pull_id)"
            " ORDER BY path, unretrievable_at"
        )

    def read(self) -> None:
        """Read what waits, as the asset does it."""
        with self.deployment.postgres.connect() as conn:
            files = store.claim(conn, 100)
            for file in files:
                outcome = parse(self.deployment.objects.get(file.object_sha256))
                store.insert(conn, [normalise(file, outcome, self.deployment.settings.years)])
            store.retire_predecessors(conn, [file.pull_id for file in files])

    def check(self, deadline: int = 300) -> dg.AssetCheckResult:
        settings = replace(self.deployment.settings, unretrievable_within_seconds=deadline)
        result = removed_files_unretrievable_in_time(self.deployment.postgres, settings)
        assert isinstance(result, dg.AssetCheckResult)
        return result

    def build(self, year: int) -> SmallCorpus:
        corpus = SmallCorpus(self.deployment)
        chunk(self.deployment, year)
        corpus.embed(year)
        corpus.build(year)
        return corpus


@pytest.fixture
def held(deployment: Deployment, source: Path) -> Held:
    return Held(deployment, source)


def test_a_removed_file_s_document_is_not_live_from_its_tombstone_on(held: Held) -> None:
    (held.source.folder / NORTHWIND).unlink()
    held.source.write("2021/new.md", "not read yet")
    held.source.changes()
    assert NORTHWIND not in held.live()
    assert len(held.live()) == 3
    assert held.withdrawals() == [(NORTHWIND, "removed", True, False, False)]


def test_a_changed_file_s_document_stays_until_the_new_one_is_read(held: Held) -> None:
    held.source.write(NORTHWIND, "# Policy\n\nAnother one.\n")
    held.source.pull()
    assert held.live().count(NORTHWIND) == 1
    assert held.withdrawals() == []
    held.read()
    assert held.live().count(NORTHWIND) == 1
    assert held.withdrawals() == [(NORTHWIND, "replaced", True, False, False)]
    assert held.rows("SELECT raw_text LIKE '%%Another%%' FROM compliance.documents WHERE live AND pull_id IN"
                     " (SELECT pull_id FROM compliance.raw_pulls WHERE path = %s)", NORTHWIND) == [(True,)]  # fmt: skip


def test_a_document_that_comes_back_is_on_record_as_both(held: Held) -> None:
    for live in (False, True, False):
        held.rows("UPDATE compliance.documents SET live = %s FROM compliance.raw_pulls p"
                  " WHERE p.pull_id = documents.pull_id AND path = %s RETURNING 1", live, NORTHWIND)  # fmt: skip
    assert held.withdrawals() == [
        (NORTHWIND, "read_anew", True, False, True),
        (NORTHWIND, "read_anew", True, False, False),
    ]


def test_what_no_search_could_find_is_no_withdrawal(deployment: Deployment, tmp_path: Path) -> None:
    source = WatchedSource(deployment, tmp_path)
    source.write("a.md", "without a year")
    held = Held(deployment, tmp_path)
    (tmp_path / "a.md").unlink()
    source.changes()
    assert (held.live(), held.withdrawals()) == ([], [])


def test_the_next_build_of_the_year_says_that_the_index_left_it(held: Held) -> None:
    corpus = held.build(2021)
    held.build(2022)
    for path in (NORTHWIND, "2022/northwind.md"):
        (held.source.folder / path).unlink()
    held.source.changes()
    corpus.build(2021)
    assert held.withdrawals() == [
        (NORTHWIND, "removed", True, True, False),
        ("2022/northwind.md", "removed", True, False, False),
    ]
    assert held.check().metadata["still_in_an_index"] == dg.IntMetadataValue(1)


def test_an_erased_document_leaves_no_withdrawal(held: Held) -> None:
    (held.source.folder / NORTHWIND).unlink()
    held.source.changes()
    held.rows(
        "DELETE FROM compliance.documents WHERE filing_id IN (SELECT doc_id FROM compliance.withdrawals) RETURNING 1"
    )
    assert held.rows("SELECT count(*) FROM compliance.withdrawals") == [(0,)]


def test_who_may_see_a_document_follows_its_label_without_reading_it_again(held: Held) -> None:
    manifest = (held.source.folder / "manifest.jsonl").read_text(encoding="utf-8")
    held.source.write("manifest.jsonl", manifest.replace('"doc_type"', '"access": ["board"], "doc_type"', 1))
    held.source.changes()
    restricted = "SELECT filing_id, access FROM compliance.documents WHERE live AND access <> '{}'"
    ((doc_id, access),) = held.rows(restricted)
    assert access == ["board"]

    held.source.write(NORTHWIND, "# Policy\n\nA restricted one.\n")
    held.source.pull()
    held.read()
    ((new_id, access),) = held.rows(restricted)
    assert (new_id != doc_id, access) == (True, ["board"]), "restricted from its first moment on"


def test_the_check_passes_where_nothing_was_removed_and_where_it_went_in_time(held: Held) -> None:
    assert held.check().passed
    (held.source.folder / NORTHWIND).unlink()
    held.source.changes()
    done = held.check()
    assert done.passed
    assert done.metadata["removed_documents"] == dg.IntMetadataValue(1)


def test_a_time_between_listings_longer_than_the_deadline_is_a_warning(held: Held) -> None:
    held.rows("UPDATE compliance.sources SET last_listed_at = now() - interval '1 hour' RETURNING 1")
    (held.source.folder / NORTHWIND).unlink()
    held.source.changes()
    done = held.check()
    assert (done.passed, done.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert done.metadata["late"] == dg.IntMetadataValue(1)
    assert held.check(deadline=7_200).passed


def test_a_document_that_outlives_its_tombstone_is_an_error(held: Held) -> None:
    (held.source.folder / NORTHWIND).unlink()
    held.source.changes()
    held.rows("UPDATE compliance.documents SET live = true RETURNING 1")
    done = held.check()
    assert (done.passed, done.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert done.metadata["removed_but_live"] == dg.IntMetadataValue(1)
