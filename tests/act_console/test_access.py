"""Who may open the page: each door by itself, over real sockets."""

from __future__ import annotations

import pytest
from act_console.access import Access, is_loopback

from tests.act_console.consoles import console

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def local():
    with console() as one:
        yield one


@pytest.fixture(scope="module")
def network():
    """A console that others could reach."""
    with console(host="0.0.0.0", token=TOKEN) as one:
        yield one


def test_loopback_needs_no_token_and_everything_else_gets_one():
    assert Access.of("127.0.0.1", "").token == ""
    assert Access.of("localhost", "").token == ""
    for host in ("0.0.0.0", "192.168.1.7", "::"):
        access = Access.of(host, "")
        assert len(access.token) >= 16
        assert access.link(8080).endswith(f":8080/?token={access.token}")
    assert is_loopback("127.0.0.3")
    assert not is_loopback("robot.local")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8080", None, None),
        ("localhost:9000", "http://localhost:9000", None),  # through ssh -L 9000:localhost:8080
        ("[::1]:8080", None, None),
        ("evil.example:8080", None, 421),  # its DNS name was bound to 127.0.0.1
        ("127.0.0.1.evil.example", None, 421),
        ("127.0.0.1@evil.example", None, 421),
        ("[", None, 421),
        ("", None, 421),
        ("localhost:8080", "http://evil.example", 403),
        ("localhost:8080", "http://localhost:8081", 403),  # another program's page
        ("localhost:8080", "null", 403),
        ("localhost:8080", "", 403),
    ],
)
def test_names_and_origins(host, origin, status):
    refused = Access.of("127.0.0.1", "").refusal(host, origin, "", "", "")
    assert (refused and refused[0]) == status


def test_the_page_is_there_and_says_how_it_may_be_used(local):
    status, text, headers = local.ask()
    assert status == 200
    assert "act-console" in text
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert local.link == f"http://127.0.0.1:{local.port}/"


def test_another_sites_page_is_refused(local):
    for path, body in (("/", None), ("/do/estop", {"value": False}), ("/twin.json", None)):
        status, text, _ = local.ask(path, body, Origin="http://evil.example")
        assert status == 403
        assert "evil.example" in text
    assert local.ask(Host="evil.example")[0] == 421


def test_another_sites_script_does_not_get_the_live_channel(local):
    client = pytest.importorskip("websockets.sync.client")
    exceptions = pytest.importorskip("websockets.exceptions")
    url = local.url.replace("http", "ws")
    for path in ("/live", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"):
        with pytest.raises(exceptions.InvalidHandshake):
            client.connect(f"{url}{path}", origin="http://evil.example")
    with client.connect(f"{url}/live", origin=local.url):
        pass


def test_without_the_token_there_is_nothing(network):
    for path, body in (("/", None), ("/twin.json", None), ("/do/estop", {"value": True}),
                       ("/films/episode_0000.mp4", None)):  # fmt: skip
        status, text, _ = network.ask(path, body)
        assert status == 401
        assert "token" in text
    assert network.ask("/?token=wrong")[0] == 401
    assert network.ask("/", Cookie="act_console=wrong")[0] == 401


def test_the_link_opens_the_page_and_the_token_leaves_the_address(network):
    status, _, headers = network.ask(f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert network.ask("/", Cookie=cookie.partition(";")[0])[0] == 200
    assert network.ask("/twin.json", Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/do/shutdown", {"value": None}, {}, 400),
        ("/do/estop", {"value": "false"}, {}, 400),
        ("/do/estop", {}, {}, 400),
        ("/do/estop", [], {}, 400),
        ("/do/estop", b"{", {}, 400),
        ("/do/estop", b"[" * 5000, {}, 400),
        ("/do/estop", b"x" * 20_000, {}, 413),
        ("/do/estop", b"value=true", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ("/do/estop", b'{"value": true}', {"Content_Type": "text/plain"}, 415),
        ("/do/..%2f..%2fetc%2fpasswd", {"value": None}, {}, 404),
    ],
)
def test_what_is_no_action_is_refused_with_the_reason(local, path, body, headers, status):
    found, text, _ = local.ask(path, body, **headers)
    assert found == status
    if status == 400:
        assert "estop" in text or "Expecting" in text or "recursion" in text


@pytest.mark.parametrize(
    "path",
    ["/films/..%2f..%2fetc%2fpasswd.mp4", "/films/../../etc/passwd.mp4", "/films/none.mp4",
     "/tracks/none.json", "/tracks/..%2f..%2fetc%2fpasswd.json",
     "/films/%2e%2e.mp4", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
     "/static/../console_node.py", "/twin.json/../../etc/passwd", "/etc/passwd",
     "/console_node.py"],
)  # fmt: skip
def test_no_file_of_the_computer_is_served(local, path):
    status, text, _ = local.ask(path)
    assert status == 404
    assert "root:" not in text


def test_nobody_answers_is_said_with_what_to_do(local):
    said = local.act("estop", True)
    assert said["ok"] is False
    assert "power switch" in said["text"]


def test_two_consoles_at_one_address(local):
    from tests.act_console.consoles import running

    with running("act_console.console_node", "second", port=local.port) as second:
        code, said = second.ended()
    assert code == 2
    assert f"port {local.port}" in said
    assert "another console" in said
