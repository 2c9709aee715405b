"""The asset `year_index`: one HNSW a year, built beside the live one."""

import time

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.automation import FOLLOWS_DATA
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.partitions import YEARS
from compliance_assets.year_index import build, parameters
from resources.embedder import Embedder
from resources.keyring import Keyring
from resources.postgres import Postgres


class YearIndexConfig(dg.Config):
    """`rebuild`: build again although nothing changed (after damage, or with another pgvector)."""

    rebuild: bool = False


@dg.asset(
    key=keys.YEAR_INDEX,
    deps=[keys.EMBEDDINGS],
    group_name=keys.DATA_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=parameters.CODE_VERSION,
    partitions_def=YEARS,
    automation_condition=FOLLOWS_DATA,
    retry_policy=policies.RETRY_TRANSIENT,
)
def year_index(
    context: dg.AssetExecutionContext,
    config: YearIndexConfig,
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    embedder: dg.ResourceParam[Embedder],
) -> dg.MaterializeResult[None]:
    """The year's HNSW, swapped in only when parity, scope and recall@8 hold; otherwise the old one stays live."""
    started, year = time.monotonic(), int(context.partition_key)
    report = build.build_year(postgres, keyring, embedder, chunker_for(embedder).version, year, rebuild=config.rebuild)
    measured = report.measurements
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": report.chunks,
            "index_version": report.index_version,
            "documents": report.documents,
            "outcome": "current, not rebuilt" if measured is None else "refused" if report.findings else "swapped in",
            "recall_at_8": measured.recall_at_8 if measured else "not measured again",
            "recall_at_8_in_a_category": measured.scoped_recall_at_8 if measured else "not measured again",
            "findings": metadata.table([{"finding": finding} for finding in report.findings], ["finding"]),
            "seconds": round(time.monotonic() - started, 2),
        },
        data_version=dg.DataVersion(report.index_version),
    )
