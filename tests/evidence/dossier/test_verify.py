import base64
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.audit_ledger import note
from compliance_assets.audit_ledger.chain import NewEntry, leaf_of
from compliance_assets.audit_ledger.content import Content
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.evidence.dossier.files import dossier_files
from compliance_assets.evidence.dossier.verify import verdict_on
from tests.evidence.dossier.made import ORIGIN, SIGNER, Ledger, drawn_places, edited, made, with_sums, write_files

Run = Callable[..., tuple[int, list[str]]]
Files = dict[str, bytes]
IMPOSTOR = note.Signer(ORIGIN, b"another key than the real one is")


def failing(lines: list[str]) -> list[str]:
    """The names of the checks that do not hold."""
    return [line.removeprefix("FALSE: ").split(": expected ")[0] for line in lines[:-1] if line.startswith("FALSE")]


# ── a good dossier ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_dossier_holds_in_its_own_folder_without_arguments(files: Files, run: Run, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "own", files)

    code, lines = run(None, script=folder / "verify.py")

    assert (code, failing(lines)) == (0, [])
    assert lines[-1] == "TRUE: all 33 checks hold"
    assert any(
        line.startswith("note: the key came with the dossier") and SIGNER.verifier.vkey in line for line in lines
    )


def test_a_good_dossier_holds_as_a_zip_with_the_published_key(files: Files, run: Run, tmp_path: Path) -> None:
    code, lines = run(zipped(files, tmp_path), "--key", SIGNER.verifier.vkey)

    assert (code, lines[-1]) == (0, "TRUE: all 34 checks hold")
    assert not any("came with the dossier" in line for line in lines)


def test_it_names_the_digest_that_the_ledger_holds_of_the_dossier(files: Files, run: Run) -> None:
    _, lines = run(files)

    assert any(sha256_hex(files["SHA256SUMS"]) in line for line in lines)


# ── broken ones ──────────────────────────────────────────────────────────────────────────────────────────────────────


def one_byte_of_the_body(files: Files) -> Files:
    return edited(
        files, "entry.json", lambda e: e.update(body=e["body"].replace('"outcome":"decided"', '"outcome":"dedided"'))
    )


def body_with_its_digest(files: Files) -> Files:
    def edit(entry: dict[str, Any]) -> None:
        entry["body"] = entry["body"].replace('"confidence":0.6', '"confidence":0.9')
        entry["body_sha256"] = sha256_hex(entry["body"])

    return edited(files, "entry.json", edit)


def actor(files: Files) -> Files:
    return edited(files, "entry.json", lambda e: e.update(actor="somebody else"))


def unknown_field(files: Files) -> Files:
    return edited(files, "entry.json", lambda e: e.update(approved=True))


def number_as_text(files: Files) -> Files:
    return edited(files, "entry.json", lambda e: e.update(seq=str(e["seq"])))


def proof_hash(files: Files) -> Files:
    return edited(files, "proof.json", lambda p: p["hashes"].__setitem__(0, base64.b64encode(b"x" * 32).decode()))


def proof_cut(files: Files) -> Files:
    return edited(files, "proof.json", lambda p: p["hashes"].pop())


def tree_size(files: Files) -> Files:
    return edited(files, "proof.json", lambda p: p.update(tree_size=p["tree_size"] + 1))


def checkpoint_size(files: Files) -> Files:
    return with_sums({**files, "checkpoint.txt": files["checkpoint.txt"].replace(b"\n6\n", b"\n7\n")})


def re_signed(files: Files) -> Files:
    text = files["checkpoint.txt"].decode().rpartition("\n\n")[0] + "\n"
    return with_sums({**files, "checkpoint.txt": note.sign_note(text, IMPOSTOR).encode()})


def signature_of_another_text(files: Files) -> Files:
    head, _, tail = files["checkpoint.txt"].decode().rpartition("\n\n")
    other = note.sign_note(head.replace("\n6\n", "\n9\n") + "\n", SIGNER).rpartition("\n\n")[2]
    assert other != tail
    return with_sums({**files, "checkpoint.txt": f"{head}\n\n{other}".encode()})


