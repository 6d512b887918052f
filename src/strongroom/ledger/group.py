"""Group commit: what several threads append at once shares one sync."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from strongroom.domain.errors import StoreError, StrongroomError
from strongroom.ledger.note import NoteSigner
from strongroom.ledger.writer import Writer


@dataclass(slots=True)
class _Batch:
    """What one thread appends, and what became of it."""

    entries: tuple[bytes, ...]
    first: int = -1
    error: StrongroomError | None = None


class GroupCommit:
    """A writer that threads may share: whoever comes first commits for all that wait."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._committing = Lock()
        self._queue = Lock()
        self._waiting: list[_Batch] = []

    def append(self, entries: tuple[bytes, ...], signer: NoteSigner) -> int:
        """Log entries; gives the index of the first. Raises StoreError, IntegrityError."""
        batch = _Batch(entries)
        with self._queue:
            self._waiting.append(batch)
        with self._committing:
            if batch.first < 0 and batch.error is None:
                self._commit_waiting(signer)
        if batch.error is not None:
            raise batch.error
        return batch.first

    def publish(self) -> None:
        """See Writer.publish."""
        with self._committing:
            self._writer.publish()

    def close(self) -> None:
        """See Writer.close."""
        with self._committing:
            self._writer.close()

    def let_go(self) -> None:
        """What is done for a ledger that nobody closed: publish, unless another is writing."""
        with suppress(StrongroomError):  # the next writer publishes; nobody is here to be told
            self._writer.close(wait=0)

    def _commit_waiting(self, signer: NoteSigner) -> None:
        """Log what all waiting threads brought, and tell each of them."""
        with self._queue:
            group, self._waiting = self._waiting, []
        error: StrongroomError = StoreError("the commit was interrupted", fix="append again")
        try:
            first = self._writer.append([e for batch in group for e in batch.entries], signer)
            for batch in group:
                batch.first = first
                first += len(batch.entries)
        except StrongroomError as said:
            error = said
        finally:
            for batch in group:
                batch.error = error if batch.first < 0 else None
