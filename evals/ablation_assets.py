"""The asset `ablation_report`: what the retrieval's scope is worth, measured when somebody asks. Counts and shares only."""

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.contracts.canonical import digest_of
from evals.ablation import ablated
from evals.ablation_report import draw, rows_of
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows
from resources.embedder import Embedder, HashEmbedder, MiniLM
from resources.settings import Settings

CODE_VERSION = "1"


@dg.asset(
    key=keys.ABLATION_REPORT,
    deps=[keys.GOLDEN_SET],
    group_name=keys.CONTROL_PLANE,
    kinds={"python"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def ablation_report(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    """The triage of the calibration set with one thing of its retrieval changed at a time: scope, hits, windows, embedder."""
    embedders: dict[str, Embedder] = {"minilm": MiniLM(), "hash": HashEmbedder()}
    report = ablated(read_rows(FROZEN["calibration"]), embedders, context.log.info)
    rows = rows_of(report)
    path = settings.data_dir / "watch" / "ablation.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(draw(report))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of(_timeless(report["variants"]))),
        metadata={
            "dagster/row_count": len(rows),
            "filings": report["filings"],
            "model": report["model"],
            "intervals": report["intervals"],
            "variants": metadata.table(rows, list(rows[0])),
            "plot": dg.MetadataValue.path(str(path)),
        },
    )


def _timeless(variants: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in one.items() if not name.startswith("milliseconds")} for one in variants]
