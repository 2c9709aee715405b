"""Recorded replay: byte-equal from the record alone, and whatever is not as it was shows by its field's name."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.content import SubjectKey, seal
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.erasure import erase
from compliance_assets.evidence.replay import Replay, replay, replay_all, requery
from compliance_assets.model_decisions import confidence as confidence_module
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions import workloads
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.work import WorkItem
from resources.postgres import organization_of
from resources.providers import Completion
from tests.audit_ledger.conftest import as_superuser_without_trigger
from tests.model_decisions.builders import OneModel, Only
from tests.small_corpus import SmallCorpus

COMPLIANCE = Path(sys.executable).with_name("compliance")
PERSON = "529.982.247-25"
HELD = "Where are the assets of Northwind held?"


@dataclass
class Scripted:
    """Answers one text after the other, again from the start at the end."""

    answers: list[str]
    model: str = "local/scripted"
    asked: int = field(default=0)

    def complete(self, prompt: str) -> Completion:
        self.asked += 1
        return Completion(self.answers[(self.asked - 1) % len(self.answers)], self.model, "local", 2, 0.123456789)


class Answered:
    """A deployment with decisions of every kind over two years; `held` cites, the others are by their question."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.corpus = SmallCorpus(deployment)
        self.documents = [
            self.corpus.add(2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent."),
            self.corpus.add(2021, f"Declaração de Ana, CPF {PERSON}: rendimentos tributáveis de R$ 81.234,56 em 2021. 🏦"),
            self.corpus.add(2022, "The assets of Northwind are held by Meadow Bank from 2022 on."),
        ]  # fmt: skip
        self.corpus.build(2021)
        self.corpus.build(2022)
        self.held = self.ask(HELD)

    def ask(
        self, question: str, year: int = 2021, provider: OneModel | None = None, opt_in: tuple[int, ...] = ()
    ) -> str:
        """Returns the response id."""
        item = WorkItem("ddq.draft_response", year, question, opt_in_years=opt_in)
        desk = dataclasses.replace(self.deployment.desk, models=Only(provider or ExtractiveModel()))
        with self.deployment.postgres.connect() as conn:
            decision_store.enqueue(conn, [item])
        assert drain_year(desk, year).postponed == {}
        with self.deployment.postgres.connect() as conn:
            row = conn.execute(
                "SELECT response_id FROM compliance.work_items WHERE work_id = %s", [item.work_id]
            ).fetchone()
        assert row is not None
        return str(row[0])

    def replay(self, response_id: str | None = None) -> Replay:
        with self.deployment.postgres.connect() as conn:
            return replay(conn, self.deployment.archive, response_id or self.held)

    def differing(self, response_id: str | None = None) -> set[str]:
        """The names of the fields that came out otherwise; none exactly where the bytes are equal."""
        done = self.replay(response_id)
        assert done.equal == (not done.differences)
        assert all(d.recorded != d.replayed for d in done.differences)
        return {d.field for d in done.differences}

    def change(self, statement: str, *values: object) -> None:
        with self.deployment.postgres.connect_as_owner() as owner:
            assert owner.execute(statement, list(values)).rowcount > 0

    def content(self, response_id: str | None = None) -> dict[str, object]:
        with self.deployment.postgres.connect() as conn:
            entry = ledger.entry_of(conn, response_id or self.held)
            assert entry is not None
            content = ledger.content_of(conn, self.deployment.keyring, entry)
        assert content is not None
        return content.as_json()

    def seal_again(self, **changed: object) -> None:
        """Rewrite the content of `held` as somebody can who has every key and is a superuser."""
        keyring = self.deployment.keyring
        with self.deployment.postgres.connect() as conn:
            entry = ledger.entry_of(conn, self.held)
            assert entry is not None
            organization = organization_of(conn)
            keys: dict[str, SubjectKey] = ledger._keys_by_id(
                conn, keyring, organization, set(ledger.sealed_under(entry))
            )
        text = canonical_json(changed if "input" in changed else {**self.content(), **changed}).decode()
        sealed, commitment = seal(text, list(keys.values()), organization, self.held)
        with as_superuser_without_trigger(self.deployment) as owner:
            owner.execute(
                "UPDATE compliance.ledger_entries SET sealed = %s, content_sha256 = %s, content_commitment = %s"
                " WHERE subject_id = %s AND kind = 'decision'",
                [sealed, sha256_hex(sealed), commitment, self.held],
            )


@pytest.fixture
def answered(deployment: Deployment) -> Answered:
    return Answered(deployment)


CITING = '{"decision": "answered", "confidence": 0.5, "segments": [], "citations": []}'
ANSWERS = {
    "no JSON": "I would rather not say. \u0000 \ud83d",
    "empty": "",
    "a quote that nobody wrote": '{"decision": "answered", "confidence": 1, "segments": [{"text": "x",'
    ' "cited_chunk_ids": ["ck_no"]}], "citations": [{"chunk_id": "ck_no", "quote": "x"}]}',
    "insufficient": '{"decision": "insufficient_evidence", "confidence": 0, "segments": [], "citations": []}',
    "nothing cited": CITING,
    "odd spacing": "\r\n" + CITING + "\t\u2028",
}


def test_decisions_of_every_kind_are_byte_equal_again(answered: Answered) -> None:
    answered.ask("Quais são os rendimentos tributáveis de Ana?")
    answered.ask("Who sailed around the cape in winter?")
    answered.ask("What of a year without an index?", year=2023)
    answered.ask("Where are the assets of Northwind held in both years?", opt_in=(2022,))
    for name, answer in ANSWERS.items():
        answered.ask(f"Where are the assets held ({name})?", provider=Scripted([answer]))

    done = replay_all(answered.deployment.archive)

    assert done.equal, done.different
    assert (done.replayed, done.erased) == (11, 0)
    assert answered.content()["response_envelope"]["citations"]  # type: ignore[index]


def test_a_replay_asks_no_model_and_needs_no_index(answered: Answered, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Scripted([])
    archive = dataclasses.replace(answered.deployment.archive, models=Only(nobody))
    with answered.deployment.postgres.connect() as conn:
        conn.execute("DELETE FROM year_index.entries")
    assert replay_all(archive).equal
    assert nobody.asked == 0


def test_a_changed_chunk_shows(answered: Answered) -> None:
    answered.change(
        "UPDATE compliance.chunks SET text = replace(text, 'ten percent', 'six percent') WHERE doc_id = %s",
        answered.documents[0],
    )
    differing = answered.differing()
    assert "lineage.chunks.0.text_sha256" in differing
    assert {"prompt", "prompt_hash", "response_envelope.prompt_hash", "response_envelope_sha256"} <= differing


def test_a_chunk_that_moved_shows(answered: Answered) -> None:
    answered.change("UPDATE compliance.chunks SET page = page + 1 WHERE doc_id = %s", answered.documents[0])
    differing = answered.differing()
    assert {"hits.0.page", "hit_set_sha256", "response_envelope.retrieved_chunks.0.page"} <= differing


def test_a_chunk_that_is_gone_shows(answered: Answered) -> None:
    answered.change("DELETE FROM compliance.chunks WHERE doc_id = %s", answered.documents[1])
    assert {"hits", "lineage.chunks", "response_envelope.retrieved_chunks", "body.hits"} <= answered.differing()


def test_a_changed_embedding_shows(answered: Answered) -> None:
    answered.change(
        "UPDATE compliance.embeddings SET embedding = (SELECT array_agg(v * (1 + i %% 2) ORDER BY i)::halfvec"
        " FROM unnest(embedding::real[]) WITH ORDINALITY AS e (v, i))"
    )
    differing = answered.differing()
    assert {"hits.0.embedding_score", "hit_set_sha256"} <= differing
    assert "hits.0.score" not in differing, "a fused rank stands as it was recorded"
    assert {"confidence.retrieval", "response_envelope.retrieved_chunks.0.embedding_score"} <= differing


def test_a_changed_last_digit_of_an_embedding_shows(answered: Answered) -> None:
    """One unit in the last place of one of its half-precision numbers."""
    digest = answered.content()["lineage"]["chunks"][0]["text_sha256"]  # type: ignore[index]
    with answered.deployment.postgres.connect() as conn:
        row = conn.execute("SELECT embedding FROM compliance.embeddings WHERE text_sha256 = %s", [digest]).fetchone()
    assert row is not None
    vector = row[0].to_numpy()
    at = int(abs(vector).argmax())
    vector.view("u2")[at] ^= 1
    answered.change(
        "UPDATE compliance.embeddings SET embedding = %s::halfvec WHERE text_sha256 = %s", str(vector.tolist()), digest
    )
    assert "hits.0.embedding_score" in answered.differing()


def test_a_changed_document_shows_also_where_nothing_of_it_is_cited(answered: Answered) -> None:
    answered.change(
        "UPDATE compliance.documents SET raw_text = replace(raw_text, '81.234,56', '18.234,56') WHERE filing_id = %s",
        answered.documents[1],
    )
    (field_name,) = answered.differing()
    assert field_name.startswith("lineage.documents.")
    assert field_name.endswith(".text_sha256")


def test_a_changed_quotation_shows(answered: Answered) -> None:
    answered.change(
        "UPDATE compliance.documents SET raw_text = replace(raw_text, 'Harbour', 'Herbour') WHERE filing_id = %s",
        answered.documents[0],
    )
    assert {"outcome", "reason", "response_envelope.decision", "body.outcome", "body.citations"} <= answered.differing()


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [("title", "Other", "title"), ("object_sha256", "0" * 64, "object_sha256"), ("year", 2022, "year")],
)
def test_a_changed_row_of_a_document_shows(answered: Answered, column: str, value: object, name: str) -> None:
    answered.change(f"UPDATE compliance.documents SET {column} = %s WHERE filing_id = %s", value, answered.documents[0])
    assert any(f.startswith("lineage.documents.") and f.endswith(f".{name}") for f in answered.differing())


def test_a_changed_model_response_shows_even_sealed_with_the_real_key(answered: Answered) -> None:
    was = str(answered.content()["model_response"])
    answered.seal_again(model_response=was.replace("Harbour", "Meadow"))
    assert {"outcome", "reason", "response_envelope.decision", "body.outcome"} <= answered.differing()

    answered.seal_again(
        model_response='{"decision": "insufficient_evidence", "confidence": 0, "segments": [], "citations": []}'
    )
    assert {"outcome", "response_envelope.decision"} <= answered.differing()


def test_any_field_sealed_again_otherwise_shows(answered: Answered) -> None:
    was = answered.content()
    changed = {
        "outcome": "review",
        "input_sha256": "0" * 64,
        "prompt": "Say yes.",
        "salt": "00" * 16,
        "decided_at": "2020-01-01T00:00:00.000000Z",
        "idempotency_key": "idem_0",
        "release_id": "rel_0",
        "hit_set_sha256": "0" * 64,
        "invented": 1,
    }
    shown_by = {"salt": "response_envelope.response_id", "decided_at": "response_envelope.response_id"}
    for name, value in changed.items():
        answered.seal_again(**{**was, name: value})
        assert shown_by.get(name, name) in answered.differing(), name


def test_a_query_vector_sealed_again_otherwise_shows_in_the_scores(answered: Answered) -> None:
    vector = str(answered.content()["query_vector"])
    answered.seal_again(query_vector=vector[4:] + vector[:4])
    assert {"hits.0.embedding_score", "hit_set_sha256"} <= answered.differing()


OF_THE_PROMPT = {
    "prompt", "prompt_hash", "prompt_template.sha256", "response_envelope.prompt_hash", "response_envelope_sha256",
    "body.prompt_template.sha256",
}  # fmt: skip


def change_the_products_prompts(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Each gets a blank more."""
    for path in workloads.PROMPTS.glob("*.txt"):
        (folder / path.name).write_text(path.read_text() + " ")
    monkeypatch.setattr(workloads, "PROMPTS", folder)


def test_another_prompt_template_in_the_decisions_release_shows(answered: Answered) -> None:
    answered.change(
        "UPDATE compliance.release_files SET content = content || convert_to(' ', 'UTF8') WHERE path LIKE 'prompts/%%'"
        " AND organization_id = %s",
        answered.deployment.postgres.organization_id,
    )
    assert answered.differing() == OF_THE_PROMPT


def test_a_prompt_template_that_the_product_has_by_now_does_not_count(
    answered: Answered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change_the_products_prompts(monkeypatch, tmp_path)
    assert answered.differing() == set()


def test_where_a_releases_files_are_not_kept_the_products_prompt_counts(
    answered: Answered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a ledger that is older than the table."""
    answered.change(
        "DELETE FROM compliance.release_files WHERE organization_id = %s", answered.deployment.postgres.organization_id
    )
    assert answered.differing() == set()
    change_the_products_prompts(monkeypatch, tmp_path)
    assert answered.differing() == OF_THE_PROMPT


def test_another_code_path_shows(answered: Answered, monkeypatch: pytest.MonkeyPatch) -> None:
    real = confidence_module.retrieval_of
    monkeypatch.setattr(confidence_module, "retrieval_of", lambda scores: real([s * 0.99 for s in scores]))
    assert answered.differing() == {
        "confidence.retrieval", "confidence.value", "response_envelope.confidence", "response_envelope_sha256",
        "body.confidence", "body.row_sha256",
    }  # fmt: skip


def test_a_clear_body_rewritten_by_a_superuser_shows(answered: Answered) -> None:
    with as_superuser_without_trigger(answered.deployment) as owner:
        owner.execute(
            'UPDATE compliance.ledger_entries SET body = replace(body, \'"outcome":"decided"\', \'"outcome":"review"\')'
            " WHERE subject_id = %s",
            [answered.held],
        )
    assert answered.differing() == {"body.outcome"}


def test_a_difference_does_not_hide_the_other_decisions(answered: Answered) -> None:
    other = answered.ask("Where are the assets of Northwind held from 2022 on?", year=2022)
    answered.change("UPDATE compliance.documents SET title = 'Other' WHERE filing_id = %s", answered.documents[2])

    done = replay_all(answered.deployment.archive)

    assert not done.equal
    assert (done.replayed, [r.response_id for r in done.different]) == (2, [other])


def test_erased_decisions_are_left_out_and_counted(answered: Answered) -> None:
    other = answered.ask("Where are the assets of Northwind held from 2022 on?", year=2022)
    erase(answered.deployment.archive, PERSON, "LGPD-1", "test")

    done = replay_all(answered.deployment.archive)

    assert (done.replayed, done.erased, done.equal) == (1, 1, True)
    assert answered.replay(other).equal
    with pytest.raises(InvalidInput, match="was erased") as refused:
        answered.replay()
    assert "on order LGPD-1" in refused.value.found


def test_an_unknown_decision_is_refused(answered: Answered) -> None:
    with pytest.raises(InvalidInput, match="no such decision"):
        answered.replay("rsp_01JZZZZZZZZZZZZZZZZZZZZZZZ")


def test_a_requery_says_how_often_and_claims_no_proof(answered: Answered) -> None:
    first = str(answered.content()["model_response"])
    other = ANSWERS["insufficient"]
    archive = dataclasses.replace(answered.deployment.archive, models=Only(Scripted([first, first, first, other])))
    before = replay_all(answered.deployment.archive)
    with answered.deployment.postgres.connect() as conn:
        entries = ledger.head(conn).seq
        rate = requery(conn, archive, answered.held, 8)

    assert (rate.same_decision, rate.same_citations, rate.same_answer) == (0.75, 0.75, 0.75)
    assert rate.decisions == {"answered": 6, "insufficient_evidence": 2}
    assert not {"equal", "verified", "proof", "proven"} & rate.as_json().keys()
    with answered.deployment.postgres.connect() as conn:
        assert ledger.head(conn).seq == entries  # asking again decides nothing
    assert replay_all(answered.deployment.archive) == before


@pytest.fixture
def command_line(answered: Answered) -> Iterator[object]:
    settings = answered.deployment.settings

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMPLIANCE), *arguments, "--data-dir", str(settings.data_dir)],
            env={
                **os.environ,
                "COMPLIANCE_DATABASE_URL": str(settings.database_url),
                "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
                "COMPLIANCE_EMBEDDER": "hash",
                "COLUMNS": "200",
            },
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run  # type: ignore[return-value]


