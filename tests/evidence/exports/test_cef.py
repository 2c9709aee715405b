"""CEF: a golden file, and a reader written from the published rules that gets every value back."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.chain import leaf_of
from compliance_assets.evidence.exports.cef import cef_line, message
from tests.evidence.exports import builders

GOLDEN = Path(__file__).with_name("ledger.cef")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text("a =\\|\n\r,")
KEYS = st.sampled_from(["rt", "suser", "act", "cs1", "cs1Label", "cfp1", "reason", "outcome"])


def read(line: str) -> tuple[list[str], dict[str, str]]:
    """Header fields and extension of a CEF message, by the rules of its standard."""
    assert line.startswith("CEF:0|")
    fields: list[str] = []
    rest = line
    while len(fields) < 7:
        field = re.match(r"((?:[^\\|]|\\[\\|])*)\|", rest)
        assert field, f"no escaped header: {rest}"
        fields.append(re.sub(r"\\([\\|])", r"\1", field[1]))
        rest = rest[field.end() :]
    keys = list(re.finditer(r"(?:^| )([A-Za-z0-9_]+)=", rest))
    ends = [key.start() for key in keys[1:]] + [len(rest)]
    pairs = [(key[1], rest[key.end() : end]) for key, end in zip(keys, ends, strict=False)]
    return fields, {key: _unescaped(value) for key, value in pairs}


def _unescaped(value: str) -> str:
    named = {"n": "\n", "r": "\r", "\\": "\\", "=": "="}
    assert re.fullmatch(r"(?:[^\\=\n\r]|\\[\\=nr])*", value), f"not escaped: {value!r}"
    return re.sub(r"\\(.)", lambda escape: named[escape[1]], value)


@given(st.text("a |\\=\r\n") | TEXTS, TEXTS, st.integers(0, 10), st.dictionaries(KEYS, TEXTS))
@settings(max_examples=400, deadline=None)
def test_a_reader_gets_every_value_back(kind: str, name: str, severity: int, extension: dict[str, str]) -> None:
    line = message(kind, name, severity, extension)
    assert "\n" not in line
    fields, values = read(line)
    in_one_line = [re.sub(r"[\r\n]+", " ", text) for text in (kind, name)]
    assert fields == ["CEF:0", "compliance-assets", "compliance-assets ledger", "1", *in_one_line, str(severity)]
    assert values == extension


def test_the_messages_are_those_of_the_golden_file() -> None:
    entries = builders.ledger(list(builders.BODIES.items()), sealed=False)
    assert "".join(cef_line(entry) + "\n" for entry in entries) == GOLDEN.read_text(encoding="utf-8")


def test_standard_keys_hold_what_the_standard_says() -> None:
    decision = builders.one_of_each()[0]
    fields, values = read(cef_line(decision))
    assert fields[4:] == ["decision", "Decision recorded", "1"]
    assert (values["rt"], values["externalId"], values["suser"], values["act"]) == (
        "1767323045678", "1", "compliance", "decision",
    )  # fmt: skip
    assert (values["outcome"], values["reason"], values["deviceExternalId"]) == (
        "review", "low_confidence", builders.ORGANIZATION,
    )  # fmt: skip
    named = {values[f"{key}Label"]: values[key] for key in values if f"{key}Label" in values}
    assert named["subjectId"] == decision.subject_id
    assert named["entryHash"] == decision.entry_hash
    assert named["leafHash"] == leaf_of(decision).hex()
    assert (named["redactions"], named["latencyMs"], named["confidence"], named["year"]) == ("3", "12", "0.25", "2021")


def test_severities_are_those_of_the_scale() -> None:
    severities = {entry.kind: int(read(cef_line(entry))[0][6]) for entry in builders.one_of_each()}
    assert severities["incident"] == 10
    assert severities["amendment"] == 8
    assert severities["decision"] == 1
    assert all(0 <= severity <= 10 for severity in severities.values())


def test_lengths_are_bounded_and_half_a_body_is_not_told() -> None:
    (entry,) = builders.ledger([("dossier", {"reason": "r" * 5000, "state": "s" * 100})])
    _, values = read(cef_line(entry))
    assert (len(values["reason"]), len(values["outcome"])) == (1023, 63)
    assert "cs6" not in values


def test_nothing_sealed_and_nothing_of_a_changed_body_is_told() -> None:
    decision = builders.one_of_each()[0]
    for entry in (decision, builders.of_the_first_version(), decision._replace(body='{"q": "123.456.789-09"}')):
        assert "123.456.789-09" not in cef_line(entry)
        assert "Northwind" not in cef_line(entry)
