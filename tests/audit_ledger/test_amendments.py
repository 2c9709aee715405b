import json
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.amendments import amend
from compliance_assets.audit_ledger.chain import Entry, NewEntry, leaf_of
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.deployment import Deployment
from resources.clock import system_clock
from tests.audit_ledger.conftest import ENTRIES, FIRST, SECOND, THIRD, as_superuser_without_trigger, verify
from tests.small_corpus import new_deployment

CPF = "123.456.789-09"
OTHER_ACTOR = "actor = 'by order of the court'"
OTHER_BODY = (
    "body = replace(body, '\"model\":', '\"model_name\":'),"
    " body_sha256 = encode(sha256(convert_to(replace(body, '\"model\":', '\"model_name\":'), 'UTF8')), 'hex')"
)
NO_CONTENT = "sealed = NULL, content_sha256 = NULL, content_commitment = NULL"


def amended(deployment: Deployment, seq: int, **given: Any) -> Entry:
    values = {"reason": "A wrong rate was applied.", "authority": "Order 17/2026", "actor": "officer", **given}
    return amend(deployment.postgres, deployment.keyring, system_clock, seq, **values)


def rewrite(deployment: Deployment, seq: int, values: str) -> None:
    with as_superuser_without_trigger(deployment) as owner:
        done = owner.execute(
            f"UPDATE compliance.ledger_entries SET {values} WHERE organization_id = %s AND seq = %s",
            [deployment.postgres.organization_id, seq],
        )
        assert done.rowcount == 1


def entry_at(deployment: Deployment, seq: int) -> Entry:
    with deployment.postgres.connect() as conn:
        found = store.entry_at(conn, seq)
    assert found is not None
    return found


def fill_a_group(deployment: Deployment) -> None:
    """As many entries as the tree stores the leaves of, and a checkpoint over them."""
    notes = [NewEntry(2021, "note", "2021-01-01T00:00:00.000000Z", "test", f"n{n}", {"model": n}) for n in range(256)]
    with deployment.postgres.connect() as conn:
        store.append_all(conn, deployment.keyring, notes)
    checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)


def test_a_correction_stands_behind_what_it_corrects(filled: Deployment) -> None:
    decision = entry_at(filled, SECOND)
    amendment = amended(filled, SECOND, correction={"outcome": "review", "of": CPF})

    assert (amendment.seq, amendment.year, amendment.kind) == (len(ENTRIES) + 1, 2021, "amendment")
    assert (amendment.subject_id, amendment.actor) == (decision.subject_id, "officer")
    body = json.loads(amendment.body)
    assert len(body.pop("sealed_under")) == 1
    assert body == {"seq": SECOND, "reason": "A wrong rate was applied.", "authority": "Order 17/2026"}
    with filled.postgres.connect() as conn:
        content = store.content_of(conn, filled.keyring, amendment)
    assert content is not None
    assert content.as_json() == {"correction": {"outcome": "review", "of": CPF}}
    assert entry_at(filled, SECOND) == decision
    result = verify(filled)
    assert (result.verified, result.amended) == (True, ())


@pytest.mark.parametrize("seq", [7, 256], ids=["within a group", "last of a group"])
@pytest.mark.parametrize("values", [OTHER_ACTOR, OTHER_BODY], ids=["header", "body"])
def test_a_superusers_rewrite_is_found_until_an_amendment_documents_it(
    deployment: Deployment, values: str, seq: int
) -> None:
    fill_a_group(deployment)
    before = leaf_of(entry_at(deployment, seq)).hex()
    rewrite(deployment, seq, values)
    found = verify(deployment)
    assert not found.verified
    assert seq in {finding.seq for finding in found.findings}

    amendment = amended(deployment, seq, rewritten=True)
    result = verify(deployment)

    body = json.loads(amendment.body)
    assert (body["was_leaf"], body["now_leaf"]) == (before, leaf_of(entry_at(deployment, seq)).hex())
    assert (result.verified, result.amended, result.findings) == (True, (seq,), ())
    signed = checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    assert signed is not None
    assert signed.size == amendment.seq
    assert verify(deployment).verified


def test_a_rewrite_that_no_stored_leaf_covers_needs_the_leaf_that_was(filled: Deployment) -> None:
    checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log)
    was = leaf_of(entry_at(filled, SECOND)).hex()
    rewrite(filled, SECOND, NO_CONTENT)
    assert not verify(filled).verified

    for given in (None, "none", was.upper()):
        with pytest.raises(InvalidInput, match="is not known"):
            amended(filled, SECOND, rewritten=True, was_leaf=given)
    amended(filled, SECOND, rewritten=True, was_leaf=was)
    result = verify(filled)
    assert (result.verified, result.amended, result.findings) == (True, (SECOND,), ())
    checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log)
    assert verify(filled).verified


