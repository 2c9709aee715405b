"""115 mails of mail libraries' own tests: each is read as its reader would see it, or refused with a reason.

The reference is another reading, that of the standard library's default policy: header for header, and every attached file
by its hash. It names no forwarded messages and no files without a name, which are documents here.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.normalised_documents import mail
from compliance_assets.normalised_documents.filings.in_mail import read_filing
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal

MAILS = Path(__file__).parents[2].parent / "shared" / "data" / "emails"
pytestmark = pytest.mark.skipif(not MAILS.exists(), reason=f"the mails are not at {MAILS}")

# Nobody could read these either: they hold headers alone.
NOTHING_TO_READ = {"enmime__malformed-content-type-params", "flanker__false-multipart"}
LONGEST_HEADER = 16 * 1024


@dataclass(frozen=True)
class Mail:
    name: str
    labels: frozenset[str]
    reference: dict[str, Any]
    outcome: Outcome
    seconds: float


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    read = []
    for line in (MAILS / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        data = (MAILS / row["file"]).read_bytes()
        started = time.perf_counter()
        outcome = mail.parse(data, read_filing)
        seconds = time.perf_counter() - started
        name = Path(row["file"]).stem
        read.append(
            Mail(name, frozenset(row["expected_property"]), row["reference_parse_cpython311"], outcome, seconds)
        )
    return read


def shown(mail: Mail, header: str) -> str | None:
    assert isinstance(mail.outcome, Parsed)
    head = mail.outcome.text.partition("\n\n")[0].splitlines()
    return next((line.partition(": ")[2] for line in head if line.startswith(f"{header}: ")), None)


def test_all_are_read_but_those_that_hold_nothing(mails: list[Mail]) -> None:
    assert len(mails) == 115
    refused = {mail.name: mail.outcome.reason for mail in mails if isinstance(mail.outcome, Refusal)}
    assert refused == dict.fromkeys(NOTHING_TO_READ, "empty")


def test_headers_are_those_of_the_reference_where_it_could_decode_them(mails: list[Mail]) -> None:
    compared, differing = 0, []
    for mail_ in (mail_ for mail_ in mails if isinstance(mail_.outcome, Parsed)):
        for header, key in (("Subject", "subject"), ("From", "from_"), ("To", "to")):
            expected = " ".join((mail_.reference[key] or "").split())
            if expected and "\ufffd" not in expected and len(expected) < 300:
                compared += 1
                if (shown(mail_, header) or "")[: len(expected)] != expected:
                    differing.append((mail_.name, header))
    print(f"{compared - len(differing)} of {compared} headers are as in the reference; not: {differing}")
    assert compared > 200
    assert len(differing) <= 0.05 * compared


def test_every_attached_file_of_the_reference_is_there_byte_for_byte(mails: list[Mail]) -> None:
    for mail_ in mails:
        attachments = mail_.outcome.attachments if isinstance(mail_.outcome, Parsed) else ()
        digests = [hashlib.sha256(attachment.data).hexdigest()[:16] for attachment in attachments]
        expected = [attachment["sha256_16"] for attachment in mail_.reference["attachments"]]
        assert [digest for digest in digests if digest in expected] == expected, mail_.name
        if not any(attachment.name.startswith(("message-", "part-")) for attachment in attachments):
            beyond = set(digests) - set(expected)
            assert not beyond or mail_.name.startswith(("flanker__enclosed", "flanker__message-external")), mail_.name


def test_deep_huge_and_broken_mails_cost_little(mails: list[Mail]) -> None:
    hard = [mail for mail in mails if mail.labels & {"malformed", "malformed_huge_nested", "deeply_nested"}]
    assert len(hard) == 25
    assert max(mail.seconds for mail in hard) < 2


def test_no_mail_about_something_else_is_a_filing(mails: list[Mail]) -> None:
    assert [mail.name for mail in mails if isinstance(mail.outcome, Parsed) and mail.outcome.filing] == []
