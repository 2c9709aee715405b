"""What a person writes into the ledger: which of it may stand in the clear, and whose the rest is."""

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.text import storable
from resources.keyring import Keyring
from resources.postgres import Connection


def clear_text(text: str, what: str) -> str:
    """Text for the clear part of an entry. Raises InvalidInput for none, and for one that names a CPF."""
    words = storable(text).strip()
    if not words or data_subjects_in(words):
        raise InvalidInput(
            f"the {what} is not usable",
            expected="text without a CPF: the ledger keeps it in the clear, for ever",
            found="a text with a CPF" if words else "nothing",
            remedy=f"Give the {what} without naming a person.",
        )
    return words


def persons_behind(conn: Connection, keyring: Keyring, entry: Entry, *texts: str) -> tuple[str, ...]:
    """The data subjects whom an entry's content or texts about it state: whoever of them is erased takes the texts along."""
    try:
        content = store.content_of(conn, keyring, entry)
    except IntegrityError:  # what is said of tampered content is recorded all the same
        content = None
    return data_subjects_in("\n".join((content.text if content else "", *texts)))