def test_the_command_line_shows_the_diff_and_ends_with_one(answered: Answered, command_line) -> None:  # type: ignore[no-untyped-def]
    fine = command_line("replay", answered.held)
    rate = command_line("replay", answered.held, "--mode", "requery", "--times", "2")
    answered.change(
        "UPDATE compliance.documents SET title = 'Another title' WHERE filing_id = %s", answered.documents[0]
    )
    shown = command_line("replay", answered.held)
    printed = command_line("replay", answered.held, "--json")

    assert (fine.returncode, rate.returncode, shown.returncode, printed.returncode) == (0, 0, 1, 1), shown.stderr
    assert "equal" in fine.stdout
    assert "100%" in rate.stdout
    assert not {"equal", "proof", "verified"} & set(rate.stdout.lower().split())
    assert "hits.0.doc_title" in shown.stdout
    assert "Another title" in shown.stdout
    (different,) = json.loads(printed.stdout)["different"]
    assert {"field": "hits.0.doc_title", "recorded": '"None 2021"', "replayed": '"Another title"'} in different[
        "differences"
    ]


def test_a_decision_that_another_release_recorded_is_named_and_left_to_it(answered: Answered) -> None:
    was = answered.content()
    answered.seal_again(**{name: value for name, value in was.items() if name not in ("sent_back", "governance")})
    with pytest.raises(InvalidInput, match="cannot be replayed here"):
        answered.replay()

    done = replay_all(answered.deployment.archive)
    assert (done.replayed, done.of_older_releases) == (0, 1)
