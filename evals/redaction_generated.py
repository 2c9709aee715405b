"""Portuguese text with personal data and with numbers that look like it, made from a seed.

Values have right check digits, near misses have wrong ones. A tenth of the sentences are in upper case, a tenth in lower
case, and a fifth of the values are written with look-alikes: digits of other scripts, other dashes and spaces, characters
without a width inside.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from stdnum.br import cnpj, cpf
from stdnum.iso7064 import mod_97_10

from evals.redaction_wordings import DEVELOP, MEASURE, NEGATIVES, NEGATIVES_TO_MEASURE

DEVELOP_SEED, MEASURE_SEED = 1, 20_260_102
_FIELD = re.compile(r"\{(\w+)\}")
_AREAS = (11, 13, 19, 21, 27, 31, 41, 47, 48, 51, 54, 61, 62, 65, 67, 71, 79, 81, 85, 91, 92, 98)
_DIGITS_OF = "\uff10", "\u0660", "\u06f0", "\u0966", "\U0001d7ce", "\U0001d7ec"
_DASHES = "\u2010\u2011\u2012\u2013\u2212\uff0d\ufe63"
_SPACES = "\u00a0\u2007\u2009\u202f"
_NO_WIDTH = "\u200b\u200c\u2060\ufeff\u00ad"


@dataclass(frozen=True, slots=True)
class Value:
    """Characters [start, end) of a text are a value of the kind, as written. `near_miss`: it must not be redacted."""

    start: int
    end: int
    kind: str
    near_miss: bool
    look_alike: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with all that stands in it."""

    text: str
    values: tuple[Value, ...]
    case: str


