"""The home: one folder that binds database, objects, ledger, keys, KMS and trust policy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, insert, select

from strongroom.domain.digests import Digest
from strongroom.domain.errors import ConflictError, InputError, IntegrityError, StoreError
from strongroom.domain.statement import PAYLOAD_TYPE, Statement
from strongroom.home import index
from strongroom.home.key_uses import KeyUses
from strongroom.home.keyring import Keyring, check_name, local_secret
from strongroom.home.leaf import Leaf
from strongroom.home.making import SERVICES, VALIDITY, Identity, make_home
from strongroom.home.outbox import Outbox
from strongroom.home.record import Record, load_record
from strongroom.home.settings import Settings
from strongroom.home.stewardship import KEY_EVENT_TYPE, SIGNED_BY, Stewardship
from strongroom.keys.dsse import Envelope, sign
from strongroom.keys.keypair import PublicKey, Signer, generate
from strongroom.keys.kms import Kms, kms_from_uri, same
from strongroom.keys.trust import Role, TrustedKey, TrustPolicy
from strongroom.ledger.log import Ledger
from strongroom.ledger.proof import verify_tlog_proof
from strongroom.storage.database import Database, open_database, sqlite_url
from strongroom.storage.objects import Objects, objects_from_uri
from strongroom.storage.tables import about

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Home:
    """Open with `Home.open`; use as a context manager, or `close` it."""

    def __init__(
        self,
        *,
        folder: Path,
        identity: Identity,
        keyring: Keyring,
        database: Database,
        objects: Objects,
        ledger: Ledger,
        kms: Callable[[str | None], Kms],
        clock: Clock,
    ) -> None:
        self.folder = folder
        self.identity = identity
        self.database = database
        self.objects = objects
        self.ledger = ledger
        self.clock = clock
        self.uses = KeyUses()
        self._keyring = keyring
        self._make_kms = kms
        self._outbox = Outbox(database, objects, ledger, folder / "outbox.lock")
        self._stewardship = Stewardship(
            keyring,
            objects,
            folder / "trust.lock",
            log=lambda statement: self.record(statement, SIGNED_BY),
            logged=lambda: self.records(KEY_EVENT_TYPE),
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        create: bool = False,
        passphrase: bytes | None = None,
        clock: Clock = system_clock,
        settings: Settings | None = None,
    ) -> Home:
        """Open the home in `folder`, or make it there first.

        1. Read what the folder says about itself, and the secret that opens its keys.
        2. Connect database, objects and ledger; the database must be this home's.
        3. Bring index and ledger in step: log what waited, index what is missing.
        4. Check that the trust policy is the one that was logged last.

        `settings` come from the environment unless given. Raises StoreError (no home, newer
        format, read-only, full), KeyAccessError (wrong passphrase), IntegrityError (tampering),
        ConflictError (another process keeps it).
        """
        settings = Settings.parse(os.environ) if settings is None else settings
        passphrase = passphrase or settings.passphrase
        if not (folder / "home.json").exists():
            if not create:
                raise StoreError(
                    "no Strongroom home here", where=str(folder), fix="name it by --home DIR"
                )
            make_home(folder, passphrase, clock())
        identity = Identity.read(folder)
        secret, guessable = passphrase or local_secret(folder), passphrase is not None
        keyring = Keyring(folder, secret)
        place = folder.absolute()
        with contextlib.ExitStack() as on_failure:
            ledger = Ledger.open(folder / "ledger", keyring.signer("ledger"))
            on_failure.callback(ledger.close)
            database = open_database(settings.database or sqlite_url(place / "index.sqlite"))
            on_failure.callback(database.close)
            home = cls(
                folder=folder,
                identity=identity,
                keyring=keyring,
                database=database,
                objects=objects_from_uri(settings.objects or (place / "objects").as_uri()),
                ledger=ledger,
                kms=lambda uri: kms_from_uri(
                    uri or settings.kms or f"local:{place}/kms", secret=secret, guessable=guessable
                ),
                clock=clock,
            )
            home._bind()
            home.reindex()
            home._stewardship.settle(clock())
            on_failure.pop_all()
        return home

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is held open."""
        self.ledger.close()
        self.database.close()

    # --- keys and trust

    @cached_property
    def kms(self) -> Kms:
        """What wraps data keys."""
        return self._make_kms(None)

    def kms_at(self, uri: str) -> Kms:
        """Another key service: to move to, or to destroy what is left there."""
        return self.kms if same(uri, self.kms.uri) else self._make_kms(uri)

    @property
    def trust(self) -> TrustPolicy:
        """Who may sign what, as of now."""
        return self._keyring.policy

    def signer(self, name: str, passphrase: bytes | None = None) -> Signer:
        """The private key of that name; without a passphrase the home's own opens it."""
        return self._keyring.signer(name, passphrase)

    def add_key(
        self,
        name: str,
        roles: Sequence[Role],
        *,
        scopes: Sequence[str] = ("*",),
        passphrase: bytes | None = None,
        valid_for: timedelta = VALIDITY,
    ) -> PublicKey:
        """Make a key, trust it for the roles, log that. Raises ConflictError for a taken name."""
        now = self.clock()

        def make(policy: TrustPolicy) -> TrustedKey:
            if any(k.name == check_name(name) for k in policy.keys):
                raise ConflictError(f"there is a key of {name} already", fix="choose another name")
            pair = generate()
            key = TrustedKey(name, pair.public, tuple(roles), tuple(scopes), now, now + valid_for)
            self._keyring.save(name, pair, passphrase)
            return key

        return self._stewardship.add(make, now).key

    def trust_key(self, key: TrustedKey) -> None:
        """Trust a key that was made elsewhere, and log that. Raises InputError for a known key."""
        self._stewardship.add(lambda _: key, self.clock())

    def revoke_key(self, name: str, at: datetime) -> None:
        """Believe nothing that the key signed from `at` on, and log that."""
        self._stewardship.revoke(name, at, self.clock())

    def rotate_key(self, name: str) -> TrustedKey:
        """Give a service another signing key, and log that; see docs/rotate-keys.md.

        Raises InputError for the ledger's key and for people's.
        """
        if name not in SERVICES or name == SIGNED_BY:
            ledger = "the ledger's key is its name: a log with another key is another log"
            person = f"{name} is no service of this home, and holds the key's passphrase"
            raise InputError(
                ledger if name == SIGNED_BY else person,
                where=name,
                fix="strongroom keys extend" if name == SIGNED_BY else "strongroom keys new",
            )
        return self._stewardship.rotate(name, self.clock())

    def extend_key(self, name: str, by: timedelta) -> TrustedKey:
        """Let a key sign until so long from now, and log that."""
        now = self.clock()
        return self._stewardship.extend(name, now + by, now)

    # --- records

    def record(
        self,
        statement: Statement,
        signer_name: str,
        *,
        passphrase: bytes | None = None,
        within: Callable[[Connection], None] | None = None,
    ) -> Record:
        """Sign a statement and keep it; see `signer` and `record_envelope`."""
        signer = self.signer(signer_name, passphrase)
        return self.record_envelope(sign(statement, signer), within=within)

    def record_envelope(
        self, envelope: Envelope, *, within: Callable[[Connection], None] | None = None
    ) -> Record:
        """Keep a signed statement: object, index, ledger; durable and logged when it returns.

        `within` writes in the transaction of the index row: both are there or neither is. An
        envelope that is there already is not kept twice. Raises InputError for an envelope
        without statement; ConflictError, StoreError.
        """
        if envelope.payload_type != PAYLOAD_TYPE:
            raise InputError(f"no statement but {envelope.payload_type}")
        statement = Statement.parse(envelope.payload)
        name = self.objects.put([envelope.to_bytes()])
        leaf = Leaf.of(statement, name, self.clock())
        check = statement.predicate.get("check")
        with self.database.write() as connection:
            index.add(connection, leaf, check if isinstance(check, str) else None)
            if within is not None:
                within(connection)
        self._outbox.drain()
        return load_record(self.objects, self._row(name))

    def records(
        self,
        kind: str,
        *,
        system: str | None = None,
        check: str | None = None,
        naming: str | None = None,
        newest_first: bool = True,
    ) -> Iterator[Record]:
        """Every record of a kind; `check` is a full id such as `data.schema@1`.

        `naming` leaves out records whose line in the ledger does not have these words.
        """
        wanted = {"kind": kind, "system": system, "check": check}
        with self.database.read() as connection:
            rows = index.search(connection, wanted, newest_first=newest_first, naming=naming)
        return (load_record(self.objects, row) for row in rows)

    def record_of(self, digest: Digest) -> Record | None:
        """The record of the statement with that digest, the newest if several people signed it."""
        with self.database.read() as connection:
            row = index.by_statement(connection, digest)
        return None if row is None else load_record(self.objects, row)

    def check_logged(self, record: Record) -> None:
        """Prove by the ledger's checkpoint that it has the record. Raises IntegrityError.

        A record that another process committed and has not logged yet is logged first.
        """
        where = f"record {record.digest.short}"
        number = record.ledger_index
        if number is None:
            self._outbox.drain()
            number = self._row(record.envelope_digest).ledger_index
        if number is None:
            raise IntegrityError("the record is not in the ledger", where=where)
        verify_tlog_proof(self.ledger.proof(number), record.leaf, self.ledger.key, where=where)

    def reindex(self) -> int:
        """Log what waits; if index and ledger then differ, make the index anew from the ledger.

        Returns how many records the index had lost.
        """
        return self._outbox.settle()

    # --- within

    def _row(self, envelope: Digest) -> index.Row:
        with self.database.read() as connection:
            row = index.by_envelope(connection, envelope)
        if row is None:
            raise StoreError("the index lost a row that it had", where=self.database.url)
        return row

    def _bind(self) -> None:
        """Make the database this home's, or refuse one that is another's."""
        mine = self.identity.id
        query = select(about.c.value).where(about.c.name == "home")
        with self.database.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            with self.database.write() as connection:
                found = connection.execute(query).scalar()
                if found is None:
                    connection.execute(insert(about).values(name="home", value=mine))
        if found not in (None, mine):
            raise StoreError(
                f"the database belongs to home {found}, this is {mine}",
                where=self.database.url,
                fix="give each home a database of its own",
            )
