"""Checks a dossier: that a decision is what the ledger holds, that it was derived as it says, and that its quotes stand.

    python3 -I -S verify.py [FOLDER|ZIP] [--key VKEY]

It needs Python 3.8 or later and nothing else: no package, no network, no database. Without an argument it checks the folder
that it lies in. `--key` is the key that the organisation has published. Exit code 0: every check holds; 1: one does not;
2: wrong use, or there is no dossier to read.

What it follows: canonical JSON RFC 8785; tree and inclusion proof RFC 9162 section 2.1; Ed25519 RFC 8032 section 5.1;
signed note and checkpoint as C2SP describes them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import sys
import zipfile
from typing import Any, Callable, Iterator, List, NamedTuple, Tuple  # noqa: UP035 - Python 3.8 has no other place

USAGE = "usage: python3 -I -S verify.py [FOLDER|ZIP] [--key VKEY]"
SUMS = "SHA256SUMS"
#: What every dossier holds, besides its sources and its pages.
ALWAYS = (
    "README.txt", "verify.py", "decision.json", "entry.json", "content.json", "content_salt.txt", "proof.json",
    "checkpoint.txt", "key.txt", "later_entries.json", "versions.json", "report.html",
)  # fmt: skip
MOST_FILES, MOST_BYTES = 20_000, 2 << 30

#: What the header of each schema version covers.
HEADER_FIELDS = {
    "1": (
        "actor", "body_sha256", "kind", "occurred_at", "organization_id", "prev_hash", "seq", "subject_id", "year",
    ),
    "2": (
        "actor", "body_sha256", "content_commitment", "content_sha256", "key_id", "kind", "occurred_at", "organization_id",
        "prev_hash", "schema_version", "seq", "subject_id", "year",
    ),
}  # fmt: skip
ENTRY_FIELDS = frozenset(HEADER_FIELDS["2"]) | {"body", "sealed", "entry_hash"}
WHOLE_NUMBERS = ("seq", "year")
MAY_BE_NULL = ("sealed", "content_sha256", "content_commitment")


class Wrong(Exception):
    """A check does not hold."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, found


class Unreadable(Exception):
    """There is no dossier to check."""


class Check(NamedTuple):
    """What must hold. `holds` raises where it does not, and may return what to add to its line."""

    name: str
    holds: Callable[[], str | None]


# ── canonical JSON (RFC 8785) ────────────────────────────────────────────────────────────────────────────────────────


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value."""
    return _encoded(value).encode("utf-8")


def _encoded(value: Any) -> str:
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_encoded, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(_encoded(name) + ":" + _encoded(value[name]) for name in names) + "}"


def number(value: int | float) -> str:
    """As ECMAScript's Number::toString writes it. Python's repr has the same digits: the shortest that give the number back."""
    if isinstance(value, int) and abs(value) < 1 << 53:
        return str(value)
    value = float(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("JSON has no such number")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    written = (whole + fraction).lstrip("0")
    point = len(written) - len(fraction) + int(exponent or 0)  # digits before the decimal point
    digits = written.rstrip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{mantissa}e{point - 1:+}"


def parsed(text: str) -> Any:
    """A JSON value. Refuses what two readers may read differently: a name given twice, numbers that are none."""
    return json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_no_number)


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return dict(pairs)


def _no_number(text: str) -> None:
    raise ValueError(text + " is no JSON number")


def sha256(data: bytes | str) -> str:
    """In hex; text as UTF-8."""
    return hashlib.sha256(data.encode("utf-8") if isinstance(data, str) else data).hexdigest()


# ── Ed25519 (RFC 8032) ─────────────────────────────────────────────────────────────────────────────────────────────────

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = Tuple[int, int, int, int]  # noqa: UP006 - x = X/Z, y = Y/Z, xy = T/Z

_IDENTITY: _Point = (0, 1, 1, 0)
_BASE_Y = 4 * pow(5, -1, _P) % _P


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's over the message. False for whatever is malformed, never an exception.

    Stricter than RFC 8032 where it leaves a choice: the equation is checked without the cofactor, R must be canonical, and
    a public key of small order is refused, since it would accept forgeries.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key = _decode_point(public_key)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= _L or _is_identity(_times_eight(key)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _L
    x, y, z, t = key
    return _encode_point(_sum_of_products(s, _base(), k, (-x % _P, y, z, -t % _P))) == signature[:32]


def _base() -> _Point:
    base = _decode_point(_BASE_Y.to_bytes(32, "little"))
    assert base is not None
    return base


def _add(p: _Point, q: _Point) -> _Point:
    """RFC 8032 section 5.1.4; the formula holds for every two points, equal ones too."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum_of_products(m: int, p: _Point, n: int, q: _Point) -> _Point:
    """m*P + n*Q, both at once: one doubling a bit."""
    terms = (None, p, q, _add(p, q))
    total = _IDENTITY
    for bit in reversed(range(max(m.bit_length(), n.bit_length()))):
        total = _add(total, total)
        term = terms[(m >> bit & 1) + 2 * (n >> bit & 1)]
        if term is not None:
            total = _add(total, term)
    return total


