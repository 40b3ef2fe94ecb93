"""The simulated arm behind the robot's command gate, one episode after the other."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots.so101 import JOINT_NAMES
from act_sim.sim_bridge import SimBridge
from act_sim.simulation import Simulation


@pytest.fixture(scope="module")
def sim() -> Simulation:
    return Simulation("reach", control_hz=100)


def drive(bridge: SimBridge, periods: int, offset_rad: float = 0.0):
    """Commands the present pose plus an offset for so many periods."""
    target = bridge.sim.joint_position + offset_rad
    target = np.clip(target, bridge.sim.limits.lower_rad, bridge.sim.limits.upper_rad)
    samples = []
    for _ in range(periods):
        assert bridge.command(JOINT_NAMES, target, stamp_ns=0) is None
        samples.append(bridge.tick(now_ns=1))
    return samples


def test_an_episode_begins_with_the_first_command(sim):
    bridge = SimBridge(sim)
    start = bridge.sim.joint_position.copy()
    waiting = [bridge.tick(1) for _ in range(50)]
    assert {sample.applied.hold for sample in waiting} == {"no command yet"}
    assert bridge.sim.report.steps == 0
    assert np.array_equal(waiting[-1].position_rad, start)
    drive(bridge, 5)
    assert bridge.sim.report.steps == 5


def test_the_arm_follows_within_the_limits(sim):
    bridge = SimBridge(sim)
    start = bridge.sim.joint_position.copy()
    samples = drive(bridge, 100, offset_rad=0.3)
    moved = samples[-1].position_rad - start
    assert (moved[:5] > 0.2).all(), "soft servos, but they do move"
    sent = np.array([sample.applied.position_rad for sample in samples])
    assert np.abs(np.diff(sent, axis=0)).max() <= sim.limits.max_velocity_rad_s.max() / 100 + 1e-9


def test_the_watchdog_holds_but_the_world_goes_on(sim):
    bridge = SimBridge(sim)
    drive(bridge, 5, offset_rad=0.5)
    samples = [bridge.tick(1) for _ in range(60)]
    assert samples[5].applied.hold is None
    assert samples[-1].applied.hold == "no command for 20 control periods"
    assert bridge.sim.report.steps == 65


def test_a_finished_episode_is_followed_by_the_next_seed(sim):
    bridge = SimBridge(sim, first_seed=40, episodes=2, pause_s=0.1)
    limit = round(sim.task.time_limit_s * 100)
    drive(bridge, limit + 11)
    assert [report.seed for report in bridge.reports] == [40]
    assert not bridge.done
    assert (bridge.episode, bridge.seed, bridge.sim.report.steps) == (1, 41, 0)
    assert bridge.tick(1).applied.hold == "no command yet"
    drive(bridge, limit + 11)
    assert [report.seed for report in bridge.reports] == [40, 41]
    assert bridge.done
    assert bridge.successes == sum(report.success for report in bridge.reports)


def test_a_reset_refuses_the_commands_of_before(sim):
    bridge = SimBridge(sim)
    bridge.reset(epoch_ns=5_000_000_000)
    start = bridge.sim.joint_position
    refusal = bridge.command(JOINT_NAMES, start, stamp_ns=4_990_000_000)
    assert refusal == "command refused: stamped 0.010 s before the last reset"
    assert bridge.command(JOINT_NAMES, start, stamp_ns=5_000_000_000) is None


def test_delayed_commands_arrive_later(sim):
    bridge = SimBridge(sim, command_delay_s=0.03)
    bridge.command(JOINT_NAMES, bridge.sim.joint_position, 0)
    holds = [bridge.tick(1).applied.hold for _ in range(5)]
    assert [hold is None for hold in holds] == [False, False, False, True, True]


def test_the_estop_holds_through_everything(sim):
    bridge = SimBridge(sim)
    drive(bridge, 10, offset_rad=0.3)
    bridge.gate.estop(True)
    assert "e-stop" in bridge.command(JOINT_NAMES, bridge.sim.joint_position, 0)
    bridge.reset(epoch_ns=1)
    assert bridge.tick(1).applied.hold == "e-stop engaged"


def test_when_the_physics_is_lost_the_gate_starts_over(sim):
    bridge = SimBridge(sim)
    drive(bridge, 30, offset_rad=0.5)
    sim.data.qvel[0] = np.nan
    (sample,) = drive(bridge, 1)
    assert bridge.reports[-1].reason.startswith("physics reset")
    assert np.isfinite(sample.position_rad).all()
    assert np.allclose(bridge.tick(1).applied.position_rad, sim.joint_position, atol=0.05)


def test_commands_of_before_the_physics_was_lost_are_refused(sim):
    bridge = SimBridge(sim)
    drive(bridge, 30)
    sim.data.qvel[0] = np.nan
    bridge.command(JOINT_NAMES, np.zeros(6), stamp_ns=0)
    bridge.tick(now_ns=9_000_000_000)
    refusal = bridge.command(JOINT_NAMES, np.zeros(6), stamp_ns=8_990_000_000)
    assert refusal == "command refused: stamped 0.010 s before the last reset"


def test_same_seed_and_commands_same_samples():
    def states() -> list[bytes]:
        bridge = SimBridge(Simulation("reach", control_hz=100, level=2), first_seed=3)
        return [sample.position_rad.tobytes() for sample in drive(bridge, 200, offset_rad=0.2)]

    assert states() == states()


@pytest.fixture(scope="module")
def two_arms() -> Simulation:
    return Simulation("transfer_cube", control_hz=100)


@pytest.mark.parametrize("failing", ["left", "right"])
def test_both_arms_hold_when_nobody_commands_one_of_them_any_more(two_arms, failing):
    """Each arm is commanded by messages of its own here, as two drivers and two leaders do."""
    bridge = SimBridge(two_arms)
    sides = {side: two_arms.robot.side(side).joint_names for side in ("left", "right")}
    target = np.clip(
        two_arms.joint_position + 0.5, two_arms.limits.lower_rad, two_arms.limits.upper_rad
    )

    def told(side: str, stamp_ns: int) -> None:
        chosen = [two_arms.joint_names.index(name) for name in sides[side]]
        bridge.command(sides[side], target[chosen], stamp_ns)

    for period in range(10):
        told("left", period)
        told("right", period)
        sample = bridge.tick(1)
    assert sample.applied.hold is None
    for period in range(10, 60):
        told("right" if failing == "left" else "left", period)
        sample = bridge.tick(1)
    assert sample.applied.hold == "no command for 20 control periods"
    stopped_at = sample.applied.position_rad
    for _ in range(10):
        sample = bridge.tick(1)
    assert sample.applied.position_rad == pytest.approx(stopped_at)
