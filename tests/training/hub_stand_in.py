"""A stand-in of the Hugging Face hub on this machine: the routes that pull and push need.

It keeps repositories in memory, accepts one token, and knows commits only as a number: enough for
the client library, which is the real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

TOKEN = "hf_writer"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it holds: files by "datasets/owner/name", tags likewise, and the paths asked for."""

    endpoint: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self.get(with_body=False)

    def do_GET(self) -> None:
        self.get(with_body=True)

    def do_DELETE(self) -> None:
        kind, owner, name, _, tag = self.parts()[1:]
        self.hub.tags[f"{kind}/{owner}/{name}"].remove(tag)
        self.reply({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = self.parts()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.reply({"error": "not yours"}, status=403)
        elif parts == ["api", "repos", "create"]:
            asked = json.loads(body)
            repository = f"{asked['type']}s/{asked['organization']}/{asked['name']}"
            known = repository in self.hub.repositories
            self.hub.repositories.setdefault(repository, {})
            self.hub.tags.setdefault(repository, set())
            page = f"{self.hub.endpoint}/{repository.removeprefix('models/')}"
            self.reply({"url": page}, status=409 if known else 200)
        elif parts == ["api", "validate-yaml"]:
            self.reply({"errors": [], "warnings": []})
        elif parts[4] == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                for f in json.loads(body)["files"]
            ]
            self.reply({"files": files})
        elif parts[4] == "commit":
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    content = base64.b64decode(entry["value"]["content"])
                    self.files()[entry["value"]["path"]] = content
            repository = "/".join(parts[1:4]).removeprefix("models/")
            page = f"{self.hub.endpoint}/{repository}/commit/{COMMIT}"
            self.reply({"commitOid": COMMIT, "commitUrl": page})
        elif parts[4] == "tag":
            self.hub.tags["/".join(parts[1:4])].add(json.loads(body)["tag"])
            self.reply({})

    def get(self, *, with_body: bool) -> None:
        parts = self.parts()
        self.hub.requested.append("/".join(parts))
        if parts[0] == "api" and "/".join(parts[1:4]) not in self.hub.repositories:
            self.reply({}, {"X-Error-Code": "RepoNotFound"}, 401, with_body)
        elif parts[0] == "api" and parts[4] == "refs":
            tags = [
                {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": COMMIT}
                for tag in self.hub.tags["/".join(parts[1:4])]
            ]
            self.reply({"branches": [], "tags": tags, "converts": []})
        elif parts[0] == "api" and parts[5] not in (
            "main", COMMIT, *self.hub.tags["/".join(parts[1:4])],
        ):  # fmt: skip
            self.reply({}, {"X-Error-Code": "RevisionNotFound"}, 404, with_body)
        elif parts[0] == "api" and parts[4] == "revision":
            siblings = [{"rfilename": name} for name in self.files()]
            content = {"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": siblings, "tags": []}
            self.reply(content, with_body=with_body)
        elif parts[0] == "api" and parts[4] == "tree":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": sha1(content)}
                for name, content in self.files().items()
            ]
            self.reply(tree, with_body=with_body)
        else:  # [datasets/]owner/name/resolve/<revision>/<file>
            parts = parts if parts[0] == "datasets" else ["models", *parts]
            content = self.hub.repositories["/".join(parts[:3])]["/".join(parts[5:])]
            headers = {"ETag": f'"{sha1(content)}"', "X-Repo-Commit": COMMIT}
            self.reply(content, headers, with_body=with_body)

    def parts(self) -> list[str]:
        return unquote(urlparse(self.path).path).strip("/").split("/")

    def files(self) -> dict[str, bytes]:
        return self.hub.repositories["/".join(self.parts()[1:4])]

    def reply(
        self,
        content: object,
        headers: dict[str, str] | None = None,
        status: int = 200,
        with_body: bool = True,
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub that answers until the `with` is left."""
    hub = Hub()
    handler = type("HubHandler", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()
