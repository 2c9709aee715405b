import hashlib
import hmac
import os
import secrets
import subprocess
import sys
import threading
import timeit
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.keyring import Keyring, _with_new_master_key, parse_master_keys, parse_signing_seeds

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


def files_beside(key_file: Path) -> set[str]:
    return {path.name for path in key_file.parent.iterdir()}


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


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
    assert files_beside(key_file) == {"master.key", "checkpoint.key"}


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
    assert files_beside(key_file) == {"master.key", "checkpoint.key"}


def together(count: int, code: str, key_file: Path) -> list[str]:
    """What so many processes print that wait for one another."""
    command = [sys.executable, "-c", code, str(key_file)]
    processes = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for process in processes:  # all of them are waiting for this line
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]


def test_eight_processes_that_start_together_make_one_key(key_file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from resources.keyring import Keyring\n"
        "keyring = Keyring(Path(sys.argv[1])); sys.stdin.readline(); keyring.create_if_missing()\n"
        "print(keyring.chain_key('org-1').hex(), keyring.signer_seed().hex())"
    )
    keyring = Keyring(key_file)
    told = set(together(8, code, key_file))
    assert told == {f"{keyring.chain_key('org-1').hex()} {keyring.signer_seed().hex()}"}
    assert files_beside(key_file) == {"master.key", "checkpoint.key"}


OLD, NEW, NEWER = "0a" * 32, "0b" * 32, "0c" * 32


class TestTextsOfMasterKeys:
    def test_a_bare_line_is_key_k1(self) -> None:
        assert parse_master_keys(f"\n# old\n  {OLD}\n\n", "x") == {"k1": bytes.fromhex(OLD)}

    def test_lines_have_ids_and_an_order(self) -> None:
        keys = parse_master_keys(f"# ours\nk1 {OLD}\n\n  2026.q1-b_ \t {NEW.upper()}  \r\n", "x")
        assert list(keys.items()) == [("k1", bytes.fromhex(OLD)), ("2026.q1-b_", bytes.fromhex(NEW))]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", "nothing"),
            ("# only a comment\n\n", "nothing"),
            (f"K1 {OLD}", "line 1 with 67 characters"),
            (f"{'k' * 33} {OLD}", "line 1 with 98 characters"),
            (f"k1 {OLD}\n# good\nk2 {NEW}0", "line 3 with 68 characters"),
            (f"{OLD}\nk2 {NEW}", "line 1 with 64 characters that are not 64 hex digits after a key id"),
            (f"{OLD}\n{NEW}", "line 1 with 64 characters"),
            (f"k1 {OLD} # old", "line 1 with 73 characters"),
            (f"k1 {OLD},k2 {NEW}", "line 1 with 135 characters"),
            (f"k1:{OLD}", "line 1 with 67 characters"),
            (f"k1\u00a0{OLD}", "line 1 with 67 characters"),
            (f"k1 {OLD}\nk1 {NEW}", "key id k1 twice"),
        ],
    )
    def test_any_other_text_is_refused_without_showing_it(self, text: str, found: str) -> None:
        with pytest.raises(DependencyUnavailable) as refused:
            parse_master_keys(text, "the place")
        assert found in refused.value.found
        assert "the place" in refused.value.expected
        assert OLD[:8] not in str(refused.value)

    IDS = st.from_regex(r"[a-z0-9._-]{1,32}", fullmatch=True)
    KEYS = st.dictionaries(IDS, st.binary(min_size=32, max_size=32), min_size=1, max_size=6)
    NOISE = st.sampled_from(["", "  ", "\t", "# a comment, with a comma", "#", f"# {OLD}"])

    @given(KEYS, st.data())
    def test_what_is_written_is_read_whatever_stands_between(self, keys: dict[str, bytes], data: st.DataObject) -> None:
        lines = []
        for key_id, key in keys.items():
            digits = key.hex().upper() if data.draw(st.booleans()) else key.hex()
            lines += [data.draw(self.NOISE), f"{data.draw(st.sampled_from(['', ' ']))}{key_id} {digits} "]
        end = data.draw(st.sampled_from(["\n", "\r\n"]))
        assert list(parse_master_keys(end.join(lines), "x").items()) == list(keys.items())

    @given(KEYS)
    def test_the_environment_may_separate_them_by_commas(self, keys: dict[str, bytes]) -> None:
        text = ", ".join(f"{key_id} {key.hex()}" for key_id, key in keys.items())
        keyring = Keyring(Path("none"), environment_key=f"# ours, all\n{text},")
        assert keyring.key_ids == tuple(keys)
        assert keyring.active_key_id == list(keys)[-1]

    @given(st.text() | st.text(alphabet="k1 #,\n\x0b\u20280a", max_size=200))
    def test_any_text_gives_keys_of_32_bytes_or_one_kind_of_error(self, text: str) -> None:
        try:
            keys = parse_master_keys(text, "x")
        except DependencyUnavailable:
            return
        assert keys
        assert {len(key) for key in keys.values()} == {32}

    @given(KEYS, NOISE, st.booleans())
    def test_a_rotated_text_keeps_every_key_and_every_comment(
        self, keys: dict[str, bytes], noise: str, bare: bool
    ) -> None:
        keys = {"k1": next(iter(keys.values()))} if bare else keys
        text = "\x0b".join([noise, *(f"{'' if bare else key_id} {key.hex()}" for key_id, key in keys.items()), noise])
        rotated = _with_new_master_key(text, "x")
        *before, (new, key) = parse_master_keys(rotated, "x").items()
        assert before == list(keys.items())
        assert new not in keys
        assert len(set(key)) > 1
        assert rotated.count("a comment, with") == text.count("a comment, with")


