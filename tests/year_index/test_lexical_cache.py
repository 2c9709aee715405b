"""The lexical indexes that a process has open."""

import gc
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.year_index import lexical_cache, lexical_store
from compliance_assets.year_index.lexical import LexicalIndex
from compliance_assets.year_index.lexical_cache import LexicalCache
from resources.postgres import Connection
from tests.small_corpus import SmallCorpus

YEAR = 2021


class Reading:
    """Stands before the store and counts how often an index was read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        read = lexical_store.read

        def counted(conn: Connection, year: int, index_version: str) -> Iterator[bytes]:
            self.times += 1
            return read(conn, year, index_version)

        monkeypatch.setattr(lexical_store, "read", counted)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


@pytest.fixture
def corpus(corpus: SmallCorpus) -> SmallCorpus:
    """Three years of one document."""
    for year in (YEAR, YEAR + 1, YEAR + 2):
        corpus.add(year, f"The custody of {year}.")
        make_live(corpus, year)
    return corpus


def make_live(corpus: SmallCorpus, year: int = YEAR) -> tuple[str, str]:
    """Build the year with its lexical index; returns the version and the digest."""
    version = corpus.build(year).index_version
    with corpus.deployment.postgres.connect() as conn:
        pieces = lexical_store.built(conn, year, corpus.chunker.version)
        return version, lexical_store.swap_in(conn, year, version, pieces)


def live(corpus: SmallCorpus, year: int = YEAR) -> tuple[str, str]:
    with corpus.deployment.postgres.connect() as conn:
        found = lexical_store.live(conn, year)
    assert found is not None
    return found


def opened(cache: LexicalCache, corpus: SmallCorpus, version: tuple[str, str], year: int = YEAR) -> LexicalIndex:
    with corpus.deployment.postgres.connect() as conn:
        return cache.opened(conn, year, *version)


def test_an_index_is_read_once(corpus: SmallCorpus, reading: Reading) -> None:
    cache, version = LexicalCache(), live(corpus)

    assert opened(cache, corpus, version) is opened(cache, corpus, version)
    assert reading.times == 1


def test_threads_that_ask_at_once_read_it_once_and_search_it_together(corpus: SmallCorpus, reading: Reading) -> None:
    cache, version, start = LexicalCache(), live(corpus), Barrier(6)

    def search(_: int) -> int:
        with corpus.deployment.postgres.connect() as conn:
            start.wait()
            return sum(len(cache.opened(conn, YEAR, *version).search("custody", None, 8)) for _ in range(50))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(search, range(6))) == {50}
    assert reading.times == 1


def test_a_new_version_replaces_the_one_before_it(corpus: SmallCorpus) -> None:
    cache = LexicalCache()
    before = weakref.ref(opened(cache, corpus, live(corpus)))
    corpus.add(YEAR, "More custody.")
    after = opened(cache, corpus, make_live(corpus))
    gc.collect()

    assert len(after.search("custody", None, 8)) == 2
    assert before() is None  # with its last reference the pages of its files go


def test_an_index_in_use_stays_open_when_it_is_replaced(corpus: SmallCorpus) -> None:
    cache = LexicalCache()
    in_use = opened(cache, corpus, live(corpus))
    corpus.add(YEAR, "More custody.")
    opened(cache, corpus, make_live(corpus))

    assert len(in_use.search("custody", None, 8)) == 1


def test_who_asks_for_a_version_that_was_just_replaced_gets_the_live_one(corpus: SmallCorpus) -> None:
    version = live(corpus)
    corpus.add(YEAR, "More custody.")
    make_live(corpus)

    assert len(opened(LexicalCache(), corpus, version).search("custody", None, 8)) == 2


def test_pieces_that_were_changed_are_refused(corpus: SmallCorpus) -> None:
    version = live(corpus)
    with corpus.deployment.postgres.connect() as conn:
        conn.execute("DELETE FROM compliance.lexical_indexes WHERE year = %s AND part = 1", [YEAR])

    with pytest.raises(IntegrityError, match="not the one that was built"):
        opened(LexicalCache(), corpus, version)


def test_the_index_that_was_not_asked_for_longest_is_let_go(corpus: SmallCorpus, reading: Reading) -> None:
    cache = LexicalCache(capacity=2)
    for year in (YEAR, YEAR + 1, YEAR, YEAR + 2):
        opened(cache, corpus, live(corpus, year), year)
    assert reading.times == 3

    opened(cache, corpus, live(corpus), YEAR)
    assert reading.times == 3
    opened(cache, corpus, live(corpus, YEAR + 1), YEAR + 1)
    assert reading.times == 4


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_opens_its_own(corpus: SmallCorpus) -> None:
    cache = lexical_cache.OPEN_INDEXES
    opened(cache, corpus, live(corpus))
    with cache._lock:  # as a thread might at that moment
        child = os.fork()
        if child == 0:
            os._exit(len(cache._slots) + cache._lock.locked())

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache._slots