def test_a_wrong_leaf_is_refused_where_the_tree_knows_it_and_found_where_a_checkpoint_does(filled: Deployment) -> None:
    checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log)
    was = leaf_of(entry_at(filled, SECOND)).hex()
    rewrite(filled, SECOND, OTHER_ACTOR)
    amended(filled, SECOND, rewritten=True, was_leaf="ab" * 32)
    result = verify(filled)
    assert not result.verified
    assert "forked" in result.findings[0].problem
    amended(filled, SECOND, rewritten=True, was_leaf=was)
    assert verify(filled).verified, "the latest amendment counts"

    fill_a_group(filled)
    rewrite(filled, FIRST, OTHER_ACTOR)
    with pytest.raises(InvalidInput, match="is not known"):
        amended(filled, FIRST, rewritten=True, was_leaf="ab" * 32)


def test_a_second_rewrite_behind_the_amendment_is_found(deployment: Deployment) -> None:
    fill_a_group(deployment)
    rewrite(deployment, 7, OTHER_ACTOR)
    amended(deployment, 7, rewritten=True)
    assert verify(deployment).verified

    rewrite(deployment, 7, "actor = 'somebody else'")
    assert not verify(deployment).verified


@pytest.mark.parametrize("column", ["body", "sealed"])
def test_a_second_rewrite_of_what_the_leaf_covers_by_its_digest_is_found(filled: Deployment, column: str) -> None:
    was = leaf_of(entry_at(filled, SECOND)).hex()
    rewrite(filled, SECOND, OTHER_ACTOR)
    amended(filled, SECOND, rewritten=True, was_leaf=was)
    assert verify(filled).verified

    rewrite(filled, SECOND, {"body": "body = replace(body, ',', ' ,')", "sealed": "sealed = '\\x00'"}[column])
    result = verify(filled)
    assert (result.verified, result.findings[0].seq) == (False, SECOND)


def test_an_amendment_excuses_no_entry_that_was_taken_out_before_it(filled: Deployment) -> None:
    amended(filled, THIRD)
    rewrite(filled, THIRD, OTHER_ACTOR)
    was = "ab" * 32  # nothing was signed yet: no checkpoint knows better
    amended(filled, THIRD, rewritten=True, was_leaf=was)
    with as_superuser_without_trigger(filled) as owner:
        owner.execute(
            "DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq = %s",
            [filled.postgres.organization_id, SECOND],
        )
    assert THIRD in {finding.seq for finding in verify(filled).findings}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("actor = actor", "was not rewritten"),
        ("body = replace(body, ',', ' ,')", "body_sha256"),
        ("sealed = '\\x00'", "content_sha256"),
        ("prev_hash = repeat('0', 64)", "prev_hash"),
        ("entry_hash = repeat('0', 64)", "entry_hash"),
        ("key_id = 'k9'", "key_id"),
        ("schema_version = '3'", "cannot be documented"),
    ],
)
def test_a_row_that_no_amendment_can_document_is_refused(filled: Deployment, values: str, problem: str) -> None:
    was = leaf_of(entry_at(filled, SECOND)).hex()
    rewrite(filled, SECOND, values)
    with pytest.raises(InvalidInput, match=problem):
        amended(filled, SECOND, rewritten=True, was_leaf=was)
    with filled.postgres.connect() as conn:
        assert store.head(conn).seq == len(ENTRIES)


@pytest.mark.parametrize(
    "given", [{"reason": " "}, {"authority": ""}, {"actor": "\n"}, {"reason": f"Asked for by {CPF}."}]
)
def test_an_amendment_without_reason_authority_or_author_or_with_a_person_in_the_clear_is_refused(
    filled: Deployment, given: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match="is not usable"):
        amended(filled, SECOND, **given)
    with filled.postgres.connect() as conn:
        assert store.head(conn).seq == len(ENTRIES)


@pytest.mark.parametrize("seq", [0, -1, 99])
def test_an_entry_that_is_not_there_cannot_be_amended(filled: Deployment, seq: int) -> None:
    with pytest.raises(InvalidInput, match=f"a number from 1 to {len(ENTRIES)};"):
        amended(filled, seq)


def test_nothing_is_signed_over_an_undocumented_rewrite(filled: Deployment) -> None:
    was = leaf_of(entry_at(filled, SECOND)).hex()
    rewrite(filled, SECOND, OTHER_ACTOR)
    with pytest.raises(IntegrityError, match=f"entry {SECOND}"):
        checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log)
    amended(filled, SECOND, rewritten=True, was_leaf=was)
    assert checkpoint_ledger(filled.postgres, filled.keyring, filled.checkpoint_log) is not None


def test_another_organisations_entry_cannot_be_amended(
    filled: Deployment, database_url: str, session_dir: Path
) -> None:
    with pytest.raises(InvalidInput, match="no such entry"):
        amended(new_deployment(database_url, session_dir), SECOND)
