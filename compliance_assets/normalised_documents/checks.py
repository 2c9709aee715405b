"""Checks of `normalised_documents`."""

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.normalised_documents import store
from compliance_assets.normalised_documents.removals import times_of
from resources.postgres import Postgres
from resources.settings import Settings

REMOVALS_OF_DAYS = 30


@dg.asset_check(asset=keys.NORMALISED_DOCUMENTS, blocking=True)
def no_document_lost(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Every file and every attachment in it is a document: files + attachments = ok + needs_human + rejected."""
    with postgres.connect() as conn:
        files, read = store.file_counts(conn)
        named, attached = store.attachment_counts(conn)
        states = store.state_counts(conn)
    return dg.AssetCheckResult(
        passed=files == read and named == attached,
        metadata={
            "files": files,
            **{f"state/{s}": n for s, n in states.items()},
            "attachments_named": named,
            "attachments": attached,
        },
    )


@dg.asset_check(asset=keys.NORMALISED_DOCUMENTS)
def every_year_known(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """No readable document waits for a person to give its year."""
    with postgres.connect() as conn:
        waiting = store.documents_awaiting_a_year(conn)
    return dg.AssetCheckResult(
        passed=not waiting,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"waiting": len(waiting), "first": metadata.masked(waiting[0]["path"]) if waiting else "none"},
    )


@dg.asset_check(asset=keys.NORMALISED_DOCUMENTS)
def removed_files_unretrievable_in_time(
    postgres: dg.ResourceParam[Postgres], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Within the deadline after a file is removed at its source, no search finds it: over the last thirty days.

    Never blocking: the run that it would stop is the one that takes the document out of the index. It is an ERROR where a
    document outlived its tombstone, a WARN where only the time between two listings was too long to show that it did not.
    """
    deadline = settings.unretrievable_within_seconds
    with postgres.connect() as conn:
        still_live, removals = store.removed_but_live(conn), store.removals_since(conn, REMOVALS_OF_DAYS)
    since_noticed = times_of([removal.since_noticed for removal in removals])
    bound = times_of([removal.bound for removal in removals])
    in_index = times_of([removal.in_index for removal in removals if removal.in_index is not None])
    kept = not still_live and since_noticed.max <= deadline
    return dg.AssetCheckResult(
        passed=kept and bound.max <= deadline,
        severity=dg.AssetCheckSeverity.WARN if kept else dg.AssetCheckSeverity.ERROR,
        metadata={
            "deadline_seconds": deadline,
            "removed_documents": len(removals),
            "removed_but_live": still_live,
            "late": sum(removal.bound > deadline for removal in removals),
            **{
                f"seconds_since_removed_at_most/{name}": round(getattr(bound, name), 3)
                for name in ("p50", "p95", "max")
            },
            **{
                f"seconds_since_tombstone/{name}": round(getattr(since_noticed, name), 3)
                for name in ("p50", "p95", "max")
            },
            **{f"seconds_in_an_index/{name}": round(getattr(in_index, name), 3) for name in ("p50", "p95", "max")},
            "still_in_an_index": len(removals) - in_index.n,
        },
    )
