"""What a policy may see beside colours and positions: depth images, and joint velocities."""

from __future__ import annotations

import numpy as np
import pytest
from act_core import images, ros, topics
from act_core.policy_fit import Meeting, misfits
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import DEPTH, BundleError, ImageInput, JointInput, PolicySpec
from act_policy.bundle import Bundle, ParitySample, write_bundle
from act_policy.history import stacked
from act_policy.image_fit import resize
from act_policy.inference_node import FunctionPolicy
from act_policy.load_policy import load_policy
from act_policy.observation import Observation
from act_policy.observation_sync import NothingNew, ObservationSync
from act_policy.policy import PolicyError
from act_policy.policy_node import PolicyNode
from onnx import TensorProto, helper
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState

from tests.act_policy.policies import JOINTS, H, W, make_spec

MS = 1_000_000
DEPTH_INPUT = ImageInput("depth", "top", H, W, DEPTH)
VELOCITIES = JointInput("joint_velocity", JOINTS, "rad/s")


def spec_of_both(**changes) -> PolicySpec:
    return make_spec(image_inputs=(DEPTH_INPUT,), velocity_input=VELOCITIES, **changes)


def bundle_of_both(folder, spec: PolicySpec | None = None) -> Bundle:
    """Every row of its chunks is position + velocity, the mean of the depth [mm] added to it."""
    spec = spec if spec is not None else spec_of_both()
    nodes = [
        helper.make_node("Cast", ["depth"], ["millimetres"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["millimetres"], ["mean"], keepdims=0),
        helper.make_node("Add", ["joint_position", "joint_velocity"], ["moved"]),
        helper.make_node("Add", ["moved", "mean"], ["row"]),
        helper.make_node("Expand", ["row", "shape"], ["action"]),
    ]
    types = {"float32": TensorProto.FLOAT, "uint16": TensorProto.UINT16}
    graph = helper.make_graph(
        nodes,
        "both",
        [helper.make_tensor_value_info(name, types[each.dtype], each.shape)
         for name, each in spec.input_types.items()],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, spec.chunk_shape)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], spec.chunk_shape)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    position = np.array([[0.1, -0.2]], dtype=np.float32)
    velocity = np.array([[0.5, 0.25]], dtype=np.float32)
    depth = np.full((1, *DEPTH_INPUT.shape), 3, dtype=np.uint16)
    chunks = np.broadcast_to(position + velocity + 3, (1, *spec.chunk_shape))
    sample = ParitySample(
        position, {"top": depth}, chunks.astype(np.float32), joint_velocity=velocity
    )
    return write_bundle(folder, spec, {"fp32": model.SerializeToString()}, sample)


def test_the_file_says_both(tmp_path):
    content = spec_to_json(spec_of_both())
    assert content["inputs"][1] == {
        "name": "joint_velocity", "kind": "joint_velocities", "shape": [2], "dtype": "float32",
        "unit": "rad/s", "joints": list(JOINTS),
    }  # fmt: skip
    assert content["inputs"][2] == {
        "name": "depth", "kind": "image", "camera": "top", "shape": [H, W, 1], "dtype": "uint16",
        "encoding": "16UC1",
    }  # fmt: skip
    assert spec_from_json(content) == spec_of_both()
    assert spec_of_both(n_obs_steps=3).input_types["joint_velocity"].shape == (3, 2)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"unit": "rad"}, "unit is 'rad', expected 'rad/s': that of 'joint_position' per second"),
        ({"joints": JOINTS[::-1]}, "is of the joints right, left; expected those of 'joint_posi"),
        ({"name": "joint_position"}, "inputs: joint_position appears twice"),
    ],
)
def test_velocities_are_those_of_the_joints(changed, text):
    values = {"name": "joint_velocity", "joints": JOINTS, "unit": "rad/s", **changed}
    with pytest.raises(BundleError, match=text):
        make_spec(velocity_input=JointInput(**values))


def test_units_of_several_joints_are_each_per_second():
    joints = JointInput("joint_position", JOINTS, "rad,m")
    make_spec(joint_input=joints, velocity_input=JointInput("speed", JOINTS, "rad/s,m/s"))


def test_two_vectors_of_velocities_are_one_too_many():
    content = spec_to_json(spec_of_both())
    content["inputs"].append({**content["inputs"][1], "name": "again"})
    with pytest.raises(BundleError, match="2 of kind 'joint_velocities', expected at most one"):
        spec_from_json(content)


def test_a_graph_of_both_computes_what_its_parity_file_says(tmp_path):
    policy = load_policy(bundle_of_both(tmp_path / "both").folder)
    assert policy.check_parity().max_difference == 0.0
    seen = policy.bundle.parity_sample().observation(0)
    assert seen.joint_velocity is not None
    blind = Observation(0, seen.joint_position, seen.images)
    with pytest.raises(PolicyError, match="takes joint velocities, which the observation has not"):
        policy.infer(blind)


