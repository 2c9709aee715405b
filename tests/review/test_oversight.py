import json
import threading
from pathlib import Path

import psycopg
import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.review.oversight import Oversight, changes_of, oversee, oversight_of
from resources.clock import system_clock
from tests.audit_ledger.conftest import FIRST, as_superuser_without_trigger, verify
from tests.small_corpus import new_deployment

CPF = "123.456.789-09"


def look(deployment: Deployment, entry: int | str, state: str, note: str = "", reviewer: str = "officer") -> Oversight:
    return oversee(deployment.postgres, deployment.keyring, system_clock, entry, state, reviewer, note)


def entries(deployment: Deployment, kind: str) -> list[Entry]:
    with deployment.postgres.connect() as conn:
        return [entry for entry in ledger.entries(conn) if entry.kind == kind]


def standing(deployment: Deployment, seq: int) -> Oversight | None:
    with deployment.postgres.connect() as conn:
        return oversight_of(conn, seq)


def about_a_person(deployment: Deployment) -> Entry:
    """An entry whose content states a person."""
    subject = "rsp_01J0000000000000000000000A"
    content: dict[str, object] = {"question": f"What did {CPF} deduct?"}
    entry = NewEntry(2021, "note", "2021-01-01T00:00:00.000000Z", "test", subject, {}, content, ("cpf:12345678909",))
    with deployment.postgres.connect() as conn:
        return ledger.append(conn, deployment.keyring, entry)


def test_each_change_is_one_row_rewritten_and_one_entry_more(filled: Deployment) -> None:
    decision = entries(filled, "decision")[0]
    assert standing(filled, decision.seq) is None

    flagged = look(filled, decision.subject_id, "flagged", "Cites the wrong page.\nSee the annex.")
    contested = look(filled, decision.seq, "contested", "The fund objects.", "second officer")

    first, second = entries(filled, "oversight")
    assert (first.year, first.subject_id, first.actor) == (2021, decision.subject_id, "officer")
    body = json.loads(first.body)
    assert body.pop("sealed_under")
    assert body == {
        "seq": decision.seq,
        "entry_hash": decision.entry_hash,
        "state": "flagged",
        "previous_state": None,
        "reviewer": "officer",
    }
    assert json.loads(second.body)["previous_state"] == "flagged"
    assert (flagged.note, flagged.state) == ("Cites the wrong page.", "flagged")
    assert standing(filled, decision.seq) == contested
    with filled.postgres.connect() as conn:
        steps = [(c.state, c.previous_state, c.reviewer, c.note) for c in changes_of(conn, filled.keyring, decision)]
    assert steps == [
        ("flagged", None, "officer", "Cites the wrong page.\nSee the annex."),
        ("contested", "flagged", "second officer", "The fund objects."),
    ]
    assert verify(filled).verified


@pytest.mark.parametrize("note", ["Read and accepted.", "", f"{CPF} was asked."])
def test_saying_the_same_again_writes_nothing(filled: Deployment, note: str) -> None:
    first = look(filled, FIRST, "accepted", note)

    assert look(filled, str(FIRST), "accepted", f" {note}\n") == first
    assert len(entries(filled, "oversight")) == 1
    look(filled, FIRST, "accepted", f"{note} Twice.")
    look(filled, FIRST, "accepted", f"{note} Twice.", "second officer")
    assert len(entries(filled, "oversight")) == 3


def test_a_note_that_names_a_person_lies_under_the_seal_alone(filled: Deployment) -> None:
    set_ = look(filled, FIRST, "flagged", f"Pages of {CPF} are missing.")
    (entry,) = entries(filled, "oversight")

    assert set_.note == f"sealed: see entry {entry.seq}"
    with filled.postgres.connect() as conn:
        row = conn.execute("SELECT t::text FROM compliance.ledger_oversight t").fetchone()
        content = ledger.content_of(conn, filled.keyring, entry)
        key = ledger.held_subject_key(conn, filled.keyring, "cpf:12345678909")
    assert row is not None
    assert "456" not in row[0].replace(filled.postgres.organization_id, "")
    assert "456.789" not in entry.body
    assert content is not None
    assert CPF in content.text
    assert list(ledger.sealed_under(entry)) == [key]


