"""The assets `promotion_receipt` and `production_release`: what would let the working tree serve, and what serves."""

from typing import Any

import dagster as dg

from compliance_assets import keys, metadata, policies
from evals.promotion import store
from evals.promotion.control import ChangeControl
from evals.promotion.overview import history_rows, refusal_rows, release_rows
from evals.promotion.receipt import EvaluationReceipt
from evals.promotion.steps import require_receipt

CODE_VERSION = "1"


@dg.asset(
    key=keys.PROMOTION_RECEIPT,
    deps=[keys.EVAL_REPORT],
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def promotion_receipt(change_control: dg.ResourceParam[ChangeControl]) -> dg.MaterializeResult[None]:
    """The signed receipt that lets the working tree be staged. It is held against the stored evaluation, whatever ran before it:
    without one that passed there is no receipt, and the attempt is in the ledger.
    """
    release_id = change_control.candidate().release_id
    with change_control.step("materialise", release_id, "promotion_receipt") as conn:
        today = change_control.today(conn)
        found = store.candidacy(conn, change_control.desk.keyring, release_id)
        receipt = require_receipt(change_control, conn, found, today)
    return dg.MaterializeResult(data_version=dg.DataVersion(receipt.digest), metadata=_of_receipt(receipt))


def _of_receipt(receipt: EvaluationReceipt) -> dict[str, Any]:
    return {
        "release_id": receipt.release_id,
        "receipt_digest": receipt.digest,
        "baseline": receipt.baseline or "none",
        "evaluation_digest": receipt.evaluation_digest,
        "golden_set": receipt.golden_set,
        "findings": len(receipt.verdict.findings),
        "evaluated_at": receipt.evaluated_at.isoformat(),
        "expires_at": receipt.expires_at.isoformat(),
        "next": dg.MetadataValue.md(f"`compliance release stage {receipt.release_id[:12]} --author NAME`"),
        "thresholds": metadata.table(
            [
                {
                    "workload": name,
                    "threshold": b.threshold,
                    "n": b.n,
                    "errors": b.errors,
                    "upper": b.upper,
                    "coverage": b.coverage,
                }
                for name, b in receipt.verdict.thresholds.items()
            ],
            ["workload", "threshold", "n", "errors", "upper", "coverage"],
        ),
    }


@dg.asset(
    key=keys.PRODUCTION_RELEASE,
    deps=[keys.PROMOTION_RECEIPT],
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def production_release(change_control: dg.ResourceParam[ChangeControl]) -> dg.MaterializeResult[None]:
    """The release that decides, how it came there, and what is on its way. Materialising it shows the pointer and never moves it:
    that is done by `compliance promote` and `compliance rollback` alone.
    """
    with change_control.desk.postgres.connect() as conn:
        rows, history = release_rows(change_control, conn), history_rows(change_control, conn)
        refused = refusal_rows(change_control, conn)
    serving = history[0] if history else {"release_id": "none", "at": "never", "kind": "nothing", "entry": 0}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(f"{serving['release_id']}:{serving['entry']}"),
        metadata={
            "dagster/row_count": len(rows),
            "release_id": str(serving["release_id"]),
            "since": str(serving["at"]),
            "by": str(serving["kind"]),
            "releases": metadata.table(
                [{**row, **{name: ", ".join(row[name]) for name in ("authors", "approvers")}} for row in rows],  # type: ignore[arg-type]
                ["release_id", "state", "soak", "authors", "approvers", "receipt_digest"],
            ),
            "history": metadata.table(history, ["release_id", "kind", "at", "actor", "entry"]),
            "refused": metadata.table(refused, ["release_id", "step", "why", "actor", "at"]),
        },
    )
