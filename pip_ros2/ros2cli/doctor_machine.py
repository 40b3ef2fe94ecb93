"""Checks of ``ros2 doctor`` about the machine: GL, real-time permissions, CPU, serial ports.

Heavy libraries are tried in a process of their own, since a broken GL driver can take its process
down.
"""

from __future__ import annotations

import ctypes.util
import getpass
import grp
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from ros2cli.doctor_result import Result, fail, ok, warn

CAP_IPC_LOCK, CAP_SYS_NICE = 14, 23  # linux/capability.h
LOCK_BYTES = 512 * 2**20  # more than a control process with its libraries maps
SHARED_BYTES = 64 * 2**20
PROBE_S = 30.0
SERIAL_GLOBS = ("serial/by-id/*", "ttyACM*", "ttyUSB*")


def shared_memory() -> Result:
    """Fast DDS keeps its shared memory segments there; Docker gives 64 MB by default."""
    free = shutil.disk_usage("/dev/shm").free
    found = f"{free / 2**20:.0f} MB free in /dev/shm"
    if free < SHARED_BYTES:
        return warn(
            found, "start the container with --shm-size=512m, or delete old fastdds_* files there"
        )
    return ok(found)


def gl_libraries() -> Result:
    found = {name: ctypes.util.find_library(name) for name in ("EGL", "OSMesa", "GL")}
    backend = os.environ.get("MUJOCO_GL", "")
    text = f"MUJOCO_GL={backend or '(unset)'}; " + ", ".join(
        f"lib{name} {'found' if path else 'missing'}" for name, path in found.items()
    )
    install = "apt install libegl1 libgl1-mesa-dri"
    if backend == "osmesa":
        return ok(text) if found["OSMesa"] else fail(text, "apt install libosmesa6")
    if not found["EGL"]:
        return fail(text, install) if backend == "egl" else warn(text, install)
    if backend != "egl" and not os.environ.get("DISPLAY"):
        return warn(text, "export MUJOCO_GL=egl, since there is no display")
    return ok(text)


def gl_context() -> Result:
    """Really makes an off-screen context, as the simulator's cameras do."""
    if importlib.util.find_spec("mujoco") is None:
        return warn("mujoco is not installed", "pip install mujoco, which only simulations need")
    code = (
        "import ctypes, mujoco\n"
        "context = mujoco.GLContext(64, 64)\n"
        "context.make_current()\n"
        "from OpenGL import GL\n"
        "print(GL.glGetString(GL.GL_RENDERER).decode())\n"
        "context.free()\n"
    )
    out, error = probe(code)
    if not error:
        return ok(out)
    # Without MUJOCO_GL mujoco wants a display, which a machine for training rarely has.
    bad = fail if os.environ.get("MUJOCO_GL") else warn
    return bad(
        f"no off-screen context can be made: {error}",
        "export MUJOCO_GL=egl, and apt install libegl1 libgl1-mesa-dri",
    )


def realtime_priority() -> Result:
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    if has_capability(CAP_SYS_NICE) or limit == resource.RLIM_INFINITY or limit > 0:
        reason = "CAP_SYS_NICE" if has_capability(CAP_SYS_NICE) else f"rtprio limit {limit}"
        return ok(f"SCHED_FIFO is allowed ({reason})")
    return warn(
        "SCHED_FIFO is not allowed: control ticks come late beside inference",
        f"add '{getpass.getuser()} - rtprio 98' to /etc/security/limits.conf and log in again",
    )


def memory_locking() -> Result:
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    unlimited = limit == resource.RLIM_INFINITY
    if has_capability(CAP_IPC_LOCK) or unlimited or limit >= LOCK_BYTES:
        size = "unlimited" if unlimited else f"{limit / 2**20:.0f} MB"
        return ok("CAP_IPC_LOCK" if has_capability(CAP_IPC_LOCK) else f"memlock {size}")
    return warn(
        f"only {limit / 2**20:.0f} MB may be locked",
        f"add '{getpass.getuser()} - memlock unlimited' to /etc/security/limits.conf "
        "and log in again",
    )


def has_capability(number: int, status: Path = Path("/proc/self/status")) -> bool:
    """True when this process holds the capability of that number."""
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def cpu(root: Path = Path("/sys/devices/system/cpu")) -> Result:
    count = len(os.sched_getaffinity(0))
    governors = {p.read_text().strip() for p in root.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    found = f"{count} CPUs, governor {'/'.join(sorted(governors)) or 'not visible'}"
    if governors - {"performance"}:
        return warn(found, "for a real arm: sudo cpupower frequency-set -g performance")
    if count < 2:
        return warn(found, "use two CPUs or more: control and inference share one")
    return ok(found)


def serial_ports(dev: Path = Path("/dev")) -> Result:
    ports = [port for pattern in SERIAL_GLOBS for port in sorted(dev.glob(pattern))]
    if not ports:
        return ok("none is connected")
    closed = [str(port) for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if not closed:
        return ok(", ".join(map(str, ports)))
    groups = {entry.gr_name for entry in grp.getgrall() if entry.gr_gid in os.getgroups()}
    found = f"no access to {', '.join(closed)}"
    if "dialout" in groups:
        return fail(found, f"ls -l {closed[0]} shows which group may use it")
    return fail(found, f"sudo usermod -aG dialout {getpass.getuser()}, then log in again")


def onnxruntime() -> Result:
    if importlib.util.find_spec("onnxruntime") is None:
        return warn("not installed", "pip install onnxruntime, which only policies need")
    code = "import onnxruntime as o; print(o.__version__, *o.get_available_providers())"
    out, error = probe(code)
    if error:
        return fail(f"cannot be loaded: {error}", "pip install --force-reinstall onnxruntime")
    return ok(out)


def probe(code: str) -> tuple[str, str]:
    """Run Python code in a process of its own: the last line of its output, or of its error."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_S
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {PROBE_S:g} s"
    if done.returncode == 0:
        return (done.stdout.strip().splitlines() or [""])[-1], ""
    lines = done.stderr.strip().splitlines()
    return "", lines[-1] if lines else f"ended with code {done.returncode}"
