from pathlib import Path

import pytest

from compliance_assets.deployment import Deployment
from tests.raw_pulls.watched import WatchedSource


@pytest.fixture
def watched(deployment: Deployment, source: Path) -> WatchedSource:
    """The source of the session's example, registered and not yet pulled."""
    return WatchedSource(deployment, source)
