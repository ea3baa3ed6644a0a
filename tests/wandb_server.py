"""A W&B server small enough to read: it accepts runs on 127.0.0.1 and remembers what arrived.

It answers what the 0.31 client asks for: GraphQL operations under ``/graphql`` (see `wandb_answers`), metrics under
``.../file_stream``, uploads of files. Nothing but tests uses it, and what the real server does beyond that is not
shown by it.
"""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wandb_answers import REPLIES, ArrivedArtifact, ArrivedRun, ArrivedSweep, Json


class WandbServer(ThreadingHTTPServer):
    """Listens on a free port as soon as it exists; `runs` maps run ids to what arrived for them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gone = threading.Event()
        self.refuse: dict[str, int] = {}  # GraphQL operation, "file_stream" or "*" -> HTTP status; 0: no answer comes
        self.runs: dict[str, ArrivedRun] = {}
        self.sweeps: dict[str, ArrivedSweep] = {}
        self.artifacts: list[ArrivedArtifact] = []
        self.views: list[Json] = []  # saved workspaces
        self.uploads: dict[str, bytes] = {}  # by the path of the address
        self.operations: list[str] = []
        self.unknown: list[str] = []  # requests that this server has no answer for
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error here."""

    def run(self, name: str) -> ArrivedRun:
        return self.runs.setdefault(name, ArrivedRun())


@contextmanager
def serving() -> Iterator[WandbServer]:
    server = WandbServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._note_unknown()
        self._answer({})

    def do_PUT(self) -> None:
        self.server.uploads[self.path] = self._body()
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/file_stream"):
            return self._file_stream(json.loads(body))
        if not self.path.startswith("/graphql"):
            self._note_unknown()
            return self._answer({})
        request = json.loads(body)
        named = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
        operation = named.group(1) if named else "unnamed"
        with self.server.lock:
            self.server.operations.append(operation)
        if self._refused(operation):
            return None
        reply = REPLIES.get(operation)
        if reply is None:
            self.server.unknown.append(f"{operation}: {request['query']}")
            return self._answer({"data": {}})
        with self.server.lock:
            data = reply(self.server, request.get("variables") or {})
        return self._answer({"data": data})

    def _refused(self, operation: str) -> bool:
        """Whether the test wants that; then it has been done."""
        status = self.server.refuse.get(operation, self.server.refuse.get("*"))
        if status == 0:
            self.server.gone.wait(30)
            self.close_connection = True
        elif status is not None:
            self._answer({"errors": [{"message": "refused by the test"}], "error": "refused by the test"}, status)
        return status is not None

    def _file_stream(self, body: Json) -> None:
        if self._refused("file_stream"):
            return None
        with self.server.lock:
            run = self.server.run(self.path.split("/")[-2])
            files = body.get("files") or {}
            history = files.get("wandb-history.jsonl", {"offset": 0, "content": ()})
            rows = [json.loads(line) for line in history["content"]]
            run.history[history["offset"] : history["offset"] + len(rows)] = rows
            for line in files.get("wandb-summary.json", {}).get("content", ()):
                run.summary = json.loads(line)
            if body.get("complete"):
                run.exit_code = body.get("exitcode", 0)
        return self._answer({"exitcode": None, "limits": {}})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _note_unknown(self) -> None:
        self.server.unknown.append(f"{self.command} {self.path}")

    def _answer(self, document: Json, status: int = 200) -> None:
        if self.server.gone.is_set():  # an open connection must not outlive the server
            self.close_connection = True
            return
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
