"""A local web server in the place of Zenodo, for the tests of the download."""

import http.server
import threading
from typing import Any


class Server:
    """A stand-in for Zenodo: medmnist's real downloader talks to it."""

    def __init__(self) -> None:
        self.body = b""
        self.lost = 0  # bytes promised but never sent
        self.silent = threading.Event()
        self.status = 200
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if server.silent.is_set():
                    server.released.wait(20)
                    return
                self.send_response(server.status)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(server.body[: len(server.body) - server.lost])

            do_HEAD = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self.released = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/breastmnist.npz"