def test_metres_become_millimetres_and_what_was_not_measured_is_0():
    metres = np.array([[0.0, 0.0014, 1.2345], [np.nan, np.inf, -1.0], [65.535, 65.6, 1e30]], "f4")
    wanted = np.array([[0, 1, 1234], [0, 0, 0], [65535, 0, 0]], np.uint16)[..., None]
    np.testing.assert_array_equal(images.depth_mm(metres, "32FC1"), wanted)
    millimetres = np.array([[7, 0]], np.uint16)
    assert images.depth_mm(millimetres, "16UC1").tolist() == [[[7], [0]]]
    with pytest.raises(ValueError, match="rgb8 is no depth: expected 16UC1"):
        images.depth_mm(np.zeros((2, 2, 3), np.uint8), "rgb8")


def test_depth_is_made_smaller_by_choosing_and_not_by_averaging():
    depth = np.zeros((2 * H, 2 * W, 1), np.uint16)
    depth[:, W:] = 2000
    assert set(resize(depth, DEPTH_INPUT).ravel()) == {0, 2000}
    assert resize(depth, DEPTH_INPUT).shape == DEPTH_INPUT.shape
    with pytest.raises(ValueError, match="other proportions"):
        resize(depth[:, :H], DEPTH_INPUT)


def test_velocities_are_interpolated_like_positions():
    sync = ObservationSync(spec_of_both())
    depth = np.ones(DEPTH_INPUT.shape, np.uint16)
    with pytest.raises(ValueError, match="takes joint velocities, which this message does not"):
        sync.add_joints(0, [0.0, 0.0])
    with pytest.raises(ValueError, match="velocity of right is not finite"):
        sync.add_joints(0, [0.0, 0.0], [0.0, np.nan])
    with pytest.raises(ValueError, match=r"\(1,\) joint velocities, expected \(2,\)"):
        sync.add_joints(0, [0.0, 0.0], [0.0])
    with pytest.raises(ValueError, match="is uint8 .* expected uint16"):
        sync.add_image("top", 0, depth.astype(np.uint8))
    sync.add_joints(100 * MS, [0.0, 1.0], [10.0, 20.0])
    sync.add_image("top", 104 * MS, depth)
    assert isinstance(sync.take(104 * MS), NothingNew)
    sync.add_joints(110 * MS, [1.0, 1.0], [20.0, 20.0])
    seen = sync.take(110 * MS)
    np.testing.assert_allclose(seen.joint_position, [0.4, 1.0], rtol=1e-6)
    np.testing.assert_allclose(seen.joint_velocity, [14.0, 20.0], rtol=1e-6)
    assert seen.joint_velocity.dtype == np.float32
    assert stacked([seen, seen, seen]).joint_velocity.shape == (3, 2)


def test_a_policy_of_positions_looks_at_no_velocities():
    sync = ObservationSync(make_spec())
    sync.add_joints(0, [0.0, 0.0], [np.nan])
    sync.add_image("front", 0, np.zeros((H, W, 3), np.uint8))
    assert sync.take(0).joint_velocity is None


def test_what_shows_colours_does_not_fit_a_policy_of_depth():
    met = Meeting("the simulation", cameras={"top": (H, W)})
    (line,) = misfits(spec_of_both(), met)
    assert line == (
        "policy 'toy' needs depth (16UC1) of camera top, but the simulation shows colours"
    )


def test_a_function_is_not_served_as_a_policy_of_velocities():
    with pytest.raises(ValueError, match="takes joint velocities"):
        FunctionPolicy(spec_of_both(), lambda position, images: position)


class Robot(Node):
    """Joint states with velocities at 50 Hz, depth in metres, twice as large, at 25 Hz."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.velocity = [0.5, 0.25]
        self.chunks: list = []
        self.reports: dict[str, str] = {}
        self._joints = ros.publisher(self, topics.JOINT_STATES)
        self._images = ros.publisher(self, topics.camera_image("top"))
        ros.subscription(self, topics.POLICY_CHUNK, self.chunks.append)
        ros.subscription(self, topics.DIAGNOSTICS, self._on_report)
        self.create_timer(0.02, self._send_joints)
        self.create_timer(0.04, self._send_depth)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _send_joints(self) -> None:
        message: JointState = ros.joint_state(list(JOINTS), [0.1, -0.2], self._now_ns())
        message.velocity = self.velocity
        self._joints.publish(message)

    def _send_depth(self) -> None:
        metres = np.full((2 * H, 2 * W), 0.003, np.float32)
        message: Image = ros.array_to_image(metres, self._now_ns(), "top", "32FC1")
        self._images.publish(message)

    def _on_report(self, message) -> None:
        self.reports |= {status.name: status.message for status in message.status}


def test_both_come_through_the_topics(spin_until, tmp_path):
    bundle = bundle_of_both(tmp_path / "both")
    given = {
        "bundle": str(bundle.folder), "realtime_priority": 0, "inference_threads": 1,
        "image_fit": "resize", "enabled": True,
    }  # fmt: skip
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    node, robot = PolicyNode(parameter_overrides=overrides), Robot()
    try:
        spin_until(lambda: robot.chunks, node, robot)
        rows = np.array([point.positions for point in robot.chunks[-1].points])
        np.testing.assert_allclose(rows, np.tile([3.6, 3.05], (4, 1)), rtol=1e-6)
        robot.velocity = []
        said = "joints refused: the policy takes joint velocities"
        spin_until(lambda: any(said in text for text in robot.reports.values()), node, robot)
    finally:
        node.close()
        node.destroy_node()
        robot.destroy_node()
