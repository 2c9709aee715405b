"""The asset `prod_traffic_30d`: the last thirty days of production, evaluated. Ids, codes and counts only."""

from pathlib import Path

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.model_decisions.releases.store import production
from evals.gate.gate import shipped_floors
from evals.watch.nightly import Nightly, evaluate_production
from evals.watch.picture import drift_picture
from evals.watch.standing import gate_passes
from evals.watch.traffic import rates_by
from resources.clock import rfc3339, system_clock
from resources.keyring import Keyring
from resources.postgres import Postgres
from resources.settings import Settings
from resources.tracking import RunRecord, tracking_from

CODE_VERSION = "1"
EXPERIMENT = "compliance-production"
_DRIFT = ["distribution", "state", "psi", "bound", "reference", "now"]
_ERRORS = ["decisions", "looked_at", "wrong", "at_least", "at_most"]
_RATES = [
    "group", "decisions", "review_rate", "quarantined_rate", "denied_rate", "abstained_rate", "mean_confidence",
    "looked_at", "wrong",
]  # fmt: skip


@dg.asset(
    key=keys.PROD_TRAFFIC,
    deps=[keys.REVIEW_OUTCOMES],
    group_name=keys.CONTROL_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def prod_traffic_30d(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[None]:
    """Decisions of the last thirty days and what people made of them: errors, rates, and how far they moved. Recorded in the
    ledger; what does not hold is an incident.
    """
    with postgres.connect() as conn:
        serving = production(conn, keyring)
        release_id = serving.release.release_id if serving else None
        gate_passed = gate_passes(conn, keyring, release_id) if release_id else None
    target = shipped_floors().auto_decided_error.target
    found, incidents = evaluate_production(postgres, keyring, system_clock, release_id, gate_passed, target)
    for finding in found.findings:
        context.log.warning(f"{finding.code}: {finding.summary}")
    picture = drift_picture(found.drifts)
    path = _kept(settings.data_dir / "watch" / f"{found.now.until:%Y-%m-%d}.png", picture)
    tracked = tracking_from(settings).log(_record(found, picture, context.run.run_id))
    decisions = found.now.decisions
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(decisions),
            "state": found.state,
            "release": release_id or "none yet",
            "since": rfc3339(found.now.since),
            "until": rfc3339(found.now.until),
            "findings": ", ".join(finding.code for finding in found.findings) or "none",
            "too_little_of": ", ".join(found.not_judged) or "nothing",
            "incidents": ", ".join(incidents) or "none",
            "drift": metadata.table([drift.as_row() for drift in found.drifts], _DRIFT),
            "drift_plot": dg.MetadataValue.path(str(path)),
            "errors": metadata.table([error.as_row() for error in found.errors], _ERRORS),
            "by_workload": _rates(found, "workload"),
            "by_filer_category": _rates(found, "category"),
            "by_year": _rates(found, "year"),
            "to_look_at": metadata.table([{"response_id": one} for one in found.sample], ["response_id"]),
            **metadata.tracked(tracked),
        }
    )


def _rates(found: Nightly, dimension: str) -> dg.TableMetadataValue:
    rows = rates_by(found.now.decisions, lambda decided: str(getattr(decided, dimension)))
    return metadata.table([rates.as_row() for rates in rows], _RATES)


def _kept(path: Path, picture: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
    return path


def _record(found: Nightly, picture: bytes, run_id: str) -> RunRecord:
    body = found.body()
    return RunRecord(
        EXPERIMENT,
        f"nightly {found.now.until:%Y-%m-%d}",
        digest_of(body),
        {name: body[name] for name in ("release_id", "since", "until", "state")},
        {
            "n": float(len(found.now.decisions)),
            "looked_at": float(sum(error.n for error in found.errors)),
            "wrong": float(sum(error.wrong for error in found.errors)),
            **{f"psi.{drift.name}": drift.psi for drift in found.drifts if drift.psi is not None},
        },
        {"dagster_run_id": run_id},
        files={"drift.png": picture},
        tables={
            "drift.json": [drift.as_row() for drift in found.drifts],
            "errors.json": [error.as_row() for error in found.errors],
        },
    )
