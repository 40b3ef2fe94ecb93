"""Checks of ``ros2 doctor`` about ROS 2 itself: versions, middleware, transport, packages."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys

from ros2cli import network as profiles
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
        return fail(
            "ROS 2 is not installed", "pip install 'ros-rclpy[fastrtps]', or source a distribution"
        )


def launch() -> Result:
    missing = [name for name in ("launch", "launch_ros") if importlib.util.find_spec(name) is None]
    if missing:
        return fail(f"not installed: {', '.join(missing)}", "install pip_ros2 in this environment")
    return ok("launch and launch_ros are installed")


def bags() -> Result:
    try:
        return ok(f"mcap {importlib.metadata.version('mcap')}")
    except importlib.metadata.PackageNotFoundError:
        return warn("mcap is not installed: bags cannot be recorded", "pip install 'mcap>=1.6,<2'")


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
    """Fast DDS by default loses a quarter or more of the images of two 640x480 cameras."""
    if not _is_fastdds():
        return ok("not Fast DDS")
    transports = os.environ.get("FASTDDS_BUILTIN_TRANSPORTS", "")
    if transports.startswith("LARGE_DATA"):
        return warn(
            "LARGE_DATA (TCP): a stopped or killed subscriber can block a publisher",
            "unset FASTDDS_BUILTIN_TRANSPORTS and source env.sh",
        )
    if not profiles.in_force():
        found = transports or "default transport"
        return warn(f"{found}: camera images will be lost between processes", "source env.sh")
    if own := _own_profiles():
        return ok(f"as {own} says")
    return ok("shared memory for camera images")


def network() -> Result:
    """Who can command the nodes of this shell: this host alone, or whoever is in the network."""
    if not _is_fastdds():
        return warn(
            f"{os.environ['RMW_IMPLEMENTATION']}: nothing here keeps other hosts out",
            "unset RMW_IMPLEMENTATION, or confine that middleware to the loopback interface",
        )
    own = _own_profiles()
    by = f" (by {own})" if own else ""
    if profiles.in_force() and all(map(profiles.confined, profiles.in_force())):
        return ok(f"this host only{by}")
    if own:
        remedy = f"if that is not meant, take {own} away"
    else:
        remedy = (
            f"if that is not meant: unset {profiles.SWITCH}, source env.sh, start the nodes again"
        )
    return warn(f"open{by}: whoever is in the network can command what runs here", remedy)


def _own_profiles() -> str:
    """The user's own, as text; empty: there is none."""
    return ", ".join(str(path) for path in profiles.in_force() if not profiles.is_ours(path))


def _is_fastdds() -> bool:
    return (os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps").startswith("rmw_fastrtps")


def discovery() -> Result:
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not text.isdigit() or int(text) > DOMAIN_LIMIT:
        return fail(f"ROS_DOMAIN_ID={text}", f"use a whole number from 0 to {DOMAIN_LIMIT}")
    facts = [f"domain {text}"]
    names = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER")
    facts += [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    if os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "OFF":
        return warn(", ".join(facts), "unset the range: nodes of other processes are not seen")
    return ok(", ".join(facts))


def workspace() -> Result:
    own = [name for name, prefix in packages.packages().items() if not _is_base(str(prefix))]
    if own:
        return ok(f"{len(own)} packages: {', '.join(sorted(own))}")
    return warn("no package of a workspace is found", "source its install/setup.bash, or env.sh")


def _is_base(prefix: str) -> bool:
    return prefix == sys.prefix or prefix.startswith("/opt/ros/")
