"""What a filing says of a person is kept in the database, and neither in what Dagster keeps nor on the terminal."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from compliance_assets import commands, metadata
from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.values import is_valid_taxpayer_id
from evals.golden.declaration import Anomaly
from evals.golden.generate import FROZEN
from evals.golden.golden_set import FORMATS, plan_of, read_rows, render_row
from tests.small_corpus import new_deployment

PERSONAL = (Kind.CPF, Kind.CPF_OR_CNPJ, Kind.TEXT, Kind.RECEIPT, Kind.AMOUNT)
REPOSITORY = Path(__file__).parents[2]
AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}|[0-9.]+,[0-9]{2}")
LEAST_TELLING_AMOUNT = 1_000  # a smaller one is a number like many others


TAKE_IN = """
import sys
from pathlib import Path
from compliance_assets import commands
from compliance_assets.deployment import Deployment
from resources.progress import Terminal
from resources.settings import Settings
with Terminal() as progress:
    commands.demo(Deployment(Settings.from_environment(), progress=progress), sys.argv[1], Path(sys.argv[2]))
"""


@dataclass(frozen=True)
class TakenIn:
    """A folder that was taken in: what Dagster kept of it, what was told on the terminal, what may be in neither."""

    deployment: Deployment
    kept: str
    told: str
    cpf: str
    personal: frozenset[str]


@pytest.fixture(scope="module")
def taken_in(database_url: str, session_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> TakenIn:
    """Filings that name a person in their file's name, too: read, indexed, and a question about one of them decided."""
    folder = tmp_path_factory.mktemp("filings")
    rows = _filings()
    for number, row in enumerate(rows):
        (folder / _file_name(row, number)).write_bytes(render_row(row).data)
    known = next(row for row in rows if row["format"] == "fixed_width")
    cpf, name = known["fields"]["taxpayer_id"]["value"], known["fields"]["name"]["value"]
    _write_what_is_broken(folder, known)
    _write_manifest(folder, cpf, name)
    questions = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    question = f"Qual é o imposto devido de {name}, CPF {_formatted(cpf)}?"
    questions.write_text(json.dumps({"id": "q", "question": question, "year": known["year"], "filer_category": None}))

    deployment = new_deployment(database_url, session_dir)
    done = subprocess.run(
        [sys.executable, "-c", TAKE_IN, str(folder), str(questions)],
        env={**os.environ, **_environment(deployment)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    personal = frozenset(value for row in rows for value in _personal(row))
    return TakenIn(deployment, _kept(deployment), done.stdout + done.stderr, cpf, personal)


def test_documents_of_every_state_and_format_and_a_decision_were_there_to_be_logged(taken_in: TakenIn) -> None:
    with taken_in.deployment.postgres.connect() as conn:
        states = conn.execute("SELECT state, part, metadata->>'document_format' FROM compliance.documents").fetchall()
        decisions = conn.execute("SELECT count(*) FROM compliance.decisions").fetchone()

    assert {state for state, _, _ in states} == {"ok", "needs_human", "rejected"}
    assert {kind for state, _, kind in states if state == "ok"} >= {"pdf", "xml", "fixed_width", "email"}
    assert any(part for _, part, _ in states), "the file inside the mail"
    assert decisions is not None
    assert decisions[0] > 1, "a question, and the triage of every filing that was read"
    assert len(taken_in.personal) > 100


def test_dagster_keeps_nothing_personal(taken_in: TakenIn) -> None:
    assert _found(taken_in.personal, taken_in.kept) == []


def test_the_terminal_is_told_how_far_it_is_and_nothing_personal(taken_in: TakenIn) -> None:
    assert "documents read: " in taken_in.told
    assert _found(taken_in.personal, taken_in.told) == []


@pytest.mark.parametrize(
    "kept",
    [
        "***-IRPF-A-2023-2022-06-ORIGI.eml",
        "declaração *** 5.xml",
        "metade-***.DEC",
        "check_failed: taxpayer_check_digits",
        "missing_field: corrected_receipt",
        "fixed_width",
    ],
)
def test_dagster_keeps_which_files_wait_and_why_with_the_cpf_masked(taken_in: TakenIn, kept: str) -> None:
    """What the same search finds in the same bytes."""
    assert _found({kept}, taken_in.kept) == [kept]


def test_the_database_has_what_the_log_has_not(taken_in: TakenIn) -> None:
    with taken_in.deployment.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT p.path || ' ' || d.title || ' ' || d.raw_text || ' ' || d.metadata::text"
            " FROM compliance.documents d JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id"
        ).fetchall()
    found = _found(taken_in.personal, "\n".join(row[0] for row in rows))

    assert taken_in.cpf in found
    assert len(found) > 0.8 * len(taken_in.personal), "a scan is not read to the letter"


def test_a_name_of_a_file_that_is_not_masked_would_be_found(
    database_url: str, session_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "22222222303-IRPF-A-2020-2019-ORIGI.DEC").write_bytes(b"")
    monkeypatch.setattr(metadata, "masked", lambda text: text)
    deployment = new_deployment(database_url, session_dir)

    commands.ingest(deployment, str(tmp_path))

    assert _found({"22222222303"}, _kept(deployment)) == ["22222222303"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the tax is 1234.56 for", ["1234.56"]),
        ('{"a":"1234.56"}', ["1234.56"]),
        ('{"timestamp": 1795241234.567}', []),
        ("for Ana da lima,", ["ANA DA LIMA"]),
    ],
)
def test_the_search_takes_an_amount_for_itself_and_not_for_a_part_of_a_number(text: str, found: list[str]) -> None:
    assert _found({"1234.56", "ANA DA LIMA"}, text) == found


