"""The sensor `derived_data`: vectors and indexes follow changed chunks of their year, as the assets' conditions say."""

import dagster as dg

from compliance_assets import keys

derived_data = dg.AutomationConditionSensorDefinition(
    "derived_data",
    target=dg.AssetSelection.assets(keys.EMBEDDINGS, keys.YEAR_INDEX),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    run_tags={"trigger": "automation"},
    description="Materialises a year's vectors and index once its chunks became other data.",
)
