import email.message
from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import mail
from compliance_assets.normalised_documents.filings.fields import Filing
from compliance_assets.normalised_documents.parsed import Parsed, Refusal, clean

HEADERS = b"From: Ana <ana@example.com>\nTo: bob@example.com\nSubject: Nota\n"
SHOWN = "From: Ana <ana@example.com>\nTo: bob@example.com\nSubject: Nota\n"


def parsed(data: bytes) -> Parsed:
    outcome = mail.parse(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def body(data: bytes) -> str:
    return parsed(data).text.partition("\n\n")[2]


def refused(data: bytes) -> str:
    outcome = mail.parse(data)
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def multipart(subtype: str, *parts: email.message.Message) -> bytes:
    message = MIMEMultipart(subtype, _subparts=parts)
    message["Subject"] = "Nota"
    return message.as_bytes()


def named(part: email.message.Message, name: str, disposition: str = "attachment") -> email.message.Message:
    part.add_header("Content-Disposition", disposition, filename=name)
    return part


def nested(depth: int) -> bytes:
    lines = [b"Subject: deep"]
    for level in range(depth):
        lines += [b"Content-Type: multipart/mixed; boundary=b%d" % level, b"", b"--b%d" % level]
    return b"\n".join([*lines, b"Content-Type: text/plain", b"", b"bottom"])


def test_a_few_headers_an_empty_line_and_the_body() -> None:
    assert parsed(HEADERS + b"X-Mailer: none\n\nfirst\r\nsecond\n\n\n") == Parsed(
        SHOWN + "\nfirst\nsecond\n", (len(SHOWN) + 14,), "markup", "message/rfc822", "email", "Nota"
    )


def test_the_filing_is_what_the_reader_of_the_text_says() -> None:
    texts = []
    filing = Filing("mail-prose", ())
    outcome = mail.parse(HEADERS + b"\nhi", lambda text: texts.append(text) or filing)
    assert isinstance(outcome, Parsed)
    assert (outcome.filing, texts) == (filing, [outcome.text])


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        (b"=?utf-8?b?RGVjbGFyYcOnw6Nv?= de =?iso-8859-1?q?ma_?= =?iso-8859-1?q?f=E9?=", "Declaração de ma fé"),
        ("Declaração".encode(), "Declaração"),
        ("Declaração".encode("cp1252"), "Declaração"),
        (b"=?utf-8?b?broken", "=?utf-8?b?broken"),
        (b"=?no-such-charset?q?a=E7?=", "aç"),
        (b"folded\n over\n lines", "folded over lines"),
    ],
)
def test_headers_are_decoded(subject: bytes, title: str) -> None:
    assert parsed(b"Subject: " + subject + b"\n\nhi").title == title


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-8", "ação".encode()),
        ("iso-8859-1", "ação".encode("latin-1")),
        ("us-ascii", "ação — não".encode("cp1252")),
        ("utf-8", "a declaração não é válida".encode("cp1252")),
        ("no-such-charset", "ação".encode()),
        ("base64", "ação".encode()),
        ("", "ação".encode()),
    ],
)
def test_a_body_is_decoded_by_its_charset_or_by_its_bytes(charset: str, data: bytes) -> None:
    for kind in (b"plain", b"html"):
        head = HEADERS + b"Content-Type: text/" + kind + f"; charset={charset}\n\n".encode()
        assert "ção" in body(head + data) or "ão" in body(head + data)


def test_html_is_read_as_lines_and_rows() -> None:
    data = HEADERS + b"Content-Type: text/html\n\n<style>x</style><p>one<table><tr><td>a<td>b</table>"
    assert body(data) == "one\na | b\n"


def test_of_alternatives_the_plain_text_is_read_once_and_what_is_attached_is_kept() -> None:
    data = multipart(
        "alternative",
        MIMEText("<p>rich", "html"),
        MIMEText("plain"),
        named(MIMEText("BEGIN", "calendar"), "invite.ics"),
    )
    assert body(data) == "plain\n"
    assert [attachment.name for attachment in parsed(data).attachments] == ["invite.ics"]


def test_an_empty_plain_alternative_gives_way_to_html() -> None:
    assert body(multipart("alternative", MIMEText(" \n"), MIMEText("<p>rich", "html"))) == "rich\n"


def test_a_file_beside_the_html_is_kept_when_the_plain_text_is_read() -> None:
    rich = MIMEMultipart(
        "related", _subparts=[MIMEText("<p>rich", "html"), named(MIMEImage(b"GIF89a", "gif"), "a.gif")]
    )
    assert body(multipart("alternative", MIMEText("plain"), rich)) == "plain\n"
    assert body(multipart("alternative", rich)) == "rich\n"
    assert len(parsed(multipart("alternative", MIMEText("plain"), rich)).attachments) == 1


def test_the_texts_of_a_body_follow_each_other() -> None:
    assert body(multipart("mixed", MIMEText("one"), MIMEText("<b>two", "html"))) == "one\n\ntwo\n"


def test_attached_files_are_documents_with_the_names_that_they_were_given() -> None:
    data = multipart(
        "mixed",
        MIMEText("see"),
        named(MIMEText("a,b", "csv"), "números.csv"),
        named(MIMEImage(b"GIF89a", "gif"), "logo.gif", "inline"),
        named(MIMEText("notes"), "notes.txt", "inline"),
    )
    assert body(data) == "see\n"
    assert [(a.name, a.data) for a in parsed(data).attachments] == [
        ("números.csv", b"a,b"),
        ("logo.gif", b"GIF89a"),
        ("notes.txt", b"notes"),
    ]


