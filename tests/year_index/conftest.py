"""A corpus of its own for each test that changes one, and one that all reading tests share."""

import random
from pathlib import Path

import pytest

from compliance_assets.deployment import Deployment
from tests.small_corpus import SmallCorpus, new_deployment

WORDS = [
    "liquidity",
    "custody",
    "leverage",
    "collateral",
    "valuation",
    "redemption",
    "dividend",
    "mandate",
    "broker",
    "hedge",
    "audit",
    "breach",
    "ceiling",
    "reserve",
    "margin",
    "covenant",
    "maturity",
    "yield",
    "issuer",
    "tranche",
    "benchmark",
    "turnover",
    "derivative",
    "exposure",
    "threshold",
    "proxy",
]


@pytest.fixture
def corpus(deployment: Deployment) -> SmallCorpus:
    """Empty."""
    return SmallCorpus(deployment)


@pytest.fixture(scope="module")
def indexed(database_url: str, session_dir: Path) -> SmallCorpus:
    """2021, 2022 and 2023: fourteen documents of Northwind and three of Southwind in each; nothing in other years."""
    made = SmallCorpus(new_deployment(database_url, session_dir))
    dice = random.Random(20)
    for year in (2021, 2022, 2023):
        for number in range(17):
            category = "Northwind" if number < 14 else "Southwind"
            made.add(year, f"Note {number} of {category}: {' '.join(dice.choices(WORDS, k=9))}.", category, embed=False)
        made.embed(year)
        made.build(year)
    return made
