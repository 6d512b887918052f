"""Another C2SP client reads our log: the Go project's note and tlog packages.

Needs `go` and golang.org/x/mod as Debian and Ubuntu package them (golang-go,
golang-golang-x-mod-dev); nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from strongroom.ledger import Ledger

PACKAGES = Path("/usr/share/gocode")
SOURCE = Path(__file__).parent / "c2sp_client/main.go"


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Path:
    if shutil.which("go") is None or not (PACKAGES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("needs golang-go and golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    binary = folder / "client"
    settings = {"GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOCACHE": str(folder / "cache")}
    subprocess.run(
        ["go", "build", "-o", str(binary), str(SOURCE)], check=True, env=os.environ | settings
    )
    return binary


def ask(client: Path, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(client), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 65_536 + 300])
def test_another_client_verifies_each_tile_entry_and_older_checkpoint(
    client, folder, signer, tmp_path, size
):
    with Ledger.create(folder, "ledger.example/go", signer) as ledger:
        ledger.append([b"entry %d" % i for i in range(max(size // 3, 1))])
        older = tmp_path / "older"
        older.write_bytes(ledger.checkpoint())
        if size > 1:
            ledger.append(
                [b"entry %d" % i for i in range(size // 3, size)][-(size - ledger.size) :]
            )
    code, said = ask(client, "log", folder, ledger.key, older)
    assert code == 0, said
    assert said.startswith(f"verified {size} entries")


def test_another_client_verifies_our_proof_files(client, ledger, tmp_path):
    ledger.append([b"entry %d" % i for i in range(300)])
    for index in (0, 255, 299):
        proof, entry = tmp_path / "a.tlog-proof", tmp_path / "entry"
        proof.write_bytes(ledger.proof(index))
        entry.write_bytes(ledger.entry(index))
        assert ask(client, "proof", proof, entry, ledger.key) == (
            0,
            f"proven entry {index} of 300\n",
        )
        entry.write_bytes(b"another")
        assert ask(client, "proof", proof, entry, ledger.key)[0] == 1


def test_the_other_client_can_say_no(client, ledger, folder):
    ledger.append([b"entry %d" % i for i in range(300)])
    tile = folder / "tile/0/001.p/44"
    tile.write_bytes(tile.read_bytes()[::-1])
    assert ask(client, "log", folder, ledger.key)[0] == 1
