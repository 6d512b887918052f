"""A network that counts and misbehaves, for tests: a TCP proxy before a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    """What passed, and what shall go wrong."""

    port: int
    received: int = 0
    """Bytes that came from the server."""
    connections: int = 0
    refuse: int = 0
    """So many of the next connections are closed at once."""
    cut_after: int | None = None
    """Bytes from the server after which each connection breaks."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self) -> bool:
        """Count a connection; False when it shall be refused."""
        with self._lock:
            self.connections += 1
            refused = self.refuse > 0
            self.refuse -= refused
            return not refused

    def took(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self.received += count


@contextlib.contextmanager
def proxy(server: tuple[str, int]) -> Iterator[Line]:
    """Listen on a free port of the loopback and pass everything on to the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(listener.getsockname()[1])
    thread = threading.Thread(target=_accept, args=(listener, server, line), daemon=True)
    thread.start()
    try:
        yield line
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _accept(listener: socket.socket, server: tuple[str, int], line: Line) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, server, line), daemon=True).start()


def _serve(client: socket.socket, server: tuple[str, int], line: Line) -> None:
    with client:
        if not line.admits():
            return
        with socket.create_connection(server) as upstream:
            up = threading.Thread(target=_pump, args=(client, upstream, None), daemon=True)
            up.start()
            _pump(upstream, client, line)
            up.join()


def _pump(source: socket.socket, target: socket.socket, line: Line | None) -> None:
    """Until one of both ends, or the line is to break; then both are told that it ended."""
    passed = 0
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if line is not None:
                line.took(len(data))
                passed += len(data)
                if line.cut_after is not None and passed > line.cut_after:
                    break
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
