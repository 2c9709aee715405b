"""Chunks and encodes while documents are still being read: the work of two rooms, done before their assets come to it.

The assets find it done, verify it and report it. Everything is claimed in batches that others skip, a batch is one transaction, and
so any number of threads and processes do it together (`compliance work`), and one that is killed loses its batch and nothing else.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.embeddings import claims, store
from compliance_assets.embeddings.encode import BATCH_CHUNKS, encode
from resources.ahead import Done
from resources.embedder import Embedder
from resources.postgres import Connection, Postgres
from resources.progress import Progress

#: Two: while one claims or stores its batch, or chunks, the cores have the other's texts to encode.
WORKERS = 2
BATCH_DOCUMENTS = 4
POLL_SECONDS = 0.1
#: How often to look for what other processes chunked, or left.
ROAM_SECONDS = 2.0


class WorkAhead:
    """Workers over all years of a deployment."""

    def __init__(self, postgres: Postgres, embedder: Embedder, years: Sequence[int], progress: Progress) -> None:
        self._postgres, self._embedder, self._years, self._progress = postgres, embedder, tuple(years), progress
        self._running: _Shift | None = None

    @contextmanager
    def beside(self) -> Iterator[Done]:
        """Work while the block runs, then until nothing is left of what was chunked here. Raises a worker's first error at the end.

        Inside another such block it is that one's work, which goes on.
        """
        if self._running is not None:
            yield self._running.done
            self._running.raise_error()
            return
        shift = self._running = self._shift(threading.Event(), roams=False)
        shift.begin()
        try:
            yield shift.done
            shift.no_more.set()
        finally:
            if not shift.no_more.is_set():  # the block failed: its error is the one to tell
                shift.stop.set()
            shift.join()
            self._running = None
        shift.raise_error()

    def until_idle(self) -> Done:
        """Work until nothing is left, held by others included. Raises a worker's first error."""
        shift = self._shift(threading.Event(), roams=True)
        shift.no_more.set()
        return shift.worked_off()

    def serve(self, stop: threading.Event) -> Done:
        """Work, and wait for more, until `stop` is set. Raises a worker's first error."""
        return self._shift(stop, roams=True).worked_off()

    def _shift(self, stop: threading.Event, *, roams: bool) -> "_Shift":
        return _Shift(self._postgres, self._embedder, self._years, self._progress, stop, roams)


class _Shift:
    """What the workers of one call share. `news` counts, by year, the reasons to look for texts there."""

    def __init__(
        self,
        postgres: Postgres,
        embedder: Embedder,
        years: tuple[int, ...],
        progress: Progress,
        stop: threading.Event,
        roams: bool,
    ) -> None:
        self.postgres, self.embedder, self.years, self.progress = postgres, embedder, years, progress
        self.done = Done()
        self.news: dict[int, int] = {}
        self.no_more, self.stop = threading.Event(), stop
        self._roams, self._roamed = roams, float("-inf")
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, name=f"ahead-{number}") for number in range(WORKERS)]

    def begin(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for them."""
        for thread in self._threads:
            thread.join()

    def raise_error(self) -> None:
        """What the first worker that failed failed with."""
        if self._error is not None:
            raise self._error

    def worked_off(self) -> Done:
        """Begin, wait for the end, and say what was done."""
        self.begin()
        self.join()
        self.raise_error()
        return self.done

    def chunked(self, year: int, documents: int) -> None:
        """Tell of chunks that are stored."""
        with self._lock:
            self.done.documents_chunked += documents
            self.news[year] = self.news.get(year, 0) + 1

    def encoded(self, texts: int) -> None:
        """Tell of texts that are encoded."""
        with self._lock:
            self.done.texts_encoded += texts
            self.progress.advance("texts embedded", self.done.texts_encoded)

    def roam(self) -> None:
        """Now and then every year is worth a look: others chunk too, and die."""
        with self._lock:
            if self._roams and time.monotonic() - self._roamed > ROAM_SECONDS:
                self._roamed = time.monotonic()
                self.news.update({year: self.news.get(year, 0) + 1 for year in self.years})

    def _work(self) -> None:
        """Until nothing more comes and nothing is left, or somebody failed."""
        try:
            worker = _Worker(self)
            with self.postgres.connect() as conn:
                while not self.stop.is_set() and self._goes_on(worker, conn):
                    pass
        except BaseException as problem:  # noqa: BLE001 - it is raised where the block ends
            with self._lock:
                self._error = self._error or problem
            self.stop.set()

    def _goes_on(self, worker: "_Worker", conn: Connection) -> bool:
        """One batch, or a look and a pause. False at the end."""
        last_look, began = self.no_more.is_set(), time.monotonic()
        self.roam()
        if worker.chunk(conn) or worker.encode(conn):
            return True
        if last_look and not worker.waiting(conn, texts_too=self._roams):
            return False
        self.stop.wait(max(POLL_SECONDS, 5 * (time.monotonic() - began)))  # to look is a small part of what it costs
        return True


class _Worker:
    """One thread's work, a batch at a time, each committed."""

    def __init__(self, shift: _Shift) -> None:
        self._shift, self._embedder = shift, shift.embedder
        self._chunker = chunker_for(shift.embedder)
        self._claims = claims.TextClaims(self._chunker.version, shift.embedder.digest)
        self._seen: dict[int, int] = {}

    def chunk(self, conn: Connection) -> bool:
        """Some documents of one year; False where none is to be had."""
        for year in claims.years_to_chunk(conn, self._shift.years, self._chunker.version):
            documents = chunk_store.claim(conn, year, self._chunker.version, BATCH_DOCUMENTS)
            chunks = (chunk for document in documents for chunk in self._chunker.chunk(document))
            if documents:
                chunk_store.insert(conn, documents, chunks, self._chunker.version)
            conn.commit()
            if documents:
                self._shift.chunked(year, len(documents))
                return True
        conn.commit()
        return False

    def encode(self, conn: Connection) -> bool:
        """Some texts of the first year that has any; False where none is to be had."""
        for year, news in sorted(self._shift.news.items()):
            if self._seen.get(year) == news:
                continue
            assert self._embedder.precision  # loads the model before anything is held
            batch = self._claims.take(conn, year, BATCH_CHUNKS)
            if batch:
                encode(conn, self._embedder, batch, self._shift.encoded)
            conn.commit()
            if batch:
                store.first_statistics(conn, year)
                conn.commit()
                return True
            self._seen[year] = news
        return False

    def waiting(self, conn: Connection, *, texts_too: bool) -> bool:
        """Whether documents are left, held by others or not, or texts."""
        version, model, years = self._chunker.version, self._embedder.digest, self._shift.years
        found = claims.years_to_chunk(conn, years, version)
        found = found or (claims.years_to_encode(conn, years, version, model) if texts_too else [])
        conn.commit()
        return bool(found)
