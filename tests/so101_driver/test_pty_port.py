"""The emulator as other programs meet it: a serial port, opened by clients that know nothing of us.

`scservo_sdk` is Feetech's own protocol code from PyPI (feetech-servo-sdk), unchanged.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import pytest
from act_core.errors import ConfigurationError
from act_core.timing import MonotonicClock, to_ns
from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError, PortError
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.cli import main
from so101_driver.emulator.faults import FaultEvent
from so101_driver.emulator.pty_port import PtyPort, wait_for_port
from so101_driver.transport import SerialTransport

from tests.ros_rig import PATIENCE_S, wait_until

sdk = pytest.importorskip("scservo_sdk", reason="run `make training`: feetech-servo-sdk")


@pytest.fixture
def emulator(tmp_path):
    with PtyPort(EmulatedBus(emulated_servos([0.0] * 6)), tmp_path / "arm") as port:
        yield port


class PatientPort(sdk.PortHandler):
    """The SDK's port, which waits longer for a reply than the SDK does: a machine may be busy."""

    patience_s = PATIENCE_S

    def setPacketTimeout(self, packet_length):
        super().setPacketTimeout(packet_length)
        self.packet_timeout += 1000 * self.patience_s  # ms


@pytest.fixture
def client(emulator):
    """The port and packet handlers of the SDK."""
    port = PatientPort(str(emulator.path))
    assert port.openPort()
    assert port.setBaudRate(1_000_000)
    yield port, sdk.PacketHandler(0)
    port.closePort()


def test_the_sdk_pings_every_servo(client):
    port, packets = client
    for servo_id in range(1, 7):
        assert packets.ping(port, servo_id) == (777, sdk.COMM_SUCCESS, 0)
    port.patience_s = 0.0
    _, result, _ = packets.ping(port, 9)
    assert result == sdk.COMM_RX_TIMEOUT


def test_the_sdk_reads_and_writes(client, emulator):
    port, packets = client
    assert packets.read2ByteTxRx(port, 1, 56) == (2047, sdk.COMM_SUCCESS, 0)
    assert packets.write2ByteTxRx(port, 1, 42, 2100) == (sdk.COMM_SUCCESS, 0)
    assert packets.read2ByteTxRx(port, 1, 42) == (2100, sdk.COMM_SUCCESS, 0)
    assert packets.write1ByteTxRx(port, 1, 55, 0) == (sdk.COMM_SUCCESS, 0)
    assert packets.write1ByteTxRx(port, 1, 21, 16) == (sdk.COMM_SUCCESS, 0)
    emulator.bus.servos[0].power_cycle()
    assert emulator.bus.servos[0].memory[reg.P_COEFFICIENT] == 16, "written for good"


def test_the_sdk_moves_joints_with_its_group_packets(client):
    port, packets = client
    write = sdk.GroupSyncWrite(port, packets, 42, 2)
    for servo_id in (2, 3):
        assert write.addParam(servo_id, [2300 & 0xFF, 2300 >> 8])
        assert packets.write1ByteTxRx(port, servo_id, 40, 1) == (sdk.COMM_SUCCESS, 0)
    assert write.txPacket() == sdk.COMM_SUCCESS
    read = sdk.GroupSyncRead(port, packets, 56, 4)
    for servo_id in (2, 3):
        assert read.addParam(servo_id)
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
    positions = [0, 0]
    # Gravity keeps them a few counts from their goals.
    while max(abs(position - 2300) for position in positions) > 30:
        assert clock.now_ns() < deadline_ns, positions
        assert read.txRxPacket() == sdk.COMM_SUCCESS
        assert read.isAvailable(2, 56, 2)
        positions = [read.getData(servo_id, 56, 2) for servo_id in (2, 3)]


def test_the_sdks_delayed_write_waits_for_the_action(client):
    port, packets = client
    assert packets.regWriteTxRx(port, 1, 46, 2, [44, 1]) == (sdk.COMM_SUCCESS, 0)
    assert packets.read2ByteTxRx(port, 1, 46)[0] == 0
    assert packets.action(port, 254) == sdk.COMM_SUCCESS
    assert packets.read2ByteTxRx(port, 1, 46)[0] == 300


def test_the_sdk_sees_a_complaint(client, emulator):
    port, packets = client
    emulator.bus.servos[3].motor.temperature_c = 90.0
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
    error = 0
    while not error:
        assert clock.now_ns() < deadline_ns
        _, _, error = packets.read2ByteTxRx(port, 4, 56)
    assert error == sdk.ERRBIT_OVERHEAT


@pytest.fixture
def bus(emulator):
    bus = Bus(SerialTransport(str(emulator.path)), reply_slack_s=PATIENCE_S)
    yield bus
    bus.close()


def test_our_own_bus_over_a_real_port(bus):
    assert [identity.servo_id for identity in bus.scan(range(1, 7))] == [1, 2, 3, 4, 5, 6]
    assert bus.sync_read((1, 2), (reg.HOMING_OFFSET,)).values == {1: (530,), 2: (-369,)}
    bus.write_checked(1, reg.GOAL_POSITION, 2000)


def test_a_port_belongs_to_one_program(bus, emulator):
    with pytest.raises(PortError, match="in use by another program"):
        SerialTransport(str(emulator.path))


