"""What a person starts: selections of assets, no logic."""

import dagster as dg

from compliance_assets import keys

#: Opening every sealed content again is the night's work, not that of every run.
SIGNED = dg.AssetSelection.assets(keys.LEDGER_CHECKPOINTS) - dg.AssetSelection.checks(
    dg.AssetCheckKey(keys.LEDGER_CHECKPOINTS, "evidence_holds")
)

#: Everything for one year. Launched for several years it is one run a year.
corpus_to_ledger = dg.define_asset_job(
    "corpus_to_ledger",
    selection=dg.AssetSelection.assets(*keys.INTAKE, *keys.YEARLY) | SIGNED,
    description="From the sources to the verified ledger, for one year: pulls, reads, indexes, decides, signs.",
)

#: The unpartitioned rooms alone: what came in, what was refused, which years it belongs to.
intake = dg.define_asset_job(
    "intake",
    selection=dg.AssetSelection.assets(*keys.INTAKE),
    description="Pull every source and read every new file; the years are known afterwards.",
)

#: The index of a year, built again although nothing changed, beside the live one.
reindex_year = dg.define_asset_job(
    "reindex_year",
    selection=dg.AssetSelection.assets(keys.CHUNKS, keys.EMBEDDINGS, keys.YEAR_INDEX) | SIGNED,
    config={"ops": {"year_index": {"config": {"rebuild": True}}}},
    description="Build a year's index again beside the live one and swap it in when its checks pass.",
)

#: The labelled filings and whether they can be trusted to judge.
check_golden_set = dg.define_asset_job(
    "check_golden_set",
    selection=dg.AssetSelection.assets(keys.GOLDEN_SET),
    description="Load the frozen golden set and check it: every document is written again and compared.",
)

JOBS = (corpus_to_ledger, intake, reindex_year, check_golden_set)