def test_a_note_on_what_was_decided_about_a_person_goes_when_the_person_is_erased(deployment: Deployment) -> None:
    entry = about_a_person(deployment)
    shown = look(deployment, entry.seq, "contested", "The taxpayer paid on time.")
    assert shown.note == f"sealed: see entry {entry.seq + 1}"
    with deployment.postgres.connect() as conn:
        assert ledger.destroy_keys(conn, ledger.sealed_under(entry)) == 1
    with deployment.postgres.connect() as conn:
        (change,) = changes_of(conn, deployment.keyring, entry)
    assert (change.state, change.note) == ("contested", None)
    assert look(deployment, entry.seq, "contested", "The taxpayer paid on time.").state == "contested"
    assert len(entries(deployment, "oversight")) == 2, "what was erased cannot be known to be the same"


def test_a_tampered_entry_can_be_flagged(filled: Deployment) -> None:
    with as_superuser_without_trigger(filled) as owner:
        owner.execute(
            "UPDATE compliance.ledger_entries SET sealed = '\\x01' WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, FIRST],
        )
    assert look(filled, FIRST, "flagged", "Does not open.").state == "flagged"


@pytest.mark.parametrize(
    ("entry", "state", "reviewer", "problem"),
    [
        (99, "flagged", "officer", "no such entry"),
        ("99999999999999999999999", "flagged", "officer", "no such entry"),
        ("rsp_unknown", "flagged", "officer", "no such entry"),
        (0, "flagged", "officer", "no such entry"),
        (FIRST, "approved", "officer", "no such state"),
        (FIRST, "flagged", " \n", "the reviewer is not usable"),
        (FIRST, "flagged", CPF, "the reviewer is not usable"),
    ],
)
def test_what_cannot_be_overseen_is_refused_and_writes_nothing(
    filled: Deployment, entry: int | str, state: str, reviewer: str, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        look(filled, entry, state, "note", reviewer)
    assert entries(filled, "oversight") == []
    assert standing(filled, FIRST) is None


def test_a_note_of_unstorable_characters_is_stored(filled: Deployment) -> None:
    assert look(filled, FIRST, "flagged", "a\x00b\ud800").note == "a\ufffdb\ufffd"


def test_two_reviewers_at_once_leave_one_row_and_a_history_without_a_break(filled: Deployment) -> None:
    begin, failures = threading.Barrier(2), []

    def review(reviewer: str) -> None:
        own = Deployment(filled.settings)
        try:
            begin.wait(30)
            for number in range(5):
                look(own, FIRST, ("flagged", "accepted")[number % 2], f"{number}", reviewer)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=review, args=[name]) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    with filled.postgres.connect() as conn:
        decision = ledger.entry_at(conn, FIRST)
        assert decision is not None
        changes = changes_of(conn, filled.keyring, decision)
        (rows,) = conn.execute("SELECT count(*) FROM compliance.ledger_oversight").fetchall()
    assert len(changes) == 10
    assert [c.previous_state for c in changes] == [None, *(c.state for c in changes[:-1])]
    assert rows == (1,)
    last = standing(filled, FIRST)
    assert last is not None
    assert (last.state, last.reviewer, last.note) == (changes[-1].state, changes[-1].reviewer, changes[-1].note)
    assert verify(filled).verified


def test_an_entry_that_is_not_recorded_leaves_the_row_as_it_was(filled: Deployment) -> None:
    look(filled, FIRST, "flagged")
    with filled.postgres.connect() as conn:
        conn.execute("UPDATE compliance.ledger_heads SET seq = seq - 1")  # the next entry's place is taken
    with pytest.raises(psycopg.errors.UniqueViolation):
        look(filled, FIRST, "accepted")
    stands = standing(filled, FIRST)
    assert stands is not None
    assert stands.state == "flagged"


def test_another_organisation_sees_nothing_of_it(filled: Deployment, database_url: str, session_dir: Path) -> None:
    look(filled, FIRST, "flagged")
    other = new_deployment(database_url, session_dir)
    assert standing(other, FIRST) is None
    with pytest.raises(InvalidInput, match="no such entry"):
        look(other, FIRST, "accepted")
