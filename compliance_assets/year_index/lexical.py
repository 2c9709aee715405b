"""The lexical index of a year as bytes: made from chunks, opened from pieces, searched by BM25. Pure; tantivy does the work.

The same entries in the same order give the same bytes, on every machine and in every process.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import tantivy
from tantivy import Filter, Occur, Query

from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from compliance_assets.contracts.text import storable

PIECE_BYTES = 8 * 1024 * 1024
LONGEST_TOKEN = 40  # bytes; what is longer is noise: encoded data, a line of underscores
MOST_TERMS = 96  # of a question; of a longer one the rarest, which weigh the most
#: From here on a word that more than half of the chunks hold is not asked for: it weighs less than ln 2 and costs the most.
MANY_CHUNKS = 50_000
#: Significant ones. A sum of 32-bit floats differs beyond by the order of its terms: what is equal up to here is a tie.
SCORE_DIGITS = 5
#: The writer takes what it needs of it. One segment up to here, several beyond: slower to search, with the same scores.
WRITER_BYTES = 2_000_000_000
#: The comma of 1,234.5, the full stop of 1.234,5: a separator between a digit and three digits.
_THOUSANDS = re.compile(r"[.,](?=\d{3}(?!\d))(?<=\d.)")
_SCRATCH = "lexical-"


@dataclass(frozen=True, slots=True)
class LexicalEntry:
    """A chunk to index: its header and its text count alike."""

    chunk_id: str
    doc_id: str
    filer_category: str | None
    header: str
    text: str


@dataclass(frozen=True, slots=True)
class LexicalHit:
    """A chunk found. `score` is its BM25, higher is better; scores of different indexes do not compare."""

    chunk_id: str
    doc_id: str
    score: float


def build(entries: Iterable[LexicalEntry]) -> tuple[bytes, ...]:
    """An index of these entries, in pieces of at most 8 MiB. Its content lies in a temporary folder while it is made."""
    with TemporaryDirectory(prefix=_SCRATCH) as folder:
        _write(entries, folder)
        return tuple(_pieces(Path(folder)))


def digest_of_pieces(pieces: Iterable[bytes]) -> str:
    """SHA-256 of the pieces put together, hexadecimal."""
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()


def terms_of(text: str) -> list[str]:
    """The terms that a text is indexed and asked under, in its order.

    Words and numbers, lower case, without accents, stemmed by the Snowball rules of English and then of Portuguese: one
    analysis whatever the language, since most documents do not state theirs and a question never does.
    """
    return _analyser().analyze(_plain(text))


class LexicalIndex:
    """An index opened from its pieces. Any number of threads may search it at once.

    Its files are unlinked as soon as they are mapped: what the index holds of the documents leaves the disk with the last
    reference to it, however the process ends.
    """

    def __init__(self, pieces: Iterable[bytes], digest: str) -> None:
        """Raises IntegrityError when the pieces are not those of the digest, DependencyUnavailable when they find no room."""
        try:
            with TemporaryDirectory(prefix=_SCRATCH) as folder:
                _unpack(pieces, digest, Path(folder))
                index = tantivy.Index.open(folder)
                index.config_reader("manual")  # nobody writes to it: no thread that watches the folder
                self._schema, self._searcher = index.schema, index.searcher()
        except OSError as problem:
            raise DependencyUnavailable(
                "a lexical index cannot be opened",
                expected="room in the temporary folder for the index and a copy of it",
                found=str(problem),
                remedy="Make room there, or name another folder in TMPDIR.",
            ) from problem

    @classmethod
    def of(cls, entries: Iterable[LexicalEntry]) -> "LexicalIndex":
        """An index of these entries that is kept nowhere."""
        pieces = build(entries)
        return cls(pieces, digest_of_pieces(pieces))

    def __len__(self) -> int:
        """How many chunks it holds."""
        return self._searcher.num_docs

    def search(self, question: str, category: str | None, depth: int) -> list[LexicalHit]:
        """The `depth` chunks that answer a question's words best, best first, ties by chunk id.

        BM25 with k1 = 1.2 and b = 0.75 (Robertson & Zaragoza 2009, with Lucene's inverse document frequency); a word counts
        once, however often the question says it. `category` None: every category. Any text is a question, and one without a
        known word has no hits.
        """
        terms = self._telling_terms(question)
        wanted = min(depth, len(self))
        if not terms or wanted < 1:
            return []
        query = self._query(terms, category)
        found = self._searcher.search(query, limit=wanted, count=False).hits
        hits = [self._hit(score, address) for score, address in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))

    def _telling_terms(self, question: str) -> list[str]:
        counts = {term: self._searcher.doc_freq("text", term) for term in dict.fromkeys(terms_of(question))}
        known = [term for term, count in counts.items() if count]
        if len(self) >= MANY_CHUNKS:
            known = [term for term in known if 2 * counts[term] <= len(self)] or known
        return known if len(known) <= MOST_TERMS else sorted(known, key=lambda term: (counts[term], term))[:MOST_TERMS]

    def _query(self, terms: list[str], category: str | None) -> Query:
        words = Query.boolean_query(
            [(Occur.Should, Query.term_query(self._schema, "text", term, index_option="freq")) for term in terms]
        )
        if category is None:
            return words
        inside = Query.term_query(self._schema, "category", _category_key(category), index_option="basic")
        return Query.boolean_query([(Occur.Must, words), (Occur.Must, Query.const_score_query(inside, 0.0))])

    def _hit(self, score: float, address: tantivy.DocAddress) -> LexicalHit:
        document = self._searcher.doc(address)
        chunk_id, doc_id = (bytes(document[name][0]).decode() for name in ("chunk_id", "doc_id"))
        return LexicalHit(chunk_id, doc_id, float(f"{score:.{SCORE_DIGITS}g}"))


@cache
def _analyser() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (
        Filter.remove_long(LONGEST_TOKEN),
        Filter.lowercase(),
        Filter.ascii_fold(),  # before the stems: a word typed without its accents has the same one
        Filter.stemmer("english"),
        Filter.stemmer("portuguese"),
    ):
        builder = builder.filter(step)
    return builder.build()


def _plain(text: str) -> str:
    """One way to write a letter, one way to write a number."""
    return _THOUSANDS.sub("", unicodedata.normalize("NFKC", storable(text)))


def _category_key(category: str) -> str:
    """A term for a category: exact, of one length, whatever its characters."""
    return hashlib.sha256(category.encode("utf-8", "surrogatepass")).hexdigest()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="text", index_option="freq")  # no positions: no phrases are asked for
    builder.add_text_field("category", tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("chunk_id", stored=True)
    builder.add_bytes_field("doc_id", stored=True)
    return builder.build()


def _write(entries: Iterable[LexicalEntry], folder: str) -> None:
    index = tantivy.Index(_schema(), path=folder, reuse=False)
    index.register_tokenizer("text", _analyser())
    writer = index.writer(heap_size=WRITER_BYTES, num_threads=1)  # one thread: one order
    for entry in entries:
        document = tantivy.Document()
        document.add_text("text", _plain(f"{entry.header}\n{entry.text}"))
        if entry.filer_category is not None:
            document.add_text("category", _category_key(entry.filer_category))
        document.add_bytes("chunk_id", entry.chunk_id.encode())
        document.add_bytes("doc_id", entry.doc_id.encode())
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


# ── files and pieces ─────────────────────────────────────────────────────────────────────────────────────────────────


def _pieces(folder: Path) -> Iterator[bytes]:
    """The first piece lists [name, size] of every file; the others are their bytes, one after the other."""
    files = _files(folder)
    yield canonical_json([[name, path.stat().st_size] for name, path in files.items()])
    held = bytearray()
    for path in files.values():
        with path.open("rb") as file:
            while taken := file.read(PIECE_BYTES - len(held)):
                held += taken
                if len(held) == PIECE_BYTES:
                    yield bytes(held)
                    held.clear()
    if held:
        yield bytes(held)


def _files(folder: Path) -> dict[str, Path]:
    """name -> file. Segments are named by their number: the library draws their names by lot."""
    meta = folder / "meta.json"
    text = meta.read_text(encoding="utf-8")
    names: dict[str, Path] = {}
    for number, segment in enumerate(json.loads(text)["segments"]):
        drawn = segment["segment_id"]
        text = text.replace(drawn, _segment_name(number))
        stem = drawn.replace("-", "")
        files = sorted(folder.glob(f"{stem}.*"))
        names |= {file.name.replace(stem, _segment_name(number).replace("-", "")): file for file in files}
    meta.write_text(text, encoding="utf-8")
    return {meta.name: meta, **names}


def _segment_name(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012x}"


def _unpack(pieces: Iterable[bytes], digest: str, folder: Path) -> None:
    """Write the files of an index into a folder. Nothing is read of pieces before they are known to be the right ones."""
    stream, hasher, packed = iter(pieces), hashlib.sha256(), folder / "packed"
    listing = next(stream, b"")
    hasher.update(listing)
    with packed.open("x+b") as contents:
        for piece in stream:
            hasher.update(piece)
            contents.write(piece)
        if hasher.hexdigest() != digest:
            raise IntegrityError(
                "a lexical index is not the one that was built",
                expected=f"pieces with the digest {digest[:12]}…",
                found=f"{hasher.hexdigest()[:12]}…",
                remedy="Rebuild the year's index with the job reindex_year.",
            )
        contents.seek(0)
        for name, size in json.loads(listing):
            with (folder / name).open("xb") as file:
                for start in range(0, size, PIECE_BYTES):
                    file.write(contents.read(min(PIECE_BYTES, size - start)))
    packed.unlink()
