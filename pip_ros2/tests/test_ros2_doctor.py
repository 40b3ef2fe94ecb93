"""Each check of ros2 doctor on machines that are made up, and the report as a whole."""

from __future__ import annotations

import os
import resource
import sys
from collections import namedtuple

import pytest
from ros2cli import doctor, doctor_machine, doctor_ros, network
from ros2cli.doctor_result import FAIL, OK, WARN, Result, fail, ok, warn


@pytest.mark.parametrize(
    ("version", "state"), [((3, 9), FAIL), ((3, 10), OK), ((3, 14), OK), ((3, 15), FAIL)]
)
def test_python(monkeypatch, version, state):
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    assert doctor_ros.python().state == state


def test_a_sourced_distribution_is_named(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert doctor_ros.ros() == ok("distribution jazzy is sourced")


@pytest.fixture
def profiles(monkeypatch, tmp_path):
    """Files to choose from; the working directory has none."""
    monkeypatch.chdir(tmp_path)
    for name in ("RMW_IMPLEMENTATION", network.OLDER):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "copied.xml").write_bytes(network.PROFILES[network.HOST].read_bytes())
    mine = network.PROFILES[network.LAN].read_text().replace("act_so101", "mine")
    (tmp_path / "mine.xml").write_text(mine)
    return {"": "", **{k: str(v) for k, v in network.PROFILES.items()}, "copied": "copied.xml",
            "mine": "mine.xml"}  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "transports", "state", "text"),
    [
        ("", "", WARN, "default transport: camera images will be lost"),
        ("", "UDPv4", WARN, "UDPv4: camera images will be lost"),
        ("host", "LARGE_DATA?max_msg_size=2MB", WARN, "can block a publisher"),
        ("host", "", OK, "shared memory"),
        ("lan", "", OK, "shared memory"),
        ("mine", "", OK, "as mine.xml says"),
    ],
)
def test_large_messages(monkeypatch, profiles, profile, transports, state, text):
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profiles[profile])
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", transports)
    result = doctor_ros.large_messages()
    assert result.state == state
    assert text in result.found


OPEN = "open: whoever is in the network can command what runs here"


@pytest.mark.parametrize("discovery_range", ["", "LOCALHOST", "SUBNET"])
@pytest.mark.parametrize(
    ("profile", "state", "text", "remedy"),
    [
        (
            "",
            WARN,
            OPEN,
            "unset ROS2_NETWORK",
        ),
        ("host", OK, "this host only", ""),
        ("copied", OK, "this host only", ""),
        (
            "lan",
            WARN,
            OPEN,
            "unset ROS2_NETWORK",
        ),
        ("mine", WARN, "open (by mine.xml): whoever", "take mine.xml away"),
    ],
)
def test_network(monkeypatch, profiles, profile, state, text, remedy, discovery_range):
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profiles[profile])
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", discovery_range)
    result = doctor_ros.network()
    assert (result.state, text in result.found) == (state, True)
    assert remedy in result.remedy


def test_a_profile_beside_ours_may_open_the_network(monkeypatch, profiles, tmp_path):
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profiles["host"])
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", profiles["mine"])
    assert doctor_ros.network().state == WARN
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE")
    assert doctor_ros.network().state == OK
    (tmp_path / "mine.xml").rename(tmp_path / "DEFAULT_FASTDDS_PROFILES.xml")
    assert doctor_ros.network().state == WARN


def test_network_of_other_middleware(monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_zenoh_cpp")
    result = doctor_ros.network()
    assert (result.state, result.found) == (
        WARN, "rmw_zenoh_cpp: nothing here keeps other hosts out"
    )  # fmt: skip


def test_large_messages_of_other_middleware(monkeypatch):
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    assert doctor_ros.large_messages() == ok("not Fast DDS")


@pytest.mark.parametrize(
    ("domain", "state"),
    [("", OK), ("0", OK), ("101", OK), ("102", FAIL), ("-1", FAIL), ("a", FAIL)],
)
def test_discovery(monkeypatch, domain, state):
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    assert doctor_ros.discovery().state == state


def test_discovery_off(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    monkeypatch.setenv("ROS_DOMAIN_ID", "3")
    result = doctor_ros.discovery()
    assert (result.state, result.found) == (WARN, "domain 3, ROS_AUTOMATIC_DISCOVERY_RANGE=OFF")


def test_workspace(monkeypatch, tmp_path):
    monkeypatch.setenv("AMENT_PREFIX_PATH", sys.prefix)
    assert doctor_ros.workspace().state == WARN
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "demo_arm").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{sys.prefix}")
    assert doctor_ros.workspace() == ok("1 packages: demo_arm")


def test_middleware_of_this_environment(monkeypatch):
    monkeypatch.delenv("RMW_IMPLEMENTATION", raising=False)
    assert doctor_ros.middleware() == ok("rmw_fastrtps_cpp (default)")


@pytest.mark.parametrize(
    ("backend", "libraries", "state"),
    [
        ("egl", {"EGL"}, OK),
        ("egl", set(), FAIL),
        ("osmesa", {"OSMesa"}, OK),
        ("osmesa", {"EGL"}, FAIL),
        ("", set(), WARN),
        ("", {"EGL"}, WARN),  # mujoco would look for a display
    ],
)
def test_gl_libraries(monkeypatch, backend, libraries, state):
    monkeypatch.setenv("MUJOCO_GL", backend)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(
        doctor_machine.ctypes.util, "find_library", lambda n: n if n in libraries else None
    )
    assert doctor_machine.gl_libraries().state == state


def test_gl_context_is_really_made(monkeypatch):
    pytest.importorskip("mujoco", reason="mujoco is only needed by the simulation")
    if not doctor_machine.ctypes.util.find_library("EGL"):
        pytest.skip("apt install libegl1 libgl1-mesa-dri")
    monkeypatch.setenv("MUJOCO_GL", "egl")
    assert doctor_machine.gl_context().state == OK
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    broken = doctor_machine.gl_context()
    assert broken.state == FAIL
    assert broken.found.startswith("no off-screen context can be made: RuntimeError: invalid value")


@pytest.mark.parametrize(
    ("limit", "capable", "state"),
    [(0, False, WARN), (98, False, OK), (resource.RLIM_INFINITY, False, OK), (0, True, OK)],
)
def test_realtime_priority(monkeypatch, limit, capable, state):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, limit))
    monkeypatch.setattr(doctor_machine, "has_capability", lambda _: capable)
    monkeypatch.setattr(doctor_machine.getpass, "getuser", lambda: "ada")
    result = doctor_machine.realtime_priority()
    assert result.state == state
    if state == WARN:
        assert "add 'ada - rtprio 98' to /etc/security/limits.conf" in result.remedy


