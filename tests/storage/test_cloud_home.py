"""A whole home whose objects lie in a bucket: promote, open, and what tampering there comes to."""

from __future__ import annotations

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import IntegrityError, StrongroomError
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.registry.registry import Registry
from strongroom.testing.homes import HandClock
from strongroom.testing.releases import decide, make_release


@pytest.fixture
def settings(s3_server, database_url, tmp_path) -> Settings:
    name = f"{tmp_path.name}-{database_url[:3]}"
    return Settings(database=database_url, objects=f"s3://vault/{name}")


def test_a_version_in_a_bucket_is_promoted_opened_and_guarded(settings, s3, tmp_path):
    loaded = make_release(tmp_path / "system", b"weights" * 200_000)
    clock = HandClock()
    with Home.open(tmp_path / "home", create=True, clock=clock, settings=settings) as home:
        decide(home, loaded, Stage.DEVELOPMENT)
        move = Registry(home).promote(loaded, Stage.DEVELOPMENT)
    with Home.open(tmp_path / "home", clock=clock, settings=settings) as home:
        opened = Registry(home).open("fraud", Stage.DEVELOPMENT)
        assert opened.version == move.version
        assert opened.files["model/model.bin"] == b"weights" * 200_000
        sealed = next(f for f in opened.seal.files if f.path == "model/model.bin")
        place = f"{settings.objects}/sha256/{sealed.object.hex[:2]}/{sealed.object.hex[2:]}"
        key = place.removeprefix("s3://vault/")
        data = s3.get_object(Bucket="vault", Key=key)["Body"].read()
        assert b"weights" not in data
        s3.put_object(Bucket="vault", Key=key, Body=data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(IntegrityError, match=r"model/model\.bin"):
            Registry(home).open("fraud", Stage.DEVELOPMENT)
        s3.delete_object(Bucket="vault", Key=key)
        with pytest.raises(StrongroomError, match="is missing"):
            Registry(home).open("fraud", Stage.DEVELOPMENT)


def test_nothing_of_a_home_in_a_bucket_is_kept_in_its_folder(settings, tmp_path):
    loaded = make_release(tmp_path / "system", b"weights")
    with Home.open(tmp_path / "home", create=True, clock=HandClock(), settings=settings) as home:
        decide(home, loaded, Stage.DEVELOPMENT)
        Registry(home).promote(loaded, Stage.DEVELOPMENT)
    assert not (tmp_path / "home" / "objects").exists()
