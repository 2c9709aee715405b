"""The asset `golden_set`: the frozen filings with their truth, on which everything that reads or decides is judged."""

import hashlib
from collections import Counter

import dagster as dg

from compliance_assets import keys, metadata, policies
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows

CODE_VERSION = "1"


@dg.asset(
    key=keys.GOLDEN_SET,
    group_name=keys.CONTROL_PLANE,
    kinds={"python"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def golden_set() -> dg.MaterializeResult[None]:
    """Invented income-tax filings with their truth, frozen: one set judges, one is to choose thresholds on, one is hard."""
    sets = {name: read_rows(path) for name, path in FROZEN.items()}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FROZEN.items()}
    golden = sets["golden"]
    strata = Counter((row["format"], row["category"], row["return_type"]) for row in golden)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digests["golden"]),
        metadata={
            "dagster/row_count": len(golden),
            "sets": metadata.table(
                [{"set": name, "filings": len(rows), "sha256": digests[name]} for name, rows in sets.items()],
                ["set", "filings", "sha256"],
            ),
            "strata": metadata.table(
                [
                    {"format": kind, "category": category, "return_type": return_type, "filings": count}
                    for (kind, category, return_type), count in sorted(strata.items())
                ],
                ["format", "category", "return_type", "filings"],
            ),
            "by_year": metadata.bars(
                dict(sorted(Counter(str(r["year"]) for r in golden).items())), title="Golden filings by year"
            ),
            "by_anomaly": metadata.bars(
                dict(sorted(Counter(a for r in golden for a in r["anomalies"]).items())), title="Injected anomalies"
            ),
        },
    )