def _times_eight(p: _Point) -> _Point:
    for _ in range(3):
        p = _add(p, p)
    return p


def _is_identity(p: _Point) -> bool:
    return p[0] % _P == 0 and (p[1] - p[2]) % _P == 0


def _encode_point(p: _Point) -> bytes:
    inverse = pow(p[2], -1, _P)
    x, y = p[0] * inverse % _P, p[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode_point(encoded: bytes) -> _Point | None:
    """RFC 8032 section 5.1.3. None for what is not on the curve or not in its only spelling."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * v**3 * pow(u * v**7 % _P, (_P - 5) // 8, _P) % _P
    if (v * x * x + u) % _P == 0:
        x = x * _SQRT_MINUS_ONE % _P
    if (v * x * x - u) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


# ── the tree (RFC 9162) ────────────────────────────────────────────────────────────────────────────────────────────────


def merkle_root_from_inclusion(leaf_hash: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """The root that the proof leads to from leaf `index` of `size`. None where the proof does not fit such a tree."""
    if not 0 <= index < size < 2**64 or any(len(hash_) != 32 for hash_ in (leaf_hash, *proof)):
        return None
    node, last, root = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = hashlib.sha256(b"\1" + sibling + root).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\1" + root + sibling).digest()
        node, last = node >> 1, last >> 1
    return root if last == 0 else None


# ── signed notes and checkpoints (C2SP) ──────────────────────────────────────────────────────────────────────────────


class Key(NamedTuple):
    """A verifier key of a signed note."""

    name: str
    key_hash: bytes
    public_key: bytes


class Checkpoint(NamedTuple):
    """A tree head, and the note that it stands in."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: List[Tuple[str, bytes]]  # noqa: UP006 - who signed, and what


def key_of(vkey: str) -> Key:
    """`name+hash+base64` of the byte 0x01 (Ed25519) and the public key."""
    name, _, rest = vkey.partition("+")
    key_hash, _, encoded = rest.partition("+")
    key = base64_bytes(encoded)
    expect("an Ed25519 key: 0x01 and 32 bytes", key[:1] == b"\x01" and len(key) == 33, shown(vkey))
    digest = hashlib.sha256(name.encode("utf-8") + b"\n" + key).hexdigest()[:8]
    expect("the key hash " + digest, key_hash == digest, shown(key_hash))
    return Key(name, bytes.fromhex(digest), key[1:])


def checkpoint_of(note: str) -> Checkpoint:
    """The tree head in a signed note: origin, size, root, further lines; an empty line; the signatures."""
    signed, empty_line, signatures = note.rpartition("\n\n")
    lines = signed.split("\n")
    expect("a signed note of a checkpoint", bool(empty_line) and len(lines) >= 3 and note.endswith("\n"), shown(note))
    expect("a tree size", re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]) is not None, shown(lines[1]))
    root = base64_bytes(lines[2])
    expect("a root of 32 bytes", len(root) == 32, f"{len(root)} bytes")
    return Checkpoint(
        lines[0],
        int(lines[1]),
        root,
        (signed + "\n").encode("utf-8"),
        [_signature(line) for line in signatures[:-1].split("\n")],
    )


def _signature(line: str) -> tuple[str, bytes]:
    match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
    if match is None:
        raise Wrong("a signature line", shown(line))
    return match.group(1), base64_bytes(match.group(2))


