"""The nodes around a simulated arm that more than one launch file starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from launch import LaunchContext
from launch_ros.actions import Node

from act_bringup.launch_arguments import Argument, as_parameters, execution_parameters
from act_bringup.required import required
from act_bringup.who_drives import Drive


def policy_node(value: Callable[[str], str], drive: Drive, use_sim_time: bool) -> Node:
    """The policy, which acts from the start.

    value: of an argument of the launch, `EXECUTION_ARGUMENTS` among them.
    """
    return Node(
        package="act_policy",
        executable="policy_node",
        output="screen",
        parameters=[
            {
                "bundle": drive.bundle,
                "enabled": True,
                **execution_parameters(value),
                "image_fit": "resize",
                "use_sim_time": use_sim_time,
            }
        ],
        on_exit=required("the policy"),
    )


def recorder_node(
    context: LaunchContext, arguments: Sequence[Argument], use_sim_time: bool, **parameters: Any
) -> Node:
    """The recorder of every episode.

    arguments: of the launch, that are handed on to it as they are.
    parameters: what else it is told.
    """
    return Node(
        package="act_record",
        executable="record_node",
        output="screen",
        parameters=[
            as_parameters(context, arguments),
            {
                **parameters,
                "auto": True,
                # Without it the first episode would lack what came before the recorder was there.
                "reset_first": True,
                "use_sim_time": use_sim_time,
            },
        ],
        on_exit=required("the recorder"),
    )
