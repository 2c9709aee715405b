"""Erasure: every proof from before still holds, and nothing that was erased can be read or guessed again."""

import base64
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from compliance_assets import commands
from compliance_assets.audit_ledger import checkpoints, merkle
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import leaf_of
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.chunks.headers import header_of, page_headings
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.dossier.verify import verify_bundle
from compliance_assets.evidence.dossier.write import write_dossier
from compliance_assets.evidence.erasure import ERASURE, Erasure, erase, holds, place_hold, release_hold
from compliance_assets.evidence.proof import proof_of_decision
from compliance_assets.evidence.replay import replay_all
from compliance_assets.evidence.verification import verify_all
from compliance_assets.migrations.runner import HERE, migrate
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.decide import idempotency_key, response_id_of
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases.serving import served
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION
from compliance_assets.raw_pulls.connector import source_id_of
from compliance_assets.raw_pulls.labels import Label
from compliance_assets.raw_pulls.plan import pull_id_of
from compliance_assets.review.oversight import oversee
from compliance_assets.year_index.backlog import identity_of
from compliance_assets.year_index.lexical_cache import OPEN_INDEXES
from compliance_assets.year_index.parameters import corpus_digest_of
from compliance_assets.year_index.pgvector_store import PgvectorStore
from compliance_assets.year_index.vector_store import Built
from resources.location import canonical_uri
from resources.postgres import Connection
from resources.providers import Completion
from tests.contracts.test_data_subject import cpf_of
from tests.model_decisions.builders import Only
from tests.small_corpus import SmallCorpus


def printed(number: str) -> str:
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


ANA, BRUNO = cpf_of(731_550_918), cpf_of(731_650_911)
NAME = "Anaís Quintanilha Bezerra"
AMOUNT = "81.734,56"
QUESTION = "Quais foram os proventos recebíveis de {cpf} no exercício?"
#: What a filing of the one who is erased says.
NEEDLES = (ANA, printed(ANA), NAME, AMOUNT, "proventos recebíveis de")
CORRECTED = "A corrected file, which states nobody.\n"
CANDIDATES = 10_000
LABEL = {"year": 2021, "filer_category": "IRPF", "doc_type": "filing"}
TITLES = {"a": f"Declaração de {NAME}", "b": "Declaração", "fund": "Fund"}


