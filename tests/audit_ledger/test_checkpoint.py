"""Against a published checkpoint of the Go checksum database and the rules of C2SP tlog-checkpoint."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.checkpoint import Checkpoint, open_checkpoint, sign
from compliance_assets.audit_ledger.note import Signer, Verifier, sign_note
from compliance_assets.contracts.errors import IntegrityError, InvalidInput

# sum.golang.org's key (cmd/go/internal/modfetch/key.go) and one of its checkpoints (from the tests of
# github.com/google/trillian-examples)
SUMDB = Verifier.from_vkey("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
SUMDB_NOTE = """go.sum database tree
6476701
mb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=

— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=
"""
# the example of C2SP tlog-checkpoint
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

signer = Signer("example.com/ledger", b"s" * 32)
ROOT = bytes(range(32))
ENCODED = base64.b64encode(ROOT).decode()
CHECKPOINTS = st.builds(
    Checkpoint,
    origin=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30),
    size=st.integers(0, 2**64 - 1),
    root=st.binary(min_size=32, max_size=32),
)


def test_a_published_checkpoint_opens() -> None:
    checkpoint = open_checkpoint(SUMDB_NOTE, SUMDB, "go.sum database tree")
    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", 6476701)
    assert checkpoint.root == base64.b64decode("mb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=")


def test_a_published_checkpoint_of_another_size_is_refused() -> None:
    with pytest.raises(IntegrityError, match="does not verify"):
        open_checkpoint(SUMDB_NOTE.replace("6476701", "6476702"), SUMDB)


def test_the_example_of_the_specification_is_read_and_written_back() -> None:
    checkpoint = Checkpoint.parse(EXAMPLE)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == EXAMPLE


@settings(max_examples=80, deadline=None)
@given(checkpoint=CHECKPOINTS)
def test_what_was_signed_opens_to_the_same_checkpoint(checkpoint: Checkpoint) -> None:
    note = sign(checkpoint, signer)
    assert open_checkpoint(note, signer.verifier) == checkpoint
    assert open_checkpoint(note, signer.verifier, checkpoint.origin) == checkpoint


def test_another_logs_checkpoint_is_refused() -> None:
    note = sign(Checkpoint("example.com/other", 1, ROOT), signer)
    with pytest.raises(IntegrityError, match=r"another log's.*example\.com/ledger.*example\.com/other"):
        open_checkpoint(note, signer.verifier, "example.com/ledger")


def test_extension_lines_are_tolerated() -> None:
    note = sign_note(f"log\n7\n{ENCODED}\nextension\nanother one\n", signer)
    assert open_checkpoint(note, signer.verifier) == Checkpoint("log", 7, ROOT)


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        open_checkpoint(sign_note("log\n7\n", signer), signer.verifier)


@pytest.mark.parametrize(
    "size", ["", "00", "07", "-1", "+1", "1_0", " 1", "1 ", "1.0", "0x1", "١", str(2**64), "9" * 5000]
)
def test_a_size_in_another_spelling_is_refused(size: str) -> None:
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        Checkpoint.parse(f"log\n{size}\n{ENCODED}\n")


@pytest.mark.parametrize(
    "root",
    [
        "",
        ENCODED[:-1],
        ENCODED + "=",
        ENCODED + " ",
        ROOT.hex(),
        base64.b64encode(ROOT[:31]).decode(),
        base64.b64encode(ROOT + b"\0").decode(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        ENCODED[:-2] + "9=",  # the same bytes with unused bits set
    ],
)
def test_a_root_in_another_spelling_is_refused(root: str) -> None:
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        Checkpoint.parse(f"log\n7\n{root}\n")


@pytest.mark.parametrize(
    "text", ["", "\n", "log\n7\n", f"log\n7\n{ENCODED}", f"\n7\n{ENCODED}\n", f"log\n7\n{ENCODED}\n\n", "log\r\n7\r\n"]
)
def test_a_text_of_other_lines_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="not a checkpoint"):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, ROOT), ("a\nb", 1, ROOT), ("log", -1, ROOT), ("log", 2**64, ROOT), ("log", 1, ROOT[:31])],
)
def test_what_no_checkpoint_can_say_is_refused(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(InvalidInput, match="no checkpoint can say this"):
        Checkpoint(origin, size, root)
