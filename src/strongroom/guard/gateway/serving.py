"""Runs the gateway: uvicorn, signals, reload, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import uvicorn

from strongroom.domain.errors import InputError, StrongroomError
from strongroom.guard.abuse.memory import LocalMemory, Memory
from strongroom.guard.abuse.memory import OrLocal as OrLocalMemory
from strongroom.guard.engine import Question
from strongroom.guard.gateway.app import Gateway
from strongroom.guard.gateway.config import GatewayFile, Sealed, load_config
from strongroom.guard.gateway.consulting import Consulting
from strongroom.guard.gateway.events import Both, FileSink, Sink
from strongroom.guard.gateway.judging import Memory as Judgements
from strongroom.guard.gateway.limits import Counters, LocalCounters
from strongroom.guard.gateway.limits_redis import OrLocal, RedisCounters
from strongroom.guard.gateway.memory_redis import RedisMemory
from strongroom.guard.gateway.pace_redis import OrLocalPace, RedisPace
from strongroom.guard.gateway.patience import patient
from strongroom.guard.gateway.proxy import Proxy
from strongroom.guard.gateway.recording import Recorder
from strongroom.guard.gateway.tally import Tally
from strongroom.guard.gateway.telling import anchoring, telling
from strongroom.guard.gateway.tenants import Setup, Verify, set_up, unsigned
from strongroom.guard.gateway.watching import Watching
from strongroom.guard.gateway.workers import Workers
from strongroom.guard.records import Detector, Source
from strongroom.guard.signing import Vouching, read_file
from strongroom.guard.tokens.vault import Vault
from strongroom.guard.tools.pace import LocalPace, Pace
from strongroom.keys.trust import TrustPolicy

log = logging.getLogger(__name__)


Unseal: TypeAlias = Callable[[Sealed, Path], Detector]
"""Opens a sealed detector; the path is the folder of the configuration. This room knows no
registry: who starts the gateway brings one."""


def sealed_away(sealed: Sealed, folder: Path) -> Detector:
    """For a gateway that was started without a registry."""
    raise InputError(f"{sealed.system} is sealed, and no registry is here to open it",
                     where=str(folder), fix="start it with `strongroom guard serve`")  # fmt: skip


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day, in UTC."""
    return now().date()


def counters_of(file: GatewayFile) -> Counters:
    """Shared counters where they are configured."""
    local = LocalCounters(time.time)
    if file.shared is None:
        return local
    shared = RedisCounters(file.shared.redis, time.time, file.shared.seconds)
    return OrLocal(shared, local) if file.shared.on_loss == "local" else shared


def memory_of(file: GatewayFile) -> Memory:
    """What users did, shared where limits are."""
    local = LocalMemory()
    if file.shared is None:
        return local
    shared = RedisMemory(file.shared.redis, file.shared.seconds)
    return OrLocalMemory(shared, local) if file.shared.on_loss == "local" else shared


def pace_of(file: GatewayFile, tenant: str) -> Pace:
    """The pace of a tenant's tools, shared where limits are."""
    local = LocalPace()
    if file.shared is None:
        return local
    shared = RedisPace(file.shared.redis, tenant, file.shared.seconds)
    return OrLocalPace(shared, local) if file.shared.on_loss == "local" else shared


def gateway_of(
    setup: Setup, folder: Path, workers: Workers, counters: Counters, *sinks: Sink
) -> Gateway:
    """A gateway that records to the configured file, and to further sinks."""
    tally = Tally()
    all_sinks: list[Sink] = [tally, *sinks]
    if told := telling(setup.file.telemetry, folder):
        all_sinks.append(told)
        tally.watch(told.outlet)
    if record := setup.file.record:
        all_sinks.append(FileSink(folder / record.file))
        if record.anchor:
            all_sinks.append(anchoring(record.anchor, folder / record.file, folder))
    recorder = Recorder(Both(all_sinks), now)
    vault = Vault(
        setup.token_key, time.time, seconds=setup.file.tokens.seconds,
        conversations=setup.file.tokens.conversations,
    )  # fmt: skip
    watching = Watching(memory_of(setup.file), time.time)
    proxy = Proxy(recorder, counters, workers, Judgements(), vault, watching, time.time)
    gateway = Gateway(setup, proxy, tally, today, lambda: f"sr_{secrets.token_hex(12)}")
    workers.consult = Consulting(counters, lambda: gateway.setup)
    return gateway