class TestDerivedKeys:
    TEXT = f"k1 {OLD}\nk2 {NEW}"

    @pytest.fixture
    def keyring(self, key_file: Path) -> Keyring:
        return Keyring(written(key_file, self.TEXT))

    def test_the_last_line_is_active(self, keyring: Keyring) -> None:
        assert keyring.active_key_id == "k2"
        assert keyring.key_ids == ("k1", "k2")
        assert keyring.chain_key("org-1") == keyring.chain_key("org-1", "k2") == self.expected(NEW, "ledger-chain")

    def test_every_key_is_the_hkdf_of_its_master_key(self, keyring: Keyring) -> None:
        assert keyring.chain_key("org-1", "k1") == self.expected(OLD, "ledger-chain")
        assert keyring.content_key("org-1", "k1") == self.expected(OLD, "ledger-content")
        assert keyring.content_key("org-1") == self.expected(NEW, "ledger-content")

    def test_a_subject_is_looked_up_with_the_first_key_for_ever(self, keyring: Keyring) -> None:
        before = keyring.subject_index_key("org-1")
        assert before == self.expected(OLD, "ledger-subject")
        keyring.rotate()
        assert keyring.subject_index_key("org-1") == before

    def test_a_key_that_the_secret_does_not_hold_is_missing_by_name(self, keyring: Keyring, key_file: Path) -> None:
        with pytest.raises(DependencyUnavailable, match=r"key k3 in .*; found the keys k1, k2") as missing:
            keyring.chain_key("org-1", "k3")
        assert str(key_file) in missing.value.expected
        assert OLD not in str(missing.value)

    def test_a_key_is_derived_once(self, key_file: Path) -> None:
        keyring = Keyring(key_file, environment_key=self.TEXT)
        keyring.chain_key("org-1", "k1")
        calls = 20_000
        fastest = min(timeit.repeat(lambda: keyring.chain_key("org-1", "k1"), number=calls, repeat=7))
        assert fastest / calls < 1e-6

    def test_the_secret_is_read_once(self, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def read(url: str) -> str:
            asked.append(url)
            return self.TEXT

        monkeypatch.setattr("resources.keyring.read_secret", read)
        keyring = Keyring(key_file, secret_url="aws-secretsmanager://sa-east-1/x")
        assert asked == []
        for organization in ("org-1", "org-2"):
            keyring.chain_key(organization)
            keyring.content_key(organization, "k1")
            keyring.subject_index_key(organization)
        assert keyring.active_key_id == "k2"
        assert len(asked) == 1

    def test_a_file_that_vanishes_later_is_not_missed(self, keyring: Keyring, key_file: Path) -> None:
        before = keyring.chain_key("org-1")
        key_file.unlink()
        assert (keyring.active_key_id, keyring.chain_key("org-1")) == ("k2", before)
        assert keyring.chain_key("org-2", "k1")

    @staticmethod
    def expected(master: str, purpose: str) -> bytes:
        return hkdf(bytes.fromhex(master), f"{purpose}:org-1".encode(), 32)


class TestSources:
    def test_the_environment_goes_before_the_url_and_the_url_before_the_file(self, key_file: Path) -> None:
        url = written(key_file.with_name("other.key"), f"url {NEW}").as_uri()
        written(key_file, f"file {OLD}")
        assert Keyring(key_file, secret_url=url, environment_key=f"environment {NEWER}").key_ids == ("environment",)
        assert Keyring(key_file, secret_url=url, environment_key="").key_ids == ("url",)
        assert Keyring(key_file, secret_url="").key_ids == ("file",)

    def test_building_one_reads_nothing(self, key_file: Path) -> None:
        Keyring(key_file, secret_url="unknown://x", environment_signing_key="no key")

    def test_a_master_key_from_elsewhere_is_never_written_but_the_signing_key_is(self, key_file: Path) -> None:
        url = written(key_file.with_name("other.key"), OLD).as_uri()
        Keyring(key_file, secret_url=url).create_if_missing()
        assert files_beside(key_file) == {"other.key", "checkpoint.key"}

    def test_with_both_from_elsewhere_nothing_is_written(self, key_file: Path) -> None:
        Keyring(key_file, environment_key=OLD, environment_signing_key=NEW).create_if_missing()
        assert not key_file.parent.exists()

    def test_a_url_that_holds_no_key_is_refused_by_its_name(self, key_file: Path) -> None:
        url = written(key_file.with_name("other.key"), "k1 0a0a").as_uri()
        with pytest.raises(DependencyUnavailable, match=r"COMPLIANCE_MASTER_KEY_URL.*line 1 with 7 characters") as bad:
            Keyring(key_file, secret_url=url).chain_key("org-1")
        assert url in bad.value.expected
        assert "0a0a" not in str(bad.value)

    def test_a_file_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "keys").touch()
        with pytest.raises(DependencyUnavailable, match="the master key cannot be written"):
            Keyring(tmp_path / "keys" / "master.key").create_if_missing()

    def test_a_path_that_is_no_file_is_said(self, key_file: Path) -> None:
        key_file.mkdir(parents=True, mode=0o700)
        with pytest.raises(DependencyUnavailable, match="the master key cannot be read"):
            Keyring(key_file).chain_key("org-1")


