"""The lexical indexes that this process has open: a search reads nothing where nothing moved.

An index that another replaces, or that was not asked for longest, is let go; the last search in it closes it.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.year_index import lexical_store
from compliance_assets.year_index.lexical import LexicalIndex
from resources.postgres import Connection, organization_of

CAPACITY = 32  # years, over all organisations. What is open is mapped, not held: the system takes its memory back


@dataclass(slots=True)
class _Slot:
    """The index of one year of one organisation. Who holds the lock opens it; the others wait for that."""

    lock: Lock = field(default_factory=Lock)
    stands_for: tuple[str, str] | None = None  # index version, lexical digest
    index: LexicalIndex | None = None


class LexicalCache:
    """Opened indexes by organisation and year. Threads share it; a forked process begins with an empty one."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.forget()

    def opened(self, conn: Connection, year: int, index_version: str, lexical_digest: str) -> LexicalIndex:
        """The lexical index of an index version; that of the live one where this has just been replaced.

        Raises IntegrityError when the stored pieces are not those that were built.
        """
        slot = self._slot(organization_of(conn), year)
        wanted = (index_version, lexical_digest)
        with slot.lock:
            while slot.index is None or slot.stands_for != wanted:
                try:
                    slot.index = LexicalIndex(lexical_store.read(conn, year, wanted[0]), wanted[1])
                    slot.stands_for = wanted
                except IntegrityError:
                    live = lexical_store.live(conn, year)
                    if live is None or live == wanted:
                        raise
                    wanted = live
            return slot.index

    def _slot(self, organization_id: str, year: int) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault((organization_id, year), _Slot())
            self._slots.move_to_end((organization_id, year))
            while len(self._slots) > self._capacity:
                self._slots.popitem(last=False)
            return slot

    def forget(self) -> None:
        """Let go of every index, and of the locks: a thread of the parent may have held them when a process was forked."""
        self._lock = Lock()
        self._slots: OrderedDict[tuple[str, int], _Slot] = OrderedDict()


OPEN_INDEXES = LexicalCache()
os.register_at_fork(after_in_child=OPEN_INDEXES.forget)