class Server(uvicorn.Server):
    """uvicorn with a gateway: SIGHUP reloads, SIGTERM drains."""

    def __init__(
        self,
        config: uvicorn.Config,
        gateway: Gateway,
        reload: Callable[[], Setup],
        listening: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._gateway, self._reload, self._listening = gateway, reload, listening

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, say so, and listen to SIGHUP. Raises InputError where it cannot listen."""
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        except SystemExit as error:
            where = f"{self.config.host}:{self.config.port}"
            raise InputError("cannot be listened on: is the port free?", where=where) from error
        for bound in self.servers:
            self._listening(":".join(map(str, bound.sockets[0].getsockname()[:2])))
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGHUP, self.reload)

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Take no more requests; end when those under way have."""
        self._gateway.draining = True
        await super().shutdown(sockets)  # type: ignore[arg-type]
        await self._gateway.close()

    def reload(self) -> None:
        """Read the configuration again, from any thread; keep the old one if the new is broken."""
        self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._reloading = self._loop.create_task(self._replaced())

    async def _replaced(self) -> None:
        try:
            setup = await self._loop.run_in_executor(None, self._reload)
        except StrongroomError as error:
            log.error("not reloaded, the old configuration stays: %s", error)  # noqa: TRY400
            return
        self._gateway.replace(setup)
        log.warning("reloaded")


def prepare(
    path: Path,
    workers: Workers,
    *,
    verify: Verify = unsigned,
    unseal: Unseal = sealed_away,
    paces: dict[str, Pace] | None = None,
) -> Setup:
    """All that a configuration means. Raises what is wrong with it.

    `paces`: what tools were called so far, by tenant, which a reload keeps.
    """
    file = load_config(path)
    known = paces if paces is not None else {}

    def pace_for(tenant: str) -> Pace:
        if tenant not in known:
            known[tenant] = pace_of(file, tenant)
        return known[tenant]

    trained = unseal(file.detector, path.parent) if file.detector else None
    if file.signed is not None:
        trust = path.parent / file.signed.trust
        policy = TrustPolicy.parse(read_file(trust), where=str(trust))
        verify = Vouching(policy, path.parent / file.signed.state, now)
    return set_up(
        file,
        path.parent,
        today=today,
        environ=os.environ,
        verify=verify,
        run_for=workers.run_for,
        pace_for=pace_for,
        trained=trained,
    )


def warmed(setup: Setup) -> Setup:
    """The same, after a text: models and tables are loaded before anybody waits for them."""
    for guard in {id(one.guard): one.guard for one, _ in setup.callers.values()}.values():
        for source in (Source.USER, Source.CONTEXT, Source.OUTPUT):
            guard.judge(Question("The first text that is judged loads what is left.", source))
    return setup


def server_of(
    path: Path,
    setup: Setup,
    workers: Workers,
    *,
    verify: Verify = unsigned,
    unseal: Unseal = sealed_away,
    listening: Callable[[str], None] = lambda _: None,
) -> Server:
    """A server that is ready to run. `listening` is told each address once it is open."""
    file = setup.file
    gateway = gateway_of(setup, path.parent, workers, counters_of(file))
    tls = file.listen.tls
    folder = path.parent
    config = uvicorn.Config(
        gateway,
        host=file.listen.host,
        port=file.listen.port,
        http=patient(file.limits.header_seconds),
        lifespan="off",
        interface="asgi3",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(file.limits.drain_seconds),
        backlog=4096,
        ssl_certfile=str(folder / tls.certificate) if tls else None,
        ssl_keyfile=str(folder / tls.key) if tls else None,
        ssl_ca_certs=str(folder / tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )
    paces = {c.name: c.warden.pace for c, _ in setup.callers.values() if c.warden is not None}

    def reloaded() -> Setup:
        return warmed(prepare(path, workers, verify=verify, unseal=unseal, paces=paces))

    return Server(config, gateway, reloaded, listening)
