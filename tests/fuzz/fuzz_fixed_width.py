"""Coverage-guided fuzzing of the fixed-width parser: `python -m tests.fuzz.fuzz_fixed_width --seconds 20`.

It starts from returns that the generator writes and looks for bytes that raise, that give a field outside the text, or that
take longer than a second. The corpus lives in a temporary folder. The exit code is not 0 where something was found.
"""

import argparse
import multiprocessing
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["compliance_assets.normalised_documents.fixed_width"]):
    from compliance_assets.normalised_documents import fixed_width

from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden import render_fixed_width
from tests.evals.golden.small_declaration import small_declaration


def check(data: bytes) -> None:
    """One input: an outcome, with every span inside its text and on one line."""
    outcome = fixed_width.parse(data)
    if isinstance(outcome, Parsed) and outcome.filing is not None:
        for field in outcome.filing.fields:
            assert 0 <= field.start < field.end <= len(outcome.text), field.key
            assert "\n" not in outcome.text[field.start : field.end], field.key


def write_seeds(folder: Path) -> None:
    """One valid return of each layout and category."""
    for year in sorted(render_fixed_width.YEARS):
        for category in ("completa", "simplificada"):
            seed = render_fixed_width.render(small_declaration(category, year)).data
            (folder / f"{year}-{category}").write_bytes(seed)


def fuzz(corpus: str, seconds: int, seed: int) -> None:
    """Ends the process: 0 when the time is over, otherwise after a stack trace and the input that was found."""
    limits = [f"-max_total_time={seconds}", "-max_len=16384", "-timeout=1", "-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], corpus, f"-seed={seed}", f"-artifact_prefix={corpus}/", *limits], check)
    atheris.Fuzz()


def main() -> int:
    """Fuzz for the given time in a process of its own, so that the corpus is always cleared away."""
    arguments = argparse.ArgumentParser(description="Coverage-guided fuzzing of the fixed-width parser.")
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        write_seeds(Path(corpus))
        worker = multiprocessing.get_context("spawn").Process(target=fuzz, args=(corpus, options.seconds, options.seed))
        worker.start()
        worker.join()
        return abs(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
