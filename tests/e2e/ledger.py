"""What came of each scenario: runs, lost, doubled, wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: Final = ("lost", "doubled", "wrong")


@dataclass
class Entry:
    """The runs of one scenario, what was wrong with them, and what else is worth telling."""

    runs: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, faults: list[str]) -> None:
        """Count a run."""
        self.runs += 1
        self.faults += faults

    @property
    def kinds(self) -> Counter[str]:
        """How many faults of each kind there were."""
        return Counter(kind for fault in self.faults for kind in KINDS if f": {kind}: " in fault)


class Ledger:
    """The entries of all scenarios; safe to use from any thread."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    @contextmanager
    def scenario(self, name: str) -> Iterator[Entry]:
        """Take down a scenario; it fails if something was lost, doubled or wrong."""
        entry, start = Entry(), time.monotonic()
        with self._lock:
            self._entries[name] = entry
        try:
            yield entry
        except AssertionError as error:
            entry.add([f"{name}: wrong: {str(error).splitlines()[0]}"])
            raise
        finally:
            entry.seconds = time.monotonic() - start
        assert not entry.faults, "\n".join(entry.faults)

    def lines(self) -> list[str]:
        """Return the table."""
        width = max(map(len, self._entries), default=8)
        head = f"{'scenario':{width}}  runs  lost  doubled  wrong  seconds"
        rows = [line for name, entry in self._entries.items() for line in _row(name, entry, width)]
        return [head, *rows]


def _row(name: str, entry: Entry, width: int) -> list[str]:
    lost, doubled, wrong = (entry.kinds[kind] for kind in KINDS)
    line = f"{name:{width}}  {entry.runs:4}  {lost:4}  {doubled:7}  {wrong:5}  {entry.seconds:7.0f}"
    return [line, *[f"    {note}" for note in entry.notes]]
