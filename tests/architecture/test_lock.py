"""What is installed is pinned: every wheel by its digest, from the standard index, nothing from elsewhere."""

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
TORCH_LOCK = (REPOSITORY / "requirements-torch.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==[A-Za-z0-9.!+_-]+( ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(text: str) -> list[list[str]]:
    """Each requirement as its words: first the pin, then its options. Comments are left out."""
    joined = re.sub(r"\\\n\s*", " ", "\n".join(re.sub(r"(^|\s)#.*$", "", line) for line in text.splitlines()))
    found = []
    for line in filter(str.strip, joined.splitlines()):
        pin, *options = re.split(r"\s+(?=--)", line.strip())
        found.append([pin.strip(), *options])
    return found


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


LOCKED = requirements(LOCK)


def test_the_lock_holds_what_the_project_needs() -> None:
    locked = {name_of(pin) for pin, *_ in LOCKED}
    wanted = {name_of(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]}
    assert wanted - locked == {"torch"}


@pytest.mark.parametrize("requirement", LOCKED, ids=lambda requirement: name_of(requirement[0]))
def test_a_requirement_is_one_version_with_its_digests(requirement: list[str]) -> None:
    pin, *options = requirement
    assert PIN.fullmatch(pin)
    assert options
    assert all(HASH.fullmatch(option) for option in options)


def test_no_requirement_is_locked_twice() -> None:
    names = [name_of(pin) for pin, *_ in LOCKED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", [LOCK, TORCH_LOCK], ids=["requirements.lock", "requirements-torch.lock"])
def test_nothing_comes_from_anywhere_but_the_standard_index(text: str) -> None:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    foreign = re.findall(
        r"https?:|git\+|hg\+|svn\+|bzr\+|file:| @ |--index|--extra-index|--find-links|--trusted|^-\w|^\.{0,2}/",
        lines,
        re.MULTILINE,
    )
    assert foreign == []


def test_torch_is_the_same_version_on_every_machine() -> None:
    assert requirements(TORCH_LOCK) == [["torch==2.13.0"]]
    assert "torch==2.13.0" in PROJECT["dependencies"]
    assert "torch" not in {name_of(pin) for pin, *_ in LOCKED}
