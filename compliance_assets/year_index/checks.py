"""Checks of `year_index`. The build refuses an unfit candidate itself; these hold the live index to the same rules."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.partitions import YEARS
from compliance_assets.year_index import store
from compliance_assets.year_index.findings import MIN_RECALL_AT_8, findings_of
from compliance_assets.year_index.pgvector_store import PGVECTOR
from compliance_assets.year_index.search import TOP_K
from resources.postgres import Postgres

SAMPLED_QUERIES = 32


@dg.asset_check(asset=keys.YEAR_INDEX, blocking=True, partitions_def=YEARS)
def live_index_is_fit(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> dg.AssetCheckResult:
    """The version built last is live, has a vector for every chunk, one model, and recall@8 of at least 0.98."""
    year = int(context.partition_key)
    with postgres.connect() as conn:
        latest = store.latest_version(conn, year)
        live = store.live_index(conn, year)
        built = PGVECTOR.live(conn, live) if live else None
        measured = PGVECTOR.measure(conn, live, built) if live and built else None
    findings = list(latest[2]) if latest else []
    findings += findings_of(measured) if measured else ["the year has no live index"]
    return dg.AssetCheckResult(
        passed=not findings,
        metadata={
            "findings": "; ".join(findings) or "none",
            "recall_at_8": measured.recall_at_8 if measured else 0.0,
            "recall_at_8_in_a_category": measured.scoped_recall_at_8 if measured else 0.0,
            "recall_required": MIN_RECALL_AT_8,
            "kind": measured.parameters.kind if measured else "none",
            "queries": measured.recall_queries if measured else 0,
            "chunks": measured.chunks if measured else 0,
            "vectors": measured.vectors if measured else 0,
            "models": measured.models if measured else 0,
        },
    )


@dg.asset_check(asset=keys.YEAR_INDEX, blocking=True, partitions_def=YEARS)
def no_hit_outside_the_year(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> dg.AssetCheckResult:
    """Searches of this year, asked with this year's own vectors, return rows of this year and category alone."""
    year = int(context.partition_key)
    strays, hits = 0, 0
    with postgres.connect() as conn:
        live = store.live_index(conn, year)
        for vector, category in PGVECTOR.sample(conn, year, SAMPLED_QUERIES) if live else []:
            assert live is not None
            (found,) = PGVECTOR.nearest(conn, live, category, [vector], TOP_K)
            years = store.years_of_documents(conn, [n.doc_id for n in found])
            hits += len(found)
            for neighbour in found:
                doc_year, doc_category = years[neighbour.doc_id]
                in_category = category is None or category == doc_category  # None: the search asked for no category
                strays += not (neighbour.year == doc_year == year and in_category)
    return dg.AssetCheckResult(passed=strays == 0, metadata={"hits": hits, "outside_scope": strays})
