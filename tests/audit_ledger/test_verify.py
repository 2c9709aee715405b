from pathlib import Path

import pytest

from compliance_assets import commands
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from resources.keyring import Keyring
from tests.audit_ledger.conftest import ENTRIES, FIRST, SECOND, THIRD, as_superuser_without_trigger, verify

#: Edits of the second decision's entry; each is found there.
EDITS = {
    "actor": "actor = 'somebody else'",
    "kind": "kind = 'note'",
    "subject": "subject_id = 'rsp_other'",
    "time": "occurred_at = '1999-01-01T00:00:00.000000Z'",
    "moved to another year": "year = 2022",
    "body with a number that no JSON reader holds": """body = replace(body, '"hits":', '"hits":900719925474099')""",
    "body": "body = replace(body, 'ddq.draft_response', 'ddq.final_response')",
    "body with a character that jsonb refuses": r"""body = '{"a":"\u0000"}'""",
    "body and its digest": "body = '{}', body_sha256 = encode(sha256('{}'), 'hex')",
    "digest": "body_sha256 = repeat('0', 64)",
    "link": "prev_hash = repeat('0', 64)",
    "hash": "entry_hash = repeat('0', 64)",
    "hash that is none": "entry_hash = 'é'",
    "empty digest": "body_sha256 = ''",
    "one byte of the sealed content": "sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
    "sealed content and its digest": "sealed = '\\x00', content_sha256 = encode(sha256('\\x00'), 'hex')",
    "sealed content taken away": "sealed = NULL, content_sha256 = NULL, content_commitment = NULL",
    "commitment": "content_commitment = repeat('0', 64)",
    "key": "key_id = 'k2'",
    "schema version": "schema_version = '1'",
    "schema version that is none": "schema_version = '3'",
}
#: Edits of the second decision, as its table has it.
DECISION_EDITS = {
    "outcome": "outcome = 'review'",
    "reason": "reason = 'because'",
    "confidence": "confidence = 0.99",
    "release": "release_id = repeat('0', 64)",
    "index version": "index_version = 'ix_other'",
    "workload": "workload = 'soa.draft'",
}


def subject_of(deployment: Deployment, seq: int) -> str:
    with deployment.postgres.connect() as conn:
        row = conn.execute("SELECT subject_id FROM compliance.ledger_entries WHERE seq = %s", [seq]).fetchone()
    assert row is not None
    return str(row[0])


def test_an_empty_ledger_is_verified(deployment: Deployment) -> None:
    result = verify(deployment)

    assert (result.verified, result.entries) == (True, 0)


def test_the_ledger_of_the_real_jobs_is_verified(deployment: Deployment, source: Path, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"id": "q1", "question": "Where are the assets of Northwind held?", "year": 2021}\n'
        '{"id": "q2", "question": "Who sailed around the cape?", "year": 2022}\n'
    )
    report = commands.demo(deployment, str(source), questions)
    result = verify(deployment)

    assert report["verified"] is True
    assert report["checks_passed"] is True
    assert (result.verified, result.findings, result.unmatched_decisions) == (True, (), ())
    assert result.entries == 7, "two decisions, two indexes put in place, the key that signs, router map and release"


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_entry_is_named(filled: Deployment, edit: str) -> None:
    with as_superuser_without_trigger(filled) as owner:
        done = owner.execute(
            f"UPDATE compliance.ledger_entries SET {EDITS[edit]} WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, SECOND],
        )
        assert done.rowcount == 1
    result = verify(filled)

    assert not result.verified
    assert result.findings[0].seq == SECOND


def test_a_renumbered_entry_is_named(filled: Deployment) -> None:
    with as_superuser_without_trigger(filled) as owner:
        owner.execute(
            "UPDATE compliance.ledger_entries SET seq = 9007199254740993 WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, SECOND],
        )
    result = verify(filled)

    assert not result.verified
    assert result.findings[0].seq == THIRD  # where the second should stand


@pytest.mark.parametrize(("seq", "named"), [(FIRST, SECOND), (SECOND, THIRD), (THIRD, THIRD)])
def test_a_deleted_entry_is_named_by_the_gap_and_by_its_decision(filled: Deployment, seq: int, named: int) -> None:
    subject = subject_of(filled, seq)
    with as_superuser_without_trigger(filled) as owner:
        owner.execute(
            "DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, seq],
        )
    result = verify(filled)

    assert not result.verified
    assert result.findings[0].seq == named
    assert result.unmatched_decisions == (subject,)


def test_a_tail_cut_together_with_its_head_leaves_decisions_that_nothing_records(filled: Deployment) -> None:
    subject = subject_of(filled, THIRD)
    cut_tail(filled)
    result = verify(filled)

    assert not result.verified
    assert result.findings == ()
    assert result.unmatched_decisions == (subject,)


