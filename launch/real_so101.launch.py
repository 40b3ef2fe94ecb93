"""The SO-101 arm on its servo bus, with cameras and, if named, a policy or a leader arm.

ros2 launch act_bringup real_so101.launch.py port:=/dev/so101_follower calibration:=my_arm
ros2 launch act_bringup real_so101.launch.py setup:=kitchen     # as `so101-setup save` wrote it
ros2 launch act_bringup real_so101.launch.py ... cameras:=front=/dev/video0,wrist=/dev/video2 \
    policy:=/path/to/bundle
ros2 launch act_bringup real_so101.launch.py robot:=so_arm100 ...    # or a YAML file
ros2 launch act_bringup real_so101.launch.py ... cameras:=front=topic:/usb_cam/image_raw ...
ros2 launch act_bringup real_so101.launch.py arms:=2 left_port:=/dev/so101_left \
    left_calibration:=left_arm right_port:=/dev/so101_right right_calibration:=right_arm
ros2 service call /policy/enable std_srvs/srv/SetBool '{data: true}'

Without an arm, the same nodes in front of an emulated servo bus and the simulated arm and cameras:

ros2 launch act_bringup real_so101.launch.py hardware:=emulated

docs/real_robot.md leads from the wiring to the first motion.
"""

from __future__ import annotations

import re
from dataclasses import replace

from act_bringup.arms import OF_ONE, OF_TWO, ROBOTS, Arm, arms_argument, arms_of
from act_bringup.console import CONSOLE_ARGUMENTS, console_nodes
from act_bringup.launch_arguments import (
    EXECUTION_ARGUMENTS,
    IMAGE_ARGUMENTS,
    arguments_of,
    as_parameters,
    as_yaml,
    changed,
    declare,
    execution_parameters,
)
from act_bringup.namespace import NAMESPACE, absolute, in_namespace
from act_bringup.own_folder import own_folder
from act_bringup.params_file import ParametersFile
from act_bringup.required import required
from act_bringup.rviz import RVIZ, rviz_nodes
from act_bringup.setup_argument import setup_of, with_setup
from act_bringup.who_drives import NOBODY, Drive, check_joints, who_drives
from act_camera.sources import SOURCES
from act_core.errors import ConfigurationError
from act_core.policy_fit import missing_cameras
from act_core.robot import Robot
from act_core.robots import find_robot
from act_core.setup_file import EMULATED, REAL, Value
from act_core.topics import camera_image
from act_policy.policy_parameters import CONTROL
from act_sim.looks import CAMERAS
from act_sim.sim_parameters import SimParameters
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from so101_driver.driver_parameters import DriverParameters
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.exit_policy import REST_AT_MOST_S
from so101_driver.so_arm import SO101_NAME, find_arm

TOPIC = "topic"  # a camera that another driver publishes
OWN_SOURCE = r"[\w./~-]+:[A-Za-z_]\w*"  # package.module:Name or file.py:Name
TOPIC_NAME = r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*"
ENDS_WITHIN_S = REST_AT_MOST_S + 5.0  # after Ctrl-C: the driver may be moving the arm to rest
# Of two arms, everybody sees these as one robot's; the e-stop is that of the left arm, which stops
# both.
SHARED = ("joint_states", "joint_commands", "joint_commands/applied", "joint_commands/person")
STOP = ("estop", "estop/state")

