"""The year partition: a legal unit, known in advance, so it is static and comes from the deployment's settings."""

import warnings

import dagster as dg

from resources.settings import Settings

# A check without partitions would let one bad year block all; the feature is a preview in the pinned 1.13.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def year_partitions(years: tuple[int, ...]) -> dg.StaticPartitionsDefinition:
    """One partition a year, oldest first. Never rename or reuse a key: history is stored under it."""
    return dg.StaticPartitionsDefinition([str(year) for year in years])


YEARS = year_partitions(Settings.from_environment().years)
