import io
import json
import tarfile
from pathlib import Path

import pytest

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from resources.policy_bundle import SEAL, PolicyBundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a" / "limits").mkdir(parents=True)
    (tmp_path / "a" / "rules.rego").write_text("package a\n")
    (tmp_path / "a" / "limits" / "data.json").write_text('{"most": 3}')
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "examples.json").write_text("[]")
    return tmp_path


def test_a_bundle_is_its_rules_and_data_and_nothing_beside_them(folder: Path) -> None:
    bundle = PolicyBundle.read(folder)
    assert [name for name, _ in bundle.files] == ["a/limits/data.json", "a/rules.rego"]
    assert bundle.documents == {"a/limits": {"most": 3}}
    assert bundle.policy_hash == "sha256:" + digest_of(
        [["a/limits/data.json", sha256_hex('{"most": 3}')], ["a/rules.rego", sha256_hex("package a\n")]]
    )


def test_every_change_of_a_file_or_its_name_changes_the_hash(folder: Path) -> None:
    hashes = {PolicyBundle.read(folder).policy_hash}
    (folder / "a" / "rules.rego").write_text("package a\n\n")
    hashes.add(PolicyBundle.read(folder).policy_hash)
    (folder / "a" / "limits" / "data.json").write_text('{"most":3}')
    hashes.add(PolicyBundle.read(folder).policy_hash)
    (folder / "a" / "rules.rego").rename(folder / "a" / "other.rego")
    hashes.add(PolicyBundle.read(folder).policy_hash)
    assert len(hashes) == 4


def test_a_packed_bundle_is_reproducible_says_its_hash_and_unpacks_to_the_same_bundle(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bundle = PolicyBundle.read(folder)
    packed = bundle.packed()
    assert packed == PolicyBundle.read(folder).packed()
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        archive.extractall(unpacked, filter="data")
    assert json.loads((unpacked / ".manifest").read_text())["revision"] == bundle.policy_hash
    assert json.loads((unpacked / SEAL).read_text()) == {"hash": bundle.policy_hash}
    assert PolicyBundle.read(unpacked).policy_hash == bundle.policy_hash


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a/limits/data.json", b"{", "a/limits/data.json"),
        ("a/limits/data.json", b"[1]", "list"),
        ("a/limits/data.json", b"\xff", "UTF-8"),
        ("a/rules.rego", b"\xff", "UTF-8 in a/rules.rego"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(folder: Path, name: str, content: bytes, found: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=found):
        PolicyBundle.read(folder)


def test_a_folder_without_rules_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no policy"):
        PolicyBundle.read(tmp_path)
