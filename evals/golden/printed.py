"""How the printed return writes its values: amounts, numbers of persons and companies, dates."""

from datetime import date
from decimal import Decimal


def amount(value: Decimal) -> str:
    """`1234.5` as `1.234,50`."""
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def taxpayer_id(digits: str) -> str:
    """A CPF as `222.222.223-03`, a CNPJ as `99.111.111/0001-32`."""
    if len(digits) == 11:
        return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
    return f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}/{digits[8:12]}-{digits[12:]}"


def receipt(digits: str) -> str:
    """The ten digits of a receipt in pairs."""
    return ".".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def day(value: date) -> str:
    """`31/12/2019`."""
    return value.strftime("%d/%m/%Y")
