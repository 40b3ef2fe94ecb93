"""Messages from YAML and to YAML and CSV."""

from __future__ import annotations

import array
import math

import pytest
import yaml
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, PoseWithCovariance
from hypothesis import example, given
from hypothesis import strategies as st
from ros2cli.errors import CliError
from ros2cli.interfaces import definition_file, import_interface, interfaces
from ros2cli.messages import Shown, parse_values, set_fields, to_csv, to_yaml
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, ByteMultiArray, Char, Float64, Int8, String, UInt8
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory


def filled(message, text):
    assert set_fields(message, parse_values(text)) == []
    return message


def test_joint_state_as_topic_echo_prints_it():
    message = filled(JointState(), "{header: {frame_id: base}, name: [a, b], position: [1, 1e-05]}")
    assert message.position == array.array("d", [1.0, 1e-05])
    assert to_yaml(message) == (
        "header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: base\n"
        "name:\n- a\n- b\nposition:\n- 1.0\n- 1.0e-05\nvelocity: []\neffort: []\n"
    )
    assert to_csv(message) == "0,0,base,a,b,1.0,1e-05,,"
    flow = to_yaml(String(data="hi"), flow_style=True)
    assert flow == "{data: hi}\n"


def test_long_values_are_cut_or_abbreviated():
    image = Image(encoding="rgb8", data=array.array("B", range(200)))
    cut = yaml.safe_load(to_yaml(image, Shown(truncate_length=3)))
    assert cut["data"] == [0, 1, 2, "..."]
    assert cut["encoding"] == "rgb..."
    assert "data: '<sequence type: uint8, length: 200>'" in to_yaml(image, Shown(no_arr=True))
    assert "encoding: '<string length: <4>>'" in to_yaml(image, Shown(no_str=True))
    assert to_csv(image, Shown(truncate_length=2)).endswith(",0,1,...")
    covariance = to_yaml(PoseWithCovariance(), Shown(no_arr=True))
    assert "covariance: '<array type: double[36]>'" in covariance
    text = to_yaml(JointState(name=["a"]), Shown(no_arr=True))
    assert "name: '<sequence type: string, length: 1>'" in text


def test_nested_messages_and_arrays_of_messages():
    text = (
        "{joint_names: [a], points: [{positions: [1], time_from_start: {sec: 1}}, "
        "{positions: [2.5], time_from_start: {sec: 2, nanosec: 5}}]}"
    )
    message = filled(JointTrajectory(), text)
    assert [list(point.positions) for point in message.points] == [[1.0], [2.5]]
    assert message.points[1].time_from_start.nanosec == 5
    short = to_yaml(message, Shown(no_arr=True))
    type_name = "trajectory_msgs/msg/JointTrajectoryPoint"
    assert f"points: '<sequence type: {type_name}, length: 2>'" in short


def test_auto_and_now_stand_for_the_time_of_sending():
    pose, stamp = PoseStamped(), Time(sec=7, nanosec=9)
    setters = set_fields(pose, parse_values("{header: auto}"))
    for setter in setters:
        setter(stamp)
    assert pose.header.stamp == stamp
    other = PoseStamped()
    set_fields(other, parse_values("{header: {stamp: now}}"))[0](stamp)
    assert other.header.stamp == stamp


@pytest.mark.parametrize(
    ("message", "text", "error"),
    [
        (JointState(), "{posision: [1]}", "unknown field 'posision' of sensor_msgs/msg/JointState;"
         " did you mean 'position'"),
        (JointState(), "{position: 1.0}", "field 'position' is an array: expected a list, not 1.0"),
        (JointState(), "{position: [a]}", r"field 'position\[0\]' is double: cannot take 'a'"),
        (JointState(), "{header: {stamp: {sec: x}}}", "field 'header.stamp.sec' is int32: cannot"),
        (JointState(), "{header: 5}", "'header' is a std_msgs/msg/Header: expected a mapping"),
        (JointState(), "{name: [[1]]}", r"field 'name\[0\]' is a string: cannot take \[1\]"),
        (JointTrajectory(), "{points: [{positions: [1, true]}]}",
         r"field 'points\[0\].positions\[1\]' is double"),
        (PoseWithCovariance(), "{covariance: [1]}", "needs exactly 36 elements, not 1"),
        (Int8(), "{data: 200}", r"'data' is int8 \(-128 to 127\): 200 does not fit"),
        (UInt8(), "{data: -1}", r"uint8 \(0 to 255\): -1 does not fit"),
        (Int8(), "{data: 1.5}", "'data' is int8: cannot take 1.5"),
        (Bool(), "{data: 'False'}", "'data' is boolean: cannot take 'False'"),
        (SetBool.Request(), "{data: 1}", "'data' is boolean: cannot take 1"),
        (Float64(), "{data: true}", "'data' is double: cannot take True"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(message, text, error):
    with pytest.raises(CliError, match=error):
        set_fields(message, parse_values(text))


@pytest.mark.parametrize("text", ["5", "[1]", "", "{a: [}"])
def test_values_must_be_a_mapping(text):
    with pytest.raises(CliError, match="YAML"):
        parse_values(text)


def test_bytes_chars_and_numbers_as_text():
    assert filled(ByteMultiArray(), "{data: [1, 255]}").data == [b"\x01", b"\xff"]
    assert filled(Char(), "{data: 65}").data == 65
    assert filled(UInt8(), "{data: '0x10'}").data == 16
    assert filled(Float64(), "{data: 1e-3}").data == 0.001  # YAML 1.1 reads this as a string
    assert filled(String(), "{data: 5}").data == "5"
    assert math.isnan(filled(Float64(), "{data: .nan}").data)


numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@given(st.lists(texts, max_size=5), st.lists(numbers, max_size=5), st.integers(0, 2**32 - 1))
@example(["\x85", "a\u2028b", "\u2029"], [], 0)
def test_what_is_printed_reads_back(names, positions, nanosec):
    message = JointState(name=names, position=positions)
    message.header.stamp.nanosec = nanosec
    again = JointState()
    set_fields(again, yaml.safe_load(to_yaml(message)))
    assert again == message


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("std_msgs/msg/Strin", "msg", "unknown type 'std_msgs/msg/Strin'; did you mean"),
        ("std_msg/String", "msg", "unknown package 'std_msg' in type 'std_msg/String'; did you"),
        ("std_srvs/srv/SetBool", "msg", "'std_srvs/srv/SetBool' is not a msg type"),
        ("String", "msg", "'String' is not a type name: expected e.g. std_msgs/msg/Name"),
        ("std_srvs/srv/Triger", "srv", "did you mean 'std_srvs/srv/Trigger'"),
    ],
)
def test_unknown_types(name, kind, error):
    from ros2cli.packages import ensure_prefix_path

    ensure_prefix_path()
    with pytest.raises(CliError, match=error):
        import_interface(name, kind)


def test_types_by_short_and_full_name():
    from ros2cli.packages import ensure_prefix_path

    ensure_prefix_path()
    assert import_interface("std_msgs/String", "msg") is String
    assert import_interface("std_srvs/srv/SetBool", "srv") is SetBool
    assert "JointState" in interfaces("msg")["sensor_msgs"]
    assert definition_file("std_msgs/msg/String").name == "String.msg"
    with pytest.raises(CliError, match="did you mean 'std_msgs/msg/String'"):
        definition_file("std_msgs/msg/Sting")
