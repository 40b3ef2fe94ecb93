"""Things that are found by name: shipped, registered, of other packages, in any file."""

from __future__ import annotations

import importlib
import sys

import pytest
from act_core.door import Door
from act_core.errors import ConfigurationError

SHIPPED = """
from greetings_door import DOOR

@DOOR.register("hello")
def hello():
    return "hello"
"""
OWN = """
def ahoy():
    return "ahoy"

mute = 3
"""


def is_callable(thing: object) -> str | None:
    return None if callable(thing) else "cannot be called"


@pytest.fixture
def door(tmp_path, monkeypatch) -> Door:
    """A door before a package with one thing in it, and a private module beside it."""
    package = tmp_path / "greetings"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hello.py").write_text(SHIPPED)
    (package / "_shared.py").write_text("raise RuntimeError('imported')")
    made = Door("greeting", "greetings", is_callable, "see the documentation")
    module = type(sys)("greetings_door")
    module.DOOR = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greetings_door", module)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield made
    for name in [name for name in sys.modules if name.startswith("greetings")]:
        del sys.modules[name]


def test_what_ships_is_found_and_not_imported_before(door):
    assert door.names() == ["hello"]
    assert "greetings.hello" not in sys.modules
    assert door.find("hello")() == "hello"
    assert door.find("hello") is door.find("hello")


def test_a_file_or_a_module_of_ones_own(door, tmp_path):
    file = tmp_path / "sailor.py"
    file.write_text(OWN)
    assert door.find(f"{file}:ahoy")() == "ahoy"
    assert door.find("sailor:ahoy")() == "ahoy"
    assert door.names() == ["hello"], "what is named by its place has no name of its own"


def test_an_installed_package_brings_its_own(door, tmp_path):
    (tmp_path / "sailor.py").write_text(OWN)
    metadata = tmp_path / "sailor-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sailor\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[greetings]\nahoy = sailor:ahoy\n")
    importlib.invalidate_caches()
    assert door.names() == ["ahoy", "hello"]
    assert door.find("ahoy")() == "ahoy"


def test_what_a_module_registers_has_a_name(door):
    @door.register("moin")
    def moin():
        return "moin"

    assert door.names() == ["hello", "moin"]
    assert door.find("moin") is moin
    with pytest.raises(ConfigurationError, match="two greetings are called 'moin'"):
        door.register("moin")(print)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("helo", "unknown greeting 'helo'; did you mean 'hello'.* one of your own: package.module"),
        ("", "unknown greeting ''"),
        ("_shared", "unknown greeting '_shared'"),
        ("no_such:thing", "cannot import 'no_such': .*PYTHONPATH"),
        ("/no/such.py:thing", "cannot import '/no/such.py'"),
        ("sailor:ahoj", "greeting 'sailor:ahoj': unknown name 'ahoj'; did you mean 'ahoy'"),
        ("sailor:mute", "greeting 'sailor:mute': builtins:int cannot be called"),
        ("sailor:", "unknown name ''"),
        (":ahoy", "cannot import ''"),
        ("broken:x", "cannot import 'broken': .*syntax"),
        ("failing:x", "cannot import 'failing': ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_exists(door, tmp_path, name, text):
    (tmp_path / "sailor.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "failing.py").write_text("x = 1 / 0")
    with pytest.raises(ConfigurationError, match=text):
        door.find(name)
