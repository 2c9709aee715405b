"""Compound files (OLE2): Office before 2007, and protected OOXML, which is wrapped in one. They are named, never guessed at.

Some programs protect with a password that everybody knows: such a file opens without asking, and still a person opens it.
"""

import io

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.office.container import ENCRYPTED
from compliance_assets.normalised_documents.parsed import Outcome, Refusal
from compliance_assets.normalised_documents.sniff import media_type_of

NORMALISER = "office.legacy"

_CONVERT_TO = {
    "application/msword": "docx",
    "application/vnd.ms-excel": "xlsx",
    "application/vnd.ms-powerpoint": "pptx",
    "application/vnd.ms-outlook": "eml",
}
MEDIA_TYPES = (*_CONVERT_TO, "application/x-ole-storage")
# How Windows Rights Management marks what it protects, beside the ordinary kinds of encryption.
_RIGHTS_MANAGED = ("DRMContent", "DRMEncryptedTransform", "DRMEncryptedDataSpace")


def parse(data: bytes) -> Outcome:
    """Why a person has to look at it: it is protected, or to be saved in today's format."""
    media_type = media_type_of(data)
    if _is_encrypted(data):
        return Refusal(DocumentState.NEEDS_HUMAN, ENCRYPTED, media_type, NORMALISER)
    target = _CONVERT_TO.get(media_type)
    advice = f" (convert to {target})" if target else ""
    return Refusal(DocumentState.NEEDS_HUMAN, f"unsupported_media_type: {media_type}{advice}", media_type, NORMALISER)


def _is_encrypted(data: bytes) -> bool:
    if any(name.encode("utf-16-le") in data for name in _RIGHTS_MANAGED):
        return True
    import msoffcrypto  # type: ignore[import-untyped]

    try:
        return bool(msoffcrypto.OfficeFile(io.BytesIO(data)).is_encrypted())
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - the boundary: what cannot be taken apart is not known to be encrypted
        return False
