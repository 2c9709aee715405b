"""How the release in production stands before the gate of today: its stored evaluation, judged again."""

from evals.gate.gate import judged
from evals.promotion import store as promotion
from evals.promotion.refusal import Refused
from resources.keyring import Keyring
from resources.postgres import Connection


def gate_passes(conn: Connection, keyring: Keyring, release_id: str) -> bool | None:
    """Whether the release's evaluation keeps to today's floors; False also where what is stored is not what was signed.

    None for a release that was never evaluated: the first, which is installed as it was shipped. Nothing is measured again. It is
    compared with itself, so that only the floors are asked, and what its other workloads were permitted is not asked again.
    """
    found = promotion.candidacy(conn, keyring, release_id)
    if not found.evaluated:
        return None
    try:
        evaluation = promotion.kept_evaluation(conn, promotion.receipt_of(conn, found).evaluation_digest)
    except Refused:
        return False
    return judged(evaluation, evaluation).passed
