"""A W&B server small enough to read: it accepts runs on 127.0.0.1 and remembers what arrived.

It answers only what the 0.31 client asks for between the start and the end of a run (GraphQL operations under
``/graphql``, metrics under ``.../file_stream``, file uploads). Nothing but tests uses it, and what the real
server does beyond that is not shown by it.
"""

import gzip
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass
class ArrivedRun:
    """What the server knows of one run."""

    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    tags: tuple[str, ...] = ()
    sweep: str = ""
    config: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    summary: Json = field(default_factory=dict)
    exit_code: int | None = None
    upserts: int = 0


class WandbServer(ThreadingHTTPServer):
    """Listens on a free port as soon as it exists; `runs` maps run ids to what arrived for them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gone = False
        self.refuse: dict[str, int] = {}  # GraphQL operation or "file_stream" -> HTTP status
        self.runs: dict[str, ArrivedRun] = {}
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
        server.gone = True
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
        self._body()
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
        if status := self.server.refuse.get(operation):
            return self._answer({"errors": [{"message": "refused by the test"}]}, status)
        reply = _REPLIES.get(operation)
        if reply is None:
            self.server.unknown.append(f"{operation}: {request['query']}")
            return self._answer({"data": {}})
        with self.server.lock:
            data = reply(self.server, request.get("variables") or {})
        return self._answer({"data": data})

    def _file_stream(self, body: Json) -> None:
        if status := self.server.refuse.get("file_stream"):
            return self._answer({"error": "refused by the test"}, status)
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
        if self.server.gone:  # an open connection must not outlive the server
            self.close_connection = True
            return
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _viewer(server: WandbServer, variables: Json) -> Json:
    account = {"id": "1", "entity": "tester", "username": "tester", "flags": "{}", "email": "", "admin": False}
    return {"viewer": account | {"teams": {"edges": []}, "apiKeys": {"edges": []}}}


def _upsert_run(server: WandbServer, variables: Json) -> Json:
    name = variables["name"]
    run = server.run(name)
    run.upserts += 1
    run.project = variables.get("project") or run.project
    run.name = variables.get("displayName") or run.name
    run.group = variables.get("groupName") or run.group
    run.job_type = variables.get("jobType") or run.job_type
    run.sweep = variables.get("sweep") or run.sweep
    run.tags = tuple(variables.get("tags") or run.tags)
    if variables.get("config"):
        run.config = {key: entry["value"] for key, entry in json.loads(variables["config"]).items()}
    project = {"id": "p", "name": run.project, "entity": {"id": "e", "name": "tester"}}
    bucket = {"id": "r", "name": name, "displayName": run.name, "project": project, "config": "{}"}
    bucket |= {"description": None, "sweepName": run.sweep or None, "historyLineCount": len(run.history)}
    return {"upsertBucket": {"bucket": bucket, "inserted": run.upserts == 1}}


def _resume_status(server: WandbServer, variables: Json) -> Json:
    model = {"id": "p", "name": variables["project"], "entity": {"id": "e", "name": "tester"}, "bucket": None}
    run = server.runs.get(variables["name"])
    if run is not None:
        tail = json.dumps([json.dumps(row) for row in run.history[-1:]])
        model["bucket"] = {
            "id": "r",
            "name": variables["name"],
            "displayName": run.name,
            "notes": "",
            "tags": list(run.tags),
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "summaryMetrics": json.dumps(run.summary),
            "historyLineCount": len(run.history),
            "historyTail": tail,
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
            "wandbConfig": json.dumps({"t": 1}),
        }
    return {"model": model}


def _upload_addresses(server: WandbServer, variables: Json) -> Json:
    files = [{"name": name, "uploadUrl": f"{server.url}/upload"} for name in variables.get("files", ())]
    return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}


_REPLIES: dict[str, Callable[[WandbServer, Json], Json]] = {
    "Viewer": _viewer,
    "RunResumeStatus": _resume_status,
    "UpsertBucket": _upsert_run,
    "CreateRunFiles": _upload_addresses,
}


def forget_account(monkeypatch: Any, folder: Any) -> None:
    """A process without W&B account, settings or proxies, at home in `folder`."""
    for name in list(os.environ):
        if name.startswith("WANDB_") or name == "NETRC" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")  # else the tracker sets it, and it would outlive the test
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # should anything call: nobody answers there
    monkeypatch.chdir(home)  # W&B reads settings below the working directory, too