class TestRotation:
    def test_a_bare_key_gets_its_name_and_a_successor(self, key_file: Path) -> None:
        keyring = Keyring(written(key_file, f"# made in 2024\n{OLD}"))
        before = keyring.chain_key("org-1")
        assert keyring.rotate() == "k2"
        assert key_file.read_text().startswith(f"# made in 2024\nk1 {OLD}\nk2 ")
        assert key_file.stat().st_mode & 0o777 == 0o600
        assert files_beside(key_file) == {"master.key"}
        for reader in (keyring, Keyring(key_file)):
            assert (reader.key_ids, reader.active_key_id) == (("k1", "k2"), "k2")
            assert reader.chain_key("org-1", "k1") == before != reader.chain_key("org-1")

    @pytest.mark.parametrize(
        ("ids", "new"), [(("k1",), "k2"), (("a", "b"), "k3"), (("k1", "k3"), "k4"), (("k2",), "k3")]
    )
    def test_a_new_id_is_one_that_is_free(self, key_file: Path, ids: tuple[str, ...], new: str) -> None:
        keyring = Keyring(written(key_file, "\n".join(f"{key_id} {OLD}" for key_id in ids)))
        assert keyring.rotate() == new == keyring.active_key_id

    def test_another_keyring_of_the_file_notices(self, key_file: Path) -> None:
        one, other = Keyring(written(key_file, OLD)), Keyring(key_file)
        one.create_if_missing()
        stale, seed = other.chain_key("org-1"), other.signer_seed()
        one.rotate()
        one.replace_signing_key()
        assert other.active_key_id == "k2"
        assert other.chain_key("org-1") == one.chain_key("org-1") != stale
        assert other.signer_seed() == one.signer_seed() != seed

    def test_a_key_id_of_a_later_rotation_is_found(self, key_file: Path) -> None:
        one, other = Keyring(written(key_file, OLD)), Keyring(key_file)
        other.chain_key("org-1")
        assert other.chain_key("org-1", one.rotate()) == one.chain_key("org-1")

    def test_processes_that_rotate_together_lose_no_key(self, key_file: Path) -> None:
        written(key_file, OLD)
        code = (
            "import sys; from pathlib import Path; from resources.keyring import Keyring\n"
            "keyring = Keyring(Path(sys.argv[1])); sys.stdin.readline()\n"
            "print(*(f'{name}:{keyring.chain_key(\"o\", name).hex()}' for name in [keyring.rotate() for _ in range(5)]))"
        )
        told = " ".join(together(4, code, key_file)).split()
        keyring = Keyring(key_file)
        assert len(keyring.key_ids) == 21
        assert sorted(told) == sorted(f"{name}:{keyring.chain_key('o', name).hex()}" for name in keyring.key_ids[1:])
        assert files_beside(key_file) == {"master.key"}

    def test_a_thread_never_sees_one_keys_name_with_anothers_bytes(self, key_file: Path) -> None:
        keyring, stop, seen = Keyring(written(key_file, OLD)), threading.Event(), set[tuple[str, bytes]]()

        def watch() -> None:
            while not stop.is_set():
                key_id = keyring.active_key_id
                seen.add((key_id, keyring.chain_key("org-1", key_id)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for _ in range(20):
            keyring.rotate()
        stop.set()
        watcher.join()
        assert seen <= {(key_id, keyring.chain_key("org-1", key_id)) for key_id in keyring.key_ids}

    def test_a_rotation_that_fails_changes_nothing(self, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keyring = Keyring(written(key_file, OLD))

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DependencyUnavailable, match="No space left on device"):
            keyring.rotate()
        assert key_file.read_text() == OLD
        assert files_beside(key_file) == {"master.key"}

    def test_a_link_stays_a_link(self, key_file: Path, tmp_path: Path) -> None:
        target = written(tmp_path / "elsewhere" / "real.key", OLD)
        key_file.parent.mkdir()
        key_file.symlink_to(target)
        assert Keyring(key_file).rotate() == "k2"
        assert key_file.is_symlink()
        assert target.read_text().count("\n") == 2

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_a_file_stays_whose_it_is(self, key_file: Path) -> None:
        os.chown(written(key_file, OLD), 12345, -1)
        Keyring(key_file).rotate()
        assert key_file.stat().st_uid == 12345

    def test_a_comment_in_another_encoding_survives(self, key_file: Path) -> None:
        written(key_file, "").write_bytes(b"# m\xe3e\n" + OLD.encode())
        Keyring(key_file).rotate()
        assert key_file.read_bytes().startswith(b"# m\xe3e\nk1 ")

    @pytest.mark.parametrize("text", ["", "k1 zz", f"{OLD}\n{NEW}"])
    def test_a_text_that_holds_no_keys_is_not_made_worse(self, key_file: Path, text: str) -> None:
        keyring = Keyring(written(key_file, text))
        with pytest.raises(DependencyUnavailable, match="not usable"):
            keyring.rotate()
        assert key_file.read_text() == text

    def test_a_missing_file_is_not_invented(self, key_file: Path) -> None:
        for rotate in (Keyring(key_file).rotate, Keyring(key_file).replace_signing_key):
            with pytest.raises(DependencyUnavailable):
                rotate()
        assert not key_file.parent.exists()

    @pytest.mark.parametrize(
        ("rotate", "found"),
        [
            (lambda path: Keyring(path, environment_key=OLD).rotate(), "COMPLIANCE_MASTER_KEY"),
            (lambda path: Keyring(path, secret_url=path.as_uri()).rotate(), "COMPLIANCE_MASTER_KEY_URL"),
            (lambda path: Keyring(path, environment_signing_key=OLD).replace_signing_key(), "COMPLIANCE_SIGNING_KEY"),
        ],
    )
    def test_what_another_tool_keeps_is_rotated_with_that_tool(
        self, key_file: Path, rotate: Callable[[Path], object], found: str
    ) -> None:
        written(key_file, OLD)
        with pytest.raises(InvalidInput, match="not ours to rotate") as refused:
            rotate(key_file)
        assert refused.value.found == found
        assert "Add a last line" in refused.value.remedy
        assert key_file.read_text() == OLD


class TestTheSigningKey:
    @pytest.fixture
    def signing_file(self, key_file: Path) -> Path:
        return key_file.with_name("checkpoint.key")

    def test_it_is_made_beside_the_master_key_and_is_another(self, key_file: Path, signing_file: Path) -> None:
        keyring = Keyring(key_file)
        keyring.create_if_missing()
        assert keyring.signer_seed().hex() == signing_file.read_text() != key_file.read_text()
        assert signing_file.stat().st_mode & 0o777 == 0o600
        assert len(Ed25519PrivateKey.from_private_bytes(keyring.signer_seed()).sign(b"x")) == 64

    def test_it_may_lie_elsewhere(self, key_file: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "other" / "signing.key"
        Keyring(key_file, signing_path=elsewhere).create_if_missing()
        assert files_beside(elsewhere) == {"signing.key"}
        assert files_beside(key_file) == {"master.key"}

    def test_it_is_never_replaced_by_creating(self, key_file: Path, signing_file: Path) -> None:
        written(signing_file, NEW)
        Keyring(key_file).create_if_missing()
        assert Keyring(key_file).signer_seed() == bytes.fromhex(NEW)

    def test_the_environments_goes_before_the_file(self, key_file: Path, signing_file: Path) -> None:
        written(signing_file, OLD)
        assert Keyring(key_file, environment_signing_key=f"{OLD},{NEW}").signer_seed() == bytes.fromhex(NEW)
        assert Keyring(key_file, environment_signing_key="").signer_seed() == bytes.fromhex(OLD)

    def test_a_new_one_signs_and_the_old_one_is_kept(self, key_file: Path, signing_file: Path) -> None:
        keyring = Keyring(key_file)
        keyring.create_if_missing()
        before, master = keyring.signer_seed(), keyring.chain_key("org-1")
        keyring.replace_signing_key()
        assert parse_signing_seeds(signing_file.read_text(), "x") == [before, keyring.signer_seed()]
        assert keyring.signer_seed() == Keyring(key_file).signer_seed() != before
        assert signing_file.stat().st_mode & 0o777 == 0o600
        assert (keyring.active_key_id, keyring.chain_key("org-1")) == ("k1", master)

    def test_one_that_others_may_read_is_refused(self, key_file: Path, signing_file: Path) -> None:
        Keyring(key_file).create_if_missing()
        signing_file.chmod(0o640)
        with pytest.raises(DependencyUnavailable, match="the signing key is readable by others"):
            Keyring(key_file).signer_seed()

    @pytest.mark.parametrize("text", ["", "# none", "zz" * 32, f"{OLD}\n{NEW[1:]}", f"k1 {OLD}"])
    def test_a_text_that_is_none_is_refused_without_showing_it(self, key_file: Path, text: str) -> None:
        written(key_file.with_name("checkpoint.key"), text)
        for keyring in (Keyring(key_file), Keyring(key_file, environment_signing_key=text)):
            with pytest.raises(DependencyUnavailable, match="the signing key is not usable") as refused:
                keyring.signer_seed()
            assert "0a0a" not in str(refused.value)
            assert "zz" not in str(refused.value)
