"""From the simulation through a bag, the episode is the one that is collected directly."""

from __future__ import annotations

import numpy as np
import pytest
from act_core import topics
from act_core.timing import NS_PER_S
from act_training.datasets.bag.source import BagSource
from act_training.datasets.episode_file import Episode
from act_training.datasets.source import Declared
from act_training.demonstrate import record_episode
from act_training.environments.so101 import So101

from tests.act_record import bags

SEED, HEIGHT, WIDTH = 3, 48, 64


class Recorded(So101):
    """The same environment, which also tells on topics what it sees and is told."""

    def __init__(self, jpeg: bool, **options) -> None:
        self.messages: list = []
        self._jpeg = jpeg
        super().__init__("reach", **options)

    @property
    def now_ns(self) -> int:
        return bags.T0 + round(self._step * NS_PER_S / 30)

    def observe(self):
        self.messages.append(
            bags.joints(
                topics.JOINT_STATES,
                self.now_ns,
                self._sim.joint_position,
                velocity=self._sim.joint_velocity,
            )
        )
        for image in self._images:
            pixels = self._sim.render(image.camera, *self._render_size)
            self.messages.append(bags.image(image.camera, self.now_ns, pixels, jpeg=self._jpeg))
        return super().observe()

    def expert_action(self):
        action = super().expert_action()
        self.messages.append(bags.joints(topics.JOINT_COMMANDS, self.now_ns, action))
        return action


def environment(jpeg: bool) -> Recorded:
    return Recorded(jpeg, height=HEIGHT, width=WIDTH, render_height=240)


def both(tmp_path, jpeg: bool) -> tuple[Episode, Episode]:
    env = environment(jpeg)
    direct = record_episode(env, SEED)
    env.close()
    messages = sorted(env.messages, key=lambda message: message.log_ns)
    bags.write_bag(tmp_path / "run", messages)
    source = BagSource([tmp_path / "run"], Declared(), size=(HEIGHT, WIDTH))
    return direct, source.read(0)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> tuple[Episode, Episode]:
    return both(tmp_path_factory.mktemp("raw"), jpeg=False)


def test_joints_velocities_and_actions_are_the_same(raw):
    direct, converted = raw
    assert len(converted) == len(direct) > 20
    assert np.array_equal(converted.joints, direct.joints)
    assert np.array_equal(converted.joint_velocities, direct.joint_velocities)
    assert np.abs(converted.joint_velocities).max() > 0.1
    assert np.array_equal(converted.actions, direct.actions)
    assert converted.features == direct.features


def test_images_are_the_same_pixels(raw):
    direct, converted = raw
    for camera in ("front", "wrist"):
        assert np.array_equal(converted.images[camera], direct.images[camera])


def test_compressed_images_are_close(tmp_path):
    direct, converted = both(tmp_path, jpeg=True)
    for camera in ("front", "wrist"):
        error = converted.images[camera].astype(float) - direct.images[camera]
        assert 10 * np.log10(255**2 / np.mean(error**2)) >= 38.0  # dB
