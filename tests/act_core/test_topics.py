"""The topic table."""

from __future__ import annotations

import pytest
from act_core import topics


def test_names_are_unique():
    names = [entry.name for entry in (*topics.TOPICS, *topics.SERVICES)]
    assert len(set(names)) == len(names)


def test_lookup_knows_cameras():
    assert topics.topic("joint_commands") is topics.JOINT_COMMANDS
    assert topics.topic("camera/wrist/image_raw") == topics.camera_image("wrist")
    compressed = topics.topic("camera/wrist/image_raw/compressed")
    assert compressed == topics.camera_compressed("wrist")
    assert topics.camera_info("wrist").with_rate(15.0).rate_hz == 15.0


def test_an_unknown_topic_names_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'joint_commands'"):
        topics.topic("joint_command")