def base64_bytes(text: Any) -> bytes:
    """What the only base64 of these bytes says."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise Wrong("base64", shown(text)) from None
    expect("base64 as it is written", base64.b64encode(data).decode() == text, shown(text))
    return data


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(value: Any) -> str:
    """A value on a line of its own, in ASCII, not too long."""
    text = ascii(value)
    return text if len(text) <= 100 else text[:97] + "..."


def expect(what: str, holds: bool, found: str) -> None:
    """Raises where it does not hold."""
    if not holds:
        raise Wrong(what, found)


def same(expected: Any, found: Any) -> None:
    """Raises where two JSON values are not the same."""
    expect(shown(expected), canonical(expected) == canonical(found), shown(found))


# ── the dossier ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Dossier:
    """The files of a dossier by name, and what stands in them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def data(self, name: str) -> bytes:
        """The bytes of a file that must be there."""
        if name not in self.files:
            raise Wrong("the file " + name, "no such file")
        return self.files[name]

    def text(self, name: str) -> str:
        """The text of a file."""
        try:
            return self.data(name).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise Wrong("UTF-8 in " + name, str(problem)) from None

    def line(self, name: str) -> str:
        """The one line of a file."""
        text = self.text(name)
        expect("one line in " + name, text.count("\n") == 1 and text.endswith("\n"), shown(text))
        return text[:-1]

    def json(self, name: str) -> Any:
        """The object in a file."""
        try:
            return parsed(self.text(name))
        except (ValueError, RecursionError) as problem:
            raise Wrong("JSON in " + name, shown(str(problem))) from None

    @property
    def entry(self) -> dict[str, Any]:
        """The decision's ledger entry."""
        return entry_of(self.json("entry.json"))

    @property
    def body(self) -> Any:
        """The clear part of the entry."""
        return parsed(self.entry["body"])

    @property
    def content(self) -> Any:
        """The sealed part of the entry, opened."""
        return self.json("content.json")

    @property
    def first_version(self) -> bool:
        """Entries of the first version kept everything in their body, and fewer things."""
        return bool(self.entry["schema_version"] == "1")

    @property
    def citations(self) -> list[dict[str, Any]]:
        """The citations of the decision."""
        return list(self.json("decision.json")["citations"])

    def checkpoint(self) -> Checkpoint:
        """The signed tree head."""
        return checkpoint_of(self.text("checkpoint.txt"))


def entry_of(value: Any) -> dict[str, Any]:
    """A ledger entry with every field of the contract and no other."""
    expect("a ledger entry's fields", isinstance(value, dict) and set(value) == ENTRY_FIELDS, shown(value))
    for name, found in value.items():
        kind = int if name in WHOLE_NUMBERS else str
        fits = type(found) is kind or (found is None and name in MAY_BE_NULL)
        expect(f"{name} as {kind.__name__}", fits, shown(found))
    expect("a known schema version", value["schema_version"] in HEADER_FIELDS, shown(value["schema_version"]))
    return dict(value)


def leaf_of(entry: dict[str, Any]) -> bytes:
    """The entry's leaf hash: of its header, a line feed and its hash."""
    header = canonical({name: entry[name] for name in HEADER_FIELDS[entry["schema_version"]]})
    return hashlib.sha256(b"\x00" + header + b"\n" + entry["entry_hash"].encode("utf-8")).digest()


def content_id(prefix: str, *fields: Any) -> str:
    """An id derived from its fields, each with its length before it."""
    hasher = hashlib.sha256()
    for field in (prefix, *fields):
        raw = str(field).encode("utf-8")
        hasher.update(len(raw).to_bytes(8, "big") + raw)
    return prefix + "_" + hasher.hexdigest()[:40]


# ── the checks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def checks_of(dossier: Dossier, key: str | None) -> Iterator[Check]:
    """Every check, in the order in which they are reported."""
    for checks in (_of_files, _of_entry, _of_content, _of_versions, _of_citations, _of_later_entries):
        yield from checks(dossier)
    if key is not None:
        yield Check("the key is the one that was given", lambda: same(key, dossier.line("key.txt")))


