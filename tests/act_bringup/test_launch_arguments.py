"""Arguments of launch files that are parameters of nodes: said once, in the node's dataclass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from act_bringup.launch_arguments import arguments_of, as_parameters, changed
from act_core.parameters import parameter
from launch import LaunchContext


@dataclass(frozen=True)
class Parameters:
    rate_hz: float = parameter(30.0, "frames a second", low=1.0, high=120.0)
    baud: int = parameter(9600, "of the bus", low=1)
    torque: bool = parameter(True, "at the start")
    mode: str = parameter("newest", "how", choices=("newest", "ensemble"))
    end: str = parameter("rest", "rest, or hold", choices=("rest", "hold"))
    name: str = parameter("", "of the arm")


def test_default_description_and_range_are_those_of_the_parameter():
    assert arguments_of(Parameters, "rate_hz", "baud", "torque", "mode", "end", title="name") == (
        ("rate_hz", "30.0", "frames a second; 1 to 120"),
        ("baud", "9600", "of the bus; at least 1"),
        ("torque", "true", "at the start"),
        ("mode", "newest", "how: newest, ensemble"),
        ("end", "rest", "rest, or hold"),
        ("title", "", "of the arm"),
    )
    assert changed(("end", "rest", "at the end"), "", "empty: rest") == (
        "end", "", "at the end; empty: rest",
    )  # fmt: skip


def test_a_name_that_is_no_parameter_is_no_argument():
    with pytest.raises(KeyError, match="rate"):
        arguments_of(Parameters, "rate")


def test_the_values_have_the_types_of_the_parameters():
    arguments = arguments_of(Parameters, "rate_hz", "baud", "torque", "name")
    context = LaunchContext()
    context.launch_configurations.update(rate_hz="15", baud="57600", torque="False", name="7")
    assert as_parameters(context, arguments) == {
        "rate_hz": 15, "baud": 57600, "torque": False, "name": "7",
    }  # fmt: skip


def test_a_default_changes_alone():
    assert changed(("end", "rest", "at the end"), "hold") == ("end", "hold", "at the end")
