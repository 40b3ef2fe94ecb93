"""`so101-setup` as it is typed: texts, files and exit codes."""

from __future__ import annotations

import pytest
from act_core.robots.so101 import JOINT_NAMES, SO101
from so101_driver import calibration as stored
from so101_driver import registers as reg
from so101_driver.bus_errors import PortError
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.setup import cli, ports
from so101_driver.setup.ports import UsbPort
from so101_driver.setup.sweep import swept_joints

from tests.so101_driver.setup.arms import MIDDLE_RAD, Person, Table, through_the_range

SWEPT = [joint.name for joint in swept_joints(SO101)]


@pytest.fixture
def table(monkeypatch, tmp_path) -> Table:
    """An arm at the port "arm"; calibrations are in a folder of their own."""
    arm = Table()

    def open_bus(port: str, baud: int = 1_000_000):
        if port != "arm":
            raise PortError(f"there is no port {port}")
        return arm.open(baud)

    monkeypatch.setattr(cli, "open_bus", open_bus)
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    return arm


def test_scan(table):
    person = Person()
    assert cli.main(["scan", "--port", "arm"], person) == 0
    assert "All six servos are there and well." in person.heard
    table.servo("gripper").dead = True
    assert cli.main(["scan", "--port", "arm", "--baud", "1000000"], person) == 1
    assert "servo 6 (gripper) is missing" in person.heard


def test_calibrate_writes_lerobot_s_file_and_keeps_the_old_one(table, tmp_path):
    person = Person(
        {"MIDDLE": lambda: table.put_all(MIDDLE_RAD), "Type yes": "yes"},
        through_the_range(table, SWEPT),
    )
    line = ["calibrate", "--port", "arm", "--name", "my_arm"]
    assert cli.main(line, person) == 0
    path = tmp_path / "robots/so_follower/my_arm.json"
    first = path.read_text()
    assert stored.load(path)["shoulder_pan"].range_max > 3000
    assert not any("Type yes" in prompt for prompt in person.asked)

    person.motion = through_the_range(table, SWEPT, share=0.9)
    assert cli.main(line, person) == 0
    assert any("Type yes" in prompt for prompt in person.asked)
    assert path.with_suffix(".json.old").read_text() == first
    assert path.read_text() != first


def test_an_existing_calibration_is_not_replaced_without_a_yes(table, tmp_path):
    path = tmp_path / "teleoperators/so_leader/my_arm.json"
    emulated_calibration().save(path)
    before = path.read_text()
    line = ["calibrate", "--port", "arm", "--name", "my_arm", "--role", "leader"]
    assert cli.main(line, Person({"Type yes": "no"})) == 1
    assert path.read_text() == before
    assert table.held("elbow_flex", reg.HOMING_OFFSET) == -98


def test_nothing_is_written_to_an_arm_with_a_missing_or_a_foreign_servo(table, capsys):
    table.servo("elbow_flex").dead = True
    table.servo("gripper").memory[reg.MODEL_NUMBER] = 1284
    person = Person()
    assert cli.main(["calibrate", "--port", "arm", "--name", "x"], person) == 2
    error = capsys.readouterr().err
    assert "servo 3 (elbow_flex) is missing" in error
    assert "model number 1284" in error
    assert person.asked == []


def test_check_and_restore(table, tmp_path):
    emulated_calibration().save(tmp_path / "robots/so101_follower/old.json")  # the older folder
    line = ["check", "--port", "arm", "--name", "old"]
    person = Person()
    assert cli.main(line, person) == 0
    assert "The arm is as" in person.heard

    table.servo("elbow_flex").memory.keep(reg.HOMING_OFFSET, 7)
    assert cli.main(line, person) == 1
    assert "elbow_flex homing_offset: file -98, servo 7" in person.heard
    assert "so101-setup check --restore" in person.heard
    assert person.asked == []
    assert table.held("elbow_flex", reg.HOMING_OFFSET) == 7, "only looked at"

    assert cli.main([*line, "--restore"], person) == 0
    assert person.asked == ["The arm goes limp now: hold it, then Enter:"]
    table.power_cycle()
    assert table.held("elbow_flex", reg.HOMING_OFFSET) == -98
    assert cli.main(line, person) == 0


