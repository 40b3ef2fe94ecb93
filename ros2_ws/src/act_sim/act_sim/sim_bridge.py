"""A simulated arm that behaves like the robot: control periods, commands, episodes. No ROS here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from act_core.command_gate import Applied, CommandGate, Motion, Refusal
from act_core.joints import JointMerger, JointReading
from act_core.stamps import StampCheck

from act_sim.camera_schedule import CameraSchedule, Frame
from act_sim.experts import Expert, make_expert
from act_sim.simulated_person import Hand, SimulatedPerson
from act_sim.simulation import Simulation, Vector
from act_sim.task import EpisodeReport

# Names, positions [rad], stamp [ns], and ROS time when it came [ns]; see CommandGate.command.
Command = tuple[tuple[str, ...], tuple[float, ...], int, int | None]


class Sample(NamedTuple):
    """The arm after one control period."""

    position_rad: Vector  # (J,)
    velocity_rad_s: Vector  # (J,)
    effort_nm: Vector  # (J,) what the servos turn with
    applied: Applied
    frames: list[Frame]  # pictures that arrive in this period


class SimBridge:
    """One `Simulation` behind the same `CommandGate` as the real arm, one episode after the other.

    An episode begins with the first command that is followed: until then everything is at rest and
    the time limit does not run, however long a policy takes to start. When it has finished, the
    world goes on for ``pause_s``, so that everybody sees how it ended, and `tick` then starts the
    next one: seed ``first_seed`` + 1 and so on. Its methods may be called from any thread.

    sim: its ``control_hz`` is the control rate.
    cameras: when pictures are taken; None for none.
    episodes: after so many finished episodes `done` is true; 0 goes on for ever.
    command_delay_s: commands reach the gate so much later, as over a slow bus.
    stamps: what judges the stamps of commands.
    """

    def __init__(
        self,
        sim: Simulation,
        cameras: CameraSchedule | None = None,
        first_seed: int = 0,
        episodes: int = 0,
        pause_s: float = 1.0,
        command_timeout_s: float = 0.2,
        command_delay_s: float = 0.0,
        stamps: StampCheck | None = None,
    ) -> None:
        self.sim = sim
        self.gate = CommandGate(sim.limits, 1.0 / sim.control_hz, command_timeout_s, stamps)
        robot = sim.robot
        self._sides = {frozenset(robot.side(side).joint_names) for side in robot.sides}
        self._merger = JointMerger(robot.joint_names)
        self.episode = 0  # number of the episode, from 0
        self.reports: list[EpisodeReport] = []  # of the episodes that have finished
        self._cameras = cameras
        self._first_seed = first_seed
        self._episodes = episodes
        self._pause_periods = round(pause_s * sim.control_hz)
        self._delay_periods = round(command_delay_s * sim.control_hz)
        self._lock = threading.RLock()
        self._period = 0
        self._waiting: deque[tuple[int, Command]] = deque()  # commands and when they are due
        self._rested = 0
        self._moving = False
        self._expert: Expert | None = None
        self._begin(epoch_ns=0)

    @property
    def seed(self) -> int:
        """Of the present episode."""
        return self._first_seed + self.episode

    @property
    def successes(self) -> int:
        """Among `reports`."""
        return sum(report.success for report in self.reports)

    @property
    def done(self) -> bool:
        """Whether all episodes that were asked for have finished, the last pause included."""
        enough = 0 < self._episodes <= len(self.reports)
        return enough and self._rested >= self._pause_periods

    def reset(self, epoch_ns: int) -> None:
        """Gives the present episode up and starts the next; earlier commands are refused."""
        with self._lock:
            self.episode += 1
            self._begin(epoch_ns)

    def command(
        self,
        names: Sequence[str],
        position_rad: Sequence[float],
        stamp_ns: int,
        now_ns: int | None = None,
    ) -> Refusal | None:
        """See `CommandGate.command`; a delayed command that is refused later is only counted.

        Of two arms, each may be commanded by a message of its own, as two drivers do: then the
        halves are merged (see `JointMerger`), and both arms move when both are told.
        """
        with self._lock:
            if frozenset(names) in self._sides and len(names) == len(position_rad):
                try:
                    whole = self._merger.add(names, position_rad, (), stamp_ns)
                except ValueError:  # not finite: the gate says so, and stops both
                    whole = stamp_ns, JointReading(np.full(len(self._merger.wanted), np.nan), None)
                if whole is None:
                    return None
                stamp_ns, (merged, _) = whole
                names, position_rad = self._merger.wanted, merged.tolist()
            if not self._delay_periods:
                return self.gate.command(names, position_rad, stamp_ns, now_ns)
            due = self._period + self._delay_periods
            self._waiting.append((due, (tuple(names), tuple(position_rad), stamp_ns, now_ns)))
        return None

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        with self._lock:
            self.gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force, and those that are on their way."""
        with self._lock:
            self._waiting.clear()
            self.gate.hold(reason)

    @property
    def motion(self) -> Motion:
        """See `CommandGate.motion`."""
        with self._lock:
            return self.gate.motion

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        with self._lock:
            lost = self._cameras.lost if self._cameras is not None else 0
            return {**self.gate.counts(), "frames_lost": str(lost)}

    def tick(self, now_ns: int) -> Sample:
        """Runs one control period that ends at ``now_ns`` [ns of ROS time]: the stamp of pictures
        taken in it, and the epoch of an episode that starts with it."""
        with self._lock:
            return self._tick(now_ns)

    def _tick(self, now_ns: int) -> Sample:
        if self.sim.report.finished:
            self._rested += 1
            if self._rested > self._pause_periods and not self.done:
                self.reset(now_ns)
        while self._waiting and self._waiting[0][0] <= self._period:
            self.gate.command(*self._waiting.popleft()[1])
        applied = self.gate.next()
        self._moving = self._moving or applied.hold is None
        if self._moving:
            self._step(applied, now_ns)
        frames = []
        if self._cameras is not None:
            frames = self._cameras.frames(self._period, now_ns, self.sim.save)
        self._period += 1
        sim = self.sim
        return Sample(sim.joint_position, sim.joint_velocity, sim.joint_effort, applied, frames)

    def expert_target(self) -> Vector:
        """(J,) [rad], what the task's expert would command now; raises ConfigurationError if the
        task has none."""
        with self._lock:
            if self._expert is None:
                self._expert = make_expert(self.sim)
            return self._expert.act()

    def renew_expert(self) -> None:
        """The next target is that of an expert who begins from where the arm is."""
        with self._lock:
            self._expert = None

    def hand_of(self, person: SimulatedPerson, applied: Applied, owner: str, now_ns: int) -> Hand:
        """What a simulated person does after this control period."""
        with self._lock:
            return person.next(applied.position_rad, owner, now_ns)

    def _step(self, applied: Applied, now_ns: int) -> None:
        was_finished = self.sim.report.finished
        report = self.sim.step(applied.position_rad)
        if report.finished and not was_finished:
            self.reports.append(report)
        if self.sim.time_s == 0.0:  # the physics was lost: the arm is back at its start
            self.gate.reset(self.sim.joint_position, now_ns)

    def _begin(self, epoch_ns: int) -> None:
        self.sim.reset(self.seed)
        self.gate.reset(self.sim.joint_position, epoch_ns)
        self._rested = 0
        self._moving = False
        self._expert = None
