"""The command line itself: what it lists, what it suggests, what it imports."""

from __future__ import annotations

import argparse
import importlib
import re
import signal

import pytest
from ros2cli import verbs
from ros2cli.errors import CliError, nearest, unknown
from ros2cli.main import COMMANDS, main
from ros2cli.verbs import Parser, non_negative_int, positive_float

HELP_IMPORTS_NOTHING_HEAVY = """
import sys
from ros2cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("heavy:", sorted({"rclpy", "numpy", "yaml", "launch", "mcap"} & set(sys.modules)))
"""


@pytest.mark.parametrize("words", [("--help",), ("topic", "--help"), ("bag", "record", "--help")])
def test_help_imports_nothing_heavy(start, words):
    process = start("-c", HELP_IMPORTS_NOTHING_HEAVY, *words)
    assert process.wait() == 0
    assert process.lines[-1] == "heavy: []"


def test_every_command_has_a_module_and_is_in_the_help(ros2):
    out = ros2("--help").out
    for name, summary in COMMANDS.items():
        assert importlib.import_module(f"ros2cli.{name}").COMMAND
        assert f"\n    {name} " in out
        assert summary.split()[0] in out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["topci"], 2, r"unknown command 'topci'; did you mean 'topic'\? known: bag, doctor"),
        (["topic", "lst"], 2, r"unknown verb 'lst'; did you mean 'list'\? known: echo, hz"),
        (["topic", "bw", "/a"], 2, "'ros2 topic bw' is not part of .* whose ros2topic has it"),
        (["lifecycle", "get"], 2, "'ros2 lifecycle' is not part of .* whose ros2lifecycle has it"),
        (["topic", "echo", "/a", "--qos-reliability", "relible"], 2, "did you mean 'reliable'"),
        (["topic", "pub", "/a", "std_msgs/msg/String", "-r", "0"], 2, "is not a number above zero"),
        (["pkg", "prefix", "std_msg"], 1, r"unknown package 'std_msg'.*did you mean 'std_msgs'"),
        (["bag", "info", "/nowhere/at_all"], 1, "unknown bag '/nowhere/at_all'"),
    ],
)
def test_mistakes_name_what_exists(capfd, words, code, text):
    try:
        result = main(words)
    except SystemExit as error:  # from argparse
        result = error.code
    assert result == code
    assert re.search(text, capfd.readouterr().err)


def test_a_command_without_a_verb_prints_its_help(capfd):
    assert main(["node"]) == 0
    assert "info" in capfd.readouterr().out


def test_unknown_suggests_regardless_of_case_and_lists_sorted():
    error = unknown("topic", "/Joint_States", ["/joint_states", "/a"])
    assert str(error) == (
        "unknown topic '/Joint_States'; did you mean '/joint_states'? known: /a, /joint_states"
    )
    assert str(unknown("node", "x", [])) == "unknown node 'x'; there is none"
    assert str(unknown("node", "x", ["talker"])) == "unknown node 'x'; known: talker"
    assert str(unknown("type", "zzz", [f"t{i:02}" for i in range(50)])).endswith("and 10 more")
    assert nearest("grab", ["pick", "place"]) is None


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "abc"])
def test_positive_float_refuses(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number"):
        positive_float(text)


def test_non_negative_int():
    assert non_negative_int("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="'-1' is not a whole number"):
        non_negative_int("-1")


def test_expression():
    assert verbs.expression("m > 2")(3) is True
    with pytest.raises(CliError, match=r"cannot evaluate 'm.x': AttributeError"):
        verbs.expression("m.x")(3)
    with pytest.raises(argparse.ArgumentTypeError, match="'m >' is not an expression"):
        verbs.expression("m >")


def test_errors_go_to_stderr_with_the_usage(capfd):
    with pytest.raises(SystemExit) as ended:
        Parser(prog="ros2 x").error("no")
    captured = capfd.readouterr()
    assert ended.value.code == 2
    assert captured.out == ""
    assert captured.err == "usage: ros2 x [-h]\nros2 x: error: no\n"


SLOW_TO_IMPORT = """
import signal, sys
from ros2cli.entry import main

slow, *sys.argv[1:] = sys.argv[1:]

class Slow:
    def find_spec(self, name, *_):
        if name == slow:
            print("begun", flush=True)
            try:
                signal.sigtimedwait([], 60)
            except KeyboardInterrupt as error:
                raise ImportError("initialization failed") from error  # as extensions do

sys.meta_path.insert(0, Slow())
sys.exit(main())
"""


@pytest.mark.parametrize("slow", ["ros2cli.main", "rclpy"])
def test_ctrl_c_while_it_is_being_loaded_is_no_trace(start, slow):
    process = start("-c", SLOW_TO_IMPORT, slow, "node", "list")
    process.wait_for("begun")
    assert process.end(signal.SIGINT) == -signal.SIGINT
    assert process.output == "begun"


def test_a_stop_while_its_node_is_made_is_no_error(monkeypatch):
    """SIGTERM shuts rclpy down, and what is under way fails for that reason."""
    import rclpy
    from ros2cli import graph

    def interrupted(*_args, **_more):
        rclpy.shutdown()
        raise RuntimeError("rcl node's context is invalid")

    monkeypatch.setattr(rclpy, "create_node", interrupted)
    with pytest.raises(SystemExit) as ended, graph.cli_node(argparse.Namespace()):
        pass
    assert ended.value.code == signal.SIGTERM


CLOSED_PIPE = """
import os, sys
read, write = os.pipe()
os.close(read)
os.dup2(write, 1)
from ros2cli.main import main
sys.exit(main(["pkg", "list"]))
"""


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(start):
    process = start("-c", CLOSED_PIPE)
    assert process.wait() == 1
    assert process.output == ""


def test_a_domain_that_is_none_is_one_line(ros2, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "abc")
    answer = ros2("topic", "list")
    assert answer.code == 1
    assert answer.err == "ros2: failed to initialize rcl: ROS_DOMAIN_ID is not an integral number\n"
