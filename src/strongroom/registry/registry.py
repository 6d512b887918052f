"""The registry: sealed versions, and which of them stands in which stage.

Tables only point; what counts are signed statements in the ledger. A promotion is one transaction
that adds the index row of its statement and takes the next number in its stage, so it happened
wholly or not at all, and of several at once one happens.
"""

from __future__ import annotations

from sqlalchemy import Connection

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import ConflictError, DeniedError, InputError, IntegrityError
from strongroom.domain.statement import Subject
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.wrappings import key_name
from strongroom.keys.sealing import context_of, new_key
from strongroom.registry import reading, tables
from strongroom.registry.decisions import newest_decision
from strongroom.registry.opening import Opened, open_seal
from strongroom.registry.reading import Version
from strongroom.registry.sealing import Content, content_of, seal_content
from strongroom.registry.statements import Action, Move, Seal, version_of

SIGNER = "registry"
"""The service key that signs seals and promotions."""


class Registry:
    """The versions of one home."""

    def __init__(self, home: Home) -> None:
        """Makes the tables anew from the records if they were lost."""
        self._home = home
        reading.rebuild(home)

    # --- what is there

    def current(self, system: str, stage: Stage) -> Move | None:
        """What stands in the stage: the move that put it there, verified, or None."""
        return reading.current(self._home, system, stage)

    def history(self, system: str, stage: Stage) -> tuple[Move, ...]:
        """Every move in the stage, newest first, each verified."""
        return reading.history(self._home, system, stage)

    def versions(self, system: str | None = None) -> tuple[Version, ...]:
        """All sealed versions, or those of a system, newest first, each verified."""
        return reading.versions(self._home, system)

    def open(self, system: str, which: Stage | Digest) -> Opened:
        """Verify and decrypt in memory what stands in a stage, or a version by its digest.

        Raises InputError when there is none, IntegrityError that names the file, TrustError,
        KeyAccessError.
        """
        seal = reading.sealed_or_fail(self._home, self._version(system, which))
        if seal.system != system:
            raise InputError(f"{seal.version.short} is a version of {seal.system}", where=system)
        return open_seal(self._home, seal)

    # --- what changes it

    def promote(
        self,
        loaded: Loaded,
        stage: Stage,
        decision: Digest | None = None,
        *,
        over: int | None = None,
    ) -> Move:
        """Seal the version and put it into the stage.

        1. The newest decision about exactly these digests must be a fresh ALLOW for the stage; if
           `decision` is given, it must be that one.
        2. The version must stand in the stage before.
        3. Seal it; the same version again is not sealed twice.
        4. Sign the promotion; index it and take the next number in the stage in one transaction.

        `over` is the number of the move that the caller saw last in the stage (0: none); without
        it, the one that stands when this starts. Raises DeniedError (1, 2), ConflictError when
        somebody else moves the stage meanwhile, IntegrityError when a file changes meanwhile.
        """
        home, system = self._home, loaded.system.system.name
        before = self.current(system, stage)
        number = before.number if before else 0
        if over not in (None, number):
            raise tables.overtaken(system, stage)
        about = subjects_of(loaded)
        allowed = newest_decision(home, system, stage, about, home.clock())
        if decision not in (None, allowed.digest):
            raise DeniedError(
                f"decision {decision} is not the newest about these digests",
                where=system,
                fix=f"rest on {allowed.digest}",
            )
        content = content_of(loaded, about)
        version = version_of(system, content.digests, about)
        if before and before.version == version:
            raise ConflictError(f"{version.short} stands in {stage} already", where=system)
        self._require_in_stage_before(system, stage, version)
        self._seal(system, content, about, allowed.digest)
        return self._record(
            Move(
                system,
                stage,
                number + 1,
                Action.PROMOTE,
                version,
                replaced=before.version if before else None,
                below=number or None,
                decision=allowed.digest,
                at=home.clock(),
            )
        )

    def rollback(self, system: str, stage: Stage) -> Move:
        """Put back what stood in the stage before. Raises DeniedError when nothing did."""
        now = self.current(system, stage)
        if now is None or now.below is None:
            there = "nothing stands" if now is None else "nothing else stood"
            raise DeniedError(f"{there} in {stage}", where=system, fix="promote a version")
        below = reading.move_numbered(self._home, system, stage, now.below)
        self._require_objects(seal := reading.sealed_or_fail(self._home, below.version))
        self._require_alive(seal)
        return self._record(
            Move(
                system,
                stage,
                now.number + 1,
                Action.ROLLBACK,
                below.version,
                replaced=now.version,
                below=below.below,
                decision=None,
                at=self._home.clock(),
            )
        )

    # --- within

    def _seal(
        self, system: str, content: Content, about: tuple[Subject, ...], decision: Digest
    ) -> None:
        home, version = self._home, version_of(system, content.digests, about)
        there = reading.sealed(home, version)
        if there is not None:
            self._require_alive(there)
            return
        key = new_key()
        context = context_of(system=system, version=str(version))
        seal = Seal(
            system,
            seal_content(home.objects, content, key, system, version),
            about,
            # A wrapping key for each version: destroying it shreds that version and no other.
            home.kms.wrap(key, context, name=key_name(version)),
            home.kms.uri,
            decision,
            home.clock(),
        )
        statement = seal.to_statement()

        def note(connection: Connection) -> None:
            tables.add_seal(connection, seal, statement.digest)

        try:
            home.record(statement, SIGNER, within=note)
        except ConflictError:
            there = reading.sealed(home, version)
            if there is None or there == seal:
                raise
            for file in seal.files:  # another process was first, and ours will never be opened
                home.objects.delete(file.object)

    def _record(self, move: Move) -> Move:
        statement = move.to_statement()

        def take(connection: Connection) -> None:
            tables.add_move(connection, move, statement.digest)

        self._home.record(statement, SIGNER, within=take)
        return move

    def _version(self, system: str, which: Stage | Digest) -> Digest:
        if isinstance(which, Digest):
            return which
        current = self.current(system, which)
        if current is None:
            raise InputError(
                f"nothing stands in {which}", where=system, fix="see `strongroom versions`"
            )
        return current.version

    def _require_in_stage_before(self, system: str, stage: Stage, version: Digest) -> None:
        order = list(Stage)
        if stage is order[0]:
            return
        before = order[order.index(stage) - 1]
        standing = self.current(system, before)
        if standing is None or standing.version != version:
            raise DeniedError(
                f"{version.short} does not stand in {before}, from where {stage} is entered",
                where=system,
                fix=f"run `strongroom promote --to {before}` first",
            )

    def _require_alive(self, seal: Seal) -> None:
        """A version that was shredded does not come back."""
        gone = SealedKeys(self._home).shredding(seal.wrapping)
        if gone is not None:
            raise DeniedError(gone.words, where=seal.system, fix="train and promote a new version")

    def _require_objects(self, seal: Seal) -> None:
        """A rollback must not put a version there that cannot be opened."""
        for file in seal.files:
            if not self._home.objects.has(file.object):
                raise IntegrityError("the sealed file is missing", where=file.path)
