"""Checks of ``ros2 doctor`` about ROS 2 itself: versions, middleware, transport, packages."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys

from ros2cli import discovery as quick
from ros2cli import packages
from ros2cli.doctor_result import Result, fail, ok, warn

PYTHONS = ((3, 10), (3, 14))  # those that the wheels are built for
# Linux hands out ports from 32768 on to anybody, so higher domains may find theirs taken.
DOMAIN_LIMIT = 101


def python() -> Result:
    found = f"{platform.python_version()} ({sys.executable})"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return ok(found)
    oldest, newest = (".".join(map(str, version)) for version in PYTHONS)
    return fail(found, f"use Python {oldest} to {newest}: the wheels of ROS 2 are built for these")


def ros() -> Result:
    if distro := os.environ.get("ROS_DISTRO"):
        return ok(f"distribution {distro} is sourced")
    try:
        return ok(f"wheels from PyPI, rclpy {importlib.metadata.version('ros-rclpy')}")
    except importlib.metadata.PackageNotFoundError:
        return fail("no ROS 2", "pip install 'ros-rclpy[fastrtps]', or source a distribution")


def launch() -> Result:
    missing = [name for name in ("launch", "launch_ros") if importlib.util.find_spec(name) is None]
    if missing:
        return fail(f"no {', '.join(missing)}", "install pip_ros2 in this environment")
    return ok("launch and launch_ros are there")


def bags() -> Result:
    try:
        return ok(f"mcap {importlib.metadata.version('mcap')}")
    except importlib.metadata.PackageNotFoundError:
        return warn("no mcap: bags cannot be recorded", "pip install 'mcap>=1.6,<2'")


def middleware() -> Result:
    try:
        import rclpy

        found = str(rclpy.get_rmw_implementation_identifier())
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else repr(error)
        return fail(
            f"rclpy cannot be loaded: {first}",
            "start Python from the environment's own bin/ folder; RMW_IMPLEMENTATION must be "
            "unset or name an installed one",
        )
    asked = os.environ.get("RMW_IMPLEMENTATION")
    return ok(f"{found} ({'by RMW_IMPLEMENTATION' if asked else 'default'})")


def large_messages() -> Result:
    """Fast DDS's default transport loses a quarter or more of the pictures of two 640x480 cameras.

    The range LOCALHOST makes rmw_fastrtps build its own transports, whatever a profile says.
    """
    if not os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp").startswith("rmw_fastrtps"):
        return ok("not Fast DDS")
    transports = os.environ.get("FASTDDS_BUILTIN_TRANSPORTS", "")
    if transports.startswith("LARGE_DATA"):
        return warn(
            "LARGE_DATA (TCP): a stopped or killed subscriber can block a publisher",
            "unset FASTDDS_BUILTIN_TRANSPORTS and source env.sh",
        )
    profile = next((os.environ[name] for name in quick.OWN_PROFILES if os.environ.get(name)), "")
    if not profile:
        found = transports or "default transport"
        return warn(f"{found}: camera pictures will be lost between processes", "source env.sh")
    if os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "LOCALHOST":
        return warn(
            "the profile's transports have no effect with ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST",
            "unset ROS_AUTOMATIC_DISCOVERY_RANGE and use a ROS_DOMAIN_ID of your own",
        )
    if profile != str(quick.PROFILE):
        return ok(f"as {profile} says")
    return ok("shared memory for camera pictures")


def discovery() -> Result:
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not text.isdigit() or int(text) > DOMAIN_LIMIT:
        return fail(f"ROS_DOMAIN_ID={text}", f"use a whole number from 0 to {DOMAIN_LIMIT}")
    facts = [f"domain {text}"]
    names = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER")
    facts += [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    if os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        return warn(", ".join(facts), "nodes of other processes are not seen: unset the range")
    profile = next((os.environ[name] for name in quick.OWN_PROFILES if os.environ.get(name)), "")
    if profile and profile != str(quick.PROFILE):
        facts.append(f"profile {profile}")
    return ok(", ".join(facts))


def workspace() -> Result:
    own = [name for name, prefix in packages.packages().items() if not _is_base(str(prefix))]
    if own:
        return ok(f"{len(own)} packages: {', '.join(sorted(own))}")
    return warn("no package of a workspace", "source its install/setup.bash (here: env.sh)")


def _is_base(prefix: str) -> bool:
    return prefix == sys.prefix or prefix.startswith("/opt/ros/")
