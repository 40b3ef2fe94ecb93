"""The environment variable that names a profile for the Fast DDS of this machine."""

from __future__ import annotations

import os

PROFILE_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"  # the only one that releases up to 2.14 read
    if os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)