def test_a_tail_cut_with_all_that_names_it_is_found_by_the_published_checkpoint(filled: Deployment) -> None:
    subject = subject_of(filled, THIRD)
    signed = checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log)
    assert signed is not None
    assert signed.size == len(ENTRIES) + 1  # the key that signs is named by an entry
    assert verify(filled).verified
    cut_tail(filled)
    with filled.postgres.connect_as_owner() as owner:
        owner.execute("DELETE FROM compliance.decisions WHERE response_id = %s", [subject])
    result = verify(filled)

    assert [(f.seq, f.expected, f.found) for f in result.findings if "shorter" in f.problem] == [
        (THIRD, f"{len(ENTRIES) + 1} entries", f"{SECOND} entries")
    ]


def test_an_inserted_entry_is_named(filled: Deployment) -> None:
    with as_superuser_without_trigger(filled) as owner:
        owner.execute(
            "INSERT INTO compliance.ledger_entries (organization_id, seq, year, kind, occurred_at, actor, subject_id, body,"
            " body_sha256, prev_hash, entry_hash, schema_version, key_id)"
            " SELECT organization_id, seq + 1, year, kind, occurred_at, actor, 'rsp_forged', body, body_sha256, entry_hash,"
            " repeat('a', 64), schema_version, key_id FROM compliance.ledger_entries WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, THIRD],
        )
        owner.execute(
            "UPDATE compliance.ledger_heads SET seq = seq + 1, entry_hash = repeat('a', 64) WHERE organization_id = %s",
            [filled.postgres.organization_id],
        )
    result = verify(filled)

    assert not result.verified
    assert [f.seq for f in result.findings] == [THIRD + 1]
    assert result.unmatched_decisions == ("rsp_forged",)


def test_two_entries_that_changed_places_are_named(filled: Deployment) -> None:
    with as_superuser_without_trigger(filled) as owner:
        for old, new in ((SECOND, 99), (THIRD, SECOND), (99, THIRD)):
            owner.execute(
                "UPDATE compliance.ledger_entries SET seq = %s WHERE organization_id = %s AND seq = %s",
                [new, filled.postgres.organization_id, old],
            )
    result = verify(filled)

    assert not result.verified
    assert result.findings[0].seq == SECOND


@pytest.mark.parametrize("edit", DECISION_EDITS)
def test_a_decision_that_no_longer_says_what_its_entry_says_is_named(filled: Deployment, edit: str) -> None:
    subject = subject_of(filled, SECOND)
    with filled.postgres.connect_as_owner() as owner:
        done = owner.execute(
            f"UPDATE compliance.decisions SET {DECISION_EDITS[edit]} WHERE organization_id = %s AND response_id = %s",
            [filled.postgres.organization_id, subject],
        )
        assert done.rowcount == 1
    result = verify(filled)

    assert not result.verified
    assert result.findings == ()
    assert result.unmatched_decisions == (subject,)


def test_a_decision_that_was_deleted_is_named(filled: Deployment) -> None:
    subject = subject_of(filled, FIRST)
    with filled.postgres.connect_as_owner() as owner:
        owner.execute(
            "DELETE FROM compliance.decisions WHERE organization_id = %s AND response_id = %s",
            [filled.postgres.organization_id, subject],
        )

    assert verify(filled).unmatched_decisions == (subject,)


def test_the_head_is_part_of_the_proof(filled: Deployment) -> None:
    with filled.postgres.connect() as conn:
        conn.execute("UPDATE compliance.ledger_heads SET entry_hash = %s", [sha256_hex("another")])
    result = verify(filled)

    assert not result.verified
    assert [(f.seq, f.problem) for f in result.findings] == [(THIRD, "the head names another entry")]


def test_with_another_master_key_nothing_is_verified(filled: Deployment) -> None:
    filled.__dict__["keyring"] = Keyring(Path("/nowhere"), environment_key="ab" * 32)
    result = verify(filled)

    assert not result.verified
    assert [f.seq for f in result.findings] == list(ENTRIES)


def test_without_the_master_key_the_remedy_is_named_and_no_new_key_is_made(filled: Deployment) -> None:
    key_file = filled.settings.data_dir / "keys" / "master.key"
    key_file.unlink()
    again = Deployment(filled.settings)
    again.prepare()

    with pytest.raises(DependencyUnavailable, match="backup"):
        verify(again)
    assert not key_file.exists()


def cut_tail(deployment: Deployment) -> None:
    """Everything behind the second decision's entry, the head moved back to it."""
    organization = deployment.postgres.organization_id
    with as_superuser_without_trigger(deployment) as owner:
        owner.execute(
            "DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq > %s", [organization, SECOND]
        )
        owner.execute(
            "UPDATE compliance.ledger_heads SET (seq, entry_hash) = (SELECT seq, entry_hash FROM compliance.ledger_entries"
            " WHERE organization_id = %s AND seq = %s) WHERE organization_id = %s",
            [organization, SECOND, organization],
        )
