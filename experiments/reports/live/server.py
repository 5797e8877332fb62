"""A small web server for the page of one run, in threads beside it; on the loopback only."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from experiments.plumbing.cli import UsageError
from experiments.reports.live.board import MOST_READERS, NOTHING, QUIET, Board, TooManyReadersError, over

HOST: Final = "127.0.0.1"
NAMES: Final = frozenset({"127.0.0.1", "localhost"})
"""That may be asked for: a page of another site whose name leads here gets nothing."""
SLOW: Final = 10.0
"""Seconds that a reader may take to send its request, or to take what it is sent."""
MOST_CONNECTIONS: Final = 4 * MOST_READERS
"""More are closed at once."""
TICK: Final = 0.2
"""Seconds after which a reader looks for news again."""
LAST: Final = 1.0
"""Seconds that the end waits for readers to take the last report."""
NEWS: Final = "news"
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(ThreadingHTTPServer):
    """Answers with the page, and streams to its readers how it changes."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, board: Board, port: int, how: str) -> None:
        """Listen. Raises OSError where the port is taken."""
        self.board, self.how = board, how
        self.ended = threading.Event()
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((HOST, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread, unless there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, in a thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of readers that are gone; everything else is a defect, and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = SLOW
    server_version, sys_version = "parley", ""

    def do_GET(self) -> None:
        """Answer."""
        if self.headers.get("Host", "").partition(":")[0] not in NAMES:
            return self._answer(421, "text/plain", f"must be asked for as {HOST}")
        if self.path == "/":
            return self._answer(200, "text/html", self.server.board.page(NEWS))
        if self.path != f"/{NEWS}":
            return self._answer(404, "text/plain", "there is one page here, /")
        try:
            with self.server.board.reader() as had:
                self._head(200, "text/event-stream")
                self._stream(had)
        except TooManyReadersError:
            self._answer(503, "text/plain", f"{MOST_READERS} read this page already, which is the most")
        return None

    def _stream(self, had: dict[str, str]) -> None:
        """Send what is new until the run ends, or the reader is gone."""
        heard = time.monotonic()
        while not self.server.ended.is_set():
            text = self.server.board.news(had)
            if text or time.monotonic() > heard + QUIET:
                self.wfile.write((text or NOTHING).encode())
                heard = time.monotonic()
            if not self._pause():
                return
        self.wfile.write((self.server.board.news(had, last=True) + over(self.server.how)).encode())

    def _pause(self) -> bool:
        """Wait a while, and say whether the reader is still there: all that it could send now is that it goes."""
        self.connection.settimeout(TICK)
        try:
            self.connection.recv(1)
        except TimeoutError:
            return True
        finally:
            self.connection.settimeout(SLOW)
        return False

    def _answer(self, status: int, kind: str, text: str) -> None:
        self._head(status, kind)
        self.wfile.write(text.encode())

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": f"{kind}; charset=utf-8", **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is the run's."""


@contextmanager
def shown(board: Board, port: int, how: str) -> Iterator[None]:
    """Offer a page while something goes on, and say where; at its end readers get the last report, and are told ``how`` to get all.

    Args:
        board: what is shown.
        port: where; 0: any that is free.
        how: a sentence.

    Raises:
        UsageError: the port is taken.
    """
    try:
        server = Server(board, port, how)
    except OSError as error:
        raise UsageError(
            f"live={port}: cannot listen there: {error.strerror}; must be a free port: 0 takes any"
        ) from None
    threading.Thread(target=server.serve_forever, name="live", daemon=True).start()
    print(f"Live: http://{HOST}:{server.server_port}/", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        server.ended.set()
        end = time.monotonic() + LAST
        while board.readers and time.monotonic() < end:
            time.sleep(0.02)
        server.shutdown()
        server.server_close()
        print(how, file=sys.stderr, flush=True)