def _of_files(dossier: Dossier) -> Iterator[Check]:
    def listed() -> dict[str, str]:
        text, sums = dossier.text(SUMS), {}
        expect("a line feed at the end of " + SUMS, text.endswith("\n"), shown(text[-10:]))
        for line in text[:-1].split("\n"):
            match = re.fullmatch("([0-9a-f]{64})  ([^\r\n]+)", line)
            if match is None or match.group(2) in sums:
                raise Wrong("a digest, two spaces and a new name in each line of " + SUMS, shown(line))
            sums[match.group(2)] = match.group(1)
        return sums

    def all_there() -> None:
        missing = sorted(set(listed()) - set(dossier.files))
        expect(f"every file that {SUMS} lists", not missing, "no " + shown(", ".join(missing)))

    def no_other() -> None:
        others = sorted(set(dossier.files) - set(listed()) - {SUMS})
        expect(f"no file that {SUMS} does not list", not others, shown(", ".join(others)))

    def digests() -> str:
        sums = listed()
        for name in sorted(set(sums) & set(dossier.files)):
            found = sha256(dossier.files[name])
            expect(f"{sums[name]} for {shown(name)}", found == sums[name], found)
        return f"{len(sums)} files; the digest of {SUMS} is {sha256(dossier.data(SUMS))}"

    def complete() -> None:
        missing = [name for name in ALWAYS if name not in dossier.files]
        expect("every part of a dossier", not missing, "no " + ", ".join(missing))

    yield Check("files: each that is listed is here", all_there)
    yield Check("files: no other is here", no_other)
    yield Check("files: each has the digest that is listed", digests)
    yield Check("files: no part is missing", complete)


def _of_entry(dossier: Dossier) -> Iterator[Check]:
    def checkpoint_signed() -> str:
        key, checkpoint = key_of(dossier.line("key.txt")), dossier.checkpoint()
        own = [
            signature[4:]
            for name, signature in checkpoint.signatures
            if name == key.name and signature[:4] == key.key_hash
        ]
        expect("a signature of key " + key.key_hash.hex(), bool(own), "none of this key")
        holds = all(ed25519_verify(key.public_key, checkpoint.signed, signature) for signature in own)
        expect("a signature that the key makes over this checkpoint", holds, "one that it does not")
        return f"{checkpoint.size} entries, root {checkpoint.root.hex()}"

    def checkpoint_of_organization() -> None:
        origin = "compliance-assets/ledger/" + dossier.entry["organization_id"]
        same(origin, dossier.checkpoint().origin)
        same(origin, key_of(dossier.line("key.txt")).name)

    def included() -> str:
        entry = dossier.entry
        leaf, amended = leaf_of(entry), ""
        for number, later in _later(dossier):
            body = parsed(later["body"])
            if later["kind"] == "amendment" and body["seq"] == entry["seq"] and body.get("now_leaf") == leaf.hex():
                leaf, amended = (
                    bytes.fromhex(body["was_leaf"]),
                    f" in place of what later entry {number} documents",
                )
        _in_tree(leaf, entry, dossier.json("proof.json"), dossier.checkpoint())
        return f"entry {entry['seq']}{amended}"

    def body_kept() -> None:
        entry = dossier.entry
        same(entry["body_sha256"], sha256(entry["body"]))
        expect("canonical JSON", canonical(dossier.body) == entry["body"].encode("utf-8"), "other JSON")

    def of_decision() -> None:
        same("decision", dossier.entry["kind"])
        same(dossier.entry["subject_id"], dossier.json("decision.json")["response_id"])

    yield Check("checkpoint: signed by the key", checkpoint_signed)
    yield Check("checkpoint: of the organisation's ledger", checkpoint_of_organization)
    yield Check("entry: header, leaf and proof lead to the checkpoint's root", included)
    yield Check("entry: the body has its digest", body_kept)
    yield Check("entry: the sealed content has its digest", lambda: _sealed_kept(dossier.entry))
    yield Check("entry: the opened content and its salt are what it commits to", lambda: _committed(dossier))
    yield Check("entry: about this decision", of_decision)


def _in_tree(leaf: bytes, entry: dict[str, Any], proof: Any, checkpoint: Checkpoint) -> None:
    expect("a proof's three parts", set(proof) == {"leaf_index", "tree_size", "hashes"}, shown(proof))
    same(entry["seq"] - 1, proof["leaf_index"])
    same(checkpoint.size, proof["tree_size"])
    hashes = [base64_bytes(text) for text in proof["hashes"]]
    expect("hashes of 32 bytes", all(len(each) == 32 for each in hashes), shown(proof["hashes"]))
    root = merkle_root_from_inclusion(leaf, entry["seq"] - 1, checkpoint.size, hashes)
    expect("a proof that fits the place and the size", root is not None, f"{len(hashes)} hashes")
    expect(checkpoint.root.hex(), root == checkpoint.root, (root or b"").hex())


