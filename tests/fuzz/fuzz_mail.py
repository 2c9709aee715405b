"""Coverage-guided fuzzing of mails and of the filings in them: `python -m tests.fuzz.fuzz_mail --seconds 20`.

Seeds are mails of the generator. A finding is an exception that leaves the parser, or text whose spans are not exact; it
ends the process with an exit code other than 0 and leaves the input in the working directory.
"""

import argparse
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["compliance_assets", "email"]):
    from compliance_assets.normalised_documents import mail
    from compliance_assets.normalised_documents.filings.in_mail import read_filing
    from compliance_assets.normalised_documents.parsed import Parsed, clean

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden.declaration import Declaration, Person
from evals.golden.render_email import VARIANTS, render

_SEED = Declaration(
    calendar_year=2023,
    category="simplificada",
    return_type="original",
    corrected_receipt=None,
    taxpayer=Person("ANA LIMA", "22222222303", date(1980, 1, 2)),
    occupation="",
    city="",
    state="",
    payers=(),
    dependants=(),
    payments=(),
    stated={Field.TAXABLE_INCOME: Decimal("1000.00"), Field.TAX_DUE: Decimal("0.00")},
)


def one_input(data: bytes) -> None:
    """Any bytes are an outcome whose text is canonical and whose spans lie in it."""
    outcome = mail.parse(data, read_filing)
    if isinstance(outcome, Parsed):
        assert outcome.text
        assert outcome.page_ends == (len(outcome.text),)
        assert clean(outcome.text) == outcome.text
        for located in outcome.filing.fields if outcome.filing else ():
            assert 0 <= located.start < located.end <= len(outcome.text)


def main() -> None:
    """Fuzz for a time; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as corpus:
        for variant in range(VARIANTS):
            (Path(corpus) / str(variant)).write_bytes(render(_SEED, variant).data)
        options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *options, corpus], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
