"""`compliance work`: a process that only works."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import claims
from tests.rooms import take_in

COMPLIANCE = Path(sys.executable).with_name("compliance")


def start(deployment: Deployment, *arguments: str) -> "subprocess.Popen[str]":
    settings = deployment.settings
    return subprocess.Popen(
        [COMPLIANCE, "work", "--json", "--data-dir", str(settings.data_dir), *arguments],
        env={
            **os.environ,
            "COMPLIANCE_DATABASE_URL": str(settings.database_url),
            "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
            "COMPLIANCE_EMBEDDER": "hash",
            "COMPLIANCE_YEARS": "2018-2024",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def nothing_waits(deployment: Deployment) -> bool:
    version, model = chunker_for(deployment.embedder).version, deployment.embedder.digest
    with deployment.postgres.connect() as conn:
        to_chunk = claims.years_to_chunk(conn, (2021, 2022), version)
        return not to_chunk and not claims.years_to_encode(conn, (2021, 2022), version, model)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_until_idle_it_does_what_waits_and_ends(deployment: Deployment, source: Path) -> None:
    take_in(deployment, source)
    said, complaint = start(deployment, "--until-idle").communicate()
    found = json.loads(said)
    assert found["documents_chunked"] == 4, complaint
    assert found["texts_encoded"] > 0
    assert nothing_waits(deployment)


def test_otherwise_it_waits_for_more_and_ends_when_it_is_asked_to(deployment: Deployment, source: Path) -> None:
    process = start(deployment)
    try:
        take_in(deployment, source)
        wait_until(lambda: nothing_waits(deployment))
        process.send_signal(signal.SIGTERM)
        said, complaint = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, complaint
    assert json.loads(said)["documents_chunked"] == 4
