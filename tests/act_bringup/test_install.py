"""A plain `colcon build`, without symlinks: what the launch files need is in share/."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from act_core.policy_json import read_spec

pytest.importorskip("colcon_core", reason="run `make setup`: colcon is missing")
PACKAGE = Path(__file__).resolve().parents[2] / "ros2_ws/src/act_bringup"


def test_policies_profiles_and_launch_files_are_installed(tmp_path):
    bases = ["--build-base", str(tmp_path / "build"), "--install-base", str(tmp_path / "install")]
    subprocess.run(
        [sys.executable, "-m", "colcon", "--log-base", str(tmp_path / "log"), "build", *bases,
         "--base-paths", str(PACKAGE)],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    share = tmp_path / "install/act_bringup/share/act_bringup"
    shipped = [path for path in (PACKAGE / "policies").iterdir() if path.is_dir()]
    assert shipped
    for policy in shipped:
        installed = share / "policies" / policy.name
        assert read_spec(installed) == read_spec(policy)
        for file in ("policy.onnx", "parity.npz"):
            assert (installed / file).read_bytes() == (policy / file).read_bytes()
            assert not (installed / file).is_symlink()
    assert {path.name for path in (share / "launch").iterdir()} == {
        path.name for path in (PACKAGE / "launch").glob("*.launch.py")
    }
    line = f'. "{tmp_path}/install/local_setup.sh" && env'
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_PROFILES_FILE")}
    done = subprocess.run(["sh", "-c", line], env=clean, capture_output=True, text=True, check=True)
    assert f"_DEFAULT_PROFILES_FILE={share}/config/fastdds.xml\n" in done.stdout
