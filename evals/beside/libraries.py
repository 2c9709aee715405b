"""Ingestion with other libraries, each in an environment of its own: installed once, driven through its script.

An environment sees this one's packages behind its own: what its library accepts (torch above all) is not installed twice, what it
needs in another version is its own. The pin of torch keeps pip from fetching a build for graphics cards.
"""

import json
import os
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from compliance_assets.contracts.errors import DependencyUnavailable

SCRIPTS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Library:
    """Another library: its script, what pip has to install for it, and the table and column where it keeps its pieces' texts."""

    name: str
    script: str
    texts: tuple[str, str]
    requirements: tuple[str, ...]


LIBRARIES = (
    Library(
        "LlamaIndex",
        "llama_index_ingest.py",
        ("data_llama_index", "text"),
        (
            "llama-index-core",
            "llama-index-embeddings-huggingface",
            "llama-index-vector-stores-postgres",
            "llama-index-readers-file",
        ),
    ),
    Library(
        "Haystack",
        "haystack_ingest.py",
        ("haystack", "content"),
        ("haystack-ai", "pgvector-haystack", "sentence-transformers-haystack", "pypdf"),
    ),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """One ingestion by another library: seconds from folder to searchable, and how many tokens of a piece its model reads."""

    library: str
    version: str
    seconds: float
    reads: int


def environment_of(library: Library, folder: Path) -> Path:
    """The interpreter of a library's environment, made where it is missing. Raises DependencyUnavailable without the index."""
    home = folder / library.name.lower()
    python, complete = home / "bin" / "python", home / "complete"
    wanted = "\n".join(library.requirements)
    if complete.exists() and complete.read_text() == wanted:
        return python
    venv.create(home, with_pip=True, clear=True)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    # Sorted last: the environment's own packages come before ours.
    (Path(paths["purelib"]) / "zz_behind.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    constraints = home / "constraints.txt"
    constraints.write_text(f"torch=={version('torch').partition('+')[0]}\n")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, *library.requirements],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise DependencyUnavailable(
            f"{library.name} could not be installed beside",
            expected="its packages from the package index",
            found=(done.stderr.strip().splitlines() or ["no message"])[-1],
            remedy="Run it where the index is reachable, or without --beside.",
        )
    complete.write_text(wanted)
    return python


def ingest_with(library: Library, python: Path, source: Path, model: Path, url: str, schema: str) -> Taken:
    """Take a folder in with a library, into a schema that exists. Raises RuntimeError with what its process said last."""
    script = SCRIPTS / library.script
    done = subprocess.run(
        [python, script, "--source", source, "--model", model, "--url", url, "--schema", schema],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONSAFEPATH": "1", "PYTHONPATH": ""},
    )
    if done.returncode:
        raise RuntimeError(f"{library.name}: {done.stderr.strip()[-2_000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if not said["hits"]:
        raise RuntimeError(f"{library.name}: nothing could be found afterwards")
    return Taken(library.name, said["version"], said["seconds"], said["reads"])
