"""From a configuration to what a request needs: tenants by key, their guards and upstreams."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from strongroom.domain.errors import InputError
from strongroom.guard.detectors.catalog import roster
from strongroom.guard.drivers import Guard, Run, here
from strongroom.guard.events.content import content_key
from strongroom.guard.gateway.config import (
    DEFAULT_POLICY,
    GatewayFile,
    Price,
    Tenant,
    secret_of,
)
from strongroom.guard.gateway.keys import Headers, Refused, given_key, hash_of, is_over
from strongroom.guard.gateway.refusals import Family, Refusal
from strongroom.guard.gateway.upstreams import Server
from strongroom.guard.policy import ModelUse, Policy, default_policy, read_policy
from strongroom.guard.records import Detector, Grounds
from strongroom.guard.tools.judge import Warden
from strongroom.guard.tools.pace import LocalPace, Pace

MAX_POLICY: Final = 512 * 1024


class Verify(Protocol):
    """Says whether a policy may be used: checks its signature, its version, its approvals."""

    def __call__(self, path: Path, data: bytes) -> None:
        """Raises TrustError or IntegrityError for one that may not."""
        ...


def unsigned(path: Path, data: bytes) -> None:
    """Takes every policy that lies where the configuration says."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant and the key that it used."""

    name: str
    key: str
    tenant: Tenant
    guard: Guard
    grounds: Grounds
    """Of the policy alone."""
    warden: Warden | None = None
    """Of tools; one for all keys of a tenant."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a configuration means. A reload makes a new one; open streams keep theirs."""

    file: GatewayFile
    callers: Mapping[str, tuple[Caller, date | None]]
    """By SHA-256 of the key; and its last day."""
    servers: Mapping[str, Server]
    hmac_key: bytes
    notes: tuple[str, ...]
    content_key: bytes | None = None
    """Seals texts that a policy wants kept."""
    token_key: bytes = b""
    """Pseudonyms come from it."""
    user_key: bytes = b""
    """Names of users are hashed with it; the same for gateways that have one `hmac_key`."""

    def caller(self, headers: Headers, today: date) -> Caller:
        """Who asks. Raises Refusal."""
        key = given_key(headers)
        if isinstance(key, Refused):
            raise Refusal(401, "invalid_key", f"Not authorised: {key.what}.")
        found = self.callers.get(hash_of(key))
        if found is None:
            raise Refusal(401, "invalid_key", "Not authorised: this key is not known here.")
        caller, until = found
        if is_over(until, today):
            raise Refusal(401, "expired_key", f"Not authorised: this key ended on {until}.")
        return caller

    def server(self, caller: Caller, family: Family, model: str) -> Server:
        """The tenant's first upstream that has the model. Raises Refusal."""
        if any(fnmatchcase(model, pattern) for pattern in caller.tenant.models):
            for name in caller.tenant.upstreams:
                server = self.servers[name]
                if server.config.speaks == family.value and server.serves(model):
                    return server
        raise Refusal(404, "model_not_found", "There is no such model here.")

    def price(self, model: str) -> Price | None:
        """What a model costs; the first pattern that fits."""
        fitting = (p for pattern, p in self.file.prices.items() if fnmatchcase(model, pattern))
        return next(fitting, None)


def set_up(
    file: GatewayFile,
    folder: Path,
    *,
    today: Callable[[], date],
    environ: Mapping[str, str],
    verify: Verify = unsigned,
    run_for: Callable[[Policy, str], Run] = lambda _, __: here,
    pace_for: Callable[[str], Pace] = lambda _: LocalPace(),
    detectors: Callable[[ModelUse], tuple[tuple[Detector, ...], tuple[str, ...]]] | None = None,
    trained: Detector | None = None,
) -> Setup:
    """Read policies, keys and certificates. Raises what is wrong with the first that is broken.

    `trained`: in place of the trained detector that comes with the package.
    """
    load = detectors or partial(_roster, trained)
    policies = {DEFAULT_POLICY: default_policy()}
    for name, ref in file.policies.items():
        policies[name] = _policy(folder / ref.file, verify)
    if file.mode == "observe":
        policies = {name: policy.observed() for name, policy in policies.items()}
    notes: list[str] = []
    guards: dict[str, Guard] = {}
    for name in sorted({tenant.policy for tenant in file.tenants.values()}):
        own, told = load(policies[name].file.model)
        notes += [note for note in told if note not in notes]
        guards[name] = Guard(policies[name], own, today)
    servers = {n: Server(n, one, folder, environ) for n, one in file.upstreams.items()}
    callers: dict[str, tuple[Caller, date | None]] = {}
    for name, tenant in file.tenants.items():
        guard = guards[tenant.policy]
        guard = replace(guard, run=run_for(guard.policy, name))
        own_file = guard.policy.file
        grounds = Grounds(
            own_file.canaries, hosts=own_file.hosts, labels=own_file.labels,
            topics=own_file.topic_words,
        )  # fmt: skip
        warden = Warden(own_file.tools, pace_for(name)) if own_file.tools else None
        for key in tenant.keys:
            caller = Caller(name, key.name, tenant, guard, grounds, warden)
            callers[key.sha256] = (caller, key.until)
    hmac_key, user_key = os.urandom(32), b""
    if file.record and file.record.hmac_key:
        secret = secret_of(file.record.hmac_key, folder, environ, "record.hmac_key")
        hmac_key = hashlib.sha256(secret.encode()).digest()
        user_key = hashlib.sha256(b"users\0" + secret.encode()).digest()
    token_key = os.urandom(32)
    if file.tokens.key:
        where = "tokens.key"
        token_key = content_key(secret_of(file.tokens.key, folder, environ, where), where)
    sealing_key = _content_key(file, folder, environ)
    if sealing_key is None:
        for name, policy in policies.items():
            if policy.file.content == "sealed":
                raise InputError("needs `record.content_key`", where=f"policies.{name}: content")
    return Setup(file, callers, servers, hmac_key, tuple(notes), sealing_key, token_key, user_key)


def _content_key(file: GatewayFile, folder: Path, environ: Mapping[str, str]) -> bytes | None:
    if file.record is None or file.record.content_key is None:
        return None
    where = "record.content_key"
    return content_key(secret_of(file.record.content_key, folder, environ, where), where)


def _roster(
    trained: Detector | None, model: ModelUse
) -> tuple[tuple[Detector, ...], tuple[str, ...]]:
    there = roster(model, trained)
    return there.detectors, there.notes


def _policy(path: Path, verify: Verify) -> Policy:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POLICY + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    verify(path, data)
    return read_policy(data, where=str(path))