def content(files: Files) -> Files:
    changed = files["content.json"].replace(b"dez anos", b"dez dias")
    return with_sums({**files, "content.json": changed})


def content_respaced(files: Files) -> Files:
    return edited(files, "content.json", lambda c: None)


def salt(files: Files) -> Files:
    digit = b"0" if files["content_salt.txt"][:1] != b"0" else b"1"
    return with_sums({**files, "content_salt.txt": digit + files["content_salt.txt"][1:]})


def sealed(files: Files) -> Files:
    def edit(entry: dict[str, Any]) -> None:
        changed = bytearray(base64.b64decode(entry["sealed"]))
        changed[-1] ^= 1
        entry["sealed"] = base64.b64encode(changed).decode()

    return edited(files, "entry.json", edit)


def source_text(files: Files) -> Files:
    name = next(name for name in files if name.startswith("sources/") and b"dez anos" in files[name])
    return with_sums({**files, name: files[name].replace(b"anual", b"mensal")})


def citation_shifted(files: Files) -> Files:
    def edit(envelope: dict[str, Any]) -> None:
        envelope["citations"][0]["char_range"] = [at + 1 for at in envelope["citations"][0]["char_range"]]

    return edited(files, "decision.json", edit)


def quote_of_another_page(files: Files) -> Files:
    return edited(files, "decision.json", lambda d: d["citations"][1].update(page=2))


def answer(files: Files) -> Files:
    return edited(files, "decision.json", lambda d: d["response_segments"][0].update(text="Não há imposto devido."))


def page_missing(files: Files) -> Files:
    name = next(name for name in files if name.startswith("pages/"))
    return {other: data for other, data in files.items() if other != name}


def source_missing_and_unlisted(files: Files) -> Files:
    name = next(name for name in files if name.startswith("sources/"))
    return with_sums({other: data for other, data in files.items() if other != name})


def entry_missing(files: Files) -> Files:
    return with_sums({name: data for name, data in files.items() if name != "entry.json"})


def file_added(files: Files) -> Files:
    return {**files, "approval.pdf": b"signed"}


def sums_missing(files: Files) -> Files:
    return {name: data for name, data in files.items() if name != "SHA256SUMS"}


def sums_reordered_upper_case(files: Files) -> Files:
    return {**files, "SHA256SUMS": files["SHA256SUMS"].upper()}


def later_entry_forged(files: Files) -> Files:
    def edit(later: list[dict[str, Any]]) -> None:
        entry = later[0]["entry"]
        entry["actor"] = "a supervisora"

    return edited(files, "later_entries.json", edit)


def later_body_forged(files: Files) -> Files:
    def edit(later: list[dict[str, Any]]) -> None:
        entry = later[0]["entry"]
        entry["body"] = entry["body"].replace("accepted", "contested")
        entry["body_sha256"] = sha256_hex(entry["body"])

    return edited(files, "later_entries.json", edit)


def later_note_forged(files: Files) -> Files:
    return edited(files, "later_entries.json", lambda later: later[0].update(content='{"note":"Nunca li."}'))


def later_entry_twice(files: Files) -> Files:
    return edited(files, "later_entries.json", lambda later: [later[0], *later])


def later_entry_of_another_decision(files: Files) -> Files:
    def edit(later: list[dict[str, Any]]) -> None:
        del later[0]["entry"]["subject_id"]

    return edited(files, "later_entries.json", edit)


def release(files: Files) -> Files:
    return edited(files, "versions.json", lambda v: v["release"].update(code_version="3"))


def index(files: Files) -> Files:
    return edited(files, "versions.json", lambda v: v["indexes"][0].update(corpus_digest="d" * 64))


def cited_file(files: Files) -> Files:
    return edited(files, "versions.json", lambda v: v["documents"][0].update(object_sha256="d" * 64))


def name_given_twice(files: Files) -> Files:
    return with_sums({**files, "decision.json": b'{"response_id":"x",' + files["decision.json"].lstrip()[1:]})