def filing(cpf: str, name: str = NAME, amount: str = AMOUNT) -> str:
    """The known template: with it, a digest of a filing is a digest of its CPF."""
    return f"Declaração de ajuste anual de {name}, CPF {printed(cpf)}.\nRendimentos tributáveis: R$ {amount} em 2021.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source: one file of Ana, one of Bruno, one of nobody."""
    made = tmp_path / "source"
    (made / "2021").mkdir(parents=True)
    (made / "2021" / "a.txt").write_text(filing(ANA), encoding="utf-8")
    (made / "2021" / "b.txt").write_text(filing(BRUNO, "Bruno Tavares", "12.000,00"), encoding="utf-8")
    (made / "2021" / "fund.txt").write_text("The assets of Northwind are held by Harbour Bank in 2021.\n" * 3)
    rows = [{"path": f"2021/{name}.txt", **LABEL, "title": title} for name, title in TITLES.items()]
    (made / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return made


class Held:
    """A deployment and what a test asks of it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def ask(self, *questions: str, year: int = 2021, model: Any = None) -> list[str]:
        """Returns the response ids, those of questions that were erased meanwhile left out."""
        items = [WorkItem("ddq.draft_response", year, question) for question in questions]
        with self.deployment.postgres.connect() as conn:
            decision_store.enqueue(conn, items)
        drain_year(replace(self.deployment.desk, models=Only(model or ExtractiveModel())), year)
        with self.deployment.postgres.connect() as conn:
            rows = dict(conn.execute("SELECT work_id, response_id FROM compliance.work_items").fetchall())
        return [str(rows[item.work_id]) for item in items if item.work_id in rows]

    def sign(self) -> None:
        d = self.deployment
        checkpoints.checkpoint_ledger(d.postgres, d.keyring, d.checkpoint_log)

    def erase(self, subject: str, order: str = "LGPD-1", **options: bool) -> Erasure:
        return erase(self.deployment.archive, subject, order, "test", **options)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.deployment.postgres.connect() as conn:
            return conn.execute(query, list(values)).fetchall()

    def readable(self, response_id: str) -> bool:
        with self.deployment.postgres.connect() as conn:
            entry = ledger.entry_of(conn, response_id)
            assert entry is not None
            return ledger.content_of(conn, self.deployment.keyring, entry) is not None

    def assert_verified(self) -> None:
        result = verify_all(self.deployment.archive)
        assert result.verified, (result.ledger.findings, result.evidence.findings)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table of ours, for comparison."""
        tables = self.rows(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('compliance', 'year_index')"
        )
        names = [(schema, name) for schema, name in tables if name != "alembic_version"]
        return {
            name: sorted(self.rows(f"SELECT t::text FROM {schema}.{name} t"))
            for schema, name in names
            if name not in ("ledger_verifications", "schema_version")
        }


@pytest.fixture
def held(deployment: Deployment) -> Held:
    """Straight into the tables: a document of both persons and one of each, in one year."""
    corpus = SmallCorpus(deployment)
    corpus.add(2021, filing(ANA))
    corpus.add(2022, filing(BRUNO, "Bruno Tavares", "12.000,00"))
    corpus.add(2022, "The assets of Northwind are held by Harbour Bank.")
    corpus.build(2021)
    corpus.build(2022)
    return Held(deployment)


# ── proofs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_proof_from_before_still_verifies(held: Held, tmp_path: Path) -> None:
    (erased,) = held.ask(QUESTION.format(cpf=ANA))
    (kept,) = held.ask("Where are the assets of Northwind held?", year=2022)
    held.sign()
    archive = held.deployment.archive
    before = proof_of_decision(archive, erased)
    dossier = write_dossier(archive, erased, tmp_path / "before.zip")
    with held.deployment.postgres.connect() as conn:
        entries = list(ledger.entries(conn))
        was = checkpoints.latest_checkpoint(conn)
    assert was

    done = held.erase(printed(ANA))
    held.sign()

    assert (done.keys, done.entries, done.decisions, done.documents, done.objects) == (1, 1, 1, 1, 1)
    assert verify_bundle(tmp_path / "before.zip", before["public_key"]).holds, dossier
    with held.deployment.postgres.connect() as conn:
        assert list(ledger.entries(conn))[: len(entries)] == entries
        now = checkpoints.latest_checkpoint(conn)
        assert now is not None
        assert now.size > was.size
        leaf = leaf_of(entries[before["seq"] - 1])
        hashes = [base64.b64decode(h) for h in before["hashes"]]
        assert merkle.verify_inclusion(
            leaf, before["leaf_index"], before["tree_size"], hashes, bytes.fromhex(before["root"])
        )
        consistency = checkpoints.consistency_of(conn, was.size, now.size)
        assert merkle.verify_consistency(was.size, now.size, was.root, now.root, consistency)
    assert proof_of_decision(archive, erased)["leaf_hash"] == before["leaf_hash"]
    with pytest.raises(InvalidInput, match="was erased"):
        write_dossier(archive, erased, tmp_path / "after.zip")
    assert write_dossier(archive, kept, tmp_path / "kept.zip").pages >= 0
    held.assert_verified()
    assert verify_all(archive).evidence.erased == 1


# ── nothing recoverable ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_left_anywhere(deployment: Deployment, folder: Path, session_dir: Path, tmp_path: Path) -> None:
    commands.ingest(deployment, str(folder))
    held = Held(deployment)
    response_id, *_ = held.ask(QUESTION.format(cpf=printed(ANA)), f"Qual é o valor de {NAME}?")
    held.ask(f"Waiting: {QUESTION.format(cpf=ANA)}", model=_Down())
    oversee(
        deployment.postgres, deployment.keyring, deployment.archive.clock, response_id, "flagged", "reviewer",
        f"{NAME} declared {AMOUNT}",
    )  # fmt: skip
    held.sign()
    with deployment.postgres.connect_as_owner() as owner:
        owner.autocommit = True
        owner.execute("ANALYZE")  # the planner's samples hold what the tables hold
    before = places(deployment)
    assert {
        "compliance.documents",
        "compliance.work_items",
        "compliance.chunks_2021",
        "pg_catalog.pg_statistic",
    } <= before.keys()
    assert any(place.startswith("objects/") for place in before)

    done = held.erase(ANA)
    held.sign()

    assert done.still_at_source == (f"{canonical_uri(str(folder))}/2021/a.txt",)
    assert places(deployment) == {}
    commands.export_file(deployment, "jsonl", tmp_path / "all.jsonl", 0, open_content=True)
    assert found_in_files(tmp_path, only="all.jsonl") == {}
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("CHECKPOINT")
        files = relation_files(owner)
    data = session_dir / "postgres" / "data"
    assert {name: found for name, path in files.items() if (found := needles_in((data / path).read_bytes()))} == {}
    wal = sum(bool(needles_in(path.read_bytes())) for path in (data / "pg_wal").glob("0*"))
    print(f"{wal} WAL segments still hold it until the server recycles and overwrites them")
    held.assert_verified()
    assert replay_all(deployment.archive).equal


def test_no_vector_of_a_header_is_left_that_nobody_else_has(deployment: Deployment) -> None:
    corpus, opening = (
        SmallCorpus(deployment),
        "Uma frase longa que abre a página, de modo que nada nela pareça um título. " * 2,
    )
    corpus.add(2021, filing(ANA), title=f"Declaração de {NAME}")
    corpus.add(2021, f"{opening}\n{filing(ANA)}", title="Pasta")
    corpus.add(2021, f"{opening}\nOutro texto.", title="Pasta")
    held = Held(deployment)
    vectors = "SELECT text_sha256 FROM compliance.embeddings ORDER BY 1"
    assert len(held.rows(vectors)) == 5  # three texts, two headers

    assert held.erase(ANA).documents == 2

    ((text, header),) = held.rows("SELECT text_sha256, header_sha256 FROM compliance.chunks")
    assert held.rows(vectors) == sorted([(text,), (header,)])


def test_the_words_of_a_year_are_indexed_again_without_it(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    corpus, opened = SmallCorpus(held.deployment), OPEN_INDEXES
    corpus.add(2021, "Outro texto do mesmo ano.")
    corpus.build(2021)
    digests = "SELECT year, lexical_digest FROM compliance.index_versions WHERE state = 'live'"
    before = dict(held.rows(digests))

    held.erase(ANA)

    after = dict(held.rows(digests))
    assert (after[2022], after[2021] in (None, before[2021])) == (before[2022], False)
    with held.deployment.postgres.connect() as conn:
        ((version,),) = held.rows(
            "SELECT index_version FROM compliance.index_versions WHERE year = 2021 AND state = 'live'"
        )
        words = opened.opened(conn, 2021, version, after[2021])
    assert len(words) == 1
    assert [words.search(said, None, 8) for said in (NAME, ANA, printed(ANA), AMOUNT)] == [[]] * 4
    assert [r.text for r in corpus.find(NAME, RetrievalScope(year=2021))] == ["Outro texto do mesmo ano."]


def test_an_erasure_waits_for_who_builds_an_index_and_indexes_its_words_again(held: Held) -> None:
    building, go = threading.Event(), threading.Event()
    corpus, erased = SmallCorpus(held.deployment), list[Erasure]()
    corpus.add(2021, "Outro texto do mesmo ano.")

    class Slow(PgvectorStore):
        def swap_in(self, conn: Connection, year: int, candidate: Built) -> None:
            building.set()
            assert go.wait(20)
            super().swap_in(conn, year, candidate)

    builder = threading.Thread(target=lambda: corpus.build(2021, vectors=Slow()))
    builder.start()
    assert building.wait(20)
    eraser = threading.Thread(target=lambda: erased.append(held.erase(ANA)))
    eraser.start()
    _wait_until_somebody_waits(held.deployment)
    go.set()
    builder.join(20)
    eraser.join(20)

    assert [done.documents for done in erased] == [1]
    assert [r.text for r in corpus.find(NAME, RetrievalScope(year=2021))] == ["Outro texto do mesmo ano."]
    assert corpus.build(2021).findings == ()
    held.assert_verified()


def test_the_server_writes_nothing_of_it_into_its_log(session_dir: Path) -> None:
    log = session_dir / "postgres" / "data" / "log"
    assert needles_in(log.read_bytes() if log.is_file() else b"") == []


class _Down:
    """A provider that does not answer."""

    model = "local/extractive-v1"

    def complete(self, prompt: str) -> Completion:
        raise DependencyUnavailable("down", expected="an answer", found="none", remedy="Wait.")


def needles_in(data: bytes) -> list[str]:
    """The needles in bytes as UTF-8, in hex, or spelt in JSON's escapes."""
    return [
        needle
        for needle in NEEDLES
        if needle.encode() in data
        or needle.encode().hex().encode() in data
        or json.dumps(needle)[1:-1].encode() in data
    ]


def places(deployment: Deployment) -> dict[str, list[str]]:
    """Where anything of it is found: in which table, in which file of the data directory."""
    return found_in_tables(deployment) | found_in_files(deployment.settings.data_dir)


def found_in_tables(deployment: Deployment) -> dict[str, list[str]]:
    """table -> needles, over every row of every table of the database, catalogues included, as a superuser."""
    found = {}
    with deployment.postgres.connect_as_owner() as owner:
        tables = owner.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'pg_toast'"
        ).fetchall()
        for schema, name in tables:
            # Only rows of this organisation where a table has organisations: other tests have their own.
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, name))
            hits = {needle for (row,) in owner.execute(query) for needle in needles_in(row.encode())}
            if hits:
                found[f"{schema}.{name}"] = sorted(hits)
    return found