# Handed on to the driver as they are.
(_exit_policy,) = arguments_of(DriverParameters, "exit_policy")
DRIVER_ARGUMENTS = (
    *arguments_of(
        DriverParameters, "robot", "port", "baud", "calibration", "rate_hz", "command_timeout_s",
        "max_velocity_rad_s", "max_acceleration_rad_s2", "torque", "auto_recover",
    ),
    changed(_exit_policy, "", "empty: rest (emulated: hold)"),
)  # fmt: skip
PORT_DEFAULTS = {name: default for name, default, _ in DRIVER_ARGUMENTS if name in OF_ONE}
PORT_DEFAULTS |= dict.fromkeys(("leader_port", "leader_calibration"), "")
CAMERA_ARGUMENTS = (
    *IMAGE_ARGUMENTS,
    ("exposure_ms", "0.0", "fixed exposure of all USB cameras; 0: automatic"),
)
ARGUMENTS = (
    (
        "cameras",
        "",
        "name=device, e.g. front=/dev/video0,wrist=/dev/v4l/by-id/...; name=synthetic for a "
        "pattern, name=<file> for a video, name=package.module:Name for a source of your own; "
        "name=topic:/its/image_raw for a camera that another "
        "driver publishes, name=topic if that is camera/<name>/image_raw already",
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
    ("leader_port", "", "of a leader arm: it commands this one, or takes it over from the policy"),
    ("leader_calibration", "", "id of the leader's calibration, or a file"),
    ("leader_robot", "", "the leader, as robot:=; empty: as the arm that follows"),
    ("params_file", "", "YAML with more parameters of any node; wins over the arguments"),
    ("faults", "", "emulated: script of what goes wrong on the bus, see so101-emulator --help"),
)
# With emulated hardware handed on to the simulation behind it.
SIM_ARGUMENTS = tuple(
    (name, default, f"emulated: {description}")
    for name, default, description in arguments_of(
        SimParameters,
        "task",
        "level",
        "seed",
        "episodes",
        "pause_s",
        "arm_parameters",
        "camera_alignment",
        "viewer",
    )
)

NODES = ("act_inference", "act_policy", "act_sim", "leader", "so101_driver", "so101_emulator")


class Choices:
    """What the arguments of one launch amount to, checked."""

    def __init__(self, context: LaunchContext) -> None:
        self.context = context
        self.emulated = self["hardware"] == EMULATED
        self.arms = arms_of(context, not self.emulated, PORT_DEFAULTS)
        if len(self.arms) > 1 and self["robot"] != SO101_NAME:
            raise RuntimeError(
                f"robot:={self['robot']}: only with arms:=1; two arms are {ROBOTS['2']}"
            )
        self.robot_name = self["robot"] if len(self.arms) == 1 else ROBOTS["2"]
        try:
            self.robot = (find_arm if len(self.arms) == 1 else find_robot)(self.robot_name)
        except ConfigurationError as error:
            raise RuntimeError(f"robot:={self.robot_name}: {error}") from error
        # Policies ship for one arm.
        shipped = "" if self.emulated and len(self.arms) == 1 else NOBODY
        self.drive = who_drives(
            self["policy"] or shipped,
            self["task"],
            without=NOBODY,
            choices=(NOBODY,),
        )
        self.cameras = camera_sources(self["cameras"])
        nodes = {*NODES, *(f"camera_{name}" for name in self.cameras)}
        self.more = ParametersFile(self["params_file"], nodes)
        self.arm_options: dict[str, Value] = {}
        self.camera_options: dict[str, dict[str, Value]] = {}
        setup = setup_of(context)
        if setup is not None:
            launch_arguments = {name for name, _, _ in DRIVER_ARGUMENTS}
            self.arm_options = {k: v for k, v in setup.arm.items() if k not in launch_arguments}
            if self["cameras"] == setup.cameras_text:
                self.camera_options = setup.camera_options()
        leaders = [arm.leader_port for arm in self.arms if arm.leader_port]
        if self.drive.spec is None and leaders:
            self.drive = Drive(f"the leader arm at {' and the one at '.join(leaders)}")
        if self.emulated and self.cameras:
            raise RuntimeError("cameras: with hardware:=emulated the simulation has them; omit it")
        given = f"cameras:={self['cameras']}"
        missing = missing_cameras(self.drive.cameras, self.cameras, given)
        if missing is not None and not self.emulated and self["role"] != CONTROL:
            raise RuntimeError(missing)
        check_joints(self.drive, self.robot.joint_names)

    def __getitem__(self, name: str) -> str:
        return LaunchConfiguration(name).perform(self.context)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    choices = Choices(context)
    nodes: list[LaunchDescriptionEntity] = [choices.drive.announcement()]
    if choices.emulated:
        nodes += emulated_arms(choices)
    nodes += [driver_node(choices, arm) for arm in choices.arms]
    nodes += camera_nodes(choices)
    if choices.drive.spec is not None:
        nodes.append(policy_node(choices, choices.drive))
    nodes += [leader_node(choices, arm) for arm in choices.arms if arm.leader_port]
    simulated = choices.drive.cameras or list(CAMERAS[len(choices.arms)])
    seen_by = simulated if choices.emulated else list(choices.cameras)
    nodes += console_nodes(context, choices.robot_name, seen_by)
    nodes += rviz_nodes(context, choices.robot)
    return in_namespace(context, nodes)


def driver_node(choices: Choices, arm: Arm) -> Node:
    driver = as_parameters(choices.context, DRIVER_ARGUMENTS)
    driver |= {"port": arm.port, "calibration": arm.calibration}
    # An emulated bus ends with the launch: nobody is left to be brought to rest.
    driver["exit_policy"] = choices["exit_policy"] or ("hold" if choices.emulated else "rest")
    if arm.side:
        driver["joint_prefix"] = arm.joint_prefix
        driver["partner"] = absolute(choices.context, arm.other_side)
    return Node(
        package="so101_driver",
        executable="driver_node",
        namespace=arm.side or None,
        output="screen",
        parameters=[driver, choices.arm_options, *choices.more.of("so101_driver")],
        remappings=shared_topics(choices, arm),
        sigterm_timeout=str(ENDS_WITHIN_S),
        on_exit=required(f"the {arm.name}driver"),
    )


def shared_topics(choices: Choices, arm: Arm) -> list[tuple[str, str]]:
    """Remappings of a node in the namespace of one arm of two."""
    if not arm.side:
        return []
    names = SHARED if arm is not choices.arms[0] else (*SHARED, *STOP)
    return [(name, absolute(choices.context, name)) for name in names]


def camera_nodes(choices: Choices) -> list[LaunchDescriptionEntity]:
    """One for each camera that no other driver publishes. None ends the arm: no on_exit."""
    shared = as_parameters(choices.context, CAMERA_ARGUMENTS)
    shared["rate_hz"] = shared.pop("camera_rate_hz")
    of_usb_cameras = {"exposure_ms": shared.pop("exposure_ms")}
    return [
        Node(
            package="act_camera",
            executable="camera_node",
            name=f"camera_{name}",
            output="screen",
            parameters=[
                {"camera": name, **source, **shared},
                of_usb_cameras if source["source"] == "v4l2" else {},
                choices.camera_options.get(name, {}),
                *choices.more.of(f"camera_{name}"),
            ],
        )
        for name, source in choices.cameras.items()
        if source["source"] != TOPIC
    ]


def policy_node(choices: Choices, drive: Drive) -> Node:
    enable = choices["enable_policy"]
    parameters: dict[str, object] = {
        "bundle": drive.bundle,
        "enabled": as_yaml(enable) if enable else choices.emulated,
        "start_within": float(choices["start_within_rad"]),
        **execution_parameters(choices.__getitem__),
    }
    if choices["start_pose"]:
        parameters["start_pose"] = pose(choices["start_pose"], choices.robot)
    elif choices.emulated and drive.spec is not None and drive.spec.start is None:
        parameters["start_within"] = 0.0  # the simulated arm is where its episodes start
    return Node(
        package="act_policy",
        executable="policy_node",
        output="screen",
        parameters=[parameters, *choices.more.of("act_policy")],
        remappings=[
            (camera_image(name).name, source["topic"])
            for name, source in choices.cameras.items()
            if source.get("topic")
        ],
        on_exit=required("the policy"),
    )


def leader_node(choices: Choices, arm: Arm) -> Node:
    leader: dict[str, object] = {
        "port": arm.leader_port,
        "calibration": arm.leader_calibration,
        "robot": choices["leader_robot"] or choices["robot"],
        "joint_prefix": arm.joint_prefix,
        "enabled": choices.drive.spec is None,  # beside a policy it waits for its person's sign
    }
    shared = ("joint_states", "joint_commands/person", "leader/joint_states", "estop/state")
    return Node(
        package="so101_driver",
        executable="leader_node",
        namespace=arm.side or None,
        output="screen",
        parameters=[leader, *choices.more.of("leader")],
        remappings=[(n, absolute(choices.context, n)) for n in shared] if arm.side else [],
    )


def emulated_arms(choices: Choices) -> list[LaunchDescriptionEntity]:
    """The simulated arms behind an emulated bus each. Sets the ports and calibrations."""
    count = len(choices.arms)
    sim = as_parameters(choices.context, (*SIM_ARGUMENTS, *IMAGE_ARGUMENTS))
    sim |= {"arms": count, "cameras": choices.drive.cameras or list(CAMERAS[count])}
    folder = own_folder("so101_emulated")
    calibration = folder / "calibration.json"
    own = find_arm(choices["robot"])
    emulated_calibration(own).save(calibration)
    choices.arms = [
        replace(arm, port=str(folder / f"{arm.joint_prefix}port"), calibration=str(calibration))
        for arm in choices.arms
    ]
    # The simulation's own joint topics and stop are behind the bus; what it shows is for all.
    hidden = (
        "joint_states", "joint_commands", "joint_commands/applied", "joint_commands/person",
        "estop", "estop/state", "control/owner", "control/take", "control/return",
    )  # fmt: skip
    behind = [(name, f"emulated/{name}") for name in hidden]
    nodes: list[LaunchDescriptionEntity] = [
        Node(
            package="act_sim",
            executable="sim_node",
            output="screen",
            parameters=[sim, *choices.more.of("act_sim")],
            remappings=behind,
            on_exit=required("the simulation"),
        )
    ]
    if own.name != SO101_NAME:
        text = f"the servos are an {own.name}'s, the simulated arm behind them is the {SO101_NAME}"
        nodes.append(LogInfo(msg=f"{text}: it is shaped so, and may end sooner"))
    return [*nodes, *(emulator_node(choices, arm) for arm in choices.arms)]


def emulator_node(choices: Choices, arm: Arm) -> Node:
    bus = {
        "robot": choices["robot"],
        "port": arm.port,
        "joint_prefix": arm.joint_prefix,
        "faults": choices["faults"],
    }
    return Node(
        package="so101_driver",
        executable="emulator_node",
        namespace=arm.side or None,
        output="screen",
        parameters=[bus, *choices.more.of("so101_emulator")],
        remappings=[
            (name, absolute(choices.context, f"emulated/{name}"))
            for name in ("joint_states", "joint_commands")
        ],
    )


def camera_sources(text: str) -> dict[str, dict[str, str]]:
    """Camera name -> parameters of its node, from ``front=/dev/video0,wrist=synthetic``."""
    cameras: dict[str, dict[str, str]] = {}
    for entry in filter(None, text.split(",")):
        name, equals, source = entry.partition("=")
        if not (name and equals and source):
            raise RuntimeError(f"cameras: '{entry}', expected name=device, e.g. front=/dev/video0")
        if name in cameras:
            raise RuntimeError(f"cameras: '{name}' is named twice")
        kind, colon, topic = source.partition(":")
        if colon and kind == TOPIC and not re.fullmatch(TOPIC_NAME, topic):
            raise RuntimeError(f"cameras: '{entry}', expected e.g. {name}=topic:/usb_cam/image_raw")
        if kind == TOPIC:
            cameras[name] = {"source": TOPIC, "topic": topic}
        elif source in SOURCES.names() or re.fullmatch(OWN_SOURCE, source):
            cameras[name] = {"source": source}
        elif source.startswith("/dev/"):
            cameras[name] = {"source": "v4l2", "device": source}
        else:
            cameras[name] = {"source": "video", "file": source}
    return cameras


def pose(text: str, robot: Robot) -> list[float]:
    """A named pose, or a number for each joint."""
    if text in robot.poses:
        return robot.pose(text).tolist()
    try:
        return [float(number) for number in text.strip("[]").split(",")]
    except ValueError:
        known = ", ".join(robot.poses)
        count = {6: "six", 12: "twelve"}[len(robot.joints)]
        raise RuntimeError(f"start_pose is '{text}', expected {known} or {count} numbers") from None


def generate_launch_description() -> LaunchDescription:
    arguments = declare(
        (
            *DRIVER_ARGUMENTS,
            *CAMERA_ARGUMENTS,
            *ARGUMENTS,
            *OF_TWO,
            *SIM_ARGUMENTS,
            *CONSOLE_ARGUMENTS,
            RVIZ,
            NAMESPACE,
        )
    )
    hardware = DeclareLaunchArgument(
        "hardware",
        default_value=REAL,
        description="the arm, or a simulated one behind an emulated servo bus",
        choices=[REAL, EMULATED],
    )
    return LaunchDescription(
        [*with_setup([hardware, arms_argument(), *arguments]), OpaqueFunction(function=start_nodes)]
    )