def nested_without_end(files: Files) -> Files:
    return with_sums({**files, "proof.json": b"[" * 200_000})


def not_utf8(files: Files) -> Files:
    return with_sums({**files, "versions.json": b"\xff\xfe"})


def key_of_a_point_that_is_none(files: Files) -> Files:
    public = b"\x02" + bytes(31)
    key_id = note.Verifier(ORIGIN, public).key_id.hex()
    vkey = f"{ORIGIN}+{key_id}+{base64.b64encode(b'' + bytes([1]) + public).decode()}"
    return with_sums({**files, "key.txt": f"{vkey}\n".encode()})


INCLUDED = "entry: header, leaf and proof lead to the checkpoint's root"
SIGNED = "checkpoint: signed by the key"
COMMITTED = "entry: the opened content and its salt are what it commits to"


@pytest.mark.parametrize(
    ("break_it", "check"),
    [
        (one_byte_of_the_body, "entry: the body has its digest"),
        (body_with_its_digest, INCLUDED),
        (actor, INCLUDED),
        (unknown_field, INCLUDED),
        (number_as_text, INCLUDED),
        (proof_hash, INCLUDED),
        (proof_cut, INCLUDED),
        (tree_size, INCLUDED),
        (checkpoint_size, SIGNED),
        (re_signed, SIGNED),
        (signature_of_another_text, SIGNED),
        (key_of_a_point_that_is_none, SIGNED),
        (content, COMMITTED),
        (content_respaced, COMMITTED),
        (salt, COMMITTED),
        (sealed, "entry: the sealed content has its digest"),
        (source_text, "citations: each cited document is here and no other"),
        (citation_shifted, "citation 1: the quote stands in its source"),
        (quote_of_another_page, "citation 2: inside a retrieved passage"),
        (answer, "content: the response is decision.json"),
        (page_missing, "files: each that is listed is here"),
        (source_missing_and_unlisted, "citations: each cited document is here and no other"),
        (entry_missing, "files: no part is missing"),
        (file_added, "files: no other is here"),
        (sums_missing, "files: each that is listed is here"),
        (sums_reordered_upper_case, "files: each has the digest that is listed"),
        (later_entry_forged, "later entry 1: leaf, proof, body and content"),
        (later_body_forged, "later entry 1: leaf, proof, body and content"),
        (later_note_forged, "later entry 1: leaf, proof, body and content"),
        (later_entry_twice, "later entries: after the decision's, in order"),
        (later_entry_of_another_decision, "later entries: after the decision's, in order"),
        (release, "versions: the release is the digest of its manifest"),
        (index, "versions: each index version is derived from what it was made of"),
        (cited_file, "versions: the cited files are the decision's"),
        (name_given_twice, "content: the response is decision.json"),
        (nested_without_end, INCLUDED),
        (not_utf8, "versions: the release is the digest of its manifest"),
    ],
)
def test_a_broken_dossier_fails_the_check_that_it_breaks(
    files: Files, run: Run, break_it: Callable[[Files], Files], check: str
) -> None:
    broken = break_it(files)

    code, lines = run(broken)

    assert broken != files
    assert code == 1
    assert check in failing(lines)
    assert (
        lines[-1]
        == f"FALSE: {len(failing(lines))} of {sum(x.startswith(('ok', 'FALSE')) for x in lines) - 1} checks fail"
    )


def test_another_key_with_a_checkpoint_signed_anew_is_found_out_by_the_published_key_only(
    files: Files, run: Run
) -> None:
    forged = with_sums({**re_signed(files), "key.txt": f"{IMPOSTOR.verifier.vkey}\n".encode()})

    code, lines = run(forged)
    assert code == 0
    assert any("compare it with the one that the organisation has published" in line for line in lines)

    code, lines = run(forged, "--key", SIGNER.verifier.vkey)
    assert (code, failing(lines)) == (1, ["the key is the one that was given"])


