"""LedgerRecord: one line of an exported ledger, complete in itself."""

from typing import Literal

from pydantic import Field, JsonValue

from compliance_assets.contracts.base import Contract, Sha256

#: Within a version fields are only added, never taken away or given another meaning.
RecordVersion = Literal["1"]
RECORD_VERSION: RecordVersion = "1"

#: `none`: the entry has no sealed content. `sealed`: it was not opened for this export. `erased`: its key is destroyed.
ContentState = Literal["none", "sealed", "opened", "erased"]


class RecordedEntry(Contract):
    """The fields of a LedgerEntry; `body` is the object whose canonical JSON (RFC 8785) is the entry's body.

    A body whose text is not the canonical JSON of an object was not written by this house: it stands as that text, so that the
    change stays visible.
    """

    schema_version: str
    seq: int = Field(ge=1)
    organization_id: str
    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    key_id: str
    body: dict[str, JsonValue] | str
    body_sha256: Sha256
    sealed: str | None
    content_sha256: Sha256 | None
    content_commitment: Sha256 | None
    prev_hash: Sha256
    entry_hash: Sha256


class LedgerRecord(Contract):
    """An entry, its leaf (RFC 9162) in the tree of the ledger and, where it was opened, its content.

    `entry.sealed` and `salt` are base64. `content_commitment` of the entry is SHA-256 over the salt's bytes and the canonical
    JSON of `content`; both are null unless `content_state` is `opened`.
    """

    schema_version: RecordVersion = RECORD_VERSION
    entry: RecordedEntry
    leaf_index: int = Field(ge=0)
    leaf_hash: Sha256
    content_state: ContentState
    content: dict[str, JsonValue] | None = None
    salt: str | None = None
