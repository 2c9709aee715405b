"""The generated passages of the index's benchmark: their vectors lie like a real model's, and what is counted can be wrong."""

from collections import Counter

import numpy as np
import pytest

from compliance_assets.contracts.hit import RetrievalScope
from evals import bench_leaks
from evals.generated_corpus import ClusteredVectors, geometry, streams, words


def test_vectors_lie_as_those_of_the_small_model_over_filings_do() -> None:
    """Within a tenth of what 20,465 windows of 54 filings have: medians, measured once; the benchmark measures them anew."""
    vectors = ClusteredVectors(20_000)
    found = geometry(np.vstack([vectors.draw(count, stream)[0] for stream, count in streams(20_000)]))

    for measured, real in (
        (found.similarity_1st, 0.90),
        (found.similarity_8th, 0.757),
        (found.similarity_64th, 0.64),
    ):
        assert measured[1] == pytest.approx(real, rel=0.1)
    assert 4.9 < found.local_dimension[1] < 19.8  # between the percentiles 10 and 90 of the real ones


def test_a_stream_is_drawn_alike_every_time_and_unlike_any_other() -> None:
    first, again = ClusteredVectors(2_000), ClusteredVectors(2_000)

    assert np.array_equal(first.draw(50, 3)[0], again.draw(50, 3)[0])
    assert not np.array_equal(first.draw(50, 3)[0], first.draw(50, 4)[0])
    assert np.allclose(np.linalg.norm(first.draw(50, 3)[0], axis=1), 1, atol=1e-5)


def test_streams_cover_every_passage_once() -> None:
    assert list(streams(45_000)) == [(0, 20_000), (20_000, 20_000), (40_000, 5_000)]
    assert list(streams(330, first=300)) == [(300, 30)]


def test_words_are_as_unequal_as_a_languages() -> None:
    counts = Counter(word for text in words(2_000, 80, 1) for word in text.split())
    shares = [count / counts.total() for _, count in counts.most_common(100)]

    assert shares[0] > 0.04
    assert shares[99] == pytest.approx(shares[9] / 10, rel=0.2)
    assert len(counts) > 10_000


@pytest.mark.parametrize(
    ("place", "scope", "counted"),
    [
        (("own", 2021, "a"), RetrievalScope(year=2021, filer_category="a"), set()),
        (("own", 2022, "b"), RetrievalScope(year=2021, opt_in_years=(2022,)), {"hits_of_opt_in_years"}),
        (("other", 2021, "a"), RetrievalScope(year=2021), {"of_another_organisation"}),
        (("own", 2022, "a"), RetrievalScope(year=2021), {"of_a_year_not_asked_for", "hits_of_opt_in_years"}),
        (("own", 2021, "b"), RetrievalScope(year=2021, filer_category="a"), {"of_another_category"}),
    ],
)
def test_a_hit_outside_its_scope_is_counted(
    place: tuple[str, int, str], scope: RetrievalScope, counted: set[str]
) -> None:
    hit = _Hit(scope)
    found: Counter[str] = Counter()
    bench_leaks._count(found, {"doc": place}, "own", scope, [hit])

    general = {"hits", "queries_in_a_category", "queries_with_opt_in_years"}
    assert {name for name, count in found.items() if count} - general == counted


def test_a_hit_that_records_another_scope_is_counted() -> None:
    found: Counter[str] = Counter()
    asked = RetrievalScope(year=2021, opt_in_years=(2022,))
    bench_leaks._count(found, {"doc": ("own", 2021, "a")}, "own", asked, [_Hit(RetrievalScope(year=2021))])

    assert found["opt_in_not_recorded"] == 1


class _Hit:
    """A hit of the document `doc` that records a scope."""

    doc_id = "doc"

    def __init__(self, scope: RetrievalScope) -> None:
        self.method = self
        self.scope, self.opt_in_years = scope, scope.opt_in_years
