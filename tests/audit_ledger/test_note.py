"""Against the published test vectors of golang.org/x/mod/sumdb/note (note_test.go) and the rules of C2SP signed-note."""

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.note import Signer, Verifier, decoded_base64, open_note, sign_note
from compliance_assets.contracts.errors import IntegrityError, InvalidInput

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]  # published along with the vector
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
PETERS_NOTE = f"{TEXT}\n{PETER_LINE}"

peter = Verifier.from_vkey(PETER)
enoch = Verifier.from_vkey(ENOCH)
signer = Signer("example.com/ledger", b"s" * 32)


@pytest.mark.parametrize("vkey", [PETER, ENOCH])
def test_a_published_key_is_read_and_written_back(vkey: str) -> None:
    assert Verifier.from_vkey(vkey).vkey == vkey


def test_the_published_note_opens() -> None:
    assert open_note(PETERS_NOTE, peter) == TEXT


def test_the_published_note_is_signed_byte_for_byte() -> None:
    assert sign_note(TEXT, Signer("PeterNeumann", PETER_SEED)) == PETERS_NOTE
    assert Signer("PeterNeumann", PETER_SEED).verifier == peter


@pytest.mark.parametrize("verifier", [peter, enoch])
def test_each_of_two_signers_is_enough(verifier: Verifier) -> None:
    assert open_note(PETERS_NOTE + ENOCH_LINE, verifier) == TEXT


def test_signatures_by_unknown_keys_are_ignored() -> None:
    strange = "— SomebodyElse " + base64.b64encode(b"\0\0\0\1anything").decode() + "\n"
    same_name = "— PeterNeumann " + base64.b64encode(b"\0\0\0\1" + b"x" * 64).decode() + "\n"
    same_id = "— PeterNeuman " + base64.b64encode(peter.key_id + b"x" * 64).decode() + "\n"
    assert open_note(PETERS_NOTE + strange + same_name + same_id, peter) == TEXT


def test_a_note_by_unknown_keys_alone_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"not signed by the expected key.*EnochRoot\+af0cfe78"):
        open_note(f"{TEXT}\n{ENOCH_LINE}", peter)


def test_a_signature_by_the_known_key_that_does_not_verify_spoils_the_note() -> None:
    wrong = "— PeterNeumann " + base64.b64encode(peter.key_id + b"x" * 64).decode() + "\n"
    for note in (f"{TEXT}\n{wrong}", PETERS_NOTE + wrong, f"{TEXT}\n{wrong}{PETER_LINE}"):
        with pytest.raises(IntegrityError, match="does not verify"):
            open_note(note, peter)


def test_a_signature_with_something_inserted_is_refused() -> None:
    with pytest.raises(IntegrityError, match="does not verify"):
        open_note(f"{TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}", peter)


def test_sixteen_signatures_are_read_and_a_hundred_and_one_are_not() -> None:
    assert open_note(f"{TEXT}\n{PETER_LINE * 16}", peter) == TEXT
    with pytest.raises(IntegrityError, match="100 signatures at most"):
        open_note(f"{TEXT}\n{PETER_LINE * 101}", peter)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n\n",
        f"{TEXT}{PETER_LINE}",
        f"\n{PETER_LINE}",
        PETERS_NOTE[:-1],
        f"{PETERS_NOTE}\n",
        f"\x01{PETERS_NOTE}",
        f"\r\n{PETERS_NOTE}",
        f"\udcff{PETERS_NOTE}",
        f"{PETERS_NOTE}Unexpected line.\n",
        f"{PETERS_NOTE}— \n",
        f"{PETERS_NOTE}— Name\n",
        f"{PETERS_NOTE}— Name \n",
        f"{PETERS_NOTE}— Name AAAAAA==\n",
        f"{PETERS_NOTE}— Na+me AAAAAAA=\n",
        f"{PETERS_NOTE}— Na\u00a0me AAAAAAA=\n",
        PETERS_NOTE.replace("— ", "- "),
        PETERS_NOTE.replace("PeterNeumann", "Bad Name"),
        PETERS_NOTE.replace("nAM=", "nAN="),
        PETERS_NOTE.replace("nAM=", "nAM"),
        PETERS_NOTE.replace("ZJku", "ZJk_"),
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(IntegrityError, match="not a signed note"):
        open_note(note, peter)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(PETERS_NOTE) - 1), char=st.characters())
def test_no_changed_note_opens(at: int, char: str) -> None:
    changed = PETERS_NOTE[:at] + char + PETERS_NOTE[at + 1 :]
    if changed != PETERS_NOTE:
        with pytest.raises(IntegrityError):
            open_note(changed, peter)


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n"), max_size=60)


@settings(max_examples=80, deadline=None)
@given(text=PLAIN)
def test_what_was_signed_opens_to_the_same_text(text: str) -> None:
    assert open_note(sign_note(f"{text}\n", signer), signer.verifier) == f"{text}\n"


@pytest.mark.parametrize("text", ["", "no newline", "a\r\n", "a\tb\n", "\0\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidInput, match="cannot stand in a note"):
        sign_note(text, signer)


def test_a_key_id_is_what_the_specification_says() -> None:
    verifier = signer.verifier
    assert verifier.key_id == hashlib.sha256(b"example.com/ledger\n\x01" + verifier.public_key).digest()[:4]


def test_no_part_of_a_key_passes_for_the_key() -> None:
    for start in range(len(PETER)):
        for end in range(start, len(PETER) + 1):
            if end - start < len(PETER):
                with pytest.raises(InvalidInput):
                    Verifier.from_vkey(PETER[start:end])


def test_no_changed_key_passes_for_a_key() -> None:
    for at, char in enumerate(PETER):
        with pytest.raises(InvalidInput):
            Verifier.from_vkey(PETER[:at] + chr(ord(char) + 1) + PETER[at + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        # published: a key of the wrong length and one of an unknown algorithm, each with a fitting key id
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        f"{PETER}\n",
        f" {PETER}",
        f"{PETER}é",
    ],
)
def test_a_malformed_key_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput, match="not a verifier's key"):
        Verifier.from_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00b", "\udcff"])
def test_a_name_that_cannot_stand_in_a_note_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="name cannot stand"):
        Verifier(name, b"k" * 32)
    with pytest.raises(InvalidInput, match="name cannot stand"):
        Signer(name, b"k" * 32)


def test_keys_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(InvalidInput, match="public key"):
        Verifier("name", b"k" * 31)
    with pytest.raises(InvalidInput, match="private key"):
        Signer("name", b"k" * 33)


def test_a_signer_does_not_show_its_key() -> None:
    assert "sss" not in repr(signer)


@pytest.mark.parametrize("text", ["AA=", "AB==", "A_==", "AA==\n", "AA", "é", "AA==AA=="])
def test_base64_has_one_spelling(text: str) -> None:
    assert decoded_base64(text) is None
    assert decoded_base64("AA==") == b"\0"