def _sealed_kept(entry: dict[str, Any]) -> None:
    sealed = entry["sealed"]
    same(entry["content_sha256"], None if sealed is None else sha256(base64_bytes(sealed)))
    same(sealed is None, entry["content_commitment"] is None)


def _committed(dossier: Dossier) -> str | None:
    data, salt = dossier.data("content.json"), dossier.line("content_salt.txt")
    if dossier.first_version:
        expect("the entry's body", data == dossier.entry["body"].encode("utf-8"), "another text")
        expect("no salt", salt == "", shown(salt))
        return "an entry of the first version: its content is its body"
    expect("64 hex digits", re.fullmatch("[0-9a-f]{64}", salt) is not None, shown(salt))
    same(dossier.entry["content_commitment"], sha256(bytes.fromhex(salt) + data))
    expect("canonical JSON", canonical(dossier.content) == data, "other JSON")
    return None


def _of_content(dossier: Dossier) -> Iterator[Check]:
    def agree() -> None:
        body, content, entry = dossier.body, dossier.content, dossier.entry
        envelope = content["response_envelope"]
        for name in ("outcome", "release_id", "provider_route"):
            same(body[name], content[name])
        same(body["reason"], content["reason"].split(":")[0] if content["reason"] else None)
        same(body["index_version"], content["lineage"]["index_version"])
        same(body["confidence"], content["confidence"]["value"])
        same([body["hits"], body["citations"]], [len(content["hits"]), len(envelope["citations"])])
        same([body["workload"], body["workload"]], [content["input"]["workload"], envelope["workload"]])
        same([body["model"], entry["year"]], [envelope["model"], content["input"]["year"]])

    def inside() -> None:
        content, envelope = dossier.content, dossier.content["response_envelope"]
        same(envelope["confidence"], content["confidence"]["value"])
        same(envelope["prompt_hash"], content["prompt_hash"])
        names = ("chunk_id", "doc_id", "doc_title", "page", "char_range", "embedding_score")
        shown = [hit for hit in content["hits"] if hit["chunk_id"] not in content.get("left_out", ())]
        same(envelope["retrieved_chunks"], [{name: hit[name] for name in names} for hit in shown])
        chunks = content["lineage"]["chunks"]
        ids = chunks if dossier.first_version else [chunk["chunk_id"] for chunk in chunks]
        same(ids, [hit["chunk_id"] for hit in content["hits"]])

    def named() -> None:
        content = dossier.content
        key = content_id("idem", content["input_sha256"], content["release_id"], content["lineage"]["index_version"])
        same(key, content["idempotency_key"])
        if not dossier.first_version:
            same(content["decided_at"], dossier.entry["occurred_at"])
            digits = _base32(hashlib.sha256(bytes.fromhex(content["salt"]) + key.encode("utf-8")).digest()[:10])
            same(digits, content["response_envelope"]["response_id"][-16:])

    def digest(name: str, of: Callable[[], Any]) -> Callable[[], None]:
        return lambda: same(dossier.content[name], sha256(canonical(of())))

    yield Check("content: the question has its digest", digest("input_sha256", lambda: dossier.content["input"]))
    yield Check("content: the hits have their digest", digest("hit_set_sha256", lambda: dossier.content["hits"]))
    yield Check(
        "content: the prompt has its digest",
        lambda: same(dossier.content["prompt_hash"], "sha256:" + sha256(dossier.content["prompt"])),
    )
    yield Check(
        "content: the response has its digest",
        digest("response_envelope_sha256", lambda: dossier.content["response_envelope"]),
    )
    yield Check(
        "content: the response is decision.json",
        lambda: same(dossier.content["response_envelope"], dossier.json("decision.json")),
    )
    yield Check(
        "content: the prompt's template is the one of the clear body",
        lambda: same(dossier.body["prompt_template"], dossier.content["prompt_template"]),
    )
    if not _quietly(lambda: dossier.first_version):
        yield Check("content: says what the clear body says", agree)
    yield Check("content: hits, prompt and confidence are those of the response", inside)
    yield Check("content: the ids are derived from question, release and index", named)


