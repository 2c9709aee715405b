"""Text that can be stored and hashed everywhere."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Text that PostgreSQL can hold and JSON can carry: NUL and lone surrogates become U+FFFD, one for one."""
    return _UNSTORABLE.sub("\ufffd", text)
