import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance_assets import commands
from compliance_assets.audit_ledger.store import content_of, entry_of
from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.evidence import store
from compliance_assets.evidence.lineage import lineage_of
from tests.small_corpus import new_deployment

QUESTIONS = [
    {
        "id": "decided",
        "question": "Where are the assets of Northwind held?",
        "year": 2021,
        "filer_category": "Northwind",
    },
    {"id": "accented", "question": "Who holds the reserve of São João?", "year": 2022},
    {"id": "undecided", "question": "Who sailed around the cape in winter?", "year": 2022},
    {"id": "no documents", "question": "Where are the assets of Northwind held?", "year": 2019},
]


@dataclass(frozen=True)
class Filled:
    """A deployment after the real jobs; `responses`: question id -> response_id."""

    deployment: Deployment
    source: Path
    responses: dict[str, str]

    def lineage(self, question_id: str) -> dict[str, object]:
        with self.deployment.postgres.connect() as conn:
            return lineage_of(conn, self.deployment.keyring, self.responses[question_id])


@pytest.fixture(scope="module")
def filled(database_url: str, session_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    folder = tmp_path_factory.mktemp("evidence")
    files = {
        "2021/northwind.md": "# Custody\n\nThe assets of Northwind are held by Harbour Bank in segregated accounts.\n",
        "2021/southwind.md": "# Custody\n\nThe assets of Southwind are held by Meadow Bank.\n",
        "2022/joao.txt": "Reserve\r\n\r\n𝔘𝔫𝔦: the reserve of São João is held by “Banco Ação” — 🦜 in full.\r\n",
    }
    rows = []
    for path, text in files.items():
        target = folder / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        category = "Northwind" if "northwind" in path else None
        rows.append({"path": path, "year": int(path[:4]), "filer_category": category, "title": path})
    (folder / "source" / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    deployment = new_deployment(database_url, session_dir)
    report = commands.demo(deployment, str(folder / "source"), questions)
    assert report["checks_passed"]
    return Filled(
        deployment,
        folder / "source",
        {row["id"]: row["response_id"] for row in report["decisions"]},  # type: ignore[attr-defined]
    )


def raw_text_of(deployment: Deployment, doc_id: str) -> str:
    with deployment.postgres.connect() as conn:
        row = conn.execute("SELECT raw_text FROM compliance.documents WHERE filing_id = %s", [doc_id]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_decided_question_leads_from_the_raw_object_to_the_ledger_entry(filled: Filled) -> None:
    lineage = filled.lineage("decided")
    (raw,), (document,) = lineage["raw_objects"], lineage["documents"]
    file = filled.source / "2021/northwind.md"

    assert raw["object_sha256"] == sha256_hex(file.read_bytes())
    assert (raw["path"], raw["source_uri"]) == ("2021/northwind.md", filled.source.as_uri())
    assert document["object_sha256"] == raw["object_sha256"]
    assert (document["title"], document["document_year"]) == ("2021/northwind.md", 2021)
    assert {chunk["doc_id"] for chunk in lineage["chunks"]} == {document["doc_id"]}
    (index,) = lineage["index_versions"]
    assert (index["year"], index["embedder"]) == (2021, "hash-384")
    assert lineage["release"]["release_id"] == digest_of(lineage["release"]["manifest"])
    assert lineage["decision"]["input"]["item_id"] == "decided"
    assert lineage["decision"]["outcome"] == "decided"
    assert lineage["cited"]
    assert {span["chunk_id"] for span in lineage["cited"]} <= {span["chunk_id"] for span in lineage["retrieved"]}
    entry = lineage["ledger_entry"]
    assert entry["subject_id"] == lineage["response_id"] == lineage["decision"]["envelope"]["response_id"]
    assert "body" not in entry


def test_an_undecided_question_leads_from_the_raw_object_to_the_ledger_entry(filled: Filled) -> None:
    lineage = filled.lineage("undecided")

    assert [raw["path"] for raw in lineage["raw_objects"]] == ["2022/joao.txt"]
    assert lineage["documents"]
    assert lineage["chunks"]
    assert lineage["retrieved"]
    assert lineage["cited"] == []
    assert (lineage["decision"]["outcome"], lineage["decision"]["reason"]) == ("review", "insufficient_evidence")
    assert lineage["ledger_entry"]["kind"] == "decision"


def test_a_question_without_documents_has_a_decision_and_an_entry_and_nothing_before_them(filled: Filled) -> None:
    lineage = filled.lineage("no documents")

    assert [lineage[step] for step in ("raw_objects", "documents", "chunks", "retrieved", "cited")] == [[]] * 5
    assert [(index["year"], index["chunk_count"]) for index in lineage["index_versions"]] == [(2019, 0)]
    assert lineage["decision"]["reason"] == "no_documents_in_scope"
    assert lineage["ledger_entry"]["year"] == 2019


@pytest.mark.parametrize("question", ["decided", "accented"])
def test_every_cited_span_is_its_quote_in_the_document_and_in_the_raw_file(filled: Filled, question: str) -> None:
    lineage = filled.lineage(question)
    citations = lineage["decision"]["envelope"]["citations"]
    objects = {document["doc_id"]: document["object_sha256"] for document in lineage["documents"]}

    assert citations
    assert [(c["doc_id"], c["page"], c["char_range"]) for c in citations] == [
        (span["doc_id"], span["page"], span["char_range"]) for span in lineage["cited"]
    ]
    for citation in citations:
        start, end = citation["char_range"]
        assert raw_text_of(filled.deployment, citation["doc_id"])[start:end] == citation["quote"]
        assert citation["quote"] in filled.deployment.objects.get(objects[citation["doc_id"]]).decode()


def test_every_retrieved_span_is_the_text_whose_digest_its_chunk_has(filled: Filled) -> None:
    lineage = filled.lineage("decided")
    digests = {chunk["chunk_id"]: chunk["text_sha256"] for chunk in lineage["chunks"]}

    for span in lineage["retrieved"]:
        start, end = span["char_range"]
        text = raw_text_of(filled.deployment, span["doc_id"])[start:end]
        assert sha256_hex(text) == digests[span["chunk_id"]]
    assert [span["position"] for span in lineage["retrieved"]] == list(range(1, len(lineage["retrieved"]) + 1))


def test_the_ledger_names_the_same_objects_documents_chunks_and_index_as_the_lineage(filled: Filled) -> None:
    lineage = filled.lineage("decided")
    with filled.deployment.postgres.connect() as conn:
        entry = entry_of(conn, str(lineage["response_id"]))
        assert entry is not None
        content = content_of(conn, filled.deployment.keyring, entry)
    assert content is not None
    recorded = content.as_json()["lineage"]

    assert [d["object_sha256"] for d in recorded["documents"]] == [
        raw["object_sha256"] for raw in lineage["raw_objects"]
    ]
    assert [d["doc_id"] for d in recorded["documents"]] == [document["doc_id"] for document in lineage["documents"]]
    assert [c["chunk_id"] for c in recorded["chunks"]] == [span["chunk_id"] for span in lineage["retrieved"]]
    assert recorded["cited_chunks"] == [span["chunk_id"] for span in lineage["cited"]]
    assert recorded["index_version"] == lineage["index_versions"][0]["index_version"]


@pytest.mark.parametrize("response_id", ["rsp_00000000000000000000000000", "", "' OR true --", "rsp_é"])
def test_an_id_that_is_not_known_is_refused(filled: Filled, response_id: str) -> None:
    with filled.deployment.postgres.connect() as conn, pytest.raises(InvalidInput, match="no such decision") as refused:
        lineage_of(conn, filled.deployment.keyring, response_id)

    assert refused.value.found == repr(response_id)


def test_another_organisations_decision_is_not_known(filled: Filled, database_url: str, session_dir: Path) -> None:
    other = new_deployment(database_url, session_dir)
    with other.postgres.connect() as conn, pytest.raises(InvalidInput):
        lineage_of(conn, other.keyring, filled.responses["decided"])


def test_the_lineage_can_be_written_as_json(filled: Filled) -> None:
    for question in filled.responses:
        assert json.loads(json.dumps(filled.lineage(question), default=str))


def test_lineage_stays_when_the_file_changes_and_when_it_goes(filled: Filled) -> None:
    before = filled.lineage("decided")
    file = filled.source / "2021/northwind.md"
    text = file.read_text()
    try:
        file.write_text(text.replace("Harbour", "Meadow"))
        commands.ingest(filled.deployment, str(filled.source))
        assert filled.lineage("decided") == before
        file.unlink()
        commands.ingest(filled.deployment, str(filled.source))
        assert filled.lineage("decided") == before
    finally:
        file.write_text(text)
    assert "Harbour" in filled.deployment.objects.get(before["raw_objects"][0]["object_sha256"]).decode()


def test_lineage_survives_the_loss_of_dagsters_home(filled: Filled) -> None:
    before = {question: filled.lineage(question) for question in filled.responses}
    shutil.rmtree(filled.deployment.settings.dagster_home)
    again = Filled(Deployment(filled.deployment.settings), filled.source, filled.responses)

    assert {question: again.lineage(question) for question in filled.responses} == before


def test_the_overview_counts_every_room(filled: Filled) -> None:
    with filled.deployment.postgres.connect() as conn:
        overview = store.overview(conn)

    assert overview["work"] == {"done": 2, "review": 2}
    assert overview["ledger"]["entries"] > 4, "four decisions, the indexes put in place, the key that signs"
    assert overview["checkpoint"]["tree_size"] == overview["ledger"]["entries"]
    assert overview["verification"]["verified"] is True
    assert {index["year"] for index in overview["indexes"]} >= {2021, 2022}