def _base32(data: bytes) -> str:
    digits, bits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", int.from_bytes(data, "big")
    return "".join(digits[bits >> shift & 31] for shift in range(len(data) * 8 - 5, -1, -5))


def _of_versions(dossier: Dossier) -> Iterator[Check]:
    def release() -> None:
        versions, content = dossier.json("versions.json"), dossier.content
        same(content["release_id"], sha256(canonical(versions["release"])))
        same(content.get("release", versions["release"]), versions["release"])
        embedders = {hit["method"]["embedder_digest"] for hit in content["hits"]}
        same(sorted(embedders), [versions["release"]["embedder_digest"]] if embedders else [])

    def others() -> None:
        versions, content = dossier.json("versions.json"), dossier.content
        same(content["release_id"], versions["release_id"])
        same(content["response_envelope"]["model"], versions["model"])
        same(content["prompt_template"], versions["prompt_template"])

    def read() -> None:
        lineage = dossier.content["lineage"]["documents"]
        files = {} if dossier.first_version else {each["doc_id"]: each["object_sha256"] for each in lineage}
        for document in dossier.json("versions.json")["documents"]:
            same(files.get(document["doc_id"], document["object_sha256"]), document["object_sha256"])

    def indexes() -> None:
        versions, organization = dossier.json("versions.json")["indexes"], dossier.entry["organization_id"]
        searched = dossier.content["lineage"]["index_version"].split("+")
        same([version for version in searched if version != "none"], [index["index_version"] for index in versions])
        for index in versions:
            rule = index["parameters"].get("rule") or sha256(
                canonical(index["parameters"])
            )  # none before code version 2
            identity = content_id(
                "ix", index["code_version"], organization, index["year"], index["embedder_digest"], index["dimension"],
                index["chunker_version"], index["corpus_digest"], rule,
            )  # fmt: skip
            same(index["index_version"], identity)

    yield Check("versions: the release is the digest of its manifest", release)
    yield Check("versions: release, model and prompt are the decision's", others)
    yield Check("versions: the cited files are the decision's", read)
    yield Check("versions: each index version is derived from what it was made of", indexes)


def _of_citations(dossier: Dossier) -> Iterator[Check]:
    yield Check("citations: each cited document is here and no other", lambda: _sources_complete(dossier))
    yield Check("citations: each cited page is here as an image", lambda: _pages_complete(dossier))
    for number, citation in enumerate(_quietly(lambda: dossier.citations) or (), start=1):
        yield Check(f"citation {number}: the quote stands in its source", _quote_check(dossier, citation))
        yield Check(f"citation {number}: inside a retrieved passage", _passage_check(dossier, citation))


def _sources_complete(dossier: Dossier) -> str | None:
    cited = {citation["doc_id"] for citation in dossier.citations}
    here = {name for name in dossier.files if name.startswith("sources/")}
    same(sorted(f"sources/{doc_id}.txt" for doc_id in cited), sorted(here))
    if dossier.first_version:
        return "an entry of the first version: it holds no digest of the documents' texts"
    digests = {each["doc_id"]: each["text_sha256"] for each in dossier.content["lineage"]["documents"]}
    for doc_id in sorted(cited):
        expect(f"{doc_id} in the lineage", doc_id in digests, "no such document")
        found = sha256(dossier.data(f"sources/{doc_id}.txt"))
        expect(f"{digests[doc_id]} for sources/{doc_id}.txt", found == digests[doc_id], found)
    return None


def _pages_complete(dossier: Dossier) -> None:
    for citation in dossier.citations:
        data = dossier.data(f"pages/{citation['doc_id']}-p{citation['page']}.png")
        expect("a PNG image", data.startswith(b"\x89PNG\r\n\x1a\n"), shown(data[:8]))


def _quote_check(dossier: Dossier, citation: dict[str, Any]) -> Callable[[], str | None]:
    def holds() -> str:
        start, end = citation["char_range"]
        text = dossier.text(f"sources/{citation['doc_id']}.txt")
        expect("a range in the text", 0 <= start < end <= len(text), shown(citation["char_range"]))
        same(citation["quote"], text[start:end])
        return f"characters [{start}, {end}) of {citation['doc_id']}"

    return holds


