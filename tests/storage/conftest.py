"""Every kind of object store: a folder, a real S3 server, and what stands in for the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore, MemoryStore

from strongroom.storage.cloud_objects import CloudObjects
from strongroom.storage.objects import FolderObjects, Objects


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, int]]:
    """Host and port of a server that speaks S3; the environment knows how to reach it."""
    server = pytest.importorskip("moto.server", reason="needs `make peers`")
    boto3 = pytest.importorskip("boto3", reason="needs the aws extra")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    wanted = {
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    boto3.client("s3").create_bucket(Bucket="vault")
    yield host, port
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    running.stop()


@pytest.fixture
def s3(s3_server: tuple[str, int]) -> Any:
    """A client of somebody else: it does to the bucket what ours never would."""
    boto3 = pytest.importorskip("boto3", reason="needs the aws extra")
    return boto3.client("s3", endpoint_url="http://{}:{}".format(*s3_server))


@pytest.fixture(params=["folder", "s3", "memory", "local"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """An empty store of each kind in turn; the last two are the cloud library's own."""
    if request.param == "folder":
        return FolderObjects(tmp_path / "objects")
    if request.param == "s3":
        request.getfixturevalue("s3_server")
        return CloudObjects.from_uri(f"s3://vault/{tmp_path.name}")
    if request.param == "memory":
        return CloudObjects(MemoryStore(), "memory:")
    return CloudObjects(LocalStore(tmp_path / "local", mkdir=True), "local:")


@dataclass(slots=True)
class Canned:
    """A server that always says the same."""

    status: int
    body: bytes
    requests: int = 0


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], Canned]]:
    """Put a server where S3 would be, that gives one answer to all."""
    running: list[ThreadingHTTPServer] = []

    def start(status: int, body: str) -> Canned:
        answer = Canned(status, body.encode())

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                answer.requests += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        return answer

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
