"""A model with everything in it that models have, and keys to sign it with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from strongroom.keys.oms_keys import SoftwareSigner
from strongroom.testing.certificates import Issued, root


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def signer() -> SoftwareSigner:
    return SoftwareSigner(generate_private_key(SECP256R1()))


@pytest.fixture(scope="session")
def authority() -> Issued:
    return root()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Many files, folders in folders, an empty folder, an empty file, odd names, git's own."""
    folder = tmp_path / "fraud-model"
    contents = {
        "weights/00001.bin": bytes(range(256)) * 5000,
        "weights/00002.bin": b"",
        "weights.txt": b"sorted between weights and its files, as text",
        "config.json": b"{}",
        "modèle-反欺诈-🙂.bin": b"named in several scripts",
        "a b/c:1:2": b"a name like a shard's",
        "a/b": b"1",
        "a.b": b"2",
        "a-b": b"3",
        ".hidden": b"dot",
        ".git/HEAD": b"ref",
        ".gitattributes": b"*.bin",
        "deep/.git/config": b"not at the top: covered",
        **{f"shards/{i:03}.txt": f"{i}".encode() for i in range(150)},
    }
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "empty").mkdir()
    return folder
