"""A dossier made by hand, by the very code that makes one from the tables: a printed return and a policy, two citations,
and two later entries. No database."""

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from compliance_assets.audit_ledger import checkpoint, merkle, note
from compliance_assets.audit_ledger.chain import Draft, Entry, Head, leaf_of, link, unplaced
from compliance_assets.audit_ledger.chain import NewEntry as New
from compliance_assets.audit_ledger.content import Content, SubjectKey, seal, unseal
from compliance_assets.contracts.canonical import canonical_json, content_id, sha256_hex
from compliance_assets.contracts.envelope import RawPage
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.contracts.release import Release
from compliance_assets.evidence.dossier.files import Evidence, dossier_files, entry_as_json
from compliance_assets.evidence.dossier.page_images import CitedPage, images_of
from compliance_assets.evidence.dossier.report import CitedPageFigures, Figure
from compliance_assets.model_decisions.decide import Evidence as RetrievedEvidence
from compliance_assets.model_decisions.decide import SourceDocument, decide
from compliance_assets.model_decisions.record import ledger_body, ledger_content
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed
from compliance_assets.year_index.parameters import CODE_VERSION, RULE, IndexIdentity, IndexParameters
from compliance_assets.year_index.retrieved import Retrieved
from evals.golden.declaration import Declaration
from evals.golden.layouts import layout_named
from evals.golden.plans import plans_of
from evals.golden.render_page import render_pdf
from resources.clock import rfc3339
from resources.providers import Completion
from tests.model_decisions.builders import FakeWorld, circumstances

ORGANIZATION = "0b1f3a52-6f0e-4f0a-9a53-0d6c5f1d7a11"
ORIGIN = f"compliance-assets/ledger/{ORGANIZATION}"
SIGNER = note.Signer(ORIGIN, bytes(range(32)))
NOW = datetime(2025, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
QUESTION = "Qual é o imposto devido, e o que dispõe a política sobre a retenção?"
POLICY = (
    "# Política de retenção\n\nAs declarações são guardadas por dez anos — “sem exceção”.\n\n"
    "A revisão é anual. Àquele que pedir, responde-se em 15 dias: 𝔲𝔪𝔞 só vez. 🦜\n"
)
CITED_OF_POLICY = "As declarações são guardadas por dez anos — “sem exceção”."
RELEASE = Release(
    prompt_version="ddq.draft_response@1", threshold_version=None, router_map="r" * 64, policy_bundle=None,
    chunker="tokens-256-40", embedder_digest="e" * 64, index_parameters="i" * 64, golden_set=None, code_version="2",
)  # fmt: skip
INDEX = IndexIdentity(
    organization_id=ORGANIZATION, year=2023, embedder="hash-384", embedder_digest="e" * 64, dimension=384,
    chunker_version="tokens-256-40", corpus_digest="c" * 64, rule_digest=RULE.digest,
)  # fmt: skip


class Saying:
    """A provider that always says the same."""

    model = "house/extractive@1"

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, prompt: str) -> Completion:
        return Completion(self.text, self.model, "house", 1, 0.0123456)