@pytest.mark.parametrize(
    ("limit", "state", "found"),
    [
        (8 * 2**20, WARN, "only 8 MB may be locked"),
        (2**30, OK, "memlock 1024 MB"),
        (resource.RLIM_INFINITY, OK, "memlock unlimited"),
    ],
)
def test_memory_locking(monkeypatch, limit, state, found):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, limit))
    monkeypatch.setattr(doctor_machine, "has_capability", lambda _: False)
    assert doctor_machine.memory_locking()[:2] == (state, found)


def test_capabilities(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tx\nCapEff:\t0000000000800000\n")
    assert doctor_machine.has_capability(doctor_machine.CAP_SYS_NICE, status)
    assert not doctor_machine.has_capability(doctor_machine.CAP_IPC_LOCK, status)
    assert not doctor_machine.has_capability(doctor_machine.CAP_IPC_LOCK, tmp_path / "none")


@pytest.mark.parametrize(
    ("governors", "state"),
    [([], OK), (["performance"] * 2, OK), (["performance", "powersave"], WARN)],
)
def test_cpu(monkeypatch, tmp_path, governors, state):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    for index, governor in enumerate(governors):
        folder = tmp_path / f"cpu{index}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{governor}\n")
    assert doctor_machine.cpu(tmp_path).state == state
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert doctor_machine.cpu(tmp_path).state == WARN


def test_serial_ports(monkeypatch, tmp_path):
    assert doctor_machine.serial_ports(tmp_path) == ok("none is connected")
    (tmp_path / "ttyACM0").touch()
    assert doctor_machine.serial_ports(tmp_path) == ok(f"{tmp_path}/ttyACM0")
    monkeypatch.setattr(os, "access", lambda *_: False)
    group = namedtuple("group", "gr_name gr_gid")
    monkeypatch.setattr(os, "getgroups", lambda: [20])
    monkeypatch.setattr(doctor_machine.grp, "getgrall", lambda: [group("users", 20)])
    monkeypatch.setattr(doctor_machine.getpass, "getuser", lambda: "ada")
    result = doctor_machine.serial_ports(tmp_path)
    assert result == fail(
        f"no access to {tmp_path}/ttyACM0", "sudo usermod -aG dialout ada, then log in again"
    )
    monkeypatch.setattr(doctor_machine.grp, "getgrall", lambda: [group("dialout", 20)])
    assert "which group may use it" in doctor_machine.serial_ports(tmp_path).remedy


def test_shared_memory(monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(doctor_machine.shutil, "disk_usage", lambda _: usage(10 * 2**20))
    result = doctor_machine.shared_memory()
    assert (result.state, result.found) == (WARN, "10 MB free in /dev/shm")


def test_probe():
    assert doctor_machine.probe("print('a'); print('b')") == ("b", "")
    assert doctor_machine.probe("raise ValueError('no')") == ("", "ValueError: no")
    assert doctor_machine.probe("import os; os.abort()")[1] == "ended with code -6"


def test_the_report(monkeypatch, capsys):
    checks = {"good": lambda: ok("fine"), "so so": lambda: warn("slow", "do this")}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert doctor.run(None) == 0
    assert capsys.readouterr().out == (
        "OK    good   fine\nWARN  so so  slow\n             -> do this\n\nNo check failed\n"
    )

    def broken() -> Result:
        raise OSError("no disk")

    monkeypatch.setattr(doctor, "CHECKS", {**checks, "bad": broken})
    assert doctor.run(None) == 1
    out = capsys.readouterr().out
    assert "FAIL  bad    the check itself failed: OSError('no disk')" in out
    assert out.endswith("\n1 of 3 checks failed\n")


def test_every_check_runs_here(ros2):
    done = ros2("doctor")
    for name in doctor.CHECKS:
        assert f"  {name}  " in done.out
    assert "the check itself failed" not in done.out
    assert done.code == ("FAIL" in done.out)
