"""hf:// addresses against a stand-in of the hub on this machine: its web interface."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlparse

import pytest
from act_core.errors import ConfigurationError
from act_training.command import CommandError
from act_training.hub import local_dataset

NOBODY = "http://127.0.0.1:1"  # no server listens there
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"meta/info.json": b'{"fps": 30}', "data/chunk-000/file-000.parquet": bytes(range(256))}


class StandIn(BaseHTTPRequestHandler):
    """Serves the dataset owner/pick at the revisions main and v3.0, as huggingface.co does."""

    requested: list[str]

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        path = unquote(urlparse(self.path).path)
        self.requested.append(path)
        parts = path.strip("/").split("/")
        if parts[:1] == ["api"] and parts[1:4] != ["datasets", "owner", "pick"]:
            self.reply(401, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
        elif parts[4:5] == ["revision"] and parts[5] not in ("main", "v3.0", COMMIT):
            self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, with_body)
        elif parts[4:5] == ["revision"]:
            siblings = [{"rfilename": name} for name in FILES]
            content = {"id": "owner/pick", "sha": COMMIT, "siblings": siblings, "tags": []}
            self.reply(200, json.dumps(content).encode(), {}, with_body)
        elif parts[4:5] == ["tree"]:
            tree = [
                {"type": "file", "path": n, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                for n, c in FILES.items()
            ]
            self.reply(200, json.dumps(tree).encode(), {}, with_body)
        elif parts[3:4] == ["resolve"] and "/".join(parts[5:]) in FILES:
            body = FILES["/".join(parts[5:])]
            tag = f'"{hashlib.sha1(body).hexdigest()}"'
            self.reply(200, body, {"ETag": tag, "X-Repo-Commit": COMMIT}, with_body)
        else:
            self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound"}, with_body)

    def reply(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Hub(NamedTuple):
    """A running stand-in, the paths that were asked of it, and where downloads go."""

    endpoint: str
    requested: list[str]
    cache: Path

    def fetch(self, address: str, endpoint: str | None = None) -> Path:
        return local_dataset(address, endpoint=endpoint or self.endpoint, cache=self.cache)


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    requested: list[str] = []
    handler = type("Handler", (StandIn,), {"requested": requested})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Hub(f"http://127.0.0.1:{server.server_port}", requested, tmp_path / "cache")
    server.shutdown()
    server.server_close()
    thread.join()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "address",
    ["hf://owner/pick", "hf://datasets/owner/pick", "hf://owner/pick@v3.0", "hf://owner/pick/"],
)
def test_a_dataset_is_downloaded(hub, address):
    assert contents(hub.fetch(address)) == FILES
    assert any(path.startswith("/api/datasets/owner/pick") for path in hub.requested)


def test_what_was_downloaded_is_not_downloaded_again(hub):
    first = hub.fetch("hf://owner/pick")
    assert any("/resolve/" in path for path in hub.requested)
    hub.requested.clear()
    assert hub.fetch("hf://owner/pick") == first
    assert not any("/resolve/" in path for path in hub.requested)


def test_what_was_downloaded_is_found_without_a_network(hub):
    first = hub.fetch("hf://owner/pick")
    assert hub.fetch("hf://owner/pick", NOBODY) == first


def test_without_a_network_the_error_says_so(hub):
    with pytest.raises(CommandError, match=r"hf://owner/pick could not be downloaded .*a network"):
        hub.fetch("hf://owner/pick", NOBODY)


def test_unknown_names_are_named(hub):
    with pytest.raises(ConfigurationError, match="the hub has no dataset owner/pik"):
        hub.fetch("hf://owner/pik")
    with pytest.raises(ConfigurationError, match="owner/pick has no revision 'v9'"):
        hub.fetch("hf://owner/pick@v9")


@pytest.mark.parametrize("address", ["hf://pick", "hf://a/b/c", "hf://a/b@", "hf://"])
def test_addresses_that_are_none(address):
    with pytest.raises(ConfigurationError, match=r"is no address: expected hf://owner/name"):
        local_dataset(address)


def test_paths(tmp_path, monkeypatch):
    assert local_dataset(str(tmp_path)) == tmp_path
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no 'owner/pick'; .*is hf://owner/pick"):
        local_dataset("owner/pick")
    with pytest.raises(ConfigurationError, match=r"there is no '/nowhere/at/all'$"):
        local_dataset("/nowhere/at/all")
