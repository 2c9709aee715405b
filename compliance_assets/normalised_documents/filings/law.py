"""What the law fixes for a calendar year: the annual table, the caps, and who must file. The amounts are data, `law.csv`.

A new year is a new row. The columns `limit_1..4` close the bands of the annual progressive table, `rate_*` and `parcel_*`
(parcela a deduzir) belong to the bands 1 to 5, shares are fractions of the taxable income, amounts are in BRL. From the
calendar year 2026 on a reduction that is no table comes on top (Lei 15.270/2025): a row alone would be wrong there.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources

from compliance_assets.contracts.errors import InvalidInput

_CENT = Decimal("0.01")
_BANDS = 5


@dataclass(frozen=True, slots=True)
class Band:
    """One line of the annual table: for a tax base up to `up_to` the tax is `base * rate - parcel`.

    The highest band has no end: its `up_to` is None.
    """

    up_to: Decimal | None
    rate: Decimal
    parcel: Decimal


@dataclass(frozen=True, slots=True)
class MustFile:
    """Who exceeds one of these amounts in the year must file."""

    taxable_income: Decimal
    exempt_income: Decimal
    assets: Decimal
    rural_revenue: Decimal


@dataclass(frozen=True, slots=True)
class Law:
    """The law of one calendar year. Amounts in BRL, shares as fractions."""

    year: int
    bands: tuple[Band, ...]
    dependant: Decimal  # deduction for each dependant
    education_cap: Decimal  # for each person
    simplified_share: Decimal
    simplified_cap: Decimal
    private_pension_share: Decimal
    must_file: MustFile

    def tax(self, base: Decimal) -> Decimal:
        """The tax on a base, exact: not rounded."""
        band = next(band for band in self.bands if band.up_to is None or base <= band.up_to)
        return max(base * band.rate - band.parcel, Decimal(0))

    def tax_due(self, base: Decimal) -> Decimal:
        """The tax on a base, in whole cents."""
        return cents(self.tax(base))

    def simplified_discount(self, income: Decimal) -> Decimal:
        """What the simplified discount takes off the taxable income."""
        return min(cents(income * self.simplified_share), self.simplified_cap)

    def private_pension_cap(self, income: Decimal) -> Decimal:
        """The most that contributions to a private pension take off the taxable income."""
        return cents(income * self.private_pension_share)


def cents(amount: Decimal) -> Decimal:
    """An amount in whole cents, a half rounded up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def law_of(year: int) -> Law:
    """The law of a calendar year (ano-calendário). Raises InvalidInput for a year that `law.csv` does not have."""
    law = _laws().get(year)
    if law is None:
        raise InvalidInput(
            "the law of the calendar year is not known",
            expected=f"a calendar year of {known_years()[0]} to {known_years()[-1]}",
            found=str(year),
            remedy="Add the year's row to filings/law.csv, from the tables that the Receita Federal publishes.",
        )
    return law


def known_years() -> tuple[int, ...]:
    """The calendar years that `law.csv` has, in order."""
    return tuple(sorted(_laws()))


@cache
def _laws() -> Mapping[int, Law]:
    rows = (resources.files(__package__) / "law.csv").read_text(encoding="utf-8").splitlines()
    return {law.year: law for law in map(_law, csv.DictReader(rows))}


def _law(row: dict[str, str]) -> Law:
    amounts = {name: Decimal(value) for name, value in row.items() if name != "year"}
    return Law(
        year=int(row["year"]),
        bands=tuple(
            Band(amounts.get(f"limit_{n}"), amounts[f"rate_{n}"], amounts[f"parcel_{n}"]) for n in range(1, _BANDS + 1)
        ),
        dependant=amounts["dependant"],
        education_cap=amounts["education_cap"],
        simplified_share=amounts["simplified_share"],
        simplified_cap=amounts["simplified_cap"],
        private_pension_share=amounts["private_pension_share"],
        must_file=MustFile(
            amounts["file_above_income"],
            amounts["file_above_exempt"],
            amounts["file_above_assets"],
            amounts["file_above_rural"],
        ),
    )