def _passage_check(dossier: Dossier, citation: dict[str, Any]) -> Callable[[], str | None]:
    def holds() -> str:
        start, end = citation["char_range"]
        cited = set(dossier.content["lineage"]["cited_chunks"])
        for number, hit in enumerate(dossier.content["hits"]):
            first, last = hit["char_range"]
            here = hit["doc_id"] == citation["doc_id"] and hit["page"] == citation["page"] and hit["chunk_id"] in cited
            if here and first <= start and end <= last:
                _passage_kept(dossier, number, hit)
                return f"{hit['chunk_id']}, page {hit['page']}"
        raise Wrong(f"a retrieved and cited passage around [{start}, {end}) on its page", "none")

    return holds


def _passage_kept(dossier: Dossier, number: int, hit: dict[str, Any]) -> None:
    """The passage is the one that stood in the prompt."""
    if dossier.first_version:
        return
    first, last = hit["char_range"]
    text = dossier.text(f"sources/{hit['doc_id']}.txt")[first:last]
    same(dossier.content["lineage"]["chunks"][number]["text_sha256"], sha256(text))


def _of_later_entries(dossier: Dossier) -> Iterator[Check]:
    def order() -> str:
        numbers = [dossier.entry["seq"]] + [entry["seq"] for _, entry in _later(dossier)]
        expect("entries in order, each once", numbers == sorted(set(numbers)), shown(numbers))
        return f"{len(numbers) - 1}"

    yield Check("later entries: after the decision's, in order", order)
    for number, _ in _quietly(lambda: list(_later(dossier))) or ():
        yield Check(f"later entry {number}: leaf, proof, body and content", _later_check(dossier, number - 1))


def _later(dossier: Dossier) -> Iterator[tuple[int, dict[str, Any]]]:
    entries = dossier.json("later_entries.json")
    expect("a list of entries", isinstance(entries, list), shown(entries))
    for number, later in enumerate(entries, start=1):
        expect("an entry, its proof, its content", set(later) == {"entry", "proof", "content", "salt"}, shown(later))
        yield number, entry_of(later["entry"])


def _later_check(dossier: Dossier, index: int) -> Callable[[], str | None]:
    def holds() -> str:
        later, decision = dossier.json("later_entries.json")[index], dossier.entry
        entry = entry_of(later["entry"])
        same(decision["organization_id"], entry["organization_id"])
        same(entry["body_sha256"], sha256(entry["body"]))
        _sealed_kept(entry)
        _in_tree(leaf_of(entry), entry, later["proof"], dossier.checkpoint())
        about = [entry["subject_id"], parsed(entry["body"]).get("seq")]
        expect(
            "an entry about this decision",
            about[0] == decision["subject_id"] or about[1] == decision["seq"],
            shown(about),
        )
        same(later["content"] is None, later["salt"] is None)
        if later["content"] is not None:
            same(entry["content_commitment"], sha256(bytes.fromhex(later["salt"]) + later["content"].encode("utf-8")))
        return f"entry {entry['seq']}, {shown(entry['kind'])}"

    return holds


