"""Checks of `normalised_documents`."""

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.normalised_documents import store
from resources.postgres import Postgres


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
