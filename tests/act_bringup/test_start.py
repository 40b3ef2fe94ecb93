"""What a launch checks and cleans before it starts anything, and what its exit code says."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from act_bringup import own_folder as folders
from act_bringup.params_file import ParametersFile
from act_bringup.required import required
from launch.actions import Shutdown

GOOD = "so101_driver:\n  ros__parameters: {p_coefficient: 16}\n"


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (GOOD, "so101_driver"),
        ("/**:\n  ros__parameters: {use_sim_time: true}\n", "so101_driver"),
        ("arm: {so101_driver: {ros__parameters: {rate_hz: 50.0}}}\n", "so101_driver"),  # below one
        ("a: {ros__parameters: {}}\n", "a"),
    ],
)
def test_a_parameter_file_is_handed_to_whom_it_is_for(tmp_path, text, node):
    file = tmp_path / "my.yaml"
    file.write_text(text)
    given = ParametersFile(str(file), [node, "act_policy"])
    assert given.of(node) == [str(file)]
    assert (given.of("act_policy") == []) == ("**" not in text)
    assert ParametersFile("", []).of(node) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty, expected 'node_name"),
        (b"[1, 2]", "the file is list [1, 2]"),
        (b"just words", "the file is str 'just words'"),
        (b"a: {b: 1}", "a/b/ is int 1"),
        (b"ros__parameters: {x: 1}", "no node above ros__parameters"),
        (b"a: {ros__parameters: 3}", "a/ros__parameters is int 3"),
        (b"7: {ros__parameters: {}}", "7 is no name of a node"),
        (b"a: {ros__parameters: {x: [1,}", "is not YAML: while parsing"),
        (b"\x89PNG\r\n\x1a\n\x00", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"[" * 5000, "is not YAML"),
        (b"# " + b"x" * 1_000_001, "is larger than"),
    ],
)
def test_a_parameter_file_that_no_node_could_read_is_refused_in_a_line(tmp_path, content, text):
    file = tmp_path / "my.yaml"
    file.write_bytes(content)
    with pytest.raises(RuntimeError) as refused:
        ParametersFile(str(file), [])
    assert text in str(refused.value)
    assert str(refused.value).startswith(f"params_file:={file}")
    assert "\n" not in str(refused.value)


def test_a_section_for_a_node_that_is_not_started_is_refused(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("driver_node: {ros__parameters: {max_velocity_rad_s: 0.5}}\n")
    with pytest.raises(RuntimeError, match="unknown node 'driver_node'; did you mean 'so101_driv"):
        ParametersFile(str(file), ["act_policy", "so101_driver"])


def test_a_parameter_file_that_is_not_there(tmp_path):
    for name in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(RuntimeError, match=f"params_file:={name} cannot be read: "):
            ParametersFile(str(name), [])


@pytest.mark.parametrize(
    ("returncode", "is_shutdown", "fails"),
    [(0, False, False), (1, False, True), (-9, False, True), (-2, True, False), (0, True, False)],
)
def test_the_failure_of_a_required_node_is_that_of_the_launch(returncode, is_shutdown, fails):
    on_exit = required("the driver")
    event = SimpleNamespace(returncode=returncode)
    context = SimpleNamespace(is_shutdown=is_shutdown)
    if fails:
        with pytest.raises(RuntimeError, match=f"the driver has failed .exit code {returncode}"):
            on_exit(event, context)
    else:
        assert isinstance(on_exit(event, context), Shutdown)


KILLED = (
    "import os, sys; from act_bringup.own_folder import own_folder;"
    "print(own_folder('arm'), flush=True); os.kill(os.getpid(), 9)"
)


def test_folders_of_killed_launches_go_with_the_next(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    monkeypatch.setattr(folders.tempfile, "tempdir", None)
    mine = folders.own_folder("arm")
    (tmp_path / "arm_of_somebody").mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True).stdout
    assert killed.startswith(str(tmp_path / "arm_"))
    other = folders.own_folder("arm")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [mine.name, other.name, "arm_of_somebody"]
    )
