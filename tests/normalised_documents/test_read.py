"""A mail and what lies in it, through the parser pool and into the database."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from compliance_assets import commands
from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents import read
from compliance_assets.normalised_documents import store as document_store


def mail(subject: str, *attachments: tuple[str, bytes] | EmailMessage) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content(f"{subject}: ano-calendário 2021.")
    for attachment in attachments:
        if isinstance(attachment, EmailMessage):
            message.add_attachment(attachment)
        else:
            message.add_attachment(attachment[1], "application", "octet-stream", filename=attachment[0])
    return message


def documents(deployment: Deployment) -> dict[str, tuple[str, str | None, str]]:
    with deployment.postgres.connect() as conn:
        rows = conn.execute("SELECT part, state, reason, document_format, parent_id IS NULL FROM compliance.documents")
        found = {part: (state, reason, name) for part, state, reason, name, top in rows if top == (part == "")}
    return found


def test_each_attachment_is_a_document_of_its_own_with_its_own_state(deployment: Deployment, tmp_path: Path) -> None:
    inner = mail("inner", ("note.txt", b"Fiscal year 2021 was calm."))
    outer = mail("outer", ("broken.pdf", b"%PDF-1.7 nothing"), inner)
    (tmp_path / "a.eml").write_bytes(bytes(outer))

    report = commands.ingest(deployment, str(tmp_path))

    assert documents(deployment) == {
        "": ("ok", None, "email"),
        "1": ("rejected", documents(deployment)["1"][1], "pdf"),
        "2": ("ok", None, "email"),
        "2.1": ("ok", None, "text"),
    }
    assert report.checks_passed
    assert (report.files, report.documents) == (1, {"ok": 3, "rejected": 1})
    assert [row["path"] for row in report.not_ok] == ["a.eml#1"]
    with deployment.postgres.connect() as conn:
        assert document_store.attachment_counts(conn) == (3, 3)
        assert {"format": "email", "ok": 2, "needs_human": 0, "rejected": 0} in document_store.counts_by_format(conn)
        digests = conn.execute("SELECT object_sha256 FROM compliance.documents").fetchall()
    assert all(deployment.objects.get(digest) for (digest,) in digests)


def test_reading_again_reads_nothing_and_a_removed_mail_takes_its_attachments_along(
    deployment: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "a.eml").write_bytes(bytes(mail("outer", ("note.txt", b"Fiscal year 2021 was calm."))))
    commands.ingest(deployment, str(tmp_path))

    assert commands.ingest(deployment, str(tmp_path)).documents_read == 0
    (tmp_path / "a.eml").unlink()
    commands.ingest(deployment, str(tmp_path))

    with deployment.postgres.connect() as conn:
        assert document_store.attachment_counts(conn) == (0, 0)
        assert conn.execute("SELECT count(*) FROM compliance.documents WHERE live").fetchone() == (0,)


def test_mails_within_mails_end_at_a_depth_that_is_named(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_LEVELS", 2)
    (tmp_path / "a.eml").write_bytes(bytes(mail("0", mail("1", mail("2", ("3.txt", b"Fiscal year 2021"))))))

    commands.ingest(deployment, str(tmp_path))

    assert documents(deployment)["1.1"] == ("rejected", "too_deep: inside 2 others", "unknown")
    assert "1.1.1" not in documents(deployment)
