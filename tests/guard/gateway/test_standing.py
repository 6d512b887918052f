"""Certificates both ways, draining, foreign detectors in time, and Redis gone under a gateway."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.guard.gateway.conftest import CONFIG, running, write_config
from tests.guard.gateway.test_trouble import ASK, BEARER, post

from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.gateway.serving import prepare, server_of
from strongroom.guard.gateway.workers import Workers
from strongroom.guard.policy import read_policy
from strongroom.guard.records import Action
from strongroom.testing import upstream as model

START = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(folder: Path, name: str, issuer=None, *, address: bool = False):
    """Writes NAME.pem and NAME.key; an authority of its own without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signed_by = issuer or (key, subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if address:
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(signer, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / f"{name}.key").write_bytes(private)
    return key, subject


def test_certificates_are_asked_for_and_shown_both_ways(tmp_path) -> None:
    authority = certificate(tmp_path, "ca")
    certificate(tmp_path, "server", authority, address=True)
    certificate(tmp_path, "client", authority)
    ca = str(tmp_path / "ca.pem")
    settings = {
        "ssl_certfile": str(tmp_path / "server.pem"),
        "ssl_keyfile": str(tmp_path / "server.key"),
        "ssl_ca_certs": ca,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    config = CONFIG.replace(
        "{{port: 0}}",
        "{{port: 0, tls: {{certificate: server.pem, key: server.key, client_ca: ca.pem}}}}",
    ).replace("total_seconds: 20",
              "tls: {{ca: ca.pem, certificate: client.pem, key: client.key}}")  # fmt: skip
    upstream = model.Scripted(lambda _: model.said(model.chat("fine")))

    async def ask(url: str, *, shown: bool) -> int:
        context = ssl.create_default_context(cafile=ca)
        if shown:
            context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    f"{url}/v1/chat/completions", json=ASK, headers=BEARER, ssl=context
                ) as got,
            ):
                return got.status
        finally:
            await asyncio.sleep(0.25)  # a refused handshake closes its socket later

    with model.Served(upstream, **settings) as behind:
        path = write_config(tmp_path, behind.url, config)
        workers = Workers()
        with model.Served(server_of(path, prepare(path, workers), workers)) as served:
            assert asyncio.run(ask(served.url, shown=True)) == 200
            with pytest.raises(aiohttp.ClientError):
                asyncio.run(ask(served.url, shown=False))


def test_a_stream_under_way_ends_before_the_gateway_does(tmp_path) -> None:
    with running(tmp_path) as gate:
        gate.says(model.streaming(model.chat_events(["word "] * 30), pause=0.02))

        async def stream() -> bytes:
            async with aiohttp.ClientSession() as session:
                url = f"{gate.url}/v1/chat/completions"
                async with session.post(url, json={**ASK, "stream": True}, headers=BEARER) as got:
                    first = await got.content.readany()
                    gate.served.server.should_exit = True
                    return first + await got.read()

        body = asyncio.run(stream())
        assert body.count(b"word ") == 30
        assert b"[DONE]" in body


def test_without_redis_nothing_passes_unless_local_limits_are_chosen(tmp_path) -> None:
    config = CONFIG.replace("record:", "    limits: {{requests_per_minute: 1}}\nrecord:")
    lost = 'shared: {{redis: "redis://127.0.0.1:1/0", on_loss: %s}}\nmetrics: true'
    for on_loss, statuses in (("refuse", [503, 503]), ("local", [200, 429])):
        folder = tmp_path / on_loss
        folder.mkdir()
        with running(folder, config.replace("metrics: true", lost % on_loss)) as gate:
            assert [post(gate, ASK)[0] for _ in range(2)] == statuses


def test_a_foreign_detector_that_hangs_is_a_failure_in_time() -> None:
    class Slow:
        name, version, kinds = "slow", 1, ("injection",)

        def inspect(self, message):
            time.sleep(0.5)
            return ()

    policy = read_policy(b"version: 1\nmodel: off\nlimits: {milliseconds: 20}\n")
    workers = Workers()
    guard = Guard(policy, (Slow(),), lambda: date(2026, 1, 1), workers.run_for(policy))
    judged = asyncio.run(workers.do(lambda: guard.judge(Question("hello")), 5, guard.detectors, 10))
    assert judged.action is Action.BLOCK
    assert judged.failures == ("slow@1 took longer than 20 ms",)
    workers.close()


def test_judging_that_takes_too_long_is_given_up() -> None:
    workers = Workers()

    async def wait() -> None:
        with pytest.raises(TimeoutError):
            await workers.do(lambda: time.sleep(0.3), 10_000, (), 0.01)

    asyncio.run(wait())
    workers.close()