def test_ports_that_do_not_exist_are_named(tmp_path):
    with pytest.raises(PortError, match=f"there is no port {tmp_path}/nothing: is the adapter plu"):
        SerialTransport(str(tmp_path / "nothing"))


def test_the_rate_of_the_port_counts(emulator):
    transport = SerialTransport(str(emulator.path), 500_000)
    assert Bus(transport, reply_slack_s=0.3).ping(1, retries=0) is None
    transport.set_baud(1_000_000)
    bus = Bus(transport, reply_slack_s=PATIENCE_S)
    assert bus.ping(1) is not None
    bus.close()


def test_a_cable_that_is_pulled_out_and_plugged_in_again(bus, emulator):
    assert bus.ping(1) is not None
    emulator.bus.happen(FaultEvent(0.0, "port_gone"))
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)

    def ask_until_it_is_noticed() -> None:
        while clock.now_ns() < deadline_ns:
            bus.ping(1)

    with pytest.raises(PortError, match="is gone.*was it unplugged"):
        ask_until_it_is_noticed()
    bus.close()
    with pytest.raises(PortError, match="is closed"):
        bus.ping(1)
    while emulator.path.is_symlink():
        assert clock.now_ns() < deadline_ns
    emulator.bus.happen(FaultEvent(0.0, "port_gone", value=0.0))
    assert wait_for_port(emulator.path)
    again = Bus(SerialTransport(str(emulator.path)), reply_slack_s=PATIENCE_S)
    assert again.ping(1) is not None
    again.close()


def test_a_file_in_the_way_is_not_replaced(tmp_path):
    (tmp_path / "arm").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already and is no link"):
        PtyPort(EmulatedBus(emulated_servos()), tmp_path / "arm")


# -- the command ---------------------------------------------------------------------------------


def test_help_lists_the_faults(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "duplicated  the reply comes twice" in text
    assert "port_gone   the USB cable is pulled out" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "lots=0.1"], "unknown fault 'lots'; did you mean 'lost'?"),
        (["--rate", "lost"], "--rate lost: expected KIND=SHARE"),
        (["--rate", "lost=2"], "rate of lost is 2.0, expected 0 to 1"),
        (["--faults", "/nowhere.yaml"], "fault script /nowhere.yaml"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message, capsys, tmp_path):
    assert main(["--pty", str(tmp_path / "arm"), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("events:\n  - {at_s: 1.0, kind: dad}\n", "unknown fault event 'dad'; did you mean 'dead'"),
        ("events: [{at_s: soon, kind: dead}]", "at_s of dead is 'soon', expected a number"),
        ("events: [{at_s: 1, kind: hot, for_s: 2}]", "hot has no for_s: it is over at once"),
        ("events: [dead]", "'dead': expected keys and values"),
        ("events: 5", "events is 5, expected a list"),
        ("rates: 3", "rates is 3, expected e.g. {lost: 0.01}"),
        ("rates: {lost: much}", "rate of lost is much, expected 0 to 1"),
        ("rate: {lost: 0.1}", "unknown key 'rate'; did you mean 'rates'?"),
        ("hello", "expected keys: seed, echo, rates, events"),
        ("{", "fault script"),
    ],
)  # fmt: skip
def test_a_wrong_script_of_faults_is_explained(text, message, tmp_path, capsys):
    script = tmp_path / "faults.yaml"
    script.write_text(text)
    assert main(["--pty", str(tmp_path / "arm"), "--faults", str(script)]) == 2
    error = capsys.readouterr().err
    assert f"fault script {script}: " in error
    assert message in error


def test_the_command_serves_until_it_is_told_to_end(tmp_path):
    path, calibration = tmp_path / "arm", tmp_path / "calibration.json"
    program = "import sys; from so101_driver.emulator.cli import main; sys.exit(main())"
    arguments = ["--pty", str(path), "--seed", "3", "--save-calibration", str(calibration)]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--rate", "lost=0.3"],
        env={"PYTHONPATH": ":".join(sys.path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert wait_for_port(path, PATIENCE_S)
        bus = Bus(SerialTransport(str(path)), reply_slack_s=0.3)

        def all_answer() -> bool:
            with contextlib.suppress(BusError):  # lost once too often, or a busy machine
                return [bus.read(i, reg.ID) for i in range(1, 7)] == [1, 2, 3, 4, 5, 6]
            return False

        wait_until(all_answer)
        bus.close()
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "6 servos" in output
    assert "faults: " in output
    assert not path.is_symlink()
    assert calibration.read_text() == emulated_calibration().dumps()


def test_a_port_that_a_killed_emulator_left_is_taken_over_and_one_in_use_is_not(tmp_path):
    path = tmp_path / "arm"
    script = "import sys; from so101_driver.emulator.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", script, "--pty", str(path)]
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, env={"PYTHONPATH": ":".join(sys.path)}
    )
    try:
        assert wait_for_port(path, PATIENCE_S)
        bus = EmulatedBus(emulated_servos())
        with pytest.raises(ConfigurationError, match=f"port {path}"):
            PtyPort(bus, path)
    finally:
        process.kill()
        process.wait()
    assert path.is_symlink(), "left behind"
    with PtyPort(bus, path):
        assert path.exists()
    assert list(tmp_path.iterdir()) == []
