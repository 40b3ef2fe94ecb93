"""What the launch of pip_ros2 does otherwise than some release of the real one, and its parts."""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import sys

import launch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from launch.actions import (
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import (
    LaunchConfiguration,
    NotSubstitution,
    PythonExpression,
    ThisLaunchFile,
    ThisLaunchFileDir,
)
from launch_ros.actions import SetParameter
from launch_ros.substitutions import FindPackageShare

if not hasattr(launch, "refusal"):
    pytest.skip(
        "a ROS 2 distribution provides launch: that of pip_ros2 is not in use",
        allow_module_level=True,
    )

from launch.process_output import LineSplitter
from launch_ros.scope import (
    PARAMETERS,
    check_namespace,
    check_node_name,
    in_scope,
    join_namespaces,
)


def messages(log: str) -> list[str]:
    """Return what LogInfo has logged."""
    marker = "[launch.user]: "
    return [line.partition(marker)[2] for line in log.splitlines() if marker in line]


# -- scopes --------------------------------------------------------------------------------


def test_a_timer_remembers_the_scope_in_which_it_was_started(launched) -> None:
    x = LaunchConfiguration("x", default="unset")
    log = launched(
        GroupAction(
            [
                SetLaunchConfiguration("x", "group"),
                TimerAction(
                    period=0.0, actions=[LogInfo(msg=x), SetLaunchConfiguration("x", "timer")]
                ),
            ]
        ),
        TimerAction(period=0.1, actions=[LogInfo(msg=x)]),
    ).log
    assert messages(log) == ["group", "unset"]


def test_parameters_set_in_a_group_do_not_leak_into_the_scope_outside(launched) -> None:
    seen = []

    def look(context: launch.LaunchContext) -> None:
        seen.append([name for name, _ in in_scope(context, PARAMETERS)])

    launched(
        SetParameter("a", 1),
        GroupAction([SetParameter("b", 2), OpaqueFunction(function=look)]),
        OpaqueFunction(function=look),
    )
    assert seen == [["a", "b"], ["a"]]


def test_this_launch_file_is_the_including_one_again_after_an_include(launched, tmp_path) -> None:
    inner, outer = tmp_path / "inner.launch.py", tmp_path / "outer.launch.py"
    inner.write_text(
        "from launch import LaunchDescription\n"
        "def generate_launch_description():\n"
        "    return LaunchDescription([])\n"
    )
    outer.write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import IncludeLaunchDescription, LogInfo\n"
        "from launch.substitutions import ThisLaunchFile, ThisLaunchFileDir\n"
        "def generate_launch_description():\n"
        "    return LaunchDescription([\n"
        "        IncludeLaunchDescription(ThisLaunchFileDir() / 'inner.launch.py'),\n"
        "        LogInfo(msg=ThisLaunchFile()),\n"
        "    ])\n"
    )
    result = launched(
        IncludeLaunchDescription(PythonLaunchDescriptionSource(outer)),
        OpaqueFunction(
            function=lambda context: [
                LogInfo(msg=str("current_launch_file_path" in context.get_locals_as_dict()))
            ]
        ),
    )
    assert messages(result.log) == [str(outer), "False"]


def test_substitutions_of_folders_go_on_with_a_slash() -> None:
    for folder in (ThisLaunchFile(), ThisLaunchFileDir(), FindPackageShare("act_sim")):
        assert (folder / "config").describe().endswith("'config')")


@pytest.mark.parametrize(("text", "value"), [("0", "true"), ("1", "false"), ("no", "true")])
def test_numbers_and_words_are_truth_values(text, value) -> None:
    assert NotSubstitution(text).perform(launch.LaunchContext()) == value


def test_modules_in_python_expressions() -> None:
    assert PythonExpression("os.sep", ["os"]).perform(launch.LaunchContext()) == "/"
    assert PythonExpression("math.floor(pi)").perform(launch.LaunchContext()) == "3"


# -- processes -----------------------------------------------------------------------------


def test_respawns_are_limited(launched) -> None:
    log = launched(ExecuteProcess(cmd=["false"], respawn=True, respawn_max_retries=2)).log
    assert log.count("process started with pid") == log.count("process has died") == 3


def test_output_that_is_not_one_of_the_names_lists_them(launched) -> None:
    for output, message in (
        ("terminal", "output 'terminal' is not one of screen, log, both, own_log, full"),
        ({"stdot": "log"}, "output source 'stdot' is not one of stdout, stderr, both"),
        ({"both": "disk"}, "output destination 'disk' is not one of screen, log, own_log"),
    ):
        assert message in launched(ExecuteProcess(cmd=["true"], output=output)).log


def test_a_cancelled_run_ends_its_processes_in_order(loop, environment) -> None:
    service = launch.LaunchService()
    exits: list[int] = []

    def cancel(context: launch.LaunchContext) -> None:
        task.cancel()

    service.include_launch_description(
        launch.LaunchDescription(
            [
                RegisterEventHandler(
                    OnProcessExit(on_exit=lambda event, context: exits.append(event.returncode))
                ),
                ExecuteProcess(cmd=["sleep", "100"]),
                TimerAction(period=0.05, actions=[OpaqueFunction(function=cancel)]),
            ]
        )
    )
    task = loop.create_task(service.run_async())
    assert loop.run_until_complete(task) == 1
    assert exits == [-2]


