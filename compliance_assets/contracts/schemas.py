"""The published JSON Schemas of the contracts: what another system may rely on.

`python -m compliance_assets.contracts.schemas` writes them beside this module; a test holds them against the models.
"""

import json
from pathlib import Path

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.envelope import Envelope
from compliance_assets.contracts.hit import Hit
from compliance_assets.contracts.ledger_entry import LedgerEntry
from compliance_assets.contracts.ledger_record import LedgerRecord
from compliance_assets.contracts.notification import Notification
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.contracts.response_envelope import ResponseEnvelope

FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

PUBLISHED: dict[str, type[Contract]] = {
    "envelope": Envelope,
    "chunk": Chunk,
    "hit": Hit,
    "response_envelope": ResponseEnvelope,
    "ledger_entry": LedgerEntry,
    "ledger_record": LedgerRecord,
    "release": Release,
    "notification": Notification,
    "policy_input": PolicyInput,
    "policy_decision": PolicyDecision,
}


def schema_texts() -> dict[str, str]:
    """File name -> the JSON Schema of the contract, as it is committed."""
    return {f"{name}.schema.json": _text(model) for name, model in PUBLISHED.items()}


def write_schemas(folder: Path = FOLDER) -> None:
    """Write every schema into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


def _text(model: type[Contract]) -> str:
    schema = {"$schema": DIALECT, **model.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write_schemas()