def found_in_files(folder: Path, only: str = "**/*") -> dict[str, list[str]]:
    """file -> needles, in its bytes and its name."""
    return {
        str(path.relative_to(folder)): hits
        for path in sorted(folder.glob(only))
        if path.is_file() and (hits := needles_in(path.read_bytes() + str(path).encode()))
    }


def relation_files(owner: psycopg.Connection[Any]) -> dict[str, str]:
    """table or index -> the path of its file, of all that there are."""
    rows = owner.execute(
        "SELECT c.oid::regclass::text, pg_relation_filepath(c.oid) FROM pg_class c"
        " WHERE pg_relation_filepath(c.oid) IS NOT NULL AND c.relkind IN ('r', 'i', 't', 'm') AND pg_relation_size(c.oid) > 0"
    ).fetchall()
    return {name: path for name, path in rows if not name.startswith("pg_toast.pg_toast_1")}


# ── guessing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_with_every_key_and_the_whole_database_no_guess_can_be_confirmed(deployment: Deployment, folder: Path) -> None:
    """Candidates around the true one, the true one among them, against everything that is derived from what was erased."""
    commands.ingest(deployment, str(folder))
    held = Held(deployment)
    held.ask(QUESTION.format(cpf=ANA))
    held.sign()
    (folder / "2021" / "a.txt").write_text(CORRECTED)
    commands.ingest(deployment, str(folder))  # the same path without the person, then a tombstone
    (folder / "2021" / "a.txt").unlink()
    commands.ingest(deployment, str(folder))
    guess = Guess(held, folder)
    candidates = [cpf_of(int(ANA[:9]) + step) for step in range(-CANDIDATES // 2, CANDIDATES // 2)]
    assert ANA in candidates

    confirmed = guess.confirmed(candidates[CANDIDATES // 2 - 250 : CANDIDATES // 2 + 250])
    assert {ANA} == {cpf for cpf, _ in confirmed}
    assert {what for _, what in confirmed} >= {
        "input_sha256", "work id", "idempotency key", "subject_ref", "text or object digest", "chunk's digest", "pull id",
        "document id", "corpus digest", "index version", "header's digest",
    }  # fmt: skip

    held.erase(ANA)

    assert guess.confirmed(candidates) == set()


@dataclass
class Guess:
    """Whoever has the database and all keys, knows the templates of question and filing, and tries CPFs."""

    held: Held
    folder: Path

    def __post_init__(self) -> None:
        deployment = self.held.deployment
        self.source = source_id_of(canonical_uri(str(self.folder)))
        self.version = "2021/a.txt"
        self.label = Label(2021, "IRPF", TITLES["a"], "filing", "manifest")
        with deployment.postgres.connect() as conn:
            self.release = served(deployment.desk, conn).release
        self.indexes = [
            v for (v,) in self.held.rows("SELECT index_version FROM compliance.index_versions WHERE year = 2021")
        ]
        self.others = [d for (d,) in self.held.rows(
            "SELECT filing_id FROM compliance.documents JOIN compliance.raw_pulls p USING (pull_id) WHERE p.path <> '2021/a.txt'"
        )]  # fmt: skip
        with deployment.postgres.connect() as conn:
            entries = list(ledger.entries(conn))
        version = chunker_for(deployment.embedder).version
        self.identity = identity_of(deployment.postgres.organization_id, deployment.embedder, version, 2021, [], b"")
        self.responses = [(e.subject_id, e.occurred_at) for e in entries if e.kind == "decision"]

    def confirmed(self, candidates: Iterable[str]) -> set[tuple[str, str]]:
        """(candidate, what confirms it)."""
        haystack = self._haystack()
        self.salts = [salt for (salt,) in self.held.rows("SELECT salt FROM compliance.corpus_salts")]
        return {(cpf, what) for cpf in candidates for what, token in self._tokens(cpf) if token in haystack}

    def _haystack(self) -> frozenset[str]:
        """Every word of every row of every table, keys of subjects in hex."""
        words: set[str] = set()
        with self.held.deployment.postgres.connect_as_owner() as owner:
            for schema, name in owner.execute(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind = 'r' AND n.nspname IN ('compliance', 'year_index', 'pg_catalog')"
            ).fetchall():
                if schema == "pg_catalog" and name != "pg_statistic":
                    continue
                for (row,) in owner.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, name))):
                    words.update(re.findall(r"[A-Za-z0-9_]{16,}", row))
        words |= {w[1:] for w in words if w.startswith("x")}  # bytea as text: \x…
        words |= set(self.held.deployment.objects.digests())
        return frozenset(words)

    def _tokens(self, cpf: str) -> Iterator[tuple[str, str]]:
        deployment = self.held.deployment
        item = WorkItem("ddq.draft_response", 2021, QUESTION.format(cpf=cpf))
        text, raw = filing(cpf), filing(cpf).encode()
        pull = pull_id_of(self.source, self.version, sha256_hex(raw), self.label, 0)
        nothing = Label(None, None, "", None, "none")
        document = content_id("doc", pull, "", NORMALISER_VERSION)
        yield "input_sha256", item.input_sha256
        yield "work id", item.work_id
        for version in self.indexes:
            key = idempotency_key(item, self.release, version)
            yield "idempotency key", key
            for response, moment in self.responses:
                for salt in (b"", b"\0" * 16):
                    if response_id_of(key, datetime.fromisoformat(moment), salt) == response:
                        yield "response id", response
        organization = deployment.postgres.organization_id
        yield "subject_ref", ledger._subject_ref(deployment.keyring, organization, f"cpf:{cpf}").hex()
        for spelling in (text, text.strip(), text.rstrip("\n")):
            yield "text or object digest", sha256_hex(spelling)
        for part in text.split("\n"):
            yield "chunk's digest", sha256_hex(part)
        yield "chunk's digest", sha256_hex(text.strip())
        heading, *_ = page_headings(text, (len(text),))
        yield "header's digest", sha256_hex(header_of(TITLES["a"], 2021, (), heading))
        yield "pull id", pull
        yield "document id", document
        for previous in (pull, document):  # ids of the versions behind it, were they made from its own
            for digest, label in ((sha256_hex(CORRECTED), self.label), ("", nothing)):
                yield "next id", content_id("pull", self.source, self.version, digest, label.digest, previous)
        for salt in (b"", *self.salts):
            identity = replace(self.identity, corpus_digest=corpus_digest_of([document, *self.others], salt))
            yield "corpus digest", identity.corpus_digest
            yield "index version", identity.version


# ── holds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_refuses_and_a_released_one_lets_through(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    hold_id = place_hold(held.deployment.archive, printed(ANA), "COURT-7", "test")
    before = held.everything()

    with pytest.raises(InvalidInput, match="a legal hold keeps this data") as refused:
        held.erase(ANA)
    assert f"{hold_id} by order COURT-7" in refused.value.found
    assert held.everything() == before

    release_hold(held.deployment.archive, hold_id, "COURT-8", "test")
    assert holds(held.deployment.archive) == []
    assert held.erase(ANA).decisions == 1
    held.assert_verified()


def test_a_hold_on_another_person_of_the_same_decision_refuses(held: Held) -> None:
    (both,) = held.ask(f"Qual é a renda de {ANA} e de {BRUNO}?", year=2022)
    hold_id = place_hold(held.deployment.archive, BRUNO, "COURT-7", "test")

    with pytest.raises(InvalidInput, match="a legal hold") as refused:
        held.erase(ANA)
    assert hold_id in refused.value.found
    assert held.readable(both)

    release_hold(held.deployment.archive, hold_id, "COURT-8", "test")
    held.erase(ANA)
    assert not held.readable(both)


def test_a_hold_on_another_person_of_the_same_file_refuses(deployment: Deployment) -> None:
    """Also where no decision rests on it yet: the hold makes the key that it holds."""
    corpus = SmallCorpus(deployment)
    corpus.add(2021, f"{filing(ANA)} Dependente: CPF {printed(BRUNO)}.")
    held = Held(deployment)
    hold_id = place_hold(deployment.archive, BRUNO, "COURT-7", "test")

    with pytest.raises(InvalidInput, match="a legal hold"):
        held.erase(ANA)
    with pytest.raises(InvalidInput, match="a legal hold"):
        held.erase(BRUNO)

    release_hold(deployment.archive, hold_id, "COURT-8", "test")
    assert held.erase(ANA).documents == 1


def test_a_hold_needs_somebody_who_is_held_and_ends_once(held: Held) -> None:
    with pytest.raises(InvalidInput, match="nothing is held"):
        place_hold(held.deployment.archive, cpf_of(999_888_777), "COURT-7", "test")
    with pytest.raises(InvalidInput, match="without a CPF"):
        place_hold(held.deployment.archive, ANA, f"COURT {printed(ANA)}", "test")
    hold_id = place_hold(held.deployment.archive, ANA, "COURT-7", "test")
    assert [hold["hold_id"] for hold in holds(held.deployment.archive)] == [hold_id]
    release_hold(held.deployment.archive, hold_id, "COURT-8", "test")
    with pytest.raises(InvalidInput, match="no such hold in force"):
        release_hold(held.deployment.archive, hold_id, "COURT-8", "test")
    held.assert_verified()


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_decision_that_states_nobody_is_erased_by_its_id(held: Held) -> None:
    gone, kept = held.ask("Where are the assets of Northwind held?", "Who sailed around the cape?", year=2023)
    with pytest.raises(InvalidInput, match="nothing is held"):
        held.erase("rsp_01JZZZZZZZZZZZZZZZZZZZZZZZ")

    done = held.erase(gone)

    assert (done.keys, done.decisions, done.documents, done.objects) == (1, 1, 0, 0)
    assert [held.readable(r) for r in (gone, kept)] == [False, True]
    assert held.rows("SELECT count(*) FROM compliance.work_items") == [(1,)]
    held.assert_verified()


@pytest.mark.parametrize("order", ["", "   ", "LGPD {plain}", "pedido de {printed}", "n.{plain}", "{printed}-1a"])
def test_an_order_that_names_the_person_or_nothing_is_refused(held: Held, order: str) -> None:
    with pytest.raises(InvalidInput, match="the order's reference is not usable") as refused:
        held.erase(ANA, order.format(plain=ANA, printed=printed(ANA)))
    assert ANA not in str(refused.value)
    assert printed(ANA) not in str(refused.value)
    assert held.rows("SELECT count(*) FROM compliance.ledger_entries WHERE kind = 'erasure'") == [(0,)]


def test_an_unknown_person_is_refused_without_being_named(held: Held) -> None:
    other = cpf_of(999_888_777)
    with pytest.raises(InvalidInput, match="nothing is held") as refused:
        held.erase(other)
    assert other not in str(refused.value)
    with pytest.raises(InvalidInput, match="not a data subject"):
        held.erase("12345678900")


def test_running_it_again_finds_nothing_to_do(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    first = held.erase(ANA)
    before = held.everything()

    again = held.erase(ANA)

    assert first.decisions == 1
    assert (again.keys, again.entries, again.decisions, again.documents, again.objects) == (0, 0, 0, 0, 0)
    assert held.everything() == before
    with pytest.raises(InvalidInput, match="nothing is held"):
        held.erase(ANA, "ANOTHER-ORDER")
    with held.deployment.postgres.connect() as conn:
        assert len(ledger.entries_of_kind(conn, ERASURE)) == 1


def test_a_dry_run_says_the_same_and_changes_nothing(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    before, objects = held.everything(), list(held.deployment.objects.digests())

    said = held.erase(ANA, dry_run=True)

    assert held.everything() == before
    assert list(held.deployment.objects.digests()) == objects
    assert said.dry_run
    assert replace(held.erase(ANA), dry_run=True) == said


def test_the_entry_names_no_person_and_no_digest_of_what_was_erased(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    held.erase(ANA)
    with held.deployment.postgres.connect() as conn:
        (entry,) = ledger.entries_of_kind(conn, ERASURE)
    body = ledger.body_of(entry)
    assert body.keys() == {"order_ref", "key_ids", "entries", "decisions", "documents", "objects"}
    assert data_subjects_in(entry.body) == ()
    assert entry.sealed is None
    assert (entry.actor, body["order_ref"]) == ("test", "LGPD-1")


def test_a_question_that_waits_goes_with_the_person_whom_it_names(held: Held) -> None:
    """Also where nothing else is known of them."""
    other = cpf_of(731_750_000)
    held.ask(f"Waiting: {printed(other)}?", "Waiting: nobody?", model=_Down())
    assert held.rows("SELECT count(*) FROM compliance.work_items WHERE state = 'queued'") == [(2,)]

    held.erase(other)

    assert [json.loads(text)["question"] for (text,) in held.rows("SELECT input FROM compliance.work_items")] == [
        "Waiting: nobody?"
    ]


def test_others_keep_what_is_theirs(held: Held) -> None:
    (hers,) = held.ask(QUESTION.format(cpf=ANA))
    (his,) = held.ask(QUESTION.format(cpf=BRUNO), year=2022)
    held.erase(ANA)
    assert [held.readable(r) for r in (hers, his)] == [False, True]
    assert held.rows("SELECT count(*) FROM compliance.documents") == [(2,)]
    assert replay_all(held.deployment.archive).equal


def test_two_decisions_under_one_key_go_together(held: Held) -> None:
    both = held.ask(QUESTION.format(cpf=ANA), f"E o imposto devido por {printed(ANA)}?")
    (elsewhere,) = held.ask(f"Quem é {printed(ANA)}?", year=2023)
    with held.deployment.postgres.connect() as conn:
        under = {ledger.sealed_under(e) for e in ledger.entries(conn) if e.subject_id in (*both, elsewhere)}
    assert len(under) == 1

    done = held.erase(ANA)

    assert (done.keys, done.decisions) == (1, 3)
    assert not any(held.readable(r) for r in (*both, elsewhere))
    assert replay_all(held.deployment.archive).erased == 3


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mail(subject: str, body: str, *attachments: tuple[str, str]) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", subject
    message["Date"] = "Tue, 02 Mar 2021 10:00:00 -0300"
    message.set_content(body)
    for name, text in attachments:
        message.add_attachment(text.encode(), maintype="text", subtype="plain", filename=name)
    return bytes(message)


BROCHURE = "The assets of Northwind are held by Harbour Bank in 2021, as every client is told.\n" * 2


def test_a_mail_goes_as_a_whole_and_what_another_file_shares_stays(deployment: Deployment, folder: Path) -> None:
    (folder / "2021" / "a.txt").write_bytes(
        mail("Documents", "See the files.", ("filing.txt", filing(ANA)), ("info.txt", BROCHURE))
    )
    (folder / "2021" / "b.txt").write_bytes(mail("Info", "As asked.", ("info.txt", BROCHURE)))
    for name in "ab":
        (folder / "2021" / f"{name}.txt").rename(folder / "2021" / f"{name}.eml")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("a.txt", "a.eml").replace("b.txt", "b.eml"))
    commands.ingest(deployment, str(folder))
    held = Held(deployment)
    held.ask("Where are the assets of Northwind held, as every client is told?")
    parts = dict(
        held.rows(
            "SELECT p.path, count(*) FROM compliance.documents d JOIN compliance.raw_pulls p USING (pull_id) GROUP BY p.path"
        )
    )
    assert parts == {"2021/a.eml": 3, "2021/b.eml": 2, "2021/fund.txt": 1}
    shared = sha256_hex(BROCHURE.encode())
    assert shared in deployment.objects.digests()

    done = held.erase(ANA)

    assert done.documents == 3
    assert done.still_at_source == (f"{canonical_uri(str(folder))}/2021/a.eml",)
    assert shared in deployment.objects.digests()
    assert sha256_hex(filing(ANA).encode()) not in deployment.objects.digests()
    assert held.rows("SELECT count(*) FROM compliance.documents") == [(3,)]
    commands.ingest(deployment, str(folder))
    held.ask("Where are the assets of Northwind held, as every client is told now?")
    held.assert_verified()


def test_an_erased_file_is_not_taken_in_again_until_the_source_writes_it_again(
    deployment: Deployment, folder: Path
) -> None:
    commands.ingest(deployment, str(folder))
    held = Held(deployment)
    held.erase(ANA)

    first, again = (commands.ingest(deployment, str(folder)) for _ in range(2))

    assert (first.documents_read, again.documents_read, again.years) == (0, 0, [])
    assert first.years == [2021]  # the index without it
    assert held.rows("SELECT count(*) FROM compliance.documents WHERE live") == [(2,)]
    assert held.rows("SELECT state FROM compliance.raw_pulls WHERE path = '2021/a.txt'") == [("erased",)]
    assert first.checks_passed
    assert again.checks_passed

    (folder / "2021" / "a.txt").write_text("A new file under the old name, which states nobody.\n")
    assert commands.ingest(deployment, str(folder)).documents_read == 1
    (folder / "2021" / "a.txt").unlink()
    assert commands.ingest(deployment, str(folder)).checks_passed
    held.assert_verified()


def test_a_path_that_names_the_person_is_forgotten(deployment: Deployment, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    file = folder / f"{printed(ANA)}.txt"
    file.write_text(filing(ANA), encoding="utf-8")
    commands.ingest(deployment, str(folder))
    held = Held(deployment)

    done = held.erase(ANA)

    assert done.still_at_source == (f"{canonical_uri(str(folder))}/{file.name}",)
    assert needles_in(repr(held.everything()).encode()) == []
    file.unlink()
    commands.ingest(deployment, str(folder))
    assert held.rows("SELECT count(*) FROM compliance.documents") == [(0,)]


# ── at once ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Slow:
    """The extractive model, once somebody lets it answer."""

    model = ExtractiveModel.model

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def complete(self, prompt: str) -> Completion:
        self.asked.set()
        assert self.go.wait(20)
        return ExtractiveModel().complete(prompt)


def test_an_erasure_waits_for_a_decision_that_rests_on_the_person_and_takes_it_along(held: Held) -> None:
    held.ask(QUESTION.format(cpf=ANA))
    slow, erased = _Slow(), list[Erasure]()
    asking = threading.Thread(target=lambda: held.ask("Qual é o valor em 2021?", model=slow))
    asking.start()
    assert slow.asked.wait(20)
    erasing = threading.Thread(target=lambda: erased.append(held.erase(ANA)))
    erasing.start()
    _wait_until_somebody_waits(held.deployment)
    slow.go.set()
    asking.join(20)
    erasing.join(20)

    assert erased[0].decisions == 2
    decided = held.rows("SELECT response_id FROM compliance.decisions")
    assert [held.readable(response_id) for (response_id,) in decided] == [False, False]
    assert held.rows("SELECT count(*) FROM compliance.work_items") == [(0,)]
    held.assert_verified()


def test_drains_and_an_erasure_at_once_leave_no_decision_unreadable_without_an_erasure(held: Held) -> None:
    """Either it was erased, too, or it is sealed under a new key and rests on nothing that is gone."""
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask(writer: int) -> None:
        own = Held(Deployment(held.deployment.settings))
        number = 0
        try:
            while not stop.is_set():
                own.ask(f"{writer}/{number}: {QUESTION.format(cpf=ANA)}", f"{writer}/{number}: rendimentos?")
                number += 1
        except BaseException as failure:
            failures.append(failure)

    writers = [threading.Thread(target=ask, args=[writer]) for writer in range(2)]
    for writer in writers:
        writer.start()
    erasures = []
    for number in range(4):
        _wait_for_decisions(held, 4)
        erasures.append(held.erase(ANA, f"LGPD-{number}"))
    stop.set()
    for writer in writers:
        writer.join(30)

    assert failures == []
    assert sum(done.decisions for done in erasures) > 0
    assert sum(done.documents for done in erasures) == 1
    held.assert_verified()
    with held.deployment.postgres.connect() as conn:
        sealed = [e for e in ledger.entries(conn) if e.kind == "decision"]
        opened = ledger.contents(conn, held.deployment.keyring, sealed)
        destroyed = {key for e in ledger.entries_of_kind(conn, ERASURE) for key in ledger.body_of(e)["key_ids"]}
        for entry in sealed:
            assert (opened[entry.seq] is None) == bool(set(ledger.sealed_under(entry)) & destroyed)
    assert replay_all(held.deployment.archive).equal


def _wait_for_decisions(held: Held, count: int) -> None:
    """Until so many more were made whose question still stands."""
    query = "SELECT count(*) FROM compliance.decisions WHERE work_id <> 'erased'"
    deadline, wanted = time.monotonic() + 20, held.rows(query)[0][0] + count
    while held.rows(query)[0][0] < wanted:
        assert time.monotonic() < deadline, "nobody decides"
        time.sleep(0.01)


def _wait_until_somebody_waits(deployment: Deployment) -> None:
    with psycopg.connect(str(deployment.settings.database_url), autocommit=True) as watch:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            row = watch.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if row and row[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waited")


# ── what an older schema held ────────────────────────────────────────────────────────────────────────────────────────


def test_documents_of_an_older_schema_are_found_by_text_field_name_and_file(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "CREATE DATABASE older TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'"
        )
    older = database_url.replace("/compliance?", "/older?")
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(older), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "V002")
    with psycopg.connect(older) as conn:
        conn.execute("INSERT INTO compliance.sources VALUES (gen_random_uuid(), 's', 'file:///s')")
        for name, path, text, fields in (
            ("text", "text.txt", filing(ANA), "{}"),
            ("field", "field.txt", "nothing", f'{{"fields": {{"taxpayer_id": "{ANA}"}}}}'),
            ("file", f"{printed(ANA)}.txt", "nothing", '{"fields": null}'),
            ("nobody", "nobody.txt", "nothing", "{}"),
        ):
            conn.execute(
                "INSERT INTO compliance.raw_pulls (organization_id, pull_id, source_id, path, state, object_sha256,"
                " source_version, label) SELECT organization_id, %s, 's', %s, 'pulled', %s, '1', '{}' FROM compliance.sources",
                [name, path, name],
            )
            conn.execute(
                "INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year, title, state,"
                " raw_text, raw_pages, metadata, normaliser_version)"
                " SELECT organization_id, %s, %s, %s, 2021, '', 'ok', %s, '[]', %s, '1' FROM compliance.sources",
                [name, name, name, text, fields],
            )
        conn.execute(  # a part of the same file
            "INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year, title, state,"
            " raw_text, raw_pages, metadata, normaliser_version, parent_id, part)"
            " SELECT organization_id, 'part', 'text', 'part', 2021, '', 'ok', 'nothing', '[]', '{}', '1', 'text', '0'"
            " FROM compliance.sources"
        )

    migrate(lambda: psycopg.connect(older), [2021])

    with psycopg.connect(older) as conn:
        found: dict[str, list[str]] = dict(
            conn.execute("SELECT filing_id, data_subjects FROM compliance.documents").fetchall()
        )
        forced = conn.execute(
            "SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname IN ('documents', 'raw_pulls')"
        ).fetchone()
    hers = [f"cpf:{ANA}"]
    assert found == {"text": hers, "field": hers, "file": hers, "part": hers, "nobody": []}
    assert forced == (True,)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("DROP DATABASE older")
