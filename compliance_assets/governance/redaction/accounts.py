"""Bank accounts and branches. Their check digits are each bank's own, so nothing but a label tells them from other numbers."""

from compliance_assets.governance.redaction.rules import gap_of, label, rule
from compliance_assets.governance.redaction.spans import ACCOUNT, AGENCY, PIX, Rank

_ACCOUNT_WORDS = (
    r"contas?(?:[ \-](?:corrente|poupanca|salario|bancaria|deposito|de deposito|conjunta|digital))?|c/c|c\.c\.?|cc|c/p|cta|poupanca"
    r"|(?:bank |checking |savings )?account|acct|a/c"
)
_GAP = gap_of(
    r"numero|number|num|no|nr|n|is|e|eh|de|da|do|corrente|poupanca|salario|bancaria|destino|origem|digito|dv|titular|sob|o"
    r"|op\.? ?[0-9]{3}|operacao ?[0-9]{3}"
)
#: With points between thousands, with a check digit after a hyphen, or plain.
_ACCOUNT = (
    r"(?:[0-9]{1,3}(?:\.[0-9]{3}){1,4}\s?-?\s?[0-9x]{1,2}|[0-9]{3,13}\s?-\s?[0-9x]{1,2}|[0-9]{5,14}x?)"
    r"(?![0-9a-z/])(?![.,\-][0-9])"
)
_AGENCY_WORDS = r"agencias?|agenc|ag|agency|branch|sort code"
_AGENCY = r"[0-9]{3,5}(?:\s?-\s?[0-9x](?![0-9]))?(?![0-9a-z])(?![.,\-][0-9])"
_BOTH = rf"(?:agencia|ag)\.?\s?(?:/|e)\s?(?:{_ACCOUNT_WORDS})"
_ACCOUNT_STARTS = "conta|contas|c|cc|cta|poupanca|bank|checking|savings|account|acct|a"
_AGENCY_STARTS = "agencia|agencias|agenc|ag|agency|branch|sort"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])"

RULES = (
    rule(ACCOUNT, Rank.LABELLED, rf"{label(_ACCOUNT_WORDS, _GAP)}(?P<v>{_ACCOUNT})", starts=_ACCOUNT_STARTS),
    rule(AGENCY, Rank.LABELLED, rf"{label(_AGENCY_WORDS, _GAP)}(?P<v>{_AGENCY})", starts=_AGENCY_STARTS),
    rule(AGENCY, Rank.LABELLED, rf"{label(_BOTH, _GAP)}(?P<v>{_AGENCY})", starts="agencia|ag"),
    rule(
        ACCOUNT,
        Rank.LABELLED,
        rf"{label(f'{_BOTH}|{_AGENCY_WORDS}', _GAP)}[0-9]{{3,5}}(?:-[0-9x])?\s?[/|,;]\s?(?P<v>{_ACCOUNT})",
        starts=_AGENCY_STARTS,
    ),
    rule(PIX, Rank.LABELLED, rf"{label('pix', gap_of('chave|key|aleatoria|e|no|n'))}(?P<v>{_UUID})", starts="pix"),
)