def _environment(deployment: Deployment) -> dict[str, str]:
    settings = deployment.settings
    return {
        "COMPLIANCE_DATABASE_URL": settings.database_url or "",
        "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
        "COMPLIANCE_DATA_DIR": str(settings.data_dir),
        "COMPLIANCE_YEARS": f"{settings.years[0]}-{settings.years[-1]}",
        "COMPLIANCE_EMBEDDER": settings.embedder,
    }


def _filings() -> list[dict[str, Any]]:
    """Of each format one that can be read; then some that have to wait for a person."""
    served = [row for row in read_rows(FROZEN["golden"]) if row["year"] in range(2018, 2025)]
    readable = [next(r for r in served if r["format"] == kind and not r["anomalies"]) for kind in FORMATS]
    of_nobody = [r for r in served if not is_valid_taxpayer_id(r["fields"]["taxpayer_id"]["value"])]
    lacking = next(
        r for r in served if r["format"] == "email" and Anomaly.RETIFICADORA_WITHOUT_RECEIPT in r["anomalies"]
    )
    return [*readable, *of_nobody[:3], lacking]


def _file_name(row: dict[str, Any], number: int) -> str:
    """As the official program names it, or as people do."""
    cpf, year, suffix = row["fields"]["taxpayer_id"]["value"], row["year"], Path(row["path"]).suffix
    if number % 2:
        return f"declaração {_formatted(cpf)} {number}{suffix}"
    return f"{cpf}-IRPF-A-{year + 1}-{year}-{number:02d}-ORIGI{suffix}"


def _write_what_is_broken(folder: Path, row: dict[str, Any]) -> None:
    """A return cut in half, a mail that brings one, and files that cannot be read."""
    data, cpf, name = render_row(row).data, row["fields"]["taxpayer_id"]["value"], row["fields"]["name"]["value"]
    person = f"{name} {cpf} {_formatted(cpf)}".encode()
    (folder / f"metade-{cpf}.DEC").write_bytes(data[: len(data) // 2])
    (folder / f"{cpf}-a.xml").write_bytes(b"<?xml version='1.0'?><declaracao><cpf>" + person + b"</CPF>")
    (folder / f"{cpf}-b.xml").write_bytes(
        b"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY e '" + person + b"'>]><d>&e;</d>"
    )
    (folder / f"{cpf}-c.pdf").write_bytes(b"%PDF-1.7\n1 0 obj (" + person + b")\n")
    (folder / f"{cpf}-d.bin").write_bytes(bytes(range(256)) + person)
    (folder / f"{cpf}-e.txt").write_bytes(b"")
    (folder / f"{cpf}-f.txt").write_bytes(b"Nota sobre " + person)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.com", "b@example.com", f"IRPF de {name}, {cpf}"
    mail.set_content(f"Segue a declaração de {name}, CPF {_formatted(cpf)}.")
    mail.add_attachment(data[: len(data) // 2], "application", "octet-stream", filename=f"{cpf}.DEC")
    (folder / "mail.eml").write_bytes(mail.as_bytes())


def _write_manifest(folder: Path, cpf: str, name: str) -> None:
    """A row that is right, one of a file that is not there, one that is wrong."""
    rows = [
        {"path": f"{cpf}-f.txt", "title": f"Nota de {name}"},
        {"path": f"{cpf}-gone.pdf", "year": 2020},
        {"path": "mail.eml", "year": cpf},
    ]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))


def _personal(row: dict[str, Any]) -> Iterator[str]:
    """Who the filing is about, who else is in it, and what they earned: in canonical form and as printed."""
    for key, field in row["fields"].items():
        kind = kind_of(Field(key.partition("[")[0]))
        if kind in PERSONAL and (kind is not Kind.AMOUNT or Decimal(field["value"]) >= LEAST_TELLING_AMOUNT):
            yield from (field["value"], field["printed"])
    declaration = plan_of(row).declaration()
    for person in (declaration.taxpayer, *(dependant.person for dependant in declaration.dependants)):
        yield from (person.name, person.cpf, _formatted(person.cpf))


def _formatted(cpf: str) -> str:
    return f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"


def _found(values: frozenset[str] | set[str], text: str) -> list[str]:
    """The values that the text holds, in any case; an amount only where no further digit stands beside it."""
    text = text.casefold()
    return [value for value in sorted(values) if any(_stands_in(form.casefold(), text) for form in _forms(value))]


def _forms(value: str) -> set[str]:
    """As it is, and as JSON writes it."""
    return {value, json.dumps(value)[1:-1]}


def _stands_in(value: str, text: str) -> bool:
    if value not in text or not AMOUNT.fullmatch(value):
        return value in text
    return bool(re.search(rf"(?<![0-9]){re.escape(value)}(?![0-9])", text))


def _kept(deployment: Deployment) -> str:
    """Every byte that Dagster wrote, and its databases' rows: a value may lie across two pages of a file."""
    files = [path for path in deployment.settings.dagster_home.rglob("*") if path.is_file()]
    raw = [path.read_bytes().decode("utf-8", "replace") for path in files]
    assert any(path.suffix == ".db" for path in files)
    return "\n".join(
        [*map(str, files), *raw, *(line for path in files if path.suffix == ".db" for line in _rows(path))]
    )


def _rows(database: Path) -> Iterator[str]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        yield from connection.iterdump()
    finally:
        connection.close()