def test_a_rewrite_that_a_later_entry_documents_keeps_the_place_of_what_it_replaced(run: Run) -> None:
    """The tree holds the leaf that was; the amendment names it and the one that is, and stands in the tree itself."""
    ledger, evidence, pages = made()
    entry, rewritten = evidence.entry, evidence.entry._replace(actor="who restored it")
    leaves = {"was_leaf": leaf_of(entry).hex(), "now_leaf": leaf_of(rewritten).hex()}
    amended = Ledger()
    amended.entries, amended.opened = list(ledger.entries), ledger.opened
    amendment = amended.append(NewEntry(0, "amendment", entry.occurred_at, "dba", "a1", {"seq": entry.seq, **leaves}))
    documented = replace(
        evidence,
        entry=rewritten,
        later=[amended.later(amendment)],
        tree_size=len(amended.entries),
        root=amended.root,
        checkpoint=amended.checkpoint(SIGNER),
        proof=amended.proof(entry),
    )

    code, lines = run(dossier_files(documented, pages))
    assert (code, failing(lines)) == (0, [])
    assert any("entry 3 in place of what later entry 1 documents" in line for line in lines)

    code, lines = run(dossier_files(replace(documented, later=[]), pages))
    assert (code, failing(lines)) == (1, [INCLUDED])


def of_the_first_version(**changes: Any) -> Files:
    """The dossier as it is of an entry that kept everything in its body, in the clear; `changes` are to its body."""
    ledger, evidence, pages = made()
    content = json.loads(evidence.content.text)
    lineage = content["lineage"]
    for name in ("salt", "query_vector", "release", "decided_at"):
        del content[name]
    content["lineage"] = {
        "index_version": lineage["index_version"],
        "chunks": [chunk["chunk_id"] for chunk in lineage["chunks"]],
        "cited_chunks": lineage["cited_chunks"],
        "documents": [document["doc_id"] for document in lineage["documents"]],
        "raw_objects": sorted({document["object_sha256"] for document in lineage["documents"]}),
    }
    text = canonical_json({**content, **changes}).decode()
    entry = evidence.entry._replace(
        schema_version="1",
        body=text,
        body_sha256=sha256_hex(text),
        sealed=None,
        content_sha256=None,
        content_commitment=None,
    )
    old = Ledger()
    old.entries = [*ledger.entries[:2], entry]
    return dossier_files(
        replace(
            evidence,
            entry=entry,
            content=Content(text, b""),
            later=[],
            tree_size=3,
            root=old.root,
            checkpoint=old.checkpoint(SIGNER),
            proof=old.proof(entry),
        ),
        pages,
    )


def test_an_entry_of_the_first_version_holds_and_says_what_it_does_not_prove(run: Run) -> None:
    code, lines = run(of_the_first_version())

    assert (code, failing(lines)) == (0, [])
    assert sum("of the first version" in line for line in lines) == 2


def test_an_entry_of_the_first_version_is_checked_like_any_other(run: Run) -> None:
    files = of_the_first_version()
    name = next(name for name in files if name.startswith("sources/") and b"dez anos" in files[name])

    assert "entry: the body has its digest" in failing(
        run(edited(files, "entry.json", lambda e: e.update(body="{}")))[1]
    )
    changed = with_sums({**files, name: files[name].replace(b"dez anos", b"dez dias")})
    assert "citation 2: the quote stands in its source" in failing(run(changed)[1])
    changed = of_the_first_version(hit_set_sha256="0" * 64)
    assert failing(run(changed)[1]) == ["content: the hits have their digest"]


# ── what cannot be read ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_zip_cut_off_cannot_be_read(files: Files, run: Run, tmp_path: Path) -> None:
    path = zipped(files, tmp_path)
    path.write_bytes(path.read_bytes()[:-3000])

    code, lines = run(path)

    assert code == 2
    assert lines == ["FALSE: the dossier cannot be read: BadZipFile: File is not a zip file"]