def test_check_with_a_sweep_finds_a_slipped_horn(table, tmp_path):
    emulated_calibration().save(tmp_path / "robots/so_follower/mine.json")
    line = ["check", "--port", "arm", "--name", "mine", "--sweep"]
    person = Person({"goes limp": ""}, through_the_range(table, SWEPT))
    assert cli.main(line, person) == 0
    servo = table.servo("shoulder_lift")
    servo._zero_count += 164
    servo.write(reg.LOCK.address, b"\x01")
    person.motion = through_the_range(table, SWEPT)
    assert cli.main(line, person) == 1
    assert "calibrate again: a horn has slipped" in person.heard
    assert "not as calibrated: shoulder_lift" in person.heard
    assert all(table.held(name, reg.TORQUE_ENABLE) == 0 for name in JOINT_NAMES)


def test_assign_id_goes_through_the_joints_one_at_a_time(table):
    box = emulated_servos([0.0] * 6)
    for servo in box:
        servo.memory.keep(reg.ID, 1)
    table.wire.servos.clear()
    plugged_in = []

    def plug_in_next() -> None:
        table.wire.servos[:] = [box[5 - len(plugged_in)]]
        plugged_in.append(table.wire.servos[0])

    assert cli.main(["assign-id", "--port", "arm"], Person({"Plug ONLY": plug_in_next})) == 0
    assert [servo.memory[reg.ID] for servo in box] == [1, 2, 3, 4, 5, 6]


def test_assign_id_asks_again_until_one_servo_is_there(table):
    everything = list(table.wire.servos)

    def unplug_the_rest() -> None:
        table.wire.servos[:] = everything if len(person.asked) == 1 else everything[:1]

    person = Person({"Plug ONLY": unplug_the_rest})
    assert cli.main(["assign-id", "--port", "arm", "--joint", "gripper"], person) == 0
    assert "more than one servo answers (ids 1, 2, 3, 4, 5, 6)" in person.heard
    assert everything[0].memory[reg.ID] == 6


@pytest.fixture
def plugged_in(monkeypatch) -> list[UsbPort]:
    found: list[UsbPort] = []
    monkeypatch.setattr(ports, "usb_ports", lambda: found)
    return found


def test_find_port_names_the_arm_and_offers_a_rule(table, plugged_in):
    plugged_in += [
        UsbPort("/dev/ttyACM1", "2341", "0043", "x"),
        UsbPort("arm", "1a86", "55d3", "5A46"),
    ]
    person = Person()
    assert cli.main(["find-port", "--link", "so101_leader"], person) == 0
    assert "servos 1, 2, 3, 4, 5, 6 at 7.4 V" in person.heard
    assert "there is no port /dev/ttyACM1" in person.heard
    assert 'ATTRS{serial}=="5A46", SYMLINK+="so101_leader"' in person.heard


def test_find_port_without_an_arm_or_with_two(table, plugged_in):
    person = Person()
    assert cli.main(["find-port"], person) == 1
    assert "There is no serial USB adapter" in person.heard
    plugged_in += [UsbPort("arm", "1a86", "55d3", "1"), UsbPort("arm", "1a86", "55d3", "2")]
    assert cli.main(["find-port"], person) == 1
    assert "There are several arms" in person.heard
    for servo in table.servos:
        servo.dead = True
    assert cli.main(["find-port"], person) == 1
    assert "no power on the arm" in person.heard


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["scan", "--port", "/dev/none"], "there is no port /dev/none"),
        (["check", "--port", "arm", "--name", "mien"], "unknown follower calibration 'mien'"),
    ],
)
def test_refusals_say_why(table, capsys, line, text):
    assert cli.main(line, Person()) == 2
    assert text in capsys.readouterr().err


def test_control_c_is_not_a_traceback(table, tmp_path, capsys):
    def control_c() -> None:
        raise KeyboardInterrupt

    person = Person({"MIDDLE": control_c})
    assert cli.main(["calibrate", "--port", "arm", "--name", "x"], person) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for name in ("find-port", "scan", "assign-id", "calibrate", "check"):
        assert name in text
