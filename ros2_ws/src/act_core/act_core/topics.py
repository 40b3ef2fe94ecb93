"""Every topic and service of the runtime: type, quality of service, expected rate. One table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from act_core.errors import suggest

# Quality of service by purpose; act_core.ros turns these into rclpy profiles.
SENSOR = "sensor"  # best effort, newest few: images
STATE = "state"  # reliable, depth 10
COMMAND = "command"  # reliable, depth 1: only the newest command counts
LATCHED = "latched"  # reliable, depth 1, transient local: late joiners get the last value


@dataclass(frozen=True)
class Topic:
    """A topic: its name, message type, quality of service and, if periodic, expected rate."""

    name: str
    type_name: str  # as `ros2 topic info` prints it
    qos: str
    rate_hz: float | None = None

    def with_rate(self, rate_hz: float) -> Topic:
        """The same topic at another rate (a camera at 15 Hz, a driver at 200 Hz)."""
        return replace(self, rate_hz=rate_hz)


JOINT_STATES = Topic("joint_states", "sensor_msgs/msg/JointState", STATE, 100.0)
JOINT_COMMANDS = Topic("joint_commands", "sensor_msgs/msg/JointState", COMMAND, 100.0)
JOINT_COMMANDS_PERSON = Topic("joint_commands/person", "sensor_msgs/msg/JointState", COMMAND, 100.0)
JOINT_COMMANDS_APPLIED = Topic("joint_commands/applied", "sensor_msgs/msg/JointState", STATE, 100.0)
LEADER_JOINT_STATES = Topic("leader/joint_states", "sensor_msgs/msg/JointState", STATE, 100.0)
# Where a simulated task's expert would send the arm now; only while somebody listens.
EXPERT_TARGETS = Topic("expert/joint_targets", "sensor_msgs/msg/JointState", COMMAND, 100.0)
JOY = Topic("joy", "sensor_msgs/msg/Joy", STATE, 20.0)
POLICY_CHUNK = Topic("act_policy/chunk", "trajectory_msgs/msg/JointTrajectory", STATE)
JOINT_TRAJECTORY = Topic(
    "joint_trajectory_controller/joint_trajectory", "trajectory_msgs/msg/JointTrajectory", STATE,
    100.0,
)  # fmt: skip
POSITION_COMMANDS = Topic(
    "forward_position_controller/commands", "std_msgs/msg/Float64MultiArray", STATE, 100.0
)
# Of the node that follows trajectories; named as a controller of ros2_control is.
TRAJECTORY = Topic("arm_controller/joint_trajectory", "trajectory_msgs/msg/JointTrajectory", STATE)
TRAJECTORY_STATUS = Topic("arm_controller/status", "diagnostic_msgs/msg/DiagnosticStatus", STATE)
ROBOT_DESCRIPTION = Topic("robot_description", "std_msgs/msg/String", LATCHED)
EPISODE_STATUS = Topic("episode/status", "diagnostic_msgs/msg/DiagnosticStatus", LATCHED)
ARM_STATE = Topic("arm/state", "diagnostic_msgs/msg/DiagnosticStatus", STATE, 10.0)
ESTOP_STATE = Topic("estop/state", "std_msgs/msg/Bool", LATCHED)
CONTROL_OWNER = Topic("control/owner", "diagnostic_msgs/msg/DiagnosticStatus", LATCHED)
DIAGNOSTICS = Topic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", STATE, 1.0)
CLOCK = Topic("/clock", "rosgraph_msgs/msg/Clock", STATE, 100.0)


def camera_image(camera: str) -> Topic:
    """The image topic of a camera, e.g. ``camera/front/image_raw``."""
    return Topic(f"camera/{camera}/image_raw", "sensor_msgs/msg/Image", SENSOR, 30.0)


def camera_info(camera: str) -> Topic:
    """The calibration topic beside a camera's images."""
    return Topic(f"camera/{camera}/camera_info", "sensor_msgs/msg/CameraInfo", SENSOR, 30.0)


def camera_compressed(camera: str) -> Topic:
    """The same images as JPEG, as image_transport names them."""
    return Topic(
        f"camera/{camera}/image_raw/compressed", "sensor_msgs/msg/CompressedImage", SENSOR, 30.0
    )


def camera_overlay(camera: str) -> Topic:
    """A camera's images with the simulated arm drawn over them."""
    return Topic(f"camera/{camera}/overlay", "sensor_msgs/msg/Image", SENSOR, 5.0)


@dataclass(frozen=True)
class Service:
    """A service: its name and type."""

    name: str
    type_name: str


POLICY_ENABLE = Service("policy/enable", "std_srvs/srv/SetBool")
POLICY_RESET = Service("policy/reset", "std_srvs/srv/Trigger")
ESTOP = Service("estop", "std_srvs/srv/SetBool")
CONTROL_TAKE = Service("control/take", "std_srvs/srv/Trigger")
CONTROL_RETURN = Service("control/return", "std_srvs/srv/Trigger")
LEADER_ENABLE = Service("leader/enable", "std_srvs/srv/SetBool")
DRIVER_TORQUE = Service("driver/torque", "std_srvs/srv/SetBool")
DRIVER_RECOVER = Service("driver/recover", "std_srvs/srv/Trigger")
SIM_RESET = Service("sim/reset", "std_srvs/srv/Trigger")
RECORD_START = Service("record/start", "std_srvs/srv/Trigger")
RECORD_STOP = Service("record/stop", "std_srvs/srv/Trigger")
RECORD_DISCARD = Service("record/discard", "std_srvs/srv/Trigger")


def set_camera_info(camera: str) -> Service:
    """The service that stores a camera's calibration, where ROS' calibration tools look for it."""
    return Service(f"camera/{camera}/set_camera_info", "sensor_msgs/srv/SetCameraInfo")


TOPICS: tuple[Topic, ...] = (
    JOINT_STATES, JOINT_COMMANDS, JOINT_COMMANDS_PERSON, JOINT_COMMANDS_APPLIED,
    LEADER_JOINT_STATES, EXPERT_TARGETS, JOY, POLICY_CHUNK, EPISODE_STATUS, ARM_STATE, ESTOP_STATE,
    CONTROL_OWNER, DIAGNOSTICS, CLOCK, JOINT_TRAJECTORY, POSITION_COMMANDS, TRAJECTORY,
    TRAJECTORY_STATUS, ROBOT_DESCRIPTION,
)  # fmt: skip
SERVICES: tuple[Service, ...] = (
    POLICY_ENABLE, POLICY_RESET, ESTOP, CONTROL_TAKE, CONTROL_RETURN, LEADER_ENABLE, DRIVER_TORQUE,
    DRIVER_RECOVER, SIM_RESET, RECORD_START, RECORD_STOP, RECORD_DISCARD,
)  # fmt: skip


def topic(name: str) -> Topic:
    """The topic of that name, camera topics included; raises KeyError with the names that exist."""
    known = {entry.name: entry for entry in TOPICS}
    if name in known:
        return known[name]
    if name.startswith("camera/"):
        camera = name.split("/")[1]
        for entry in (camera_image(camera), camera_info(camera), camera_compressed(camera)):
            if entry.name == name:
                return entry
    raise KeyError(suggest("topic", name, [*known, "camera/<name>/image_raw"]))
