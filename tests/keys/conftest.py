"""Each key service in turn, started once and only when a test asks for it."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.keys.kms import Kms, kms_from_uri

SECRET = b"s" * 32
NUMBERS = itertools.count()
SOFTHSM = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
)
"""Where distributions put it."""


@dataclass(frozen=True, slots=True)
class Service:
    """How an adapter finds an empty key service."""

    uri: str
    environment: Mapping[str, str]

    def open(self, **options: object) -> Kms:
        given = {"secret": SECRET, "guessable": False, "environment": self.environment, **options}
        return kms_from_uri(self.uri, **given)


@pytest.fixture(scope="session")
def bao() -> Iterator[object]:
    pytest.importorskip("hvac", reason="needs the vault extra")
    from strongroom.testing.openbao import openbao  # noqa: PLC0415 needs hvac

    with openbao() as server:
        yield server


def _local(request: pytest.FixtureRequest) -> Service:
    folder: Path = request.getfixturevalue("tmp_path")
    return Service(f"local:{folder}/kms", {})


def _openbao(request: pytest.FixtureRequest) -> Service:
    server = request.getfixturevalue("bao")
    return Service(server.new_transit(), server.environment)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Address of a server that speaks AWS KMS."""
    pytest.importorskip("boto3", reason="needs the aws extra")
    server = pytest.importorskip("moto.server", reason="needs `make peers`")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


def _aws(request: pytest.FixtureRequest) -> Service:
    uri = (
        f"aws-kms:eu-central-1?prefix=p{next(NUMBERS)}/&endpoint={request.getfixturevalue('moto')}"
    )
    return Service(uri, {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"})


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, and two empty tokens: `strongroom` (PIN 1234) and `models` (PIN 294716).

    It reads where they lie once in a process, so that all tests share one folder.
    """
    pytest.importorskip("pkcs11", reason="needs the pkcs11 extra")
    library = next((path for path in map(Path, SOFTHSM) if path.exists()), None)
    if library is None:
        pytest.skip("needs softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "conf")
    for label, pin in (("strongroom", "1234"), ("models", "294716")):
        make = f"softhsm2-util --init-token --free --label {label} --pin {pin} --so-pin 87654321"
        subprocess.run(make.split(), check=True, capture_output=True)
    return library


def _softhsm(request: pytest.FixtureRequest) -> Service:
    library = request.getfixturevalue("softhsm")
    uri = f"pkcs11:{library}?token=strongroom&prefix=p{next(NUMBERS)}-"
    return Service(uri, {"STRONGROOM_PKCS11_PIN": "1234"})


@pytest.fixture(scope="session")
def gcp() -> Iterator[object]:
    pytest.importorskip("google.cloud.kms_v1", reason="needs the gcp extra")
    from strongroom.testing.gcp_kms import gcp_kms  # noqa: PLC0415 needs google-cloud-kms

    with gcp_kms() as server:
        yield server


def _gcp(request: pytest.FixtureRequest) -> Service:
    ring = f"projects/p/locations/l/keyRings/r{next(NUMBERS)}"
    return Service(f"gcp-kms:{ring}?endpoint={request.getfixturevalue('gcp').address}", {})


@pytest.fixture(scope="session")
def azure() -> Iterator[object]:
    pytest.importorskip("azure.keyvault.keys", reason="needs the azure extra")
    pytest.importorskip("azure.identity", reason="needs the azure extra")
    from strongroom.testing.azure_vault import azure_vault  # noqa: PLC0415 only where it is asked for

    with azure_vault() as server:
        yield server


def _azure(request: pytest.FixtureRequest) -> Service:
    server = request.getfixturevalue("azure")
    environment = {"REQUESTS_CA_BUNDLE": str(server.authorities)}
    return Service(f"azure-kv:{server.address}?prefix=p{next(NUMBERS)}-", environment)


SERVICES: Mapping[str, Callable[[pytest.FixtureRequest], Service]] = {
    "local": _local,
    "openbao": _openbao,
    "aws": _aws,
    "azure": _azure,
    "gcp": _gcp,
    "softhsm": _softhsm,
}


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param](request)


@pytest.fixture
def opened(service: Service) -> Callable[[], Kms]:
    return service.open


@pytest.fixture
def other_wrapped(service: Service) -> bytes:
    """What a key service of a kind that nobody has gave."""
    return b"strongroom wrap\x02\x05other\x07default" + bytes(60)
