"""A policy in two halves with a bad network between them, against the same in one. One JSON line.

python -m bench.remote --episodes 20                      # 20 ms +- 5 ms and 1 % loss each way
python -m bench.remote --episodes 4 --cut 2 --kill        # the cable is cut, the GPU side killed

Two network namespaces (root is needed), the robot in one: simulation in real time and
``role:=control``; in the other ``role:=inference``. Between them `bench._cable`. The same starts
are then run with ``role:=both``. Pictures are of the policy's own size, so that the cable, which is
a Python process, is no bottleneck. Six seconds an episode.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from act_policy.bundle import read_bundle

from bench._cable import Cable, cable
from bench.sim_success import SHIPPED

FIRST_EVENT_S, BETWEEN_S = 20.0, 12.0
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns="http://www.eprosima.com"><profiles>
  <transport_descriptors><transport_descriptor>
    <transport_id>udp</transport_id><type>UDPv4</type>
    <sendBufferSize>2097152</sendBufferSize><receiveBufferSize>2097152</receiveBufferSize>
  </transport_descriptor></transport_descriptors>
  <participant profile_name="remote" is_default_profile="true"><rtps>
    <userTransports><transport_id>udp</transport_id></userTransports>
    <useBuiltinTransports>false</useBuiltinTransports>
    <builtin><discovery_config>
      <leaseAnnouncement><sec>0</sec><nanosec>500000000</nanosec></leaseAnnouncement>
    </discovery_config></builtin>
  </rtps></participant>
</profiles></dds>
"""


def robot(arguments: argparse.Namespace, role: str, size: tuple[int, int]) -> list[str]:
    """The command that runs all episodes; see `bench.sim_success`."""
    return [
        sys.executable, "-m", "bench.sim_success", "--policy", str(arguments.policy),
        "--episodes", str(arguments.episodes), "--first-seed", str(arguments.first_seed),
        "--mode", arguments.mode, "--", f"role:={role}", f"width:={size[1]}", f"height:={size[0]}",
    ]  # fmt: skip


def inference(policy: Path) -> list[str]:
    return [
        "ros2", "run", "act_policy", "policy_node", "--ros-args",
        "-p", "role:=inference", "-p", f"bundle:={policy}",
    ]  # fmt: skip


class FarSide:
    """The inference half, which may be killed and started again."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, start_new_session=True, stdout=sys.stderr
        )

    def end(self, number: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(30)


def disturb(laid: Cable, far: FarSide, arguments: argparse.Namespace, end: threading.Event) -> None:
    """Cuts the cable and kills the far side, while the robot works."""
    end.wait(FIRST_EVENT_S)
    if arguments.cut and not end.is_set():
        laid.is_cut = True
        time.sleep(arguments.cut)
        laid.is_cut = False
        end.wait(BETWEEN_S)
    if arguments.kill and not end.is_set():
        far.end(signal.SIGKILL)
        time.sleep(1.0)
        far.start()


def apart(arguments: argparse.Namespace, size: tuple[int, int]) -> dict[str, Any]:
    """All episodes with the network between the halves."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        cable(
            arguments.delay_ms / 1e3, arguments.jitter_ms / 1e3, arguments.loss_percent / 100
        ) as laid,
    ):
        profile = Path(temporary, "udp.xml")
        profile.write_text(PROFILE)
        environment = {**os.environ, "FASTDDS_DEFAULT_PROFILES_FILE": str(profile)}
        far = FarSide(laid.inside("gpu", inference(arguments.policy)), environment)
        far.start()
        ended = threading.Event()
        events = threading.Thread(target=disturb, args=(laid, far, arguments, ended))
        events.start()
        try:
            command = laid.inside("robot", robot(arguments, "control", size))
            result = answer(command, environment)
        finally:
            ended.set()
            events.join()
            far.end()
        return {**result, "frames": laid.carried, "frames_lost": laid.lost}


def answer(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """The JSON line of a benchmark; SystemExit where it has none."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return dict(json.loads(lines[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--policy", type=Path, default=SHIPPED)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=300_000)
    parser.add_argument("--mode", default="bundle")
    parser.add_argument("--delay-ms", type=float, default=20.0, help="one way")
    parser.add_argument("--jitter-ms", type=float, default=5.0)
    parser.add_argument("--loss-percent", type=float, default=1.0)
    parser.add_argument("--cut", type=float, default=0.0, help="seconds without the cable, once")
    parser.add_argument("--kill", action="store_true", help="the inference side, once")
    parser.add_argument("--no-local", action="store_true", help="without the comparison")
    arguments = parser.parse_args()
    arguments.policy = arguments.policy.resolve()
    if os.geteuid() != 0:
        sys.exit("bench.remote makes network namespaces: run it as root")
    (size, *_) = {(i.height, i.width) for i in read_bundle(arguments.policy).spec.image_inputs}
    far = apart(arguments, size)
    near = None
    if not arguments.no_local:
        near = answer(robot(arguments, "both", size), dict(os.environ))
    asked = ("delay_ms", "jitter_ms", "loss_percent", "cut", "kill", "mode")
    print(
        json.dumps(
            {
                "bench": "remote",
                **{name: getattr(arguments, name) for name in asked},
                "load": os.getloadavg()[0],
                "apart": far,
                "local": near,
            }
        )
    )


if __name__ == "__main__":
    main()
