"""Addresses of the net and the post's codes: e-mail, web and network addresses, CEP, ZIP and postcodes."""

import re
from collections.abc import Iterable, Iterator

from compliance_assets.governance.redaction import check_digits
from compliance_assets.governance.redaction.folding import Folded
from compliance_assets.governance.redaction.rules import label, rule, rule_at_runs, rule_of_text
from compliance_assets.governance.redaction.spans import EMAIL, IP, URL, ZIP, Rank, Span

_LOCAL_PART = "abcdefghijklmnopqrstuvwxyz0123456789._%+-'"
_LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}+(?:\.[a-z0-9][a-z0-9\-]{0,62}+){1,6}")
_TOP = r"(?:(?:com|org|net|edu|info|biz|app|dev|online|site)(?:\.[a-z]{2})?|(?:gov|co|jus|mil|ac|leg|adv)\.[a-z]{2}|br|eu|us|uk)"
_STATES = (
    "AK|AL|AR|AZ|CA|CO|CT|DC|DE|FL|GA|HI|IA|ID|IL|IN|KS|KY|LA|MA|MD|ME|MI|MN|MO|MS|MT|NC|ND|NE|NH|NJ|NM|NV|NY|OH|OK|OR|PA|RI"
    "|SC|SD|TN|TX|UT|VA|VT|WA|WI|WV|WY"
)
_IPV6 = r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?(?![\w:])"
_EIGHT_GROUPS = re.compile(r"(?<![\w:.])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])")
_POSTCODE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][ABD-HJLNP-UW-Z]{2}(?![A-Za-z0-9])")
_FREE = r"(?<![0-9])(?<![0-9][.,/\-])"


def _is_network_address(text: str) -> bool:
    """Four single digits are rather the number of a section."""
    return check_digits.is_ip_address(text) and (":" in text or sum(map(str.isdigit, text)) > 4)


def _find_long_addresses(folded: Folded) -> Iterator[Span]:
    """IP version 6 with all of its eight groups."""
    if folded.lower.count(":") > 6:
        for match in _EIGHT_GROUPS.finditer(folded.lower):
            yield Span(match.start(), match.end(), IP, Rank.SHAPED)


def _find_postcode(folded: Folded, at: int) -> Iterable[Span]:
    """Of the United Kingdom: one or two capitals before this digit, a digit and two capitals after the space."""
    start = at - 2 if folded.text[max(0, at - 2) : at].isupper() and at > 1 else at - 1
    if start >= 0 and (match := _POSTCODE.match(folded.text, start)):
        return (Span(start, match.end(), ZIP, Rank.LOOSE),)
    return ()


def _find_emails(folded: Folded) -> Iterator[Span]:
    """Addresses of RFC 5321 without quotes or brackets, found from their @ outwards."""
    at = folded.lower.find("@")
    while at >= 0:
        before = folded.lower[max(0, at - _LONGEST_LOCAL_PART) : at]
        local = before[len(before.rstrip(_LOCAL_PART)) :].lstrip(".'-%+")
        domain = _DOMAIN.match(folded.lower, at + 1)
        if local and domain:
            yield Span(at - len(local), domain.end(), EMAIL, Rank.CHECKED)
        at = folded.lower.find("@", at + 1)


RULES = (
    rule(URL, Rank.SHAPED, r"(?:https?|ftp)://[^\s<>\"']{1,2000}", needs="://"),
    rule(URL, Rank.SHAPED, r"(?<![a-z0-9.@])www\.[a-z0-9\-]{1,63}\.[^\s<>\"']{1,500}", needs="www."),
    rule(
        URL,
        Rank.LOOSE,
        rf"(?<![a-z0-9.@\-])(?:[a-z0-9][a-z0-9\-]{{0,62}}+\.){{1,4}}?{_TOP}(?![a-z0-9\-@]|\.[a-z0-9])(?:/[^\s<>\"']{{0,500}})?",
        needs=".com|.org|.net|.edu|.info|.biz|.app|.dev|.online|.site|.br|.uk|.eu|.us|.gov|.co.",
    ),
    rule(
        IP,
        Rank.SHAPED,
        r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])",
        runs=(1, 2, 3),
        confirm=_is_network_address,
    ),
    rule(IP, Rank.SHAPED, _IPV6, needs="::", confirm=_is_network_address),
    rule_of_text(IP, ":", _find_long_addresses),
    rule_of_text(EMAIL, "@", _find_emails),
    rule(
        ZIP,
        Rank.LOOSE,
        rf"{_FREE}(?:[0-9]{{2}}\.[0-9]{{3}}|[0-9]{{5}})-[0-9]{{3}}(?![0-9])(?![.,/\-][0-9])",
        runs=(2, 5),
    ),
    rule(
        ZIP,
        Rank.LABELLED,
        rf"{label('cep')}(?P<v>[0-9]{{2}}\.?[0-9]{{3}}[\s\-]{{0,3}}[0-9]{{3}})(?![0-9])",
        starts="cep",
    ),
    rule(
        ZIP,
        Rank.LABELLED,
        rf"{label('zip|zip ?code|postal ?code|postcode')}(?P<v>[0-9]{{3,6}}(?:[ \-][0-9]{{2,4}}| [a-z]{{2}}(?![a-z]))?)(?![0-9])",
        starts="zip|zipcode|postal|postalcode|postcode",
    ),
    rule(
        ZIP,
        Rank.LOOSE,
        rf"(?<![A-Za-z])(?:{_STATES})[\s,]{{1,3}}(?P<v>[0-9]{{5}}(?:-[0-9]{{4}})?)(?![0-9])",
        starts=_STATES.lower(),
        cased=True,
    ),
    rule_at_runs(ZIP, (1, 2), _find_postcode),
)