def samples(count: int, *, seed: int, measure: bool) -> list[Sample]:
    """`count` sentences with personal data and as many without."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with_data, without = (MEASURE, NEGATIVES_TO_MEASURE) if measure else (DEVELOP, NEGATIVES)
    frames = [frame for _ in range(count) for frame in (rng.choice(with_data), rng.choice(without))]
    return [_sample(frame, rng) for frame in frames]


def _sample(frame: str, rng: random.Random) -> Sample:
    case = rng.choices(("as written", "upper", "lower"), (8, 1, 1))[0]
    written: Callable[[str], str] = {"upper": str.upper, "lower": str.lower}.get(case, str)
    text, values, at = "", [], 0
    for field in _FIELD.finditer(frame):
        text += written(frame[at : field.start()])
        value = written(PERSONAL[field[1]](rng) if field[1] in PERSONAL else NEAR_MISSES[field[1]](rng))
        look_alike = rng.random() < 0.2 and field[1] != "email"
        value = _look_alike(value, rng) if look_alike else value
        kind = KINDS.get(field[1], field[1])
        values.append(Value(len(text), len(text) + len(value), kind, field[1] in NEAR_MISSES, look_alike))
        text, at = text + value, field.end()
    return Sample(text + written(frame[at:]), tuple(values), case)


def _look_alike(value: str, rng: random.Random) -> str:
    way = rng.randrange(4)
    if way == 0:
        zero = ord(rng.choice(_DIGITS_OF))
        return "".join(chr(zero + int(c)) if c.isdigit() else c for c in value)
    if way == 1:
        return value.replace("-", rng.choice(_DASHES)).replace(" ", rng.choice(_SPACES))
    if way == 2 and len(value) > 1:
        at = rng.randrange(1, len(value))
        return value[:at] + rng.choice(_NO_WIDTH) + value[at:]
    wide = {c: chr(ord(c) + 0xFEE0) for c in "0123456789./-"}
    return "".join(wide.get(c, c) for c in value)


def _number(rng: random.Random, digits: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(digits))


def _cpf(rng: random.Random) -> str:
    base = _number(rng, 9)
    number = base + _cpf_digits(base)
    spelling = rng.randrange(6)
    if spelling < 3:
        return str(cpf.format(number))
    if spelling < 5:
        return number
    return (
        f"{number[:3]} {number[3:6]} {number[6:9]} {number[9:]}" if rng.random() < 0.5 else f"{number[:9]}-{number[9:]}"
    )


def _cpf_digits(base: str) -> str:
    digits = base
    for first in (10, 11):
        rest = sum(w * int(d) for w, d in zip(range(first, 1, -1), digits, strict=True)) * 10 % 11 % 10
        digits += str(rest)
    return digits[9:]


def _cnpj(rng: random.Random, alphabet: str = "0123456789") -> str:
    base = "".join(rng.choice(alphabet) for _ in range(8)) + rng.choice(("0001", "0001", "0002", "0013"))
    number = base + cnpj.calc_check_digits(base)
    return number if rng.random() < 0.3 else str(cnpj.format(number))


def _cnpj_with_letters(rng: random.Random) -> str:
    return _cnpj(rng, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _pis_number(rng: random.Random) -> str:
    base = rng.choice("12") + _number(rng, 9)
    rest = sum(w * int(d) for w, d in zip((3, 2, 9, 8, 7, 6, 5, 4, 3, 2), base, strict=True)) % 11
    return base + str(0 if rest < 2 else 11 - rest)


def _pis_printed(rng: random.Random) -> str:
    number = _pis_number(rng)
    return f"{number[:3]}.{number[3:8]}.{number[8:10]}-{number[10]}"


def _pis(rng: random.Random) -> str:
    return _pis_number(rng) if rng.random() < 0.4 else _pis_printed(rng)


def _mobile(rng: random.Random) -> str:
    return f"9{rng.choice('6789')}{_number(rng, 3)}"


def _phone_formatted(rng: random.Random) -> str:
    area, last = rng.choice(_AREAS), _number(rng, 4)
    first = _mobile(rng) if rng.random() < 0.6 else rng.choice("23") + _number(rng, 3)
    return rng.choice((f"({area}) ", f"+55 {area} ", f"{area} ", f"({area})")) + f"{first}-{last}"


def _phone_mobile(rng: random.Random) -> str:
    area, first, last = rng.choice(_AREAS), _mobile(rng), _number(rng, 4)
    return rng.choice(
        (
            f"({area}) {first}-{last}",
            f"{area}{first}{last}",
            f"{area} {first} {last}",
            f"+55{area}{first}{last}",
            f"{first}-{last}",
        )
    )


def _phone(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _phone_formatted(rng)
    return _phone_mobile(rng) if rng.random() < 0.5 else f"0{rng.choice(_AREAS)} 3{_number(rng, 3)}-{_number(rng, 4)}"


def _account(rng: random.Random) -> str:
    return rng.choice(
        (
            f"{rng.randrange(1000, 999999)}-{rng.choice('0123456789X')}",
            f"{rng.randrange(10, 99)}.{_number(rng, 3)}-{_number(rng, 1)}",
            str(rng.randrange(100_000, 99_999_999)),
            f"{rng.randrange(1000, 99999):08d}-{_number(rng, 1)}",
        )
    )


def _agency(rng: random.Random) -> str:
    return rng.choice((f"{rng.randrange(1, 9999):04d}", f"{rng.randrange(1, 9999):04d}-{rng.choice('0123456789X')}"))


def _iban(rng: random.Random) -> str:
    country, bban = rng.choice(
        (
            ("BR", _number(rng, 23) + rng.choice("CP") + rng.choice("12")),
            ("DE", _number(rng, 18)),
            ("ES", _number(rng, 20)),
            ("GB", "MIDL" + _number(rng, 14)),
        )
    )
    number = country + mod_97_10.calc_check_digits(bban + country) + bban
    return number if rng.random() < 0.4 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _email(rng: random.Random) -> str:
    return f"{rng.choice(('joana.prado', 'c_silva', 'fin+irpf', 'ana-1'))}@{rng.choice(('exemplo.com.br', 'mail.example.org'))}"


def _other_last_digit(make: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    def wrong(rng: random.Random) -> str:
        value = make(rng)
        at = max(i for i, c in enumerate(value) if c.isdigit())
        return value[:at] + str((int(value[at]) + rng.randrange(1, 10)) % 10) + value[at + 1 :]

    return wrong


def _iban_with_wrong_digits(rng: random.Random) -> str:
    value = _iban(rng)
    return f"{value[:2]}{(int(value[2:4]) + 13) % 100:02d}{value[4:]}"


def _amount(rng: random.Random) -> str:
    whole = f"{rng.randrange(1, 10 ** rng.randrange(2, 9)):,}".replace(",", ".")
    return f"{rng.choice(('R$ ', ''))}{whole},{_number(rng, 2)}"


def _date(rng: random.Random) -> str:
    day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1995, 2027)
    numbers = f"{day:02d}/{month:02d}/{year}"
    return rng.choice((numbers, f"{year}-{month:02d}-{day:02d}", f"{day} de maio de {year}", numbers.replace("/", ".")))


def _boleto(rng: random.Random) -> str:
    groups = (
        f"{_number(rng, 5)}.{_number(rng, 5)} {_number(rng, 5)}.{_number(rng, 6)} {_number(rng, 5)}.{_number(rng, 6)}"
    )
    return f"{groups} {_number(rng, 1)} {_number(rng, 14)}"


def _invoice_key(rng: random.Random) -> str:
    key = _number(rng, 44)
    return key if rng.random() < 0.5 else " ".join(key[i : i + 4] for i in range(0, 44, 4))


PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "cpf": _cpf,
    "cnpj": _cnpj,
    "cnpj_alpha": _cnpj_with_letters,
    "phone": _phone,
    "phone_mobile": _phone_mobile,
    "phone_formatted": _phone_formatted,
    "pis": _pis,
    "pis_formatted": _pis_printed,
    "account": _account,
    "agency": _agency,
    "iban": _iban,
    "email": _email,
}
KINDS = {
    "cpf": "CPF",
    "cnpj": "CNPJ",
    "cnpj_alpha": "CNPJ",
    "phone": "PHONE",
    "phone_mobile": "PHONE",
    "phone_formatted": "PHONE",
    "pis": "PIS",
    "pis_formatted": "PIS",
    "account": "ACCOUNT",
    "agency": "AGENCY",
    "iban": "IBAN",
    "email": "EMAIL",
}
NEAR_MISSES: dict[str, Callable[[random.Random], str]] = {
    "bad_cpf": _other_last_digit(_cpf),
    "bad_cnpj": _other_last_digit(_cnpj),
    "bad_pis": _other_last_digit(_pis),
    "bad_iban": _iban_with_wrong_digits,
    "invoice": lambda rng: rng.choice(
        (f"{rng.randrange(10**6):09d}", f"000.{_number(rng, 3)}.{_number(rng, 3)}", _number(rng, 4))
    ),
    "invoice_key": _invoice_key,
    "lawsuit": lambda rng: f"{_number(rng, 7)}-{_number(rng, 2)}.20{_number(rng, 2)}.8.26.{_number(rng, 4)}",
    "protocol": lambda rng: _number(rng, rng.choice((8, 9, 10, 11, 12, 13, 15, 16, 17, 20))),
    "amount": _amount,
    "date": _date,
    "time": lambda rng: f"{rng.randrange(24):02d}:{rng.randrange(60):02d}",
    "month": lambda rng: f"{rng.randrange(1, 13):02d}/20{_number(rng, 2)}",
    "law": lambda rng: f"{rng.randrange(1, 14)}.{_number(rng, 3)}/{rng.randrange(1964, 2026)}",
    "article": lambda rng: ".".join(str(rng.randrange(1, 30)) for _ in range(rng.randrange(1, 4))),
    "order": lambda rng: f"20{_number(rng, 2)}-{_number(rng, 6)}",
    "batch": lambda rng: f"{rng.choice('ABCDEFG')}{_number(rng, 5)}",
    "cnae": lambda rng: f"{_number(rng, 4)}-{_number(rng, 1)}/{_number(rng, 2)}",
    "ncm": lambda rng: f"{_number(rng, 4)}.{_number(rng, 2)}.{_number(rng, 2)}",
    "boleto": _boleto,
    "barcode": lambda rng: "789" + _number(rng, 10),
    "count": lambda rng: str(rng.randrange(1, 9999)),
    "admin_process": lambda rng: f"{_number(rng, 5)}.{_number(rng, 6)}/20{_number(rng, 2)}-{_number(rng, 2)}",
    "registry": lambda rng: f"{rng.randrange(10, 999)}.{_number(rng, 3)}",
    "percent": lambda rng: f"{rng.randrange(0, 99)},{_number(rng, 2)}%",
    "version": lambda rng: f"{rng.randrange(1, 9)}.{rng.randrange(0, 20)}.{rng.randrange(0, 20)}",
}
