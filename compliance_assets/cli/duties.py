"""Verbs of who answers for it: erasure and holds, oversight and incidents, amendments, keys."""

import getpass
import json
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, verb
from compliance_assets.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@verb
@click.argument("subject")
@click.option("--order", "order_ref", required=True, help="The order's or request's number; kept for ever.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who erases.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, erase nothing.")
def erase(deployment: "Deployment", subject: str, order_ref: str, actor: str, dry_run: bool) -> Result:
    """Erase a person's data (SUBJECT: a CPF, or the response id of a decision that names nobody). Proofs stay."""
    from compliance_assets.evidence.erasure import erase as erase_subject

    done = erase_subject(deployment.archive, subject, order_ref, actor, dry_run=dry_run)
    return done.as_json(), lambda: terminal.show_erasure(done.as_json()), 0


@verb
@click.argument("subject", required=False)
@click.option("--order", "order_ref", help="The order's number.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who holds or releases.")
@click.option("--release", "hold_id", metavar="HOLD_ID", help="End a hold.")
def hold(
    deployment: "Deployment", subject: str | None, order_ref: str | None, actor: str, hold_id: str | None
) -> Result:
    """Forbid the erasure of a person's data, or end a hold; without arguments: the holds in force."""
    from compliance_assets.evidence import erasure

    if subject and order_ref and not hold_id:
        placed = erasure.place_hold(deployment.archive, subject, order_ref, actor)
        return {"hold_id": placed}, terminal.say(f"Held: {placed}"), 0
    if hold_id and order_ref and not subject:
        erasure.release_hold(deployment.archive, hold_id, order_ref, actor)
        return {"released": hold_id}, terminal.say(f"Released: {hold_id}"), 0
    if subject or hold_id or order_ref:
        raise InvalidInput(
            "what is to be held is not clear",
            expected="SUBJECT --order REF, or --release HOLD_ID --order REF, or nothing",
            found=f"subject {'given' if subject else 'missing'}, release={hold_id!r}, order={order_ref!r}",
            remedy="Give one of the three forms.",
        )
    holds = erasure.holds(deployment.archive)
    return holds, lambda: terminal.show_holds(holds), 0


@verb
@click.option("--signing", is_flag=True, help="The key that signs checkpoints, not the master key.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who rotates.")
def rotate_key(deployment: "Deployment", signing: bool, actor: str) -> Result:
    """Make a new key and go on with it; what the old one made stays valid. The ledger says when and by whom."""
    from compliance_assets.audit_ledger import rotation

    named = rotation.rotate(deployment.postgres, deployment.keyring, deployment.checkpoint_log, actor, signing=signing)
    return {"key": named}, terminal.say(f"Now in use: {named}"), 0


@verb
@click.argument("name", metavar="RESPONSE_ID|SEQ")
@click.option("--state", type=click.Choice(["flagged", "under_review", "accepted", "contested"]), help="What to set.")
@click.option("--by", "reviewer", default=getpass.getuser, show_default="the login", help="Who reviews.")
@click.option("--note", default="", help="Why; sealed like the decision itself.")
def oversight(deployment: "Deployment", name: str, state: str | None, reviewer: str, note: str) -> Result:
    """Set what a person makes of a decision or another entry; without --state: what was made of it so far, with its notes."""
    from compliance_assets.review import oversight as reviews

    if state is not None:
        stands = reviews.oversee(
            deployment.postgres, deployment.keyring, deployment.archive.clock, name, state, reviewer, note
        )
        return stands.as_json(), terminal.say(f"Entry {stands.seq}: {stands.state}, by {stands.reviewer}"), 0
    with deployment.postgres.connect() as conn:
        entry = reviews.entry_named(conn, name)
        changes = [change.as_json() for change in reviews.changes_of(conn, deployment.keyring, entry)]
    found = {"seq": entry.seq, "subject_id": entry.subject_id, "changes": changes}
    return found, lambda: terminal.show_oversight(found), 0


@verb
@click.option("--state", type=click.Choice(["open", "acknowledged", "resolved"]), help="Only these.")
@click.option("--acknowledge", "acknowledged", metavar="ID", help="Say that somebody looks at it.")
@click.option("--resolve", "resolved", metavar="ID", help="Say that it is mended.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who acknowledges or resolves.")
@click.option("--note", default="", help="How; sealed.")
def incidents(
    deployment: "Deployment", state: str | None, acknowledged: str | None, resolved: str | None, actor: str, note: str
) -> Result:
    """The register of incidents; or one step of one of them."""
    from compliance_assets.review import incidents as register

    if sum(value is not None for value in (state, acknowledged, resolved)) > 1:
        raise InvalidInput(
            "what is to be done is not clear",
            expected="at most one of --state, --acknowledge ID and --resolve ID",
            found=f"state={state!r}, acknowledge={acknowledged!r}, resolve={resolved!r}",
            remedy="Give one of them, or none.",
        )
    if incident_id := acknowledged or resolved:
        step = "acknowledged" if acknowledged else "resolved"
        changed = register.change_incident(
            deployment.postgres, deployment.keyring, deployment.archive.clock, incident_id, step, actor, note
        )
        return changed.as_json(), terminal.say(f"{changed.incident_id}: {changed.state}, by {actor}"), 0
    with deployment.postgres.connect() as conn:
        found = [incident.as_json() for incident in register.incidents(conn, state)]
    return found, lambda: terminal.show_incidents(found), 0


@verb
@click.argument("seq", type=click.IntRange(1))
@click.option(
    "--reason", required=True, help="Why the entry is not to be read as it stands; kept in the clear, for ever."
)
@click.option("--authority", required=True, help="On whose order; kept in the clear, for ever.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who amends.")
@click.option("--correction", metavar="JSON", help="What holds instead: a JSON object; sealed.")
@click.option(
    "--rewritten", is_flag=True, help="A superuser rewrote the row itself: document it, so that `verify` accepts it."
)
@click.option(
    "--was-leaf", metavar="HEX", help="With --rewritten: the entry's leaf before, where the stored tree lacks it."
)
def amend(
    deployment: "Deployment", seq: int, reason: str, authority: str, actor: str, correction: str | None,
    rewritten: bool, was_leaf: str | None,
) -> Result:  # fmt: skip
    """Record that entry SEQ is corrected, or that its row was rewritten on an order. What stands is not changed."""
    from compliance_assets.audit_ledger.amendments import amend as amend_entry

    entry = amend_entry(
        deployment.postgres, deployment.keyring, deployment.archive.clock, seq, reason, authority, actor,
        _json_object(correction), rewritten=rewritten, was_leaf=was_leaf,
    )  # fmt: skip
    return {"seq": seq, "amendment": entry.seq}, terminal.say(f"Entry {seq} is amended by entry {entry.seq}."), 0


def _json_object(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(
            "the correction is not usable",
            expected='a JSON object, for example {"outcome": "review"}',
            found="something else",
            remedy="Quote it for the shell.",
        )
    return value
