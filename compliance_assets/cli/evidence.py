"""Verbs of who checks it: proofs, replays, lineage, what is handed out."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, verb
from compliance_assets.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@verb
@click.option("--since", metavar="CHECKPOINT", help="A checkpoint to begin behind: its file, or its number of entries.")
@click.option(
    "--bundle", type=click.Path(exists=True, path_type=Path), help="Check a dossier instead; needs no database."
)
@click.option("--key", metavar="VKEY", help="The published key to hold the dossier against.")
def verify(deployment: "Deployment", since: str | None, bundle: Path | None, key: str | None) -> Result:
    """Chain, tree, checkpoints, decisions, and what they rest on. Exit code 1 when something does not hold."""
    if bundle is not None:
        from compliance_assets.evidence.dossier.verify import verify_bundle

        verdict = verify_bundle(bundle, key)
        code = 2 if verdict.unreadable is not None else 0 if verdict.holds else 1
        return verdict.as_json(), lambda: terminal.show_bundle(verdict.as_json()), code
    from compliance_assets.evidence.verification import verify_all

    result = verify_all(deployment.archive, since)
    return result.as_json(), lambda: terminal.show_verification(result.as_json()), 0 if result.verified else 1


@verb
def checkpoint(deployment: "Deployment") -> Result:
    """Sign the tree as it stands and publish the checkpoint."""
    from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger

    signed = checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    if signed is None:
        return {"tree_size": 0}, terminal.say("The ledger has no entry yet."), 0
    found = {"tree_size": signed.size, "root": signed.root.hex(), "signed_at": signed.signed_at, "note": signed.note}
    return found, terminal.say(signed.note.rstrip()), 0


@verb
@click.argument("response_id")
def proof(deployment: "Deployment", response_id: str) -> Result:
    """The inclusion proof of a decision in the newest checkpoint, one that covers it being signed where there is none."""
    from compliance_assets.evidence.proof import proof_of_decision

    found = proof_of_decision(deployment.archive, response_id)
    return found, lambda: terminal.show_proof(found), 0


@verb
@click.argument("response_id", required=False)
@click.option("--mode", type=click.Choice(["recorded", "requery"]), default="recorded", show_default=True)
@click.option("--times", type=click.IntRange(1, 1000), default=1, show_default=True, help="How often a requery asks.")
@click.option("--all", "everything", is_flag=True, help="Replay every decision that is not erased.")
def replay(deployment: "Deployment", response_id: str | None, mode: str, times: int, everything: bool) -> Result:
    """Derive a decision again. Recorded: must be byte-equal, else exit code 1 and a diff. Requery: asks again, as a rate."""
    from compliance_assets.evidence import replay as replays

    if (response_id is None) != everything or (everything and mode == "requery"):
        raise InvalidInput(
            "what is to be replayed is not clear",
            expected="a RESPONSE_ID, or --all in recorded mode",
            found=f"response_id={response_id!r}, all={everything}, mode={mode}",
            remedy="Give one of the two.",
        )
    if response_id and mode == "requery":
        with deployment.postgres.connect() as conn:
            rate = replays.requery(conn, deployment.archive, response_id, times)
        return rate.as_json(), lambda: terminal.show_requery(rate.as_json()), 0
    done = replays.replay_all(deployment.archive, [response_id] if response_id else None)
    return done.as_json(), lambda: terminal.show_replays(done.as_json()), 0 if done.equal else 1


@verb
@click.argument("name", metavar="RESPONSE_ID|DOCUMENT")
@click.option(
    "--limit", type=click.IntRange(1), default=1_000, show_default=True, help="Decisions of a document to list."
)
def lineage(deployment: "Deployment", name: str, limit: int) -> Result:
    """From a decision to the raw bytes; or from a document (id, raw object's SHA-256 or path) to every decision it touched."""
    from compliance_assets.evidence.lineage import lineage_of, touched_by

    with deployment.postgres.connect() as conn:
        if name.startswith("rsp_"):
            steps = lineage_of(conn, deployment.keyring, name)
            return steps, lambda: terminal.show_lineage(steps), 0
        touched = touched_by(conn, name, limit)
    return touched, lambda: terminal.show_touched(touched), 0


@verb
@click.argument("response_id")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The ZIP to write.")
@click.option("--force", is_flag=True, help="Replace the file where there is one.")
@click.option("--by", "actor", default=getpass.getuser, show_default="the login", help="Who hands it out.")
def dossier(deployment: "Deployment", response_id: str, out: Path, force: bool, actor: str) -> Result:
    """Everything that proves a decision in one ZIP, with a verify.py that needs nothing but Python."""
    from compliance_assets.evidence.dossier.write import write_dossier

    written = write_dossier(deployment.archive, response_id, out, force=force, actor=actor)
    return written.as_json(), lambda: terminal.show_dossier(written.as_json()), 0


@verb
@click.option("--format", type=click.Choice(["jsonl", "ocsf", "cef"]), default="jsonl", show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a file.")
@click.option(
    "--to", metavar="URL", help="Send what the sink does not have yet: file, syslog+tcp, syslog+tls, http(s)."
)
@click.option("--since", type=click.IntRange(min=0), metavar="SEQ", help="Only entries behind this one; with --out.")
@click.option("--open", "open_content", is_flag=True, help="Open sealed content: personal data; jsonl with --out only.")
def export(
    deployment: "Deployment", format: str, out: Path | None, to: str | None, since: int | None, open_content: bool
) -> Result:
    """The ledger for others: JSON Lines that prove themselves, or events for a SIEM."""
    from compliance_assets import commands
    from compliance_assets.evidence.exports.deliver import deliver
    from compliance_assets.evidence.exports.sinks import sink_from

    if (
        (out is None) == (to is None)
        or (to and (since is not None or open_content))
        or (open_content and format != "jsonl")
    ):
        raise InvalidInput(
            "these options do not go together",
            expected="either --out, or --to without --since and --open; --open with jsonl alone",
            found=f"format {format}, out {out}, to {sink_from(to).name if to else None}, since {since}, open {open_content}",
            remedy="A sink's own cursor says where it goes on.",
        )
    if to is not None:
        done, name = deliver(deployment.postgres, to, format), sink_from(to).name
        return done.as_json(), terminal.say(f"{done.count:,} entries to {name}, up to {done.to_seq:,}"), 0
    assert out is not None
    count = commands.export_file(deployment, format, out, since or 0, open_content)
    return {"file": str(out), "entries": count}, terminal.say(f"{count:,} entries in {out}"), 0
