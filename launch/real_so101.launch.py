"""The SO-101 arm on its servo bus, with cameras and, if named, a policy or a leader arm.

ros2 launch act_bringup real_so101.launch.py port:=/dev/so101_follower calibration:=my_arm
ros2 launch act_bringup real_so101.launch.py ... cameras:=front=/dev/video0,wrist=/dev/video2 \
    policy:=/path/to/bundle
ros2 service call /policy/enable std_srvs/srv/SetBool '{data: true}'

Without an arm, the same nodes in front of an emulated servo bus and the simulated arm and cameras:

ros2 launch act_bringup real_so101.launch.py hardware:=emulated

docs/real_robot.md leads from the wiring to the first motion.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from act_bringup.launch_arguments import (
    EXECUTION_ARGUMENTS,
    IMAGE_ARGUMENTS,
    NOBODY,
    as_parameters,
    as_yaml,
    declare,
    read_policy,
    shipped_policy,
)
from act_core.so101 import NAMED_POSES_RAD
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.exit_policy import REST_AT_MOST_S

REAL, EMULATED = "real", "emulated"
ENDS_WITHIN_S = REST_AT_MOST_S + 5.0  # after Ctrl-C: the driver may be moving the arm to rest
POSES = {name: pose_rad.tolist() for name, pose_rad in NAMED_POSES_RAD.items()}

# Handed on to the driver as they are: name, default, description.
DRIVER_ARGUMENTS = (
    ("port", "/dev/ttyACM0", "of the servo bus; so101-setup find-port finds it"),
    ("baud", "1000000", "of the servos; so101-setup assign-id sets them to the default"),
    ("calibration", "", "id of the arm's calibration (LeRobot's files are found), or a file"),
    ("rate_hz", "100.0", "of the control loop, 10 to 250"),
    ("command_timeout_s", "0.2", "without a command for so long the arm holds"),
    ("max_velocity_rad_s", "0.0", "of every joint, below the arm's own limits; 0: those"),
    ("max_acceleration_rad_s2", "0.0", "likewise"),
    ("torque", "true", "switch torque on at the start, where the arm is"),
    (
        "exit_policy",
        "",
        "torque at the end: hold, release, or rest pose then release; empty: rest (emulated: hold)",
    ),
    ("auto_recover", "false", "leave overloads and stalls without being asked"),
)
CAMERA_ARGUMENTS = (
    *IMAGE_ARGUMENTS,
    ("exposure_ms", "0.0", "fixed exposure of all USB cameras; 0: automatic"),
)
ARGUMENTS = (
    (
        "cameras",
        "",
        "name=device, e.g. front=/dev/video0,wrist=/dev/v4l/by-id/...; name=synthetic for a "
        "pattern, name=<file> for a video",
    ),
    (
        "policy",
        "",
        f"the folder of a policy bundle, or {NOBODY}; empty: {NOBODY}, but with emulated hardware "
        "the one that ships for the task",
    ),
    (
        "enable_policy",
        "",
        "true: it acts as soon as the arm is near its start; empty: with emulated hardware only",
    ),
    ("start_within_rad", "0.3", "how near to the policy's start each joint must be; 0: anywhere"),
    ("start_pose", "", "home, rest or six numbers [rad], in place of the policy's own start"),
    *EXECUTION_ARGUMENTS,
    ("leader_port", "", "of a leader arm that commands this one; empty: none"),
    ("leader_calibration", "", "id of the leader's calibration, or a file"),
    ("params_file", "", "YAML with more parameters of any node; wins over the arguments"),
    ("faults", "", "emulated: script of what goes wrong on the bus, see so101-emulator --help"),
)
# With emulated hardware handed on to the simulation behind it.
SIM_ARGUMENTS = (
    ("task", "pick_place", "emulated: pick_place, lift_cube or reach"),
    ("level", "0", "emulated: domain randomization, 0 (none) to 2"),
    ("seed", "0", "emulated: of the first episode; the next ones count up"),
    ("episodes", "0", "emulated: end after so many; 0: never"),
    ("viewer", "false", "emulated: open a window to watch and push things"),
)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    emulated = value("hardware") == EMULATED
    more = [value("params_file")] if value("params_file") else []
    policy = value("policy")
    if not policy and emulated:
        policy = str(shipped_policy(value("task")) or NOBODY)
    bundle = None if policy in ("", NOBODY) else Path(policy)
    if bundle is not None and value("leader_port"):
        raise RuntimeError("policy and leader_port: two would command one arm; leave one out")
    driver = as_parameters(context, DRIVER_ARGUMENTS)
    # An emulated bus ends with the launch: nobody is left to be brought to rest.
    driver["exit_policy"] = value("exit_policy") or ("hold" if emulated else "rest")
    cameras = camera_sources(value("cameras"))
    spec = read_policy(bundle, instead=NOBODY) if bundle is not None else None
    seen = list(spec.cameras) if spec is not None else []
    nodes: list[LaunchDescriptionEntity] = []
    if emulated:
        if cameras:
            raise RuntimeError("cameras: with hardware:=emulated the simulation has them; omit it")
        sim = as_parameters(context, (*SIM_ARGUMENTS, *IMAGE_ARGUMENTS))
        nodes, driver["port"], driver["calibration"] = emulated_arm(
            {**sim, "cameras": seen or ["front", "wrist"]}, value("faults"), more
        )
    nodes.append(
        Node(
            package="so101_driver",
            executable="driver_node",
            output="screen",
            parameters=[driver, *more],
            sigterm_timeout=str(ENDS_WITHIN_S),
            on_exit=Shutdown(reason="the driver has ended"),
        )
    )
    shared = as_parameters(context, CAMERA_ARGUMENTS)
    shared["rate_hz"] = shared.pop("camera_rate_hz")
    of_usb_cameras = {"exposure_ms": shared.pop("exposure_ms")}
    nodes += [  # a camera that ends does not end the arm: no on_exit
        Node(
            package="act_camera",
            executable="camera_node",
            name=f"camera_{name}",
            output="screen",
            parameters=[
                {"camera": name, **source, **shared},
                of_usb_cameras if source["source"] == "v4l2" else {},
                *more,
            ],
        )
        for name, source in cameras.items()
    ]
    if bundle is not None:
        missing = [name for name in seen if name not in cameras]
        if missing and not emulated:
            raise RuntimeError(
                f"the policy sees with {', '.join(seen)}, but there is no {', '.join(missing)} in "
                f"cameras:={value('cameras')}"
            )
        parameters: dict[str, object] = {
            "bundle": policy,
            "enabled": as_yaml(value("enable_policy")) if value("enable_policy") else emulated,
            "start_within": float(value("start_within_rad")),
            "mode": value("mode"),
            "control_rate_hz": float(value("control_rate_hz")),
            "engine": value("engine"),
            "variant": value("variant"),
        }
        if value("start_pose"):
            parameters["start_pose"] = pose(value("start_pose"))
        elif emulated and spec is not None and spec.start is None:
            parameters["start_within"] = 0.0  # the simulated arm is where its episodes start
        nodes.append(
            Node(
                package="act_policy",
                executable="policy_node",
                output="screen",
                parameters=[parameters, *more],
                on_exit=Shutdown(reason="the policy has ended"),
            )
        )
    if value("leader_port"):
        leader = {"port": value("leader_port"), "calibration": value("leader_calibration")}
        nodes.append(
            Node(
                package="so101_driver",
                executable="leader_node",
                output="screen",
                parameters=[leader, *more],
            )
        )
    return nodes


def emulated_arm(
    sim: dict[str, object], faults: str, more: list[str]
) -> tuple[list[LaunchDescriptionEntity], str, str]:
    """The simulated arm behind an emulated bus: nodes, port and calibration file."""
    folder = Path(tempfile.mkdtemp(prefix="so101_emulated_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    port, calibration = folder / "port", folder / "calibration.json"
    emulated_calibration().save(calibration)
    # The simulation's own joint topics and stop are behind the bus; what it shows is for all.
    hidden = ("joint_states", "joint_commands", "joint_commands/applied", "estop", "estop/state")
    behind = [(name, f"emulated/{name}") for name in hidden]
    nodes: list[LaunchDescriptionEntity] = [
        Node(
            package="act_sim",
            executable="sim_node",
            output="screen",
            parameters=[sim, *more],
            remappings=behind,
            on_exit=Shutdown(reason="the simulation has ended"),
        ),
        Node(
            package="so101_driver",
            executable="emulator_node",
            output="screen",
            parameters=[{"port": str(port), "faults": faults}, *more],
            remappings=behind[:2],
        ),
    ]
    return nodes, str(port), str(calibration)


def camera_sources(text: str) -> dict[str, dict[str, str]]:
    """Camera name -> parameters of its node, from ``front=/dev/video0,wrist=synthetic``."""
    cameras: dict[str, dict[str, str]] = {}
    for entry in filter(None, text.split(",")):
        name, equals, source = entry.partition("=")
        if not (name and equals and source):
            raise RuntimeError(f"cameras: '{entry}', expected name=device, e.g. front=/dev/video0")
        if name in cameras:
            raise RuntimeError(f"cameras: '{name}' is named twice")
        if source == "synthetic":
            cameras[name] = {"source": "synthetic"}
        elif source.startswith("/dev/"):
            cameras[name] = {"source": "v4l2", "device": source}
        else:
            cameras[name] = {"source": "video", "file": source}
    return cameras


def pose(text: str) -> list[float]:
    """A named pose, or six numbers."""
    if text in POSES:
        return POSES[text]
    try:
        return [float(number) for number in text.strip("[]").split(",")]
    except ValueError:
        known = ", ".join(POSES)
        raise RuntimeError(f"start_pose is '{text}', expected {known} or six numbers") from None


def generate_launch_description() -> LaunchDescription:
    arguments = declare((*DRIVER_ARGUMENTS, *CAMERA_ARGUMENTS, *ARGUMENTS, *SIM_ARGUMENTS))
    hardware = DeclareLaunchArgument(
        "hardware",
        default_value=REAL,
        description="the arm, or a simulated one behind an emulated servo bus",
        choices=[REAL, EMULATED],
    )
    return LaunchDescription([hardware, *arguments, OpaqueFunction(function=start_nodes)])
