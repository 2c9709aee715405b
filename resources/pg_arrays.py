"""Columns of many rows as PostgreSQL's binary arrays, for `unnest` in one statement.

psycopg dumps a list element by element through its adapters, in Python: for a statement of thirty columns that takes longer
than the server does. These write the array's bytes at once (format: `array_send` in PostgreSQL's arrayfuncs.c).
"""

import struct
from collections.abc import Iterable, Sequence

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiIii")  # dimensions, whether there is a null, the elements' oid, how many, the first index
_EMPTY = struct.Struct(">iiI")
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)


class BinaryArray(bytes):
    """The bytes of an array; a subclass a type, since the type of a parameter is looked up by class."""

    oid = 0


class TextArray(BinaryArray):
    """text[]."""

    oid = 1009


class ByteaArray(BinaryArray):
    """bytea[]."""

    oid = 1001


class BigintArray(BinaryArray):
    """bigint[]."""

    oid = 1016


class DoubleArray(BinaryArray):
    """double precision[]."""

    oid = 1022


class UuidArray(BinaryArray):
    """uuid[]."""

    oid = 2951


def texts(values: Iterable[str | None]) -> TextArray:
    """A column of text. Cast it for types that are written as text."""
    return TextArray(_array(25, [None if value is None else value.encode() for value in values]))


def blobs(values: Iterable[bytes | None]) -> ByteaArray:
    """A column of bytes."""
    return ByteaArray(_array(17, list(values)))


def bigints(values: Iterable[int]) -> BigintArray:
    """A column of whole numbers. Cast it to narrower ones."""
    return BigintArray(_array(20, [value.to_bytes(8, "big", signed=True) for value in values]))


def doubles(values: Iterable[float]) -> DoubleArray:
    """A column of fractions."""
    return DoubleArray(_array(701, [struct.pack(">d", value) for value in values]))


def uuids(values: Iterable[str]) -> UuidArray:
    """A column of UUIDs, given as text."""
    return UuidArray(_array(2950, [bytes.fromhex(value.replace("-", "")) for value in values]))


def _array(element_oid: int, elements: Sequence[bytes | None]) -> bytes:
    if not elements:
        return _EMPTY.pack(0, 0, element_oid)
    parts = [_HEADER.pack(1, None in elements, element_oid, len(elements), 1)]
    for element in elements:
        parts += (_NULL,) if element is None else (_LENGTH.pack(len(element)), element)
    return b"".join(parts)


class _AsItStands(Dumper):
    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> Buffer:
        return obj


for _kind in (TextArray, ByteaArray, BigintArray, DoubleArray, UuidArray):
    psycopg.adapters.register_dumper(_kind, type(f"{_kind.__name__}Dumper", (_AsItStands,), {"oid": _kind.oid}))