def test_a_zip_with_two_files_of_one_name_cannot_be_read(files: Files, run: Run, tmp_path: Path) -> None:
    path = zipped(files, tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("decision.json", "{}")

    assert run(path)[0] == 2


@pytest.mark.parametrize("arguments", [["--key"], ["--help"], ["a", "b"], ["/no/such/folder"], ["/dev/null"], ["/etc"]])
def test_wrong_use_is_told_from_a_broken_dossier(run: Run, arguments: list[str]) -> None:
    code, lines = run(None, *arguments)

    assert code == 2
    assert lines[-1].startswith(("usage:", "FALSE: the dossier cannot be read"))


def test_nothing_in_a_dossier_can_steer_the_terminal(files: Files, run: Run) -> None:
    code, lines = run({**files, "evil\x1b[2J\x07.txt": b"x"})

    assert code == 1
    assert not any(character < " " for line in lines for character in line)


# ── every byte counts ────────────────────────────────────────────────────────────────────────────────────────────────


def test_any_changed_byte_of_any_file_is_found_out(files: Files) -> None:
    for name, at, bit in drawn_places(7, 200, files):
        data = bytearray(files[name])
        data[at] ^= 1 << bit

        assert not verdict_on({**files, name: bytes(data)}).holds, (name, at, bit)


def test_a_changed_byte_of_each_file_gives_exit_code_1_and_no_traceback(files: Files, run: Run, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "fuzzed", files)
    for name, at, bit in drawn_places(8, len(files), files):
        data = bytearray(files[name])
        data[at] ^= 1 << bit
        (folder / name).write_bytes(bytes(data))

        assert run(folder)[0] == 1, (name, at, bit)
        (folder / name).write_bytes(files[name])


@pytest.mark.parametrize("name", ["entry.json", "decision.json", "proof.json", "later_entries.json"])
def test_any_changed_value_is_found_out_even_under_new_digests(files: Files, name: str) -> None:
    value = json.loads(files[name])
    for changed in each_changed(value):
        assert not verdict_on(edited(files, name, lambda _, changed=changed: changed)).holds, changed


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"null\n", b"[]\n", b"{}\n", b"-1\n", b'"x"\n', b"NaN\n", b"1" * 5000 + b"\n"]
)
def test_junk_in_the_place_of_any_file_is_a_check_that_fails(files: Files, junk: bytes) -> None:
    for name in files:
        broken = {**files, name: junk}
        rendering = name in ("README.txt", "verify.py", "report.html") or name.endswith("-text.png")
        none_later = name == "later_entries.json" and junk == b"[]\n"

        assert verdict_on(broken if name == "SHA256SUMS" else with_sums(broken)).holds == (rendering or none_later), (
            name
        )


def test_junk_in_the_place_of_any_value_is_a_check_that_fails_or_the_same_value(files: Files) -> None:
    for name in ("entry.json", "decision.json", "proof.json", "later_entries.json", "versions.json", "content.json"):
        for path in list(paths_of(json.loads(files[name])))[::7]:
            for junk in (None, -1, 2**70, 1e300, "\ud800", [], {"a": []}):
                value = json.loads(files[name])
                same = put(value, path, junk) == junk
                text = json.dumps(value).encode()
                verdict = verdict_on(with_sums({**files, name: text}))
                assert verdict.holds <= (name == "versions.json" or junk is None or same), (name, path, junk)


def zipped(files: Files, folder: Path) -> Path:
    path = folder / "dossier.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value that holds no others."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = False
    for name, each in inside:
        found = True
        yield from paths_of(each, (*path, name))
    if not found and path:
        yield path


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Returns what stood there."""
    for name in path[:-1]:
        value = value[name]
    old, value[path[-1]] = value[path[-1]], new
    return old


def each_changed(value: Any) -> Iterator[Any]:
    """The value once for each of its innermost values, with that one changed a little."""
    for path in paths_of(value):
        copy = json.loads(canonical_json(value))
        old = value
        for name in path:
            old = old[name]
        new = f"{old}x" if isinstance(old, str) else "x" if old is None else [1] if old == [] else old + 1
        put(copy, path, new)
        yield copy