def test_a_service_runs_once_at_a_time(loop, environment) -> None:
    service = launch.LaunchService()

    async def twice() -> None:
        first = asyncio.ensure_future(service.run_async(shutdown_when_idle=False))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="is running already"):
            await service.run_async()
        await service.shutdown()
        await first

    loop.run_until_complete(twice())


@given(text=st.text(alphabet="ab\n\ré€", max_size=30), cuts=st.lists(st.integers(0, 60)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(text: str, cuts: list[int]) -> None:
    data = text.encode()
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in itertools.pairwise(edges):
        splitter.feed(data[start:end])
    splitter.flush()
    *complete, rest = text.split("\n")
    assert lines == [line.removesuffix("\r") for line in complete] + ([rest] if rest else [])


def test_bytes_that_are_not_text_are_replaced() -> None:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    splitter.feed(b"one\ntw")
    splitter.feed(b"o\r\n\xff\xe2\x82")
    splitter.flush()
    assert lines == ["one", "two", "\ufffd\ufffd"]


def test_the_format_of_the_screen_is_taken_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("OVERRIDE_LAUNCH_SCREEN_FORMAT", r"{levelname}\t{msg}")
    formatter = launch.logging.LaunchConfig().screen_formatter
    record = logging.LogRecord("launch", logging.INFO, "", 0, "pid %d", (7,), None)
    assert formatter.format(record) == "INFO\tpid 7"


# -- listings and errors -------------------------------------------------------------------


def test_the_locals_say_what_they_hold() -> None:
    context = launch.LaunchContext()
    context.extend_locals({"event": 1})
    with pytest.raises(AttributeError, match="has no 'evnt', it has: event"):
        _ = context.locals.evnt
    with pytest.raises(AttributeError, match="read-only"):
        context.locals.event = 2


def test_what_an_opaque_function_returns_must_be_actions(launched) -> None:
    result = launched(OpaqueFunction(function=lambda context: ["not an action"]))
    assert result.return_code == 1
    assert "OpaqueFunction: expected actions, got 'not an action'" in result.log


@pytest.mark.parametrize(
    ("base", "name", "joined"),
    [
        ("a", "b", "a/b"),
        ("/", "b", "/b"),
        ("a", "/b", "/b"),
        ("", "b", "b"),
        (None, "b/", "b"),
        ("a", None, "a"),
        ("a", "/", "/"),
        (None, None, None),
    ],
)
def test_namespaces_are_joined(base, name, joined) -> None:
    assert join_namespaces(base, name) == joined


def test_names_that_are_not_valid() -> None:
    check_node_name("arm_1")
    check_namespace("/")
    check_namespace("/left/arm_1")
    with pytest.raises(ValueError, match="node name 'left arm' is not valid: expected letters"):
        check_node_name("left arm")
    for namespace in ("arm", "/arm/", "//arm", "/1st", "/" + "a" * 245):
        with pytest.raises(ValueError, match=f"namespace '{namespace}' is not valid"):
            check_namespace(namespace)


def test_a_line_that_comes_again_and_again_is_counted():
    from launch.process_output import FloodGate

    lines, now_s = [], 0.0
    gate = FloodGate(lines.append, lambda: now_s)
    for index in range(5000):
        now_s = index / 500
        gate(f"[WARN] [1795703670.{index:09d}] [arm]: no answer")
        gate(f"[WARN] [2026-11-26 14:41:28.{index % 1000:03d}] [arm]: too hot")
        if index % 500 == 0:
            gate(f"step {index}")
    assert sum("step" in line for line in lines) == 10
    assert len(lines) == 10 + 2 * 20
    gate.flush()
    assert lines[-2:] == [
        "[WARN] [1795703670.000004999] [arm]: no answer (and 4980 times more in 10 s)",
        "[WARN] [2026-11-26 14:41:28.999] [arm]: too hot (and 4980 times more in 10 s)",
    ]
    now_s = 30.0
    gate("[WARN] [1795703690.000000000] [arm]: no answer")
    assert lines[-1].endswith("no answer")


def test_the_gate_remembers_a_bounded_number_of_lines():
    from launch.process_output import KINDS, FloodGate

    lines = []
    gate = FloodGate(lines.append, lambda: 0.0)
    for index in range(10 * KINDS):
        gate(f"line {index}")
    assert len(lines) == 10 * KINDS
    assert len(gate._counts) == KINDS


def test_packages_that_offer_actions_to_xml_can_be_imported():
    import launch
    from launch.frontend import Entity, Parser, expose_action, expose_substitution

    @expose_substitution("xacro")
    class Xacro(launch.Substitution):
        @classmethod
        def parse(cls, data: list) -> tuple:
            return cls, {}

    @expose_action("spawn")
    class Spawn(launch.Action):
        @classmethod
        def parse(cls, entity: Entity, parser: Parser) -> tuple:
            return cls, {}

    assert issubclass(Xacro, launch.Substitution)
    assert issubclass(Spawn, launch.Action)
    with pytest.raises(NotImplementedError, match="a launch file in XML or YAML is not part"):
        Parser()


def test_the_command_can_fail_with_a_required_process(tmp_path):
    file = tmp_path / "required.launch.py"
    file.write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import ExecuteProcess, Shutdown\n"
        "def generate_launch_description():\n"
        "    return LaunchDescription([ExecuteProcess(cmd=['false'], on_exit=Shutdown())])\n"
    )
    command = [sys.executable, "-m", "ros2cli", "launch"]
    # Without the option as on a distribution.
    assert subprocess.run([*command, str(file)], check=False).returncode == 0
    assert subprocess.run([*command, "--fail-with-required", str(file)]).returncode == 1
