import hashlib
import hmac
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.keyring import Keyring

ENVIRONMENT_KEY = "00112233445566778899aabbccddeeff" * 2
REPOSITORY = Path(__file__).parents[2]


def hkdf(secret: bytes, info: bytes, length: int, salt: bytes = b"") -> bytes:
    """HKDF-SHA-256 as RFC 5869 writes it, independent of the library that the keyring uses."""
    extracted = hmac.digest(salt or bytes(32), secret, hashlib.sha256)
    block, expanded = b"", b""
    for counter in range(1, 256):
        block = hmac.digest(extracted, block + info + bytes([counter]), hashlib.sha256)
        expanded += block
        if len(expanded) >= length:
            break
    return expanded[:length]


@pytest.mark.parametrize(
    ("salt", "info", "okm"),
    [
        (  # RFC 5869, A.1
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (  # RFC 5869, A.3
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_the_derivation_that_these_tests_compare_with_is_that_of_rfc_5869(salt: str, info: str, okm: str) -> None:
    assert hkdf(bytes([11] * 22), bytes.fromhex(info), 42, bytes.fromhex(salt)).hex() == okm


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "master.key"


def test_a_chain_key_is_the_hkdf_of_the_master_key_and_the_organisation(key_file: Path) -> None:
    key = Keyring(key_file, environment_key=ENVIRONMENT_KEY).chain_key("org-1")
    assert key == hkdf(bytes.fromhex(ENVIRONMENT_KEY), b"ledger-chain:org-1", 32)


def test_two_organisations_have_different_keys_and_each_always_the_same(key_file: Path) -> None:
    keyring = Keyring(key_file, environment_key=ENVIRONMENT_KEY)
    assert len({keyring.chain_key(f"org-{number}") for number in range(20)}) == 20
    assert keyring.chain_key("org-1") == keyring.chain_key("org-1")


def test_a_new_key_is_64_hex_digits_that_only_the_owner_reads(key_file: Path) -> None:
    Keyring(key_file).create_if_missing()
    assert len(bytes.fromhex(key_file.read_text())) == 32
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_key_is_never_replaced(key_file: Path) -> None:
    Keyring(key_file).create_if_missing()
    before, key = key_file.read_text(), Keyring(key_file).chain_key("org-1")
    Keyring(key_file).create_if_missing()
    assert (key_file.read_text(), Keyring(key_file).chain_key("org-1")) == (before, key)


def test_two_deployments_have_different_keys(tmp_path: Path) -> None:
    keyrings = [Keyring(tmp_path / name / "master.key") for name in ("one", "two")]
    for keyring in keyrings:
        keyring.create_if_missing()
    assert keyrings[0].chain_key("org-1") != keyrings[1].chain_key("org-1")


def test_the_environments_key_goes_before_the_file_and_writes_none(key_file: Path) -> None:
    keyring = Keyring(key_file, environment_key=ENVIRONMENT_KEY)
    keyring.create_if_missing()
    assert not key_file.exists()
    Keyring(key_file).create_if_missing()
    assert keyring.chain_key("org-1") != Keyring(key_file).chain_key("org-1")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(key_file: Path, mode: int) -> None:
    Keyring(key_file).create_if_missing()
    key_file.chmod(mode)
    with pytest.raises(DependencyUnavailable, match="readable by others") as refused:
        Keyring(key_file).chain_key("org-1")
    assert refused.value.remedy == f"chmod 600 {key_file}"


def test_a_missing_key_is_not_invented(key_file: Path) -> None:
    with pytest.raises(DependencyUnavailable, match="found nothing"):
        Keyring(key_file).chain_key("org-1")
    assert not key_file.exists()


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "00" * 33])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(key_file: Path, text: str) -> None:
    Keyring(key_file).create_if_missing()
    key_file.write_text(text)
    with pytest.raises(DependencyUnavailable) as refused:
        Keyring(key_file).chain_key("org-1")
    assert not text or text not in str(refused.value)


def test_an_environment_key_that_is_none_is_refused(key_file: Path) -> None:
    with pytest.raises(DependencyUnavailable, match="5 characters that are not 64 hex digits"):
        Keyring(key_file, environment_key="hello").chain_key("org-1")


def test_a_draft_that_a_killed_process_left_does_not_stop_the_next(key_file: Path) -> None:
    key_file.parent.mkdir()
    for pid in (1, 7):  # in a container the process id is the same every time
        key_file.with_name(f"master.key.{pid}").touch()
    Keyring(key_file).create_if_missing()
    assert Keyring(key_file).chain_key("org-1")


def test_a_key_that_another_process_wrote_in_between_stands(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = secrets.token_hex

    def slow_draw(size: int) -> str:
        if not key_file.exists():  # while we draw, the other one finishes
            key_file.write_text("11" * 32)
            key_file.chmod(0o600)
        return draw(size)

    monkeypatch.setattr("resources.keyring.secrets.token_hex", slow_draw)
    Keyring(key_file).create_if_missing()
    assert key_file.read_text() == "11" * 32
    assert list(key_file.parent.iterdir()) == [key_file]


def test_eight_processes_that_start_together_make_one_key(key_file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from resources.keyring import Keyring\n"
        "keyring = Keyring(Path(sys.argv[1])); sys.stdin.readline(); keyring.create_if_missing()\n"
        "print(keyring.chain_key('org-1').hex())"
    )
    command = [sys.executable, "-c", code, str(key_file)]
    processes = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for process in processes:  # all of them are waiting for this line
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert keys == {Keyring(key_file).chain_key("org-1").hex()}
    assert list(key_file.parent.iterdir()) == [key_file]
