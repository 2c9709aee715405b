"""Postal addresses, by the kind of street in Portuguese and English, or by their label.

Streets of other languages and the lines of an address below the street are not found; a trained `Recogniser` adds them.
"""

from compliance_assets.governance.redaction.rules import rule
from compliance_assets.governance.redaction.spans import ADDRESS, Rank

_STREETS = "rua|r|avenida|av|alameda|al|travessa|tv|praca|pca|rodovia|rod|estrada|estr|largo|viela|beco|ladeira"
_STREET_BR = (
    r"(?<![a-z])(?:rua|r\.|avenida|av\.?|alameda|al\.|travessa|tv\.|praca|pca\.?|rodovia|rod\.|estrada|estr\.|largo|viela|beco|ladeira)"
    r"[ ](?:[a-z0-9][a-z0-9'.]*+[ ]?){1,7}+,?[ ]{0,2}(?:n[o.]{0,2}[ ]?|numero[ ])?(?:[0-9]{1,6}|s/n)(?![0-9])"
    r"(?:[ ]{0,2}[,\-/][ ]{0,2}(?:apto?\.?|apartamento|ap\.?|bloco|bl\.?|sala|casa|conj\.?|conjunto|lote|lt\.?|quadra|qd\.?|andar)"
    r"[ ]?[a-z0-9]{1,6}){0,4}"
)
_STREET_EN = (
    r"(?<![\w])[0-9]{1,6}[A-Za-z]?[ ](?:[NSEW]\.?[ ])?(?:[A-Z][A-Za-z'.\-]*+[ ]){1,4}?"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Terrace|Circle|Cir|Square|Sq|Parkway|Pkwy"
    r"|Highway|Hwy|Trail|Crescent|Close|Grove|Alley|Row|Walk)(?![A-Za-z])\.?"
    r"(?:,?[ ](?:Apt|Suite|Ste|Unit|Apartment|Floor|Flat|#)\.?[ ]?[A-Za-z0-9\-]{1,6})?"
)
_ADDRESS_LABEL = (
    r"endereco(?: completo| residencial| comercial)?|logradouro|(?:home |street |mailing )?address"
    r"|residente (?:e domiciliad[oa] )?(?:na|no|a)"
)

RULES = (
    rule(
        ADDRESS, Rank.WORDED, r"(?<![a-z])(?:apt|apto|suite|ste)\.?\s?[0-9]{1,5}(?![0-9])", starts="apt|apto|suite|ste"
    ),
    rule(ADDRESS, Rank.WORDED, _STREET_BR, starts=_STREETS),
    rule(ADDRESS, Rank.WORDED, _STREET_EN, runs=range(1, 7), cased=True),
    rule(ADDRESS, Rank.WORDED, r"(?<![a-z])p\.?\s?o\.?\s?box\s[0-9]{1,6}(?![0-9])", starts="p|po"),
    rule(
        ADDRESS,
        Rank.WORDED,
        rf"(?<![a-z])(?:{_ADDRESS_LABEL})(?![a-z])[ \t]*+(?:[:=]|\.{{2,60}}+)[ \t]*+(?P<v>[a-z0-9][^\n|;@]{{4,120}})",
        starts="endereco|logradouro|home|street|mailing|address|residente",
    ),
)
