"""Dossiers of decisions of the real drain, over documents of which one is a printed return."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.checkpoints import latest_checkpoint, sign_checkpoint, verifier_of
from compliance_assets.audit_ledger.rotation import rotate
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.dossier.verify import ALWAYS, verify_bundle
from compliance_assets.evidence.dossier.write import Dossier, write_dossier
from compliance_assets.evidence.erasure import erase
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.work import WorkItem
from tests.evidence.dossier.made import POLICY, filing
from tests.small_corpus import SmallCorpus, new_deployment

QUESTIONS = {
    "return": "Qual é o imposto devido I?",
    "policy": "Por quanto tempo são guardadas as declarações?",
    "undecided": "Who sailed around the cape in winter?",
}


@dataclass(frozen=True)
class Decided:
    """A deployment with decisions; `responses`: name of the question -> response id."""

    deployment: Deployment
    responses: dict[str, str]

    def write(self, question: str, out: Path, **options: bool) -> Dossier:
        return write_dossier(self.deployment.archive, self.responses[question], out, **options)

    @property
    def vkey(self) -> str:
        return verifier_of(self.deployment.keyring, self.deployment.postgres.organization_id).vkey


def decided_by(deployment: Deployment) -> Decided:
    data, parsed = filing()
    corpus = SmallCorpus(deployment)
    return_id = corpus.add(2023, parsed.text, "completa")
    corpus.add(2023, POLICY, "política")
    with deployment.postgres.connect() as conn:
        conn.execute(
            "UPDATE compliance.documents SET object_sha256 = %s, metadata = %s WHERE filing_id = %s",
            [
                deployment.objects.put(data),
                Jsonb({"media_type": "application/pdf", "normaliser": "pypdfium2"}),
                return_id,
            ],
        )
    corpus.build(2023)
    scope = {"return": "completa", "policy": "política", "undecided": None}
    items = [WorkItem("ddq.draft_response", 2023, text, scope[name], item_id=name) for name, text in QUESTIONS.items()]
    items.append(WorkItem("ddq.draft_response", 2019, QUESTIONS["policy"], item_id="nothing in scope"))
    with deployment.postgres.connect() as conn:
        decision_store.enqueue(conn, items)
    for year in (2019, 2023):
        drain_year(deployment.desk, year)
    with deployment.postgres.connect() as conn:
        entries = ledger.entries(conn)
        opened = ledger.contents(conn, deployment.keyring, [e for e in entries if e.kind == "decision"])
    contents = [content.as_json() for content in opened.values() if content]
    return Decided(deployment, {c["input"]["item_id"]: c["response_envelope"]["response_id"] for c in contents})


@pytest.fixture(scope="module")
def decided(database_url: str, session_dir: Path) -> Decided:
    return decided_by(new_deployment(database_url, session_dir))


@pytest.fixture
def own(deployment: Deployment) -> Decided:
    """For tests that change what is there."""
    return decided_by(deployment)


@pytest.fixture
def checked(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """The lines of the zip's own verify.py, unpacked and run outside of the project. It must hold."""

    def checked(written: Dossier, *arguments: str) -> list[str]:
        folder = tmp_path / f"unpacked-{written.path.stem}"
        with zipfile.ZipFile(written.path) as archive:
            archive.extractall(folder)
        command = [sys.executable, "-I", "-S", str(folder / "verify.py"), *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout.splitlines()

    return checked


@pytest.mark.parametrize("question", [*QUESTIONS, "nothing in scope"])
def test_the_dossier_of_any_decision_holds(
    decided: Decided, checked: Callable[..., list[str]], tmp_path: Path, question: str
) -> None:
    written = decided.write(question, tmp_path / "dossier.zip")
    lines = checked(written, "--key", decided.vkey)

    assert lines[-1].startswith("TRUE: all ")
    assert verify_bundle(written.path, decided.vkey).holds
    with zipfile.ZipFile(written.path) as archive:
        assert set(ALWAYS) | {"SHA256SUMS"} <= set(archive.namelist())
        assert tuple(archive.namelist()) == written.files
        assert json.loads(archive.read("decision.json"))["response_id"] == decided.responses[question]


def test_the_cited_page_of_a_pdf_is_there_as_it_is_and_as_it_was_read(decided: Decided, tmp_path: Path) -> None:
    written = decided.write("return", tmp_path / "dossier.zip")

    with zipfile.ZipFile(written.path) as archive:
        pages = [name for name in archive.namelist() if name.startswith("pages/")]
        (source,) = (name for name in archive.namelist() if name.startswith("sources/"))
        assert archive.read(source).decode() == filing()[1].text
    doc_id = source.removeprefix("sources/").removesuffix(".txt")
    assert pages == [f"pages/{doc_id}-p1.png", f"pages/{doc_id}-p1-text.png"]
    assert written.pages == 2


def test_the_same_decision_under_the_same_checkpoint_gives_the_same_bytes(decided: Decided, tmp_path: Path) -> None:
    first = decided.write("policy", tmp_path / "one.zip")
    second = decided.write("policy", tmp_path / "two.zip")

    assert first.path.read_bytes() == second.path.read_bytes()
    assert second.seq > first.seq


def test_handing_out_is_an_entry_that_names_the_list_of_digests(decided: Decided, tmp_path: Path) -> None:
    written = decided.write("policy", tmp_path / "dossier.zip")

    with decided.deployment.postgres.connect() as conn:
        entry = ledger.entry_at(conn, written.seq)
    assert entry
    assert (entry.kind, entry.subject_id) == ("dossier", decided.responses["policy"])
    with zipfile.ZipFile(written.path) as archive:
        sums = sha256_hex(archive.read("SHA256SUMS"))
    assert json.loads(entry.body) == {"sha256sums_sha256": sums, "tree_size": written.tree_size}
    assert written.as_json()["ledger_entry"] == written.seq


def test_a_checkpoint_that_covers_the_decision_is_used_and_a_new_one_signed_where_there_is_none(
    own: Decided, tmp_path: Path
) -> None:
    with own.deployment.postgres.connect() as conn:
        assert latest_checkpoint(conn) is None
    first = own.write("policy", tmp_path / "one.zip")
    with own.deployment.postgres.connect() as conn:
        ledger.append(conn, own.deployment.keyring, NewEntry(0, "pointer", "2025-01-01T00:00:00.000000Z", "a", "p", {}))
    second = own.write("policy", tmp_path / "two.zip")

    assert first.tree_size == second.tree_size
    with own.deployment.postgres.connect() as conn:
        latest = latest_checkpoint(conn)
    assert latest
    assert latest.size == first.tree_size
    assert own.deployment.checkpoint_log.sizes(own.deployment.postgres.organization_id) == {first.tree_size}


def test_what_was_said_of_the_decision_since_is_in_the_dossier_with_its_proof(
    own: Decided, checked: Callable[..., list[str]], tmp_path: Path
) -> None:
    response_id, keyring = own.responses["policy"], own.deployment.keyring
    with own.deployment.postgres.connect() as conn:
        seq = next(e.seq for e in ledger.entries(conn) if e.subject_id == response_id)
        sign_checkpoint(conn, keyring)
    own.write("policy", tmp_path / "before.zip")
    moment = "2025-01-02T00:00:00.000000Z"
    with own.deployment.postgres.connect() as conn:
        for new in (
            NewEntry(
                2023, "oversight", moment, "revisora", response_id, {"state": "accepted"}, {"note": "Está correto."}
            ),
            NewEntry(2023, "oversight", moment, "revisora", "oversight_1", {"seq": seq, "state": "contested"}),
            NewEntry(0, "amendment", moment, "dba", "amendment_1", {"seq": seq, "text": "nada muda"}),
            NewEntry(0, "amendment", moment, "dba", "amendment_2", {"seq": seq + 1, "text": "de outra"}),
            NewEntry(0, "pointer", moment, "app", "pointer_1", {"seq": seq}),
        ):
            ledger.append(conn, keyring, new)
    written = own.write("policy", tmp_path / "after.zip")
    checked(written)

    with zipfile.ZipFile(written.path) as archive:
        later = json.loads(archive.read("later_entries.json"))
        report = archive.read("report.html").decode()
    assert [(each["entry"]["kind"], each["entry"]["subject_id"]) for each in later] == [
        ("oversight", response_id),
        ("oversight", "oversight_1"),
        ("amendment", "amendment_1"),
    ]
    assert json.loads(later[0]["content"]) == {"note": "Está correto."}
    assert "Está correto." in report


def test_a_dossier_under_an_older_key_names_the_key_that_signed(
    own: Decided, checked: Callable[..., list[str]], tmp_path: Path
) -> None:
    deployment = own.deployment
    with deployment.postgres.connect() as conn:
        sign_checkpoint(conn, deployment.keyring)
    old = own.vkey
    rotate(deployment.postgres, deployment.keyring, deployment.checkpoint_log, "operadora", signing=True)
    written = own.write("policy", tmp_path / "dossier.zip")

    assert own.vkey != old
    checked(written, "--key", old)


def test_an_erased_decision_has_no_dossier_and_the_refusal_names_the_erasure(own: Decided, tmp_path: Path) -> None:
    (person, *_) = data_subjects_in(filing()[1].text)
    erase(own.deployment.archive, person, "LGPD-2026-0117", "encarregada")
    with own.deployment.postgres.connect() as conn:
        (erasure,) = (e for e in ledger.entries(conn) if e.kind == "erasure")

    with pytest.raises(InvalidInput, match="erased") as refused:
        own.write("return", tmp_path / "dossier.zip")

    assert f"entry {erasure.seq} on order LGPD-2026-0117" in refused.value.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("response_id", ["rsp_00000000000000000000000000", "", "' OR true --"])
def test_an_unknown_decision_is_refused(decided: Decided, tmp_path: Path, response_id: str) -> None:
    with pytest.raises(InvalidInput, match="no such decision"):
        write_dossier(decided.deployment.archive, response_id, tmp_path / "dossier.zip")


def test_another_organisations_decision_is_unknown(
    decided: Decided, tmp_path: Path, database_url: str, session_dir: Path
) -> None:
    other = new_deployment(database_url, session_dir)
    with pytest.raises(InvalidInput, match="no such decision"):
        write_dossier(other.archive, decided.responses["policy"], tmp_path / "dossier.zip")


def test_a_file_that_is_there_is_replaced_only_with_force(decided: Decided, tmp_path: Path) -> None:
    out = tmp_path / "dossier.zip"
    out.write_text("mine")

    with pytest.raises(InvalidInput, match="there already"):
        decided.write("policy", out)
    assert out.read_text() == "mine"

    decided.write("policy", out, force=True)
    assert zipfile.is_zipfile(out)
    assert list(tmp_path.iterdir()) == [out]


def test_a_place_that_cannot_be_written_to_is_refused_and_nothing_is_recorded(decided: Decided, tmp_path: Path) -> None:
    with decided.deployment.postgres.connect() as conn:
        before = ledger.head(conn)

    with pytest.raises(DependencyUnavailable, match="cannot be written"):
        decided.write("policy", tmp_path / "missing" / "dossier.zip")

    with decided.deployment.postgres.connect() as conn:
        assert ledger.head(conn) == before