@dataclass
class _Texts(FakeWorld):
    """The world of the made decision: its two documents whole."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> RetrievedEvidence:
        found = super().retrieve(item, question, scope, sources)
        vector = base64.b64encode(bytes(768)).decode()
        return replace(found, index_version=INDEX.version, query_vector=vector)

    def source(self, doc_id: str, start: int, end: int) -> str:
        return self.texts[doc_id][start:end]


@functools.cache
def filing() -> tuple[bytes, Parsed]:
    """A printed return and how it is read."""
    plan = next(p for p in plans_of("golden") if p.format == "pdf")
    declaration: Declaration = plan.declaration()
    data = render_pdf(declaration, layout_named(plan.layout)).data
    parsed = parse(data)
    assert isinstance(parsed, Parsed)
    return data, parsed


def line_of(text: str, word: str) -> tuple[int, int]:
    """The span of the line in which a word stands."""
    at = text.index(word)
    return text.rfind("\n", 0, at) + 1, text.index("\n", at)


@functools.cache
def made_files() -> dict[str, bytes]:
    """Every file of the dossier."""
    _, evidence, pages = made()
    return dossier_files(evidence, pages)


@functools.cache
def made() -> "tuple[Ledger, Evidence, tuple[CitedPageFigures, ...]]":
    """The ledger, what there is of its decision, and the images."""
    data, parsed = filing()
    texts = {content_id("doc", "filing"): parsed.text, content_id("doc", "policy"): POLICY}
    filing_id, policy_id = texts
    ends = {filing_id: parsed.page_ends, policy_id: (len(POLICY),)}
    titles = {filing_id: "Declaração de ajuste anual", policy_id: "Política de retenção"}
    spans = {filing_id: line_of(parsed.text, "IMPOSTO DEVIDO I"), policy_id: _span(POLICY, CITED_OF_POLICY)}
    index = INDEX.version
    hits = []
    for rank, (doc_id, text) in enumerate(texts.items(), start=1):
        first, last = max(0, spans[doc_id][0] - 60), min(ends[doc_id][0], spans[doc_id][1] + 40)
        method = RetrievalMethod(
            embedder="hash-384", embedder_digest="e" * 64, index_version=index, mode="dense",
            scope=WorkItem("ddq.draft_response", 2023, QUESTION).scope, opt_in_years=(),
        )  # fmt: skip
        hit = Hit(
            rank=rank, chunk_id=content_id("ck", doc_id), doc_id=doc_id, doc_title=titles[doc_id], page=1,
            char_range=(first, last), embedding_score=0.8123456789 / rank, lexical_score=None,
            score=0.8123456789 / rank, method=method,
        )  # fmt: skip
        hits.append(Retrieved(hit, text[first:last]))
    answer = {
        "decision": "answered",
        "confidence": 0.9,
        "segments": [
            {"text": "O imposto devido está declarado no quadro “Imposto devido”.", "cited_chunk_ids": [hits[0].hit.chunk_id]},
            {"text": "As declarações guardam-se por dez anos.", "cited_chunk_ids": [hits[1].hit.chunk_id]},
        ],
        "citations": [
            {"chunk_id": hit.hit.chunk_id, "quote": texts[hit.hit.doc_id][slice(*spans[hit.hit.doc_id])]} for hit in hits
        ],
    }  # fmt: skip
    sources = [
        SourceDocument(doc_id, 2023, titles[doc_id], sha256_hex(text), hashlib.sha256(data).hexdigest())
        for doc_id, text in texts.items()
    ]
    world = _Texts(Saying(json.dumps(answer)), hits, sources, texts=texts)
    at = circumstances(release=RELEASE, index_version=index, now=NOW, salt=bytes(range(16)))
    decision = decide(WorkItem("ddq.draft_response", 2023, QUESTION, item_id="q-17"), at, world)
    assert decision.outcome == "decided", decision.reason
    ledger = Ledger()
    for number in range(2):
        ledger.append(
            New(
                2023, "pointer", rfc3339(NOW), "compliance-assets", f"p{number}", {"pointer": "x", "value": str(number)}
            )
        )
    entry = ledger.append(
        New(2023, "decision", rfc3339(NOW), "compliance-assets", decision.envelope.response_id, ledger_body(decision),
            ledger_content(decision))
    )  # fmt: skip
    reviewed = ledger.append(
        New(2023, "oversight", rfc3339(NOW + timedelta(hours=2)), "revisora", entry.subject_id,
            {"seq": entry.seq, "state": "accepted"}, {"note": "Conferido com a declaração. Está correto."})
    )  # fmt: skip
    ledger.append(New(0, "hold", rfc3339(NOW), "compliance-assets", "hold_1", {"hold_id": "hold_1"}))
    amended = ledger.append(
        New(2023, "amendment", rfc3339(NOW + timedelta(days=1)), "compliance-assets", "amendment_1",
            {"seq": entry.seq, "text": "A taxa foi publicada outra vez; a resposta não muda."})
    )  # fmt: skip
    envelope = decision.envelope.model_dump(mode="json")
    pages = []
    for number, citation in enumerate(envelope["citations"], start=1):
        doc_id = citation["doc_id"]
        cited = CitedPage(
            texts[doc_id], RawPage(page=1, char_start=0, char_end=ends[doc_id][0], origin="text_layer"),
            (tuple(citation["char_range"]),), "application/pdf" if doc_id == filing_id else "text/markdown", None,
        )  # fmt: skip
        images = images_of(cited, data, OcrSettings(engine="none"))
        names = [f"pages/{doc_id}-p1.png", f"pages/{doc_id}-p1-text.png"]
        figures = tuple(Figure(name, image.png, image.caption) for name, image in zip(names, images, strict=False))
        pages.append(CitedPageFigures(doc_id, titles[doc_id], 1, (number,), figures))
    return (
        ledger,
        Evidence(
            entry=entry,
            content=ledger.opened[entry.seq],
            later=[ledger.later(each) for each in (reviewed, amended)],
            tree_size=len(ledger.entries),
            root=ledger.root,
            checkpoint=ledger.checkpoint(SIGNER),
            proof=ledger.proof(entry),
            vkey=SIGNER.verifier.vkey,
            texts=texts,
            versions=_versions(envelope, decision.release.release_id, titles, data),
        ),
        tuple(pages),
    )


class Ledger:
    """A chain and a tree in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.opened: dict[int, Content] = {}

    def append(self, new: New) -> Entry:
        key = SubjectKey("5e6f", b"k" * 32)
        sealed, commitment, body = None, None, new.body
        if new.content is not None:
            text = canonical_json(new.content).decode()
            sealed, commitment = seal(text, [key], ORGANIZATION, new.subject_id)
            body = {**body, "sealed_under": [key.key_id]}
        head = Head(self.entries[-1].seq, self.entries[-1].entry_hash) if self.entries else Head()
        draft = Draft(new, canonical_json(body).decode(), sealed, commitment)
        entry = link(head, unplaced(draft, ORGANIZATION, "k1"), b"chain key")
        if sealed is not None:
            self.opened[entry.seq] = unseal(sealed, [key], ORGANIZATION, new.subject_id)
        self.entries.append(entry)
        return entry

    @property
    def leaves(self) -> list[bytes]:
        return [leaf_of(entry) for entry in self.entries]

    @property
    def root(self) -> bytes:
        return merkle.root_of(self.leaves)

    def complete(self, level: int, start: int, end: int) -> list[bytes]:
        assert level == 0
        return self.leaves[start:end]

    def checkpoint(self, signer: note.Signer) -> str:
        return checkpoint.sign(checkpoint.Checkpoint(ORIGIN, len(self.entries), self.root), signer)

    def proof(self, entry: Entry) -> dict[str, object]:
        hashes = merkle.inclusion_proof(entry.seq - 1, len(self.entries), self.complete)
        encoded = [base64.b64encode(each).decode() for each in hashes]
        return {"leaf_index": entry.seq - 1, "tree_size": len(self.entries), "hashes": encoded}

    def later(self, entry: Entry) -> dict[str, object]:
        opened = self.opened.get(entry.seq)
        return {
            "entry": entry_as_json(entry),
            "proof": self.proof(entry),
            "content": opened.text if opened else None,
            "salt": opened.salt.hex() if opened else None,
        }


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """The dossier as a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def with_sums(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with a list of digests that fits them, as a forger would make it."""
    others = {name: data for name, data in files.items() if name != "SHA256SUMS"}
    sums = "".join(f"{sha256_hex(data)}  {name}\n" for name, data in sorted(others.items()))
    return {**others, "SHA256SUMS": sums.encode()}


