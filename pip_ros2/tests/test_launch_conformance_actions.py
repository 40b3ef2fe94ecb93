"""Actions, scopes, events without processes: the same with the real `launch` and with ours."""

from __future__ import annotations

import asyncio
import os
import threading

import launch
import pytest
from launch import EventHandler, LaunchDescription, LaunchService
from launch.actions import (
    AppendEnvironmentVariable,
    DeclareLaunchArgument,
    EmitEvent,
    GroupAction,
    LogInfo,
    OpaqueFunction,
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
    UnsetEnvironmentVariable,
    UnsetLaunchConfiguration,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnExecutionComplete, OnShutdown
from launch.substitutions import EnvironmentVariable, LaunchConfiguration


class Ping(launch.Event):
    name = "test.Ping"


def is_ping(event: launch.Event) -> bool:
    return isinstance(event, Ping)


@pytest.fixture
def seen() -> list:
    return []


@pytest.fixture
def note(seen):
    """``note(label)``: an action that appends the label, or what a substitution gives, to seen."""

    def make(label: object, **kwargs: object) -> OpaqueFunction:
        def function(context: launch.LaunchContext) -> None:
            seen.append(label.perform(context) if isinstance(label, launch.Substitution) else label)

        return OpaqueFunction(function=function, **kwargs)

    return make


# -- order ---------------------------------------------------------------------------------


def test_entities_are_visited_in_order_and_depth_first(launched, note, seen) -> None:
    result = launched(
        note(1),
        GroupAction([note(2), GroupAction([note(3)]), LaunchDescription([note(4)])]),
        OpaqueFunction(function=lambda context: [note(5), note(6)]),
        note(7),
    )
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert result.return_code == 0


def test_opaque_function_gets_its_arguments(launched, seen) -> None:
    def function(context, *args, **kwargs) -> None:
        seen.append((args, kwargs, context.argv))

    launched(OpaqueFunction(function=function, args=[1], kwargs={"b": 2}), argv=("x:=1",))
    assert [(args, kwargs, list(argv)) for args, kwargs, argv in seen] == [
        ((1,), {"b": 2}, ["x:=1"])
    ]


def test_opaque_function_must_be_callable() -> None:
    with pytest.raises(TypeError, match="OpaqueFunction"):
        OpaqueFunction(function="not callable")


def test_conditions_of_actions(launched, note, seen) -> None:
    launched(
        SetLaunchConfiguration("sim", "true"),
        note("if", condition=IfCondition(LaunchConfiguration("sim"))),
        note("unless", condition=UnlessCondition(LaunchConfiguration("sim"))),
        GroupAction([note("in group")], condition=IfCondition("false")),
    )
    assert seen == ["if"]


def test_log_info(launched) -> None:
    log = launched(
        SetLaunchConfiguration("x", "1"), LogInfo(msg=["x is ", LaunchConfiguration("x")])
    ).log
    assert "[INFO] [launch.user]: x is 1\n" in log


# -- arguments -----------------------------------------------------------------------------


def test_declared_arguments_give_defaults_only(launched, note, seen) -> None:
    launched(
        SetLaunchConfiguration("rate", "50"),
        DeclareLaunchArgument("rate", default_value="30"),
        DeclareLaunchArgument("name", default_value=["so", LaunchConfiguration("rate")]),
        DeclareLaunchArgument("empty", default_value=""),
        note(LaunchConfiguration("rate")),
        note(LaunchConfiguration("name")),
        note(LaunchConfiguration("empty")),
    )
    assert seen == ["50", "so50", ""]


def test_a_required_argument_must_be_given(launched, note, seen) -> None:
    result = launched(DeclareLaunchArgument("port", description="serial port"), note("after"))
    assert result.return_code == 1
    assert seen == []
    assert "Required launch argument" in result.log
    assert "port" in result.log


@pytest.mark.parametrize(("value", "return_code"), [("left", 0), ("middle", 1)])
def test_choices(launched, value, return_code) -> None:
    result = launched(
        SetLaunchConfiguration("side", value),
        DeclareLaunchArgument("side", default_value="left", choices=["left", "right"]),
    )
    assert result.return_code == return_code
    assert ("is not valid" in result.log) == bool(return_code)


def test_choices_are_checked_when_the_file_is_read() -> None:
    with pytest.raises(RuntimeError, match="middle"):
        DeclareLaunchArgument("side", default_value="middle", choices=["left", "right"])
    with pytest.raises(RuntimeError, match="empty"):
        DeclareLaunchArgument("side", choices=[])


def test_arguments_of_a_description_without_running_it(note) -> None:
    description = LaunchDescription(
        [
            DeclareLaunchArgument("plain"),
            DeclareLaunchArgument("full", default_value="1", description="What."),
            DeclareLaunchArgument("side", default_value="l", choices=["l", "r"], description="A"),
            GroupAction([DeclareLaunchArgument("inner", default_value="1")]),
            GroupAction(
                [DeclareLaunchArgument("maybe", default_value="1")], condition=IfCondition("false")
            ),
            DeclareLaunchArgument("own", default_value="1", condition=IfCondition("true")),
            DeclareLaunchArgument("full", default_value="2"),
            TimerAction(period=1.0, actions=[DeclareLaunchArgument("later", default_value="1")]),
            GroupAction(
                [DeclareLaunchArgument("unreachable", default_value="1")], forwarding=False
            ),
        ]
    )
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert list(arguments) == ["plain", "full", "side", "inner", "maybe", "own", "later"]
    assert [name for name, argument in arguments.items() if argument._conditionally_included] == [
        "maybe",
        "own",
        "later",
    ]
    assert arguments["plain"].default_value is None
    assert arguments["plain"].description == "no description given"
    assert arguments["side"].description == "A. Valid choices are: ['l', 'r']"
    (default,) = arguments["full"].default_value
    assert default.describe() == "'1'"


# -- scopes --------------------------------------------------------------------------------


def test_a_group_scopes_launch_configurations(launched, note, seen) -> None:
    x = LaunchConfiguration("x", default="unset")
    launched(
        SetLaunchConfiguration("x", "outside"),
        GroupAction([note(x), SetLaunchConfiguration("x", "inside"), note(x)]),
        note(x),
        GroupAction([note(x)], launch_configurations={"x": "given"}),
        note(x),
        GroupAction([note(x)], forwarding=False),
        GroupAction([note(x)], forwarding=False, launch_configurations={"x": [x, "!"]}),
        GroupAction([SetLaunchConfiguration("x", "leaks")], scoped=False),
        note(x),
        UnsetLaunchConfiguration("x"),
        UnsetLaunchConfiguration("never set"),
        note(x),
    )
    assert seen == [
        "outside", "inside", "outside", "given", "outside", "unset", "outside!", "leaks", "unset",
    ]  # fmt: skip


def test_launch_configurations_are_pushed_and_popped(launched, note, seen) -> None:
    x = LaunchConfiguration("x")
    launched(
        SetLaunchConfiguration("x", "1"),
        PushLaunchConfigurations(),
        SetLaunchConfiguration("x", "2"),
        note(x),
        PopLaunchConfigurations(),
        note(x),
    )
    assert seen == ["2", "1"]


def test_environment_actions(launched, note, seen) -> None:
    x = EnvironmentVariable("ACT_X", default_value="unset")
    os.environ.pop("ACT_X", None)
    launched(
        AppendEnvironmentVariable("ACT_X", "a"),
        note(x),
        AppendEnvironmentVariable("ACT_X", "b"),
        note(x),
        AppendEnvironmentVariable("ACT_X", "c", prepend=True, separator=";"),
        note(x),
        GroupAction([SetEnvironmentVariable("ACT_X", "inside"), note(x)]),
        note(x),
        GroupAction([note(x)], forwarding=False),
        GroupAction([SetEnvironmentVariable("ACT_X", "again"), note(x)]),
        UnsetEnvironmentVariable("ACT_X"),
        UnsetEnvironmentVariable("ACT_X"),
        note(x),
    )
    assert seen == ["a", "a:b", "c;a:b", "inside", "c;a:b", "unset", "again", "unset"]


# -- timers --------------------------------------------------------------------------------


def test_timers_fire_in_the_order_of_their_periods(launched, note, seen) -> None:
    launched(
        TimerAction(period=0.2, actions=[note("second")]),
        TimerAction(period=0.05, actions=[note("first")]),
        TimerAction(period=[LaunchConfiguration("period", default="0.3")], actions=[note("third")]),
        note("at once"),
    )
    assert seen == ["at once", "first", "second", "third"]


def test_timers_are_cancelled_by_hand_and_by_shutdown(launched, note, seen) -> None:
    cancelled = TimerAction(period=0.05, actions=[note("cancelled")])
    launched(
        cancelled,
        OpaqueFunction(function=lambda context: cancelled.cancel()),
        TimerAction(period=0.1, actions=[Shutdown(reason="enough")]),
        TimerAction(period=30.0, actions=[note("much later")]),
        TimerAction(period=0.2, actions=[note("even so")], cancel_on_shutdown=False),
    )
    assert seen == ["even so"]


@pytest.mark.parametrize("period", [1, None])
def test_the_period_of_a_timer_is_a_float(period) -> None:
    with pytest.raises(TypeError, match="TimerAction"):
        TimerAction(period=period, actions=[])


# -- events --------------------------------------------------------------------------------


def test_the_newest_handler_is_asked_first(launched, note, seen) -> None:
    launched(
        RegisterEventHandler(EventHandler(matcher=is_ping, entities=note("old"))),
        RegisterEventHandler(EventHandler(matcher=is_ping, entities=[note("new"), note("new 2")])),
        EmitEvent(event=Ping()),
        note("emitted"),
    )
    assert seen == ["emitted", "new", "new 2", "old"]


def test_a_handler_may_be_for_one_event_only(launched, note, seen) -> None:
    always = EventHandler(matcher=is_ping, entities=note("always"))
    once = EventHandler(matcher=is_ping, entities=note("once"), handle_once=True)
    launched(
        RegisterEventHandler(always),
        RegisterEventHandler(once),
        EmitEvent(event=Ping()),
        EmitEvent(event=Ping()),
    )
    assert seen == ["once", "always", "always"]


def test_a_handler_finds_the_event_in_the_locals(launched, seen) -> None:
    event = Ping()

    def function(context: launch.LaunchContext) -> None:
        seen.append(context.locals.event)

    launched(
        RegisterEventHandler(
            EventHandler(matcher=is_ping, entities=OpaqueFunction(function=function))
        ),
        EmitEvent(event=event),
    )
    assert seen == [event]


def test_a_handler_is_not_asked_for_the_event_that_registers_it(launched, note, seen) -> None:
    inner = RegisterEventHandler(EventHandler(matcher=is_ping, entities=note("inner")))
    launched(
        RegisterEventHandler(
            EventHandler(matcher=is_ping, entities=[note("outer"), inner], handle_once=True)
        ),
        EmitEvent(event=Ping()),
        TimerAction(period=0.05, actions=[EmitEvent(event=Ping())]),
    )
    assert seen == ["outer", "inner"]


def test_on_execution_complete(launched, note, seen) -> None:
    timer = TimerAction(period=0.05, actions=[])
    function = note("function")
    launched(
        RegisterEventHandler(
            OnExecutionComplete(target_action=timer, on_completion=[note("timer")])
        ),
        RegisterEventHandler(
            OnExecutionComplete(
                target_action=function,
                on_completion=lambda event, context: seen.append(event.action is function),
            )
        ),
        timer,
        function,
    )
    assert seen == ["function", True, "timer"]


def test_emit_event_wants_an_event() -> None:
    with pytest.raises(RuntimeError, match="EmitEvent"):
        EmitEvent(event="Ping")


# -- the end -------------------------------------------------------------------------------


def test_shutdown_is_told_once_with_its_reason(launched, seen) -> None:
    def on_shutdown(event, context) -> None:
        seen.append((event.reason, event.due_to_sigint, context.is_shutdown))

    handler = RegisterEventHandler(OnShutdown(on_shutdown=on_shutdown))
    launched(handler, TimerAction(period=0.05, actions=[Shutdown(reason="enough")]))
    launched(handler)
    assert [reason for reason, _, _ in seen] == ["enough", "idle"]
    assert not any(due_to_sigint for _, due_to_sigint, _ in seen)


def test_on_shutdown_visits_actions(launched, note, seen) -> None:
    launched(RegisterEventHandler(OnShutdown(on_shutdown=[note("bye")])), note("hello"))
    assert seen == ["hello", "bye"]


def test_an_error_ends_the_launch_with_exit_code_1(launched, note, seen) -> None:
    def fail(context: launch.LaunchContext) -> None:
        raise ValueError("no arm on this port")

    result = launched(
        RegisterEventHandler(OnShutdown(on_shutdown=[note("shutdown")])),
        OpaqueFunction(function=fail),
        note("after"),
    )
    assert result.return_code == 1
    assert seen == ["shutdown"]
    assert "no arm on this port" in result.log


def test_a_service_that_stays_when_idle_is_shut_down_from_outside(
    loop, environment, note, seen
) -> None:
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription([note("launched")]))

    async def main() -> int:
        running = asyncio.ensure_future(service.run_async(shutdown_when_idle=False))
        while not seen:
            await asyncio.sleep(0.01)
        assert not running.done()
        shutdown = service.shutdown()
        if shutdown is not None:
            await shutdown
        return await running

    assert loop.run_until_complete(main()) == 0


def test_events_come_from_other_threads(loop, environment, note, seen) -> None:
    service = LaunchService(noninteractive=True)
    done = TimerAction(period=20.0, actions=[])  # keeps the service from being idle
    service.include_launch_description(
        LaunchDescription(
            [
                RegisterEventHandler(
                    EventHandler(matcher=is_ping, entities=[note("ping"), Shutdown()])
                ),
                OpaqueFunction(function=lambda context: thread.start()),
                done,
            ]
        )
    )
    thread = threading.Thread(target=lambda: service.emit_event(Ping()))
    assert service.run() == 0
    thread.join()
    assert seen == ["ping"]