def _quietly(read: Callable[[], Any]) -> Any:
    """What can be read; None where it cannot be: the checks that need it say why."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - whatever a broken file leads to
        return None


# ── running ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def files_in(path: str) -> dict[str, bytes]:
    """The files of a folder or of a zip by name. Raises Unreadable."""
    try:
        files = dict(_of_folder(path) if os.path.isdir(path) else _of_zip(path))
    except Unreadable:
        raise
    except Exception as problem:  # noqa: BLE001 - zipfile raises whatever a damaged file leads it to
        raise Unreadable(f"{type(problem).__name__}: {problem}") from None
    if SUMS not in files and "entry.json" not in files:
        raise Unreadable(f"neither {SUMS} nor entry.json is in it")
    return files


def _of_folder(path: str) -> Iterator[tuple[str, bytes]]:
    total = count = 0
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            if not os.path.isfile(full):
                raise Unreadable(shown(full) + " is not a file")
            total, count = _within_limits(total + os.path.getsize(full), count + 1)
            with open(full, "rb") as file:
                yield os.path.relpath(full, path).replace(os.sep, "/"), file.read()


def _of_zip(path: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.filename.endswith("/")]
        if len({member.filename for member in members}) != len(members):
            raise Unreadable("it holds two files of one name")
        _within_limits(sum(member.file_size for member in members), len(members))
        for member in members:
            yield member.filename, archive.read(member)


def _within_limits(total: int, count: int) -> tuple[int, int]:
    if total > MOST_BYTES or count > MOST_FILES:
        raise Unreadable(f"more than {MOST_FILES} files or {MOST_BYTES} bytes")
    return total, count


class Result(NamedTuple):
    """What a check came to. `detail` is what was found where it holds, what was expected and found where it does not."""

    name: str
    holds: bool
    detail: str

    @property
    def line(self) -> str:
        """As it is printed."""
        if not self.holds:
            return f"FALSE: {self.name}: {self.detail}"
        return f"ok: {self.name} ({self.detail})" if self.detail else f"ok: {self.name}"


def result_of(check: Check) -> Result:
    """Whether a check holds, and what to say of it."""
    try:
        return Result(check.name, True, _plain(check.holds() or ""))
    except Wrong as wrong:
        return Result(check.name, False, _plain(f"expected {wrong.expected}, found {wrong.found}"))
    except Exception as problem:  # noqa: BLE001 - a broken file is a check that fails, never a crash
        found = f"{type(problem).__name__} {shown(str(problem))}"
        return Result(check.name, False, f"expected data that can be checked, found {found}")


def notes_of(dossier: Dossier, key: str | None) -> Iterator[str]:
    """What no check here can prove."""
    if key is None:
        vkey = _quietly(lambda: _plain(dossier.line("key.txt")[:400]))
        yield f"the key came with the dossier, compare it with the one that the organisation has published: {vkey}"
    yield f"page images and report.html are renderings: {SUMS} covers them, the signature does not"
    yield "that no later entry was left out can only be seen in the ledger itself"
    yield "the chain of keyed hashes (HMAC) can only be checked with the organisation's key: `compliance verify`"


class Verdict(NamedTuple):
    """Every check of a dossier. `unreadable` says why there is nothing to check."""

    results: List[Result]  # noqa: UP006
    notes: List[str]  # noqa: UP006
    unreadable: str | None = None

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return self.unreadable is None and all(result.holds for result in self.results)

    @property
    def conclusion(self) -> str:
        """The last line."""
        if self.unreadable is not None:
            return f"FALSE: the dossier cannot be read: {self.unreadable}"
        if self.holds:
            return f"TRUE: all {len(self.results)} checks hold"
        return f"FALSE: {sum(not result.holds for result in self.results)} of {len(self.results)} checks fail"

    def as_json(self) -> dict[str, Any]:
        """For machines. A dossier that cannot be read is one check that does not hold."""
        unreadable = [] if self.unreadable is None else [Result("the dossier can be read", False, self.unreadable)]
        return {
            "holds": self.holds,
            "conclusion": self.conclusion,
            "checks": [result._asdict() for result in [*unreadable, *self.results]],
            "notes": self.notes,
        }


def verify_bundle(path: str | os.PathLike[str], key: str | None = None) -> Verdict:
    """Check a dossier, a folder or a zip. Never raises over what is in it."""
    try:
        files = files_in(os.fspath(path))
    except Unreadable as problem:
        return Verdict([], [], _plain(str(problem)))
    return verdict_on(files, key)


def verdict_on(files: dict[str, bytes], key: str | None = None) -> Verdict:
    """Check the files of a dossier."""
    dossier = Dossier(files)
    results = [result_of(check) for check in checks_of(dossier, key)]
    return Verdict(results, list(notes_of(dossier, key)))


def main(arguments: list[str]) -> int:
    """Check a dossier and print what was found; returns the exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    rest, key = list(arguments), None
    if "--key" in rest[:-1]:
        at = rest.index("--key")
        key = rest[at + 1]
        del rest[at : at + 2]
    if len(rest) > 1 or any(each.startswith("-") for each in rest):
        _say(USAGE)
        return 2
    verdict = verify_bundle(rest[0] if rest else os.path.dirname(os.path.abspath(__file__)), key)
    for result in verdict.results:
        _say(result.line)
    for note in verdict.notes:
        _say("note: " + note)
    _say(verdict.conclusion)
    return 2 if verdict.unreadable is not None else 0 if verdict.holds else 1


def _plain(text: str) -> str:
    """Nothing in a dossier can steer the terminal that it is shown on."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _say(line: str) -> None:
    sys.stdout.write(_plain(line) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
