import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from compliance_assets.audit_ledger.content import Content
from compliance_assets.evidence.dossier.files import dossier_files
from tests.evidence.dossier.made import CITED_OF_POLICY, QUESTION, SIGNER, made, made_files

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">&amp;"\''


class Reader(HTMLParser):
    """What a browser would see: elements, links, ids and the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.attributes if each == name]


def page_of(**changes: object) -> Reader:
    """The report of the hand-made dossier with parts of the sealed content replaced."""
    _, evidence, pages = made()
    content = {**json.loads(evidence.content.text), **changes}
    files = dossier_files(replace(evidence, content=Content(json.dumps(content), evidence.content.salt)), pages)
    return Reader(files["report.html"].decode())


def test_the_page_says_question_answer_quotes_hits_versions_approvals_and_proof() -> None:
    page = Reader(made_files()["report.html"].decode())

    for said in (
        QUESTION,
        "As declarações guardam-se por dez anos.",
        CITED_OF_POLICY,
        "Política de retenção",
        "house/extractive@1",
        "Conferido com a declaração. Está correto.",
        "revisora",
        "3 of 6",
        SIGNER.verifier.vkey,
        "verify.py",
    ):
        assert said in page.text, said


def test_the_page_asks_for_nothing_from_outside_and_runs_nothing() -> None:
    page = Reader(made_files()["report.html"].decode())

    assert page.elements.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    assert all(source.startswith("data:image/png;base64,") for source in page.values("src"))
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "url(" not in made_files()["report.html"].decode()


def test_every_link_leads_somewhere_in_the_dossier() -> None:
    page, files = Reader(made_files()["report.html"].decode()), made_files()
    anchors = {f"#{anchor}" for anchor in page.values("id")}

    assert page.values("href")
    assert {link for link in page.values("href") if link not in files} <= anchors


def test_each_citation_is_linked_from_the_answer_to_the_image_of_its_page() -> None:
    html = made_files()["report.html"].decode()

    for number in (1, 2):
        assert f'<sup><a href="#citation-{number}">[{number}]</a></sup>' in html
        block = re.search(rf'id="citation-{number}">.*?</div>\n</div>', html, re.DOTALL)
        assert block
        (anchor,) = re.findall(r'href="#(page-[^"]+)"', block[0])
        assert f'id="{anchor}"' in html


def test_what_a_document_or_a_model_says_is_text_and_never_markup() -> None:
    _, evidence, _ = made()
    envelope = json.loads(evidence.content.text)["response_envelope"]
    envelope["response_segments"][0]["text"] = HOSTILE
    envelope["citations"][0]["quote"] = HOSTILE
    hits = json.loads(evidence.content.text)["hits"]
    hits[0]["doc_title"] = HOSTILE
    page = page_of(
        response_envelope=envelope, hits=hits, reason=HOSTILE, outcome=HOSTILE,
        input={"question": HOSTILE, "year": 2023, "filer_category": HOSTILE, "opt_in_years": [2022]},
    )  # fmt: skip

    assert "script" not in page.elements
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 6


def test_an_undecided_question_says_that_it_waits_for_a_person() -> None:
    _, evidence, _ = made()
    content = json.loads(evidence.content.text)
    envelope = {**content["response_envelope"], "response_segments": [], "citations": [], "decision": "not_decided"}
    lineage = {**content["lineage"], "cited_chunks": []}
    page = page_of(
        response_envelope=envelope, lineage=lineage, hits=[], outcome="review", reason="no_documents_in_scope"
    )

    assert "waits for a person" in page.text
    assert "No document was in scope." in page.text
    assert "Nothing is cited." in page.text