def test_a_picture_in_the_text_is_not_attached() -> None:
    assert parsed(multipart("related", MIMEText("<p>see", "html"), MIMEImage(b"GIF89a", "gif"))).attachments == ()


def test_a_forwarded_message_is_attached_byte_for_byte() -> None:
    inner = HEADERS + b"X-Odd:   spacing\t kept\n\n=?not decoded?= \xe7\n--b\nContent-Type: x\n"
    data = HEADERS + b'Content-Type: multipart/mixed; boundary="outer"\n\n--outer\n\nsee\n--outer\n'
    data += b"Content-Type: message/rfc822\n\n" + inner + b"\n--outer--\n"
    (attachment,) = parsed(data).attachments
    assert attachment.name == "message-2.eml"
    assert attachment.data == inner


def test_a_message_inside_messages_costs_one_level_at_a_time() -> None:
    message: email.message.Message = MIMEText("bottom")
    for level in range(60):
        outer = MIMEMultipart()
        outer["Subject"] = str(level)
        outer.attach(MIMEMessage(message) if level else message)
        message = outer
    (attachment,) = parsed(message.as_bytes()).attachments
    assert b"Subject: 58" in attachment.data


def test_a_report_about_a_delivery_is_read() -> None:
    data = HEADERS + b"Content-Type: multipart/report; boundary=b\n\n--b\n\nfailed\n--b\n"
    data += b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; b\nStatus: 5.1.1\n--b--"
    assert body(data) == "failed\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; b\nStatus: 5.1.1\n"


@pytest.mark.parametrize(
    "data",
    [
        HEADERS
        + b"Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nV\n--b--",
        HEADERS + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB",
        HEADERS + b"\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n",
    ],
)
def test_an_encrypted_body_waits_for_a_person(data: bytes) -> None:
    outcome = mail.parse(data)
    assert isinstance(outcome, Refusal)
    assert outcome.state is DocumentState.NEEDS_HUMAN
    assert outcome.reason.startswith("encrypted: ")


def test_a_signature_beside_the_text_is_an_attachment() -> None:
    data = HEADERS + b"Content-Type: multipart/signed; boundary=b\n\n--b\n\nhi\n--b\n"
    data += (
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--'
    )
    assert body(data) == "hi\n"
    assert [attachment.name for attachment in parsed(data).attachments] == ["smime.p7s"]


def test_attachments_alone_make_a_mail() -> None:
    outcome = parsed(multipart("mixed", named(MIMEText("a,b", "csv"), "n.csv")))
    assert (outcome.text, len(outcome.attachments)) == ("Subject: Nota\n", 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (HEADERS, "empty"),
        (HEADERS + b"Content-Type: text/html\n\n<p> </p>", "empty"),
        (b"no header at all", "damaged: no header"),
        (nested(30), "too_large"),
        (nested(400), "too_large"),
        (HEADERS + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 600, "too_large"),
        (HEADERS + b"\n" + b"x" * (97 * 1024 * 1024), "too_large"),
        (HEADERS + b"\n" + b"xyz\n" * 5_100_000, "too_large"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    assert refused(data).startswith(reason)


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\r\n\r\n", b"From ana@example.com Thu Jan  1 00:00:00 2024\n"])
def test_what_mail_programs_leave_before_the_headers_is_skipped(prefix: bytes) -> None:
    assert parsed(prefix + HEADERS + b"\nhi").text == SHOWN + "\nhi\n"


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain;" + b'a="' * 300_000,
        b"Content-Disposition: attachment;" + b"filename*0=x;" * 300_000,
        b"Subject: " + b"=?utf-8?q?x?= " * 300_000,
        b"To: " + b"(" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=" + b"-" * 1_000_000,
    ],
)
@pytest.mark.timeout(10)
def test_hostile_headers_take_no_time(header: bytes) -> None:
    mail.parse(HEADERS + header + b"\n\nhi")


PIECES = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=b\n",
            b'Content-Type: multipart/alternative; boundary="c"\n',
            b"Content-Type: message/rfc822\n",
            b"Content-Type: message/delivery-status\n",
            b"Content-Type: text/html; charset=utf-7\n",
            b"Content-Type: ;;=\n",
            b"Content-Transfer-Encoding: base64\n",
            b"Content-Transfer-Encoding: quoted-printable\n",
            b"Content-Transfer-Encoding: x-uuencode\n",
            b"Content-Disposition: attachment; filename*=utf-8''%ff%\n",
            b"Subject: =?utf-8?b?/w?=\n",
            b"--b\n",
            b"--c\n",
            b"--b--\n",
            b"\n",
            b"begin 644 x\n#0V%T\n`\nend\n",
            b"=E7=\n",
            b"\xff\xfe\x00",
        ]
    )
    | st.binary(max_size=8)
).map(b"".join)


@settings(deadline=None, max_examples=300)
@given(st.binary() | PIECES | PIECES.map(lambda data: HEADERS + data))
def test_any_bytes_become_an_outcome(data: bytes) -> None:
    outcome = mail.parse(data)
    if isinstance(outcome, Parsed):
        assert outcome.page_ends == (len(outcome.text),)
        assert clean(outcome.text) == outcome.text
        assert all(attachment.name for attachment in outcome.attachments)
