"""Parsers that go wrong in the ways that real ones do. Workers import them, so they stand in a module of their own."""

import os
import signal
import time
from pathlib import Path

from compliance_assets.normalised_documents.parsed import Outcome, Parsed
from compliance_assets.normalised_documents.plain_text import parse


def by_command(data: bytes) -> Outcome:
    """Does what the document says, and reads any other document as plain text."""
    command, _, argument = data.partition(b" ")
    if command == b"sleep":
        time.sleep(float(argument))
    elif command == b"spin":
        while True:
            pass
    elif command == b"allocate":
        bytearray(int(argument))
    elif command == b"exit":
        os._exit(int(argument))
    elif command == b"segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif command == b"leave":
        raise SystemExit(0)
    elif command == b"fail":
        raise KeyError("a bug of the parser")
    elif command == b"complain":
        os.write(1, b"noise on stdout\n")
        os.write(2, b"noise on stderr\n")
    elif command == b"write_pid_and_spin":
        Path(os.fsdecode(argument)).write_text(str(os.getpid()))
        by_command(b"spin")
    elif command == b"modules":
        return _parsed(" ".join(sorted(__import__("sys").modules)))
    elif command == b"repeat":
        return _parsed("x" * int(argument))
    return parse(data)


def _parsed(text: str) -> Parsed:
    return Parsed(text, (len(text),), "markup", "text/plain", "misbehaving", title=None)
