"""The asset `worm_replica`: the ledger once more, where nobody can change it."""

import contextlib
import time

import dagster as dg

from compliance_assets import keys, policies
from compliance_assets.evidence.replica import holdings, replicate
from resources.keyring import Keyring
from resources.postgres import Postgres
from resources.settings import Settings
from resources.worm_store import worm_store_from

CODE_VERSION = "1"


@dg.asset(
    key=keys.WORM_REPLICA,
    deps=[keys.LEDGER_CHECKPOINTS],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"storage"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def worm_replica(
    postgres: dg.ResourceParam[Postgres], keyring: dg.ResourceParam[Keyring], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    """Every entry under a signed checkpoint, with the checkpoints and the keys, kept for five years. Ciphertext only."""
    started = time.monotonic()
    with contextlib.closing(worm_store_from(settings.worm_url)) as worm:
        done = replicate(postgres, keyring, worm)
        url = worm.url
    with postgres.connect() as conn:
        held = holdings(conn)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": held.up_to_seq,
            "objects": held.objects,
            "bytes": held.bytes,
            "written/objects": done.written,
            "written/bytes": done.bytes,
            "ledger/up_to_seq": held.up_to_seq,
            "retained_until": held.retained_until.isoformat() if held.retained_until else "nothing is kept yet",
            "store": url,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
