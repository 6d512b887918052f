"""Each key service in turn, started once and only when a test asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.keys.kms import Kms, kms_from_uri

SECRET = b"s" * 32
NUMBERS = itertools.count()


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


SERVICES: Mapping[str, Callable[[pytest.FixtureRequest], Service]] = {
    "local": _local,
    "openbao": _openbao,
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