def edited(files: dict[str, bytes], name: str, edit: Callable[[object], object]) -> dict[str, bytes]:
    """The files with the JSON of one of them edited in place, and fitting digests."""
    value = json.loads(files[name])
    changed = edit(value)
    return with_sums({**files, name: json.dumps(value if changed is None else changed, ensure_ascii=False).encode()})


def drawn_places(seed: int, count: int, files: dict[str, bytes]) -> list[tuple[str, int, int]]:
    """(file, offset, bit) of random changes, each file as often as any other."""
    rng, names = Random(seed), sorted(files)
    chosen = [names[n % len(names)] for n in range(count)]
    return [(name, rng.randrange(len(files[name])), rng.randrange(8)) for name in chosen]


def _span(text: str, quote: str) -> tuple[int, int]:
    at = text.index(quote)
    return at, at + len(quote)


def _versions(envelope: dict[str, object], release_id: str, titles: dict[str, str], data: bytes) -> dict[str, object]:
    return {
        "release_id": release_id,
        "release": RELEASE.model_dump(mode="json"),
        "model": envelope["model"],
        "prompt_template": _template(),
        "indexes": [
            {
                "index_version": INDEX.version, "year": 2023, "embedder": "hash-384", "embedder_digest": "e" * 64,
                "precision_used": "halfvec", "dimension": 384, "chunker_version": INDEX.chunker_version,
                "corpus_digest": "c" * 64, "document_count": 2, "chunk_count": 2,
                "parameters": INDEX.recorded(IndexParameters("exact")), "code_version": CODE_VERSION,
            }
        ],
        "documents": [
            {
                "doc_id": doc_id, "title": title, "object_sha256": hashlib.sha256(data).hexdigest(),
                "media_type": "application/pdf", "normaliser": "pypdfium2", "normaliser_version": "2", "ocr_engine": "",
            }
            for doc_id, title in titles.items()
        ],
    }  # fmt: skip


def _template() -> dict[str, str]:
    from compliance_assets.model_decisions.workloads import workload_named

    workload = workload_named("ddq.draft_response")
    return {
        "name": workload.template,
        "version": workload.template_version,
        "sha256": sha256_hex(workload.template_text),
    }
