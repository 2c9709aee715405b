"""SQL of the watch: where the pointers of record stand."""

from typing import LiteralString

from resources.postgres import Connection

#: What precedes the first slash of a pointer's name -> the pointers of that kind as they stand: (name, value).
POINTERS: dict[str, LiteralString] = {
    "year_index": "SELECT 'year_index/' || year, index_version FROM compliance.index_versions WHERE state = 'live'",
}


def standing_pointers(conn: Connection) -> dict[str, str]:
    """pointer -> its value, of every pointer that is watched."""
    return {str(name): str(value) for query in POINTERS.values() for name, value in conn.execute(query)}
