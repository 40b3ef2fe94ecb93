"""Processes: the same with the real `launch` and with that of pip_ros2."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import launch
import pytest
from launch.actions import (
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit, OnProcessIO, OnProcessStart, OnShutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration

# Says that it is ready, then lives until it is told to end.
SLEEP = "import os, signal; os.write(1, b'ready\\n'); signal.pause()"
IGNORE = "import signal; signal.signal(signal.{}, signal.SIG_IGN); "


def name_of(event) -> str:
    """Return the name without the number that makes it unique."""
    return event.process_name.rpartition("-")[0]


def python(script: str | list, **kwargs) -> ExecuteProcess:
    return ExecuteProcess(cmd=[sys.executable, "-c", script], **kwargs)


def when_ready(process: ExecuteProcess, *entities) -> RegisterEventHandler:
    """Visits the entities once the process has printed."""
    return RegisterEventHandler(
        OnProcessIO(target_action=process, on_stdout=lambda event: entities)
    )


@pytest.fixture
def exits():
    """``exits.handler`` notes the exit code of every process by its name in ``exits.codes``."""

    class Exits:
        def __init__(self) -> None:
            self.events: list[ProcessExited] = []

        @property
        def codes(self) -> dict[str, int]:
            return {
                event.process_name.rpartition("-")[0]: event.returncode for event in self.events
            }

        @property
        def handler(self) -> RegisterEventHandler:
            def on_exit(event, context) -> None:
                self.events.append(event)

            return RegisterEventHandler(OnProcessExit(on_exit=on_exit))

    return Exits()


def test_a_process_tells_its_start_output_and_end(launched, tmp_path) -> None:
    told: list[tuple] = []
    script = "import os; os.write(1, os.getcwd().encode()); os.write(2, b'bad'); os._exit(3)"
    process = python(script, name="worker", cwd=str(tmp_path), additional_env={"ACT_X": "1"})
    handlers = [
        OnProcessStart(
            target_action=process,
            on_start=lambda event, context: told.append(("started", event.pid)),
        ),
        OnProcessIO(
            target_action=process,
            on_stdout=lambda event: told.append(("stdout", event.text)),
            on_stderr=lambda event: told.append(("stderr", event.text)),
        ),
        OnProcessExit(
            target_action=process,
            on_exit=lambda event, context: told.append(("exited", event)),
        ),
    ]
    result = launched(*(RegisterEventHandler(handler) for handler in handlers), process)
    assert result.return_code == 0  # the end of a process is not an error of the launch
    assert told[0][0] == "started"
    about = dict(told)
    event = about["exited"]
    assert about["stdout"] == str(tmp_path).encode()
    assert about["stderr"] == b"bad"
    assert (event.pid, event.returncode, event.action) == (about["started"], 3, process)
    assert event.process_name.startswith("worker-")
    assert event.cmd[0] == sys.executable
    assert event.cwd == str(tmp_path)
    assert event.env["ACT_X"] == "1"
    assert process.return_code == 3


def test_the_log_tells_the_same(launched) -> None:
    log = launched(
        python("print('fine')", name="good", output="both"),
        python("import sys; print('alas', file=sys.stderr); sys.exit(2)", name="bad"),
    ).log
    good, bad = (line.split("[")[-1] for line in log.splitlines() if "started with pid" in line)
    assert f"process started with pid [{good}" in log
    assert f"process has finished cleanly [pid {good}" in log
    assert f"process has died [pid {bad.rstrip(']')}, exit code 2, cmd '{sys.executable} -c" in log
    (fine,) = (line for line in log.splitlines() if line.endswith("fine"))
    (alas,) = (line for line in log.splitlines() if line.endswith("alas"))
    assert fine.partition("[")[2].startswith("good-")
    assert alas.partition("[")[2].startswith("bad-")


def test_every_process_has_a_name_of_its_own(launched, exits) -> None:
    launched(exits.handler, *(ExecuteProcess(cmd=["true"]) for _ in range(3)))
    names = [event.process_name for event in exits.events]
    assert len(set(names)) == 3
    assert all(name.startswith("true-") for name in names)


def test_substitutions_in_the_command(launched, exits) -> None:
    launched(
        SetLaunchConfiguration("code", "4"),
        exits.handler,
        python(["raise SystemExit(", LaunchConfiguration("code"), ")"], name="p"),
    )
    assert exits.codes == {"p": 4}


def test_environment_of_a_process(launched, exits) -> None:
    script = (
        "import os; a, b = (int(os.environ.get(name, 0)) for name in ('ACT_A', 'ACT_B')); "
        "raise SystemExit(a + b)"
    )
    launched(
        exits.handler,
        SetEnvironmentVariable("ACT_A", "1"),
        python(script, name="inherits"),
        python(script, name="adds", additional_env={"ACT_B": "2"}),
        python(script, name="replaces", env={"ACT_B": "4"}),
        python(script, name="both", env={"ACT_B": "4"}, additional_env={"ACT_A": "8"}),
    )
    assert exits.codes == {"inherits": 1, "adds": 3, "replaces": 4, "both": 12}


def test_shell_and_prefix(launched, exits) -> None:
    launched(
        exits.handler,
        ExecuteProcess(cmd=["exit", "$((2", "+", "3))"], shell=True, name="shell"),
        ExecuteProcess(cmd=["false"], prefix="env --", name="prefix"),
        SetLaunchConfiguration("launch-prefix", "env ACT=1"),
        SetLaunchConfiguration("launch-prefix-filter", "true"),
        ExecuteProcess(cmd=["true"], name="configured"),
        ExecuteProcess(cmd=["false"], name="filtered"),
    )
    assert exits.codes == {"shell": 5, "prefix": 1, "configured": 0, "filtered": 1}
    commands = {name_of(event): event.cmd for event in exits.events}
    assert commands["prefix"] == ["env", "--", "false"]
    assert commands["configured"] == ["env", "ACT=1", "true"]
    assert commands["filtered"] == ["false"]


@pytest.mark.parametrize("emulate_tty", [True, False])
def test_emulated_terminal(launched, exits, emulate_tty) -> None:
    script = "import sys; sys.exit(sys.stdout.isatty() + 2 * sys.stderr.isatty())"
    launched(exits.handler, python(script, emulate_tty=emulate_tty, name="p"))
    assert exits.codes == {"p": 3 if emulate_tty else 0}


def test_the_terminal_can_be_set_by_configuration(launched) -> None:
    log = launched(
        SetLaunchConfiguration("emulate_tty", "true"),
        python("import sys; print('tty', sys.stdout.isatty())", output="log"),
    ).log
    assert "tty True" in log


def test_output_to_own_files(launched, exits) -> None:
    script = "import os; os.write(1, b'to stdout\\n'); os.write(2, b'to stderr\\n')"
    log = launched(
        exits.handler,
        python(script, name="own", output={"stdout": "own_log", "stderr": "log"}),
        python(script, name="all", output="own_log"),
    ).log
    assert log.count("to stdout") == 0
    assert log.count("to stderr") == 1
    folder = Path(launch.logging.launch_config.log_dir)
    names = {name_of(event): event.process_name for event in exits.events}
    assert "to stdout" in (folder / f"{names['own']}-stdout.log").read_text()
    combined = (folder / f"{names['all']}.log").read_text()
    assert "to stdout" in combined
    assert "to stderr" in combined


@pytest.mark.parametrize("output", ["terminal", {"stdot": "screen"}, {"both": {"own"}}])
def test_a_wrong_output_is_an_error(launched, output) -> None:
    result = launched(ExecuteProcess(cmd=["true"], output=output))
    assert result.return_code == 1


def test_a_command_that_does_not_exist(launched) -> None:
    result = launched(
        ExecuteProcess(cmd=["no-such-program"]), ExecuteProcess(cmd=["true"], name="other")
    )
    assert "No such file or directory: 'no-such-program'" in result.log
    assert "finished cleanly" in result.log
    assert result.return_code == 0


def test_an_action_runs_once(launched) -> None:
    process = ExecuteProcess(cmd=["true"])
    result = launched(process, process)
    assert result.return_code == 1
    assert "executed more than once" in result.log


# -- what follows the end of a process -----------------------------------------------------


def test_on_exit_of_a_required_process_ends_the_others(launched, exits) -> None:
    sleeper = python(SLEEP, name="sleeper")
    result = launched(
        exits.handler,
        sleeper,
        when_ready(sleeper, ExecuteProcess(cmd=["true"], name="required", on_exit=[Shutdown()])),
    )
    assert exits.codes == {"required": 0, "sleeper": -signal.SIGINT}
    assert "was required: shutting down launched system" in result.log
    assert result.return_code == 0


def test_after_ctrl_c_no_required_process_is_said_to_have_ended_the_launch(launched) -> None:
    """Three of them were, one after the other."""
    required = python(SLEEP, name="required", on_exit=[Shutdown()])
    result = launched(required, when_ready(required, Shutdown(reason="ctrl-c")))
    assert "was required" not in result.log
    assert result.return_code == 0


def test_on_exit_takes_one_action_several_or_a_function(launched) -> None:
    seen: list[object] = []

    def note(label: object) -> OpaqueFunction:
        return OpaqueFunction(function=lambda context: seen.append(label))

    launched(ExecuteProcess(cmd=["true"], on_exit=note("one")))
    launched(ExecuteProcess(cmd=["true"], on_exit=[note("two"), note("three")]))
    launched(python("raise SystemExit(7)", on_exit=lambda event, context: [note(event.returncode)]))
    assert seen == ["one", "two", "three", 7]


def test_a_process_after_another(launched, exits) -> None:
    first = ExecuteProcess(cmd=["true"], name="first")
    second = ExecuteProcess(cmd=["true"], name="second")
    launched(
        exits.handler,
        RegisterEventHandler(OnProcessExit(target_action=first, on_exit=[second])),
        first,
    )
    assert list(exits.codes) == ["first", "second"]


def test_the_target_of_a_handler_may_be_a_function(launched) -> None:
    seen: list[str] = []
    wanted = ExecuteProcess(cmd=["true"])
    launched(
        RegisterEventHandler(
            OnProcessExit(
                target_action=lambda action: action is wanted,
                on_exit=lambda event, context: seen.append(event.process_name),
            )
        ),
        wanted,
        ExecuteProcess(cmd=["false"]),
    )
    assert [name.rpartition("-")[0] for name in seen] == ["true"]


def test_handlers_refuse_wrong_targets_and_entities() -> None:
    with pytest.raises(TypeError, match="ExecuteLocal"):
        OnProcessExit(target_action=Shutdown(), on_exit=[])
    with pytest.raises(TypeError):
        OnProcessExit(on_exit=["not an action"])


def test_respawn(launched, exits) -> None:
    def enough(event, context):
        return Shutdown() if len(exits.events) == 3 else None

    # The newest handler is asked first, so `exits` counts before `enough` looks.
    log = launched(
        RegisterEventHandler(OnProcessExit(on_exit=enough)),
        exits.handler,
        python("raise SystemExit(1)", name="p", respawn=True, respawn_delay=0.01),
    ).log
    assert {event.returncode for event in exits.events[:3]} == {1}
    assert log.count("process started with pid") == len(exits.events) >= 3


def test_respawn_ends_with_the_launch(launched, exits) -> None:
    process = python(SLEEP, name="p", respawn=LaunchConfiguration("respawn"), respawn_delay=20.0)
    ended = OnProcessExit(target_action=process, on_exit=[Shutdown()])
    launched(
        SetLaunchConfiguration("respawn", "true"),
        exits.handler,
        RegisterEventHandler(ended),
        process,
        when_ready(
            process,
            OpaqueFunction(
                function=lambda context: os.kill(process.process_details["pid"], signal.SIGKILL)
            ),
        ),
    )
    assert exits.codes == {"p": -signal.SIGKILL}


# -- ending processes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ignored", "ended_by"),
    [
        ([], signal.SIGINT),
        (["SIGINT"], signal.SIGTERM),
        (["SIGINT", "SIGTERM"], signal.SIGKILL),
    ],
)
def test_escalation(launched, exits, ignored, ended_by) -> None:
    process = python(
        "".join(IGNORE.format(name) for name in ignored) + SLEEP,
        name="p",
        sigterm_timeout="0.2" if ignored else "60",
        sigkill_timeout=LaunchConfiguration("kill_after", default="0.2" if ignored[1:] else "60"),
    )
    log = launched(exits.handler, process, when_ready(process, Shutdown())).log
    assert exits.codes == {"p": -ended_by}
    assert "sending signal 'SIGINT' to process[p-" in log
    assert log.count("escalating to") == len(ignored)
    if ignored:
        assert "failed to terminate '0.2' seconds after receiving 'SIGINT'" in log
    assert f"exit code {-ended_by}, cmd" in log


def test_shutdown_may_run_a_last_process_but_nothing_starts_later(launched, exits) -> None:
    launched(
        exits.handler,
        RegisterEventHandler(OnShutdown(on_shutdown=[ExecuteProcess(cmd=["true"], name="last")])),
        TimerAction(period=0.0, actions=[Shutdown()]),
        TimerAction(
            period=0.1,
            actions=[ExecuteProcess(cmd=["true"], name="too late")],
            cancel_on_shutdown=False,
        ),
    )
    assert exits.codes == {"last": 0}


def test_processes_that_run_end_when_a_later_action_fails(launched, exits) -> None:
    process = python(SLEEP, name="p")

    def fail(context: launch.LaunchContext) -> None:
        raise ValueError("broken")

    result = launched(exits.handler, process, when_ready(process, OpaqueFunction(function=fail)))
    assert result.return_code == 1
    assert exits.codes == {"p": -signal.SIGINT}
