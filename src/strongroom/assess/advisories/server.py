"""Serves a mirror on this machine in OSV's query API, to whoever speaks that: pip-audit does.

Source: google.github.io/osv.dev/api (v1/query, v1/querybatch, v1/vulns).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from strongroom.assess.advisories.osv import ECOSYSTEM, Advisory, normal

MAX_BODY: Final = 4 * 2**20
_Answer = tuple[int, Mapping[str, Any]]


class _Index:
    """Advisories by package and by id."""

    def __init__(self, advisories: tuple[Advisory, ...]) -> None:
        self._by_id = {advisory.id: advisory for advisory in advisories}
        self._by_package: dict[str, list[Advisory]] = {}
        for advisory in advisories:
            for name in advisory.packages:
                self._by_package.setdefault(name, []).append(advisory)

    def get(self, path: str) -> _Answer:
        advisory = self._by_id.get(path.removeprefix("/v1/vulns/"))
        return (200, advisory.document) if advisory else (404, {"message": "not found"})

    def post(self, path: str, body: object) -> _Answer:
        try:
            if path == "/v1/querybatch":
                queries: Any = body["queries"]  # type: ignore[index]
                brief = [
                    {"vulns": [{"id": d["id"], "modified": d["modified"]} for d in self._find(q)]}
                    for q in queries
                ]
                return 200, {"results": brief}
            if path != "/v1/query":
                return 404, {"message": "not found"}
            found = self._find(body)
        except (KeyError, TypeError, AttributeError, InvalidVersion) as error:
            return 400, {"message": f"not a query: {error!r:.100}"}
        return 200, {"vulns": found} if found else {}

    def _find(self, query: Any) -> list[dict[str, Any]]:
        package = query["package"]
        if package["ecosystem"] != ECOSYSTEM:
            return []
        name, version = normal(package["name"]), Version(query["version"])
        return [a.document for a in self._by_package.get(name, ()) if a.affects(name, version)]


def _handler(index: _Index) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers from the index."""

        def do_GET(self) -> None:
            self._answer(*index.get(self.path))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_BODY:
                self._answer(413, {"message": "too long"})
                return
            try:
                body = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                self._answer(400, {"message": "not JSON"})
                return
            self._answer(*index.post(self.path, body))

        def log_message(self, *_arguments: Any) -> None:
            """Nothing: what is asked for is nobody else's business."""

        def _answer(self, status: int, document: Mapping[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def serving(advisories: tuple[Advisory, ...]) -> Iterator[str]:
    """The address of a server on the loopback interface that lives as long as the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Index(advisories)))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
