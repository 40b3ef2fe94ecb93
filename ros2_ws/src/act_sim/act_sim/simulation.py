"""The simulated arm at its task: deterministic steps, named joints, cameras, episodes.

    sim = Simulation("pick_place", level=1)
    sim.reset(seed=7)
    while not sim.report.finished:
        sim.step(target_rad)                      # (6,) joint targets, held for one control period
        image = sim.render("front", 240, 320)     # (240, 320, 3) uint8
    print(sim.report, sim.record)                 # what happened; every number that was drawn

Time: the physics runs at `PHYSICS_HZ` = 300; a control period at 30 Hz is ten of its steps. A
command acts from when it is given (plus the delay of the episode, if any) until the next one does.
What is read after a step (joints, objects, images) is the state at the end of the period.

Positions of objects are in the frame of the first arm's base, which stands at the origin when there
is one arm.
"""

from __future__ import annotations

import bisect
import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from act_core.camera_alignment import AlignedCamera, read_alignment
from act_core.errors import ConfigurationError, suggest
from act_core.limits import JointLimits
from act_core.robots import find_robot
from numpy.typing import ArrayLike, NDArray

from act_sim.aligned_cameras import place_cameras
from act_sim.arm_model import FIXED_PAD, GRASP_SITE, MOVING_PAD
from act_sim.camera_effects import add_effects
from act_sim.chosen_start import check_record, checked_pose, with_objects
from act_sim.command_check import checked_target
from act_sim.episode import Episode
from act_sim.identified_arm import IdentifiedArm, read_arm
from act_sim.looks import DEFAULT_LOOK, ROOM
from act_sim.mirror import MIRROR_SIGNS, symmetric_cameras
from act_sim.randomization import Randomization, check_level, needs_room
from act_sim.renderer import Renderer
from act_sim.scene import ARM_PREFIXES, PHYSICS_HZ, build_scene
from act_sim.task import EpisodeReport, Progress, Task
from act_sim.task_registry import check_task, find_task

logger = logging.getLogger(__name__)

Vector = NDArray[np.float64]

_ROBOTS = {1: "so101", 2: "so101_bimanual"}  # by the number of arms

# Where an episode starts: gripper 12 cm above the table, jaws opening sideways, wrist camera on the
# far side, so that it sees most of the region that objects are put in.
START_POSE_RAD = np.array([0.0, -1.2, 0.8, 1.3, -0.5 * np.pi, 0.3])
START_POSE_RAD.setflags(write=False)
START_JITTER_RAD = 0.10
SETTLE_S = 0.5  # after placing everything, before the episode starts

# Far beyond what the servos can do (5.4 rad/s): the solver has lost it.
MAX_SPEED = 200.0  # [rad/s] or [m/s]

_SEEN_DISTANCE_M = (0.05, 2.0)  # least and most that a picture's middle is taken to be away

# Separate streams of one seed: the placement does not change with the randomization level.
_PLACEMENT_STREAM, _RANDOMIZATION_STREAM, _IMAGE_STREAM = 0, 1, 2

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class _Command(NamedTuple):
    due_step: int
    target: Vector
    joints: NDArray[np.bool_]  # (J,) which of them it is due for


class _Snapshot(NamedTuple):
    """What the cameras see: kept for as long as their delay."""

    step: int
    qpos: Vector
    mocap_pos: Vector
    mocap_quat: Vector


@dataclass(frozen=True)
class SavedState:
    """Everything that `Simulation.restore` needs to go on bit by bit as if nothing had happened."""

    physics: Vector
    physics_steps: int
    record: dict[str, Any]
    episode: Episode
    commands: tuple[_Command, ...]
    snapshots: tuple[_Snapshot, ...]


class Simulation:
    """One or two SO-101 arms on a table, doing a task.

    task: a name as `act_sim.task_registry` finds it, or an object of a subclass of `Task`.
    arms: 1, or 2 (joints ``left_...`` then ``right_...``; a task for one is the left arm's).
        None: as many as the task takes.
    level: how much is randomized, from 0 (nothing but the start); see `randomization.LEVELS`.
    control_hz: steps a second; has to divide `PHYSICS_HZ`.
    mjcf: another model file for the arm (see `arm_model.load_arm`).
    look: "plain" or "room" (see `scene`); None: that of the level. Level 3 needs "room".
    arm_parameters: how the servos of one arm really are, or the file that tells it
        (`identified_arm`); what a level draws is around that. None: nominal servos.
    camera_alignment: where the cameras of one arm stand, or the file that tells it
        (`act_core.camera_alignment`); what a level draws is around that.
    mirrored: the one arm is the mirror image, as the right one of two is (see `mirror`); what is
        drawn for the table stays where it is. No expert can show a task with it.

    Raises ConfigurationError for a value outside these.
    """

    def __init__(
        self,
        task: str | Task = "pick_place",
        *,
        arms: int | None = None,
        level: int = 0,
        control_hz: int = 30,
        mjcf: str | Path | None = None,
        look: str | None = None,
        arm_parameters: IdentifiedArm | str | Path | None = None,
        camera_alignment: Mapping[str, AlignedCamera] | str | Path | None = None,
        mirrored: bool = False,
    ) -> None:
        if control_hz <= 0 or PHYSICS_HZ % control_hz:
            divisors = [str(hz) for hz in range(1, PHYSICS_HZ + 1) if PHYSICS_HZ % hz == 0]
            raise ConfigurationError(
                f"control_hz is {control_hz!r}, expected a divisor of {PHYSICS_HZ}: "
                + ", ".join(divisors)
            )
        check_level(level)
        if not isinstance(task, str):
            check_task(type(task), getattr(task, "name", "?"))
        self.task = find_task(task) if isinstance(task, str) else task
        arms = self.task.arms if arms is None else arms
        if arms in ARM_PREFIXES and arms < self.task.arms:
            raise ConfigurationError(
                f"arms is {arms}; the task '{self.task.name}' takes {self.task.arms}"
            )
        self.arms, self.level, self.control_hz, self.mjcf = arms, level, control_hz, mjcf
        self.look = look or (ROOM if needs_room(level) else DEFAULT_LOOK)
        self.mirrored = mirrored
        scene = build_scene(arms, mjcf, self._add_objects, self.look, mirrored)
        self.model = scene.compile()
        # A NaN must be seen and said by `_fault`, not be replaced by the initial state in silence.
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        self.data = mujoco.MjData(self.model)
        one_arm = arms == 1 and not mirrored
        if not (arm_parameters is None and camera_alignment is None) and not one_arm:
            there = "its mirror image" if mirrored else str(arms)
            raise ConfigurationError(
                "arm_parameters and camera_alignment are those of one arm; this simulation has "
                f"{there}"
            )
        if isinstance(arm_parameters, (str, Path)):
            arm_parameters = read_arm(arm_parameters)
        if isinstance(camera_alignment, (str, Path)):
            camera_alignment = read_alignment(camera_alignment)
        place_cameras(self.model, camera_alignment or {})
        self.symmetric_cameras = symmetric_cameras(self.model)  # before a level moves them
        self._randomization = Randomization(self.model, self.task, arm_parameters)
        self._substeps = PHYSICS_HZ // control_hz

        prefixes = ARM_PREFIXES[arms]
        self.robot = find_robot(_ROBOTS[arms])
        self.joint_names = self.robot.joint_names
        self.gripper = self.robot.index(self.robot.grippers[0])  # of the first arm
        self.cameras = tuple(self.model.camera(i).name for i in range(self.model.ncam))
        joints = [self.model.joint(name) for name in self.joint_names]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self._ctrl = np.array([self.model.actuator(name).id for name in self.joint_names])
        self.limits = self._joint_limits()
        self._pads = [
            (self.model.geom(prefix + FIXED_PAD).id, self.model.geom(prefix + MOVING_PAD).id)
            for prefix in prefixes
        ]
        self._grasp_site = self.model.site(prefixes[0] + GRASP_SITE).id
        self._grasped = self._geoms_to_grasp()
        self.arm_base = self.model.body(prefixes[0] + "base").pos.copy()  # (3,) [m] in the world
        self.arm_base.setflags(write=False)

        self._renderer: Renderer | None = None
        self._camera_data = mujoco.MjData(self.model)
        self.reset(seed=0)

    # -- episodes ------------------------------------------------------------------------------

    def reset(
        self,
        seed: int,
        *,
        level: int | None = None,
        objects: Mapping[str, Any] | None = None,
        arm_start_rad: ArrayLike | None = None,
    ) -> dict[str, Any]:
        """Starts the episode of ``seed`` and returns its record: all that was drawn, JSON-ready.

        What is given here stands in place of what the seed says, and changes nothing else of it:

        level: of randomization, instead of the simulation's.
        objects: some of the record's "objects", e.g. ``{"cube": (0.25, 0.0)}``.
        arm_start_rad: (J,) [rad].

        Raises ConfigurationError for a name that does not exist or a value that cannot be.
        """
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ConfigurationError(f"seed is {seed!r}, expected an integer of at least 0")
        level = self.level if level is None else level
        check_level(level)
        if needs_room(level) and self.look != ROOM:
            raise ConfigurationError(
                f"level {level} is drawn in the look '{ROOM}' only: make the simulation with "
                f"look='{ROOM}' (this one has '{self.look}')"
            )
        placement = np.random.default_rng([int(seed), _PLACEMENT_STREAM])
        chance = np.random.default_rng([int(seed), _RANDOMIZATION_STREAM])
        jitter = placement.uniform(-START_JITTER_RAD, START_JITTER_RAD, len(self.joint_names))
        limits = self.limits
        pose = np.clip(self._start_pose() + jitter, limits.lower_rad, limits.upper_rad)
        if arm_start_rad is not None:
            pose = checked_pose(arm_start_rad, limits)
        record = {
            "task": self.task.name,
            "seed": int(seed),
            "level": int(level),
            "arm_start_rad": pose.tolist(),
            "objects": with_objects(self.task.draw_start(placement), objects),
        }
        record["randomization"] = self._randomization.draw(chance, level, record["objects"])
        self.replay(self._checked_record(record))
        return self.record

    def replay(self, record: dict[str, Any]) -> None:
        """Starts the episode that a record of this task describes (see `reset`) once more.

        Raises ConfigurationError for what is no record, or one of another task.
        """
        check_record(record)
        if record["task"] != self.task.name or len(record["arm_start_rad"]) != len(self._qpos):
            raise ConfigurationError(
                f"the record is of '{record['task']}' with {len(record['arm_start_rad'])} joints; "
                f"this simulation does '{self.task.name}' with {len(self._qpos)}"
            )
        self.record = record
        mujoco.mj_resetData(self.model, self.data)
        self._randomization.apply(record["randomization"])
        self._steps = 0
        self._commands: deque[_Command] = deque()
        self._snapshots: deque[_Snapshot] = deque()
        start = np.array(record["arm_start_rad"]) + self.joint_offset_rad
        self.data.qpos[self._qpos] = start
        self.data.ctrl[self._ctrl] = start
        for body, (position, quat) in self._randomization.placed.items():
            self.put(body, position, quat)
        self.task.apply_start(self, record["objects"])
        self._advance(round(SETTLE_S * PHYSICS_HZ))
        self._steps = 0
        self._observe()
        self._episode = Episode(self.task, record, self.control_hz)
        self._episode.touching = self._touching
        self._episode.distance_m = self._progress().distance_m

    @property
    def report(self) -> EpisodeReport:
        """The episode so far."""
        return self._episode.report()

    # -- stepping ------------------------------------------------------------------------------

    def step(self, target_rad: ArrayLike, names: Sequence[str] | None = None) -> EpisodeReport:
        """Holds joint targets [rad] for one control period and returns the report after it.

        target_rad: (J,) in the order of `joint_names`, or in that of ``names`` when given.

        When the physics has blown up, the episode starts again from its beginning and the report
        says so in ``reason``; it is then finished. Raises ValueError for a target that is not
        J finite numbers inside the joint limits, or for unknown or missing names.
        """
        target = checked_target(target_rad, self.limits, names)
        randomization = self._randomization
        delay = randomization.command_delay_steps + randomization.servo_delay_steps[self._ctrl]
        for steps in np.unique(delay):  # one, unless the servos of this arm were identified
            command = _Command(self._steps + int(steps), target, delay == steps)
            bisect.insort(self._commands, command, key=lambda waiting: waiting.due_step)
        self._advance(self._substeps)
        fault = self._fault()
        if fault is not None:
            logger.warning("%s; the episode starts again", fault)
            self.replay(self.record)
            self._episode.fault(f"physics reset: {fault}")
            return self.report
        self._observe()
        self._episode.update(self)
        return self.report

    def _advance(self, steps: int) -> None:
        """Runs the physics, switching to each waiting command when it is due."""
        end = self._steps + steps
        while self._steps < end:
            while self._commands and self._commands[0].due_step <= self._steps:
                command = self._commands.popleft()
                self._follow(command.target, command.joints)
            until = min(end, self._commands[0].due_step) if self._commands else end
            mujoco.mj_step(self.model, self.data, nstep=until - self._steps)
            self._steps = until

    def _follow(self, target: Vector, joints: NDArray[np.bool_]) -> None:
        """Gives these servos a new target, through the play of their gears."""
        target = target + self.joint_offset_rad
        play = self._randomization.half_backlash_rad[self._ctrl]
        held = self.data.ctrl[self._ctrl]
        followed = np.clip(held, target - play, target + play)
        self.data.ctrl[self._ctrl] = np.where(joints, followed, held)

    def _observe(self) -> None:
        """Brings everything that is read after a step to the end of the period."""
        self._refresh(self.data)
        self._touching = self._read_contacts()
        delay = self._randomization.camera_delay_steps
        if delay:
            data = self.data
            self._snapshots.append(
                _Snapshot(
                    self._steps, data.qpos.copy(), data.mocap_pos.copy(), data.mocap_quat.copy()
                )
            )
            while len(self._snapshots) > 1 and self._snapshots[1].step <= self._steps - delay:
                self._snapshots.popleft()

    def _refresh(self, data: mujoco.MjData) -> None:
        # mj_step leaves positions of bodies, sites and cameras one physics step behind the joints.
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_camlight(self.model, data)

    def _read_contacts(self) -> tuple[tuple[bool, bool], ...]:
        if not self._grasped.any():
            return ((False, False),) * self.arms
        pairs = self.data.contact.geom  # (C, 2)
        others = pairs[self._grasped[pairs].any(axis=1)]
        return tuple(
            (bool((others == fixed).any()), bool((others == moving).any()))
            for fixed, moving in self._pads
        )

    def _fault(self) -> str | None:
        data = self.data
        # One comparison also catches NaN: a comparison with NaN is false.
        if (np.abs(data.qvel) < MAX_SPEED).all() and np.isfinite(data.qpos).all():
            return None
        if not (np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all()):
            return "the state is no longer finite"
        return f"a speed of {np.abs(data.qvel).max():.0f} is beyond {MAX_SPEED:.0f} rad/s or m/s"

    # -- reading -------------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """Simulated time since the start of the episode."""
        return self._steps / PHYSICS_HZ

    @property
    def joint_position(self) -> Vector:
        """(J,) [rad], in the order of `joint_names`, as the arm's calibration has it."""
        return self.data.qpos[self._qpos] - self.joint_offset_rad

    @property
    def joint_effort(self) -> Vector:
        """(J,) torques of the servos in the last physics step [N m]."""
        return self.data.actuator_force[self._ctrl]

    @property
    def joint_velocity(self) -> Vector:
        """(J,) [rad/s]."""
        return self.data.qvel[self._dofs]

    @property
    def command(self) -> Vector:
        """(J,) [rad], the joint targets that the servos follow now."""
        return self.data.ctrl[self._ctrl] - self.joint_offset_rad

    @property
    def joint_offset_rad(self) -> Vector:
        """(J,) how far the joints really are beyond what the arm's calibration says: level 3."""
        return self._randomization.joint_offset_rad[self._ctrl]

    @property
    def base_height_m(self) -> float:
        """How far the first arm's base stands above the table: level 3."""
        return float(self.model.body(ARM_PREFIXES[self.arms][0] + "base").pos[2])

    @property
    def touching(self) -> tuple[bool, bool]:
        """Whether the (fixed, moving) pad of the first arm touches what the task has to grasp."""
        return self._touching[0]

    @property
    def touching_of_arms(self) -> tuple[tuple[bool, bool], ...]:
        """The same of every arm."""
        return self._touching

    def joints_of(self, arm: int) -> slice:
        """Where the joints of an arm, counted from 0, stand in what has one value for each."""
        sides = self.robot.sides
        names = self.robot.side(sides[arm]).joint_names if sides else self.joint_names
        first = self.robot.index(names[0])
        return slice(first, first + len(names))

    def base_of(self, arm: int) -> Vector:
        """(3,) [m], an arm's base on the table, in the frame of the first arm's."""
        base = self.model.body(ARM_PREFIXES[self.arms][arm] + "base").pos - self.arm_base
        return base * (1.0, 1.0, 0.0)

    def position(self, body: str) -> Vector:
        """(3,) [m], in the frame of the first arm's base."""
        return self.data.xpos[self.model.body(body).id] - self.arm_base

    def rotation(self, body: str) -> Vector:
        """(3, 3) rotation matrix, body to world."""
        return self.data.xmat[self.model.body(body).id].reshape(3, 3).copy()

    def speed(self, body: str) -> float:
        """Linear speed of a free body [m/s]."""
        start = self.model.body(body).dofadr[0]
        return float(np.linalg.norm(self.data.qvel[start : start + 3]))

    def half_size(self, body: str) -> float:
        """The first half size of a body's first geom in this episode [m]: half a cube's edge."""
        return float(self.model.geom_size[self.model.body(body).geomadr[0], 0])

    def grasp_position(self) -> Vector:
        """(3,) [m], the point between the fingers of the first arm."""
        return self.data.site_xpos[self._grasp_site] - self.arm_base

    def put(self, body: str, position: ArrayLike, quat: ArrayLike = (1, 0, 0, 0)) -> None:
        """Places a free or mocap body: (3,) [m] in the frame of the first arm's base, and wxyz."""
        where = np.asarray(position) + self.arm_base
        mocap = self.model.body(body).mocapid[0]
        if mocap >= 0:
            self.data.mocap_pos[mocap], self.data.mocap_quat[mocap] = where, quat
        else:
            self.data.joint(body).qpos[:] = (*where, *np.asarray(quat))

    def render(self, camera: str, height: int, width: int) -> NDArray[np.uint8]:
        """What a camera sees: (height, width, 3) uint8 rgb, with the episode's noise and delay.

        Raises ConfigurationError for an unknown camera or an impossible size.
        """
        if camera not in self.cameras:
            raise ConfigurationError(suggest("camera", camera, self.cameras))
        if self._renderer is None:
            self._renderer = Renderer(self.model, shadows=self.look == ROOM)
        elif self._randomization.is_repainted:
            self._renderer.repaint()
        self._randomization.is_repainted = False
        camera_id = self.cameras.index(camera)
        image = self._renderer.render(self._seen_data(), camera_id, height, width)
        effects = self._randomization.image_effects
        if effects is None:
            return image
        if self.look == ROOM:
            effects = effects.shrunk(height)
        stream = [self.record["seed"], _IMAGE_STREAM, self._steps, camera_id]
        rng = np.random.default_rng(stream)
        flow = self._flow_per_s(camera_id) if effects.processing is not None else (0.0, 0.0)
        return add_effects(image, effects, rng, flow)

    def _flow_per_s(self, camera_id: int) -> tuple[float, float]:
        """How fast the middle of a camera's picture moves: (right, down) in image heights a second.

        What it shows is taken to be the table, and not to move.
        """
        mujoco.mj_comPos(self.model, self.data)  # a restored state has no velocities of bodies yet
        mujoco.mj_comVel(self.model, self.data)
        velocity = np.zeros(6)  # (turning, moving) in the camera's frame: right, up, backwards
        camera = mujoco.mjtObj.mjOBJ_CAMERA
        mujoco.mj_objectVelocity(self.model, self.data, camera, camera_id, velocity, 1)
        falls = float(
            self.data.cam_xmat[camera_id, 8]
        )  # of a metre of sight, how much is downwards
        height_m = float(self.data.cam_xpos[camera_id, 2])
        distance_m = float(np.clip(height_m / max(falls, 1e-3), *_SEEN_DISTANCE_M))
        heights_per_rad = 0.5 / np.tan(0.5 * np.radians(self.model.cam_fovy[camera_id]))
        right = velocity[1] - velocity[3] / distance_m
        down = velocity[0] + velocity[4] / distance_m
        return float(heights_per_rad * right), float(heights_per_rad * down)

    def _seen_data(self) -> mujoco.MjData:
        if not self._snapshots:
            return self.data
        seen, data = self._snapshots[0], self._camera_data
        data.qpos[:] = seen.qpos
        data.mocap_pos[:], data.mocap_quat[:] = seen.mocap_pos, seen.mocap_quat
        self._refresh(data)
        return data

    # -- state ---------------------------------------------------------------------------------

    def save(self) -> SavedState:
        """The present state."""
        physics = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return SavedState(
            physics,
            self._steps,
            self.record,
            self._episode.copy(),
            tuple(self._commands),
            tuple(self._snapshots),
        )

    def restore(self, state: SavedState) -> None:
        """Goes to a state of this simulation, or of one built with the same arguments."""
        self.record = state.record
        self._randomization.apply(state.record["randomization"])
        mujoco.mj_setState(self.model, self.data, state.physics, _STATE)
        self._refresh(self.data)
        self._steps = state.physics_steps
        self._episode = state.episode.copy()
        self._touching = self._episode.touching
        self._commands, self._snapshots = deque(state.commands), deque(state.snapshots)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but the graphics, which the copy opens when it draws."""
        return self.__dict__ | {"_renderer": None}

    def close(self) -> None:
        """Frees the graphics context, if images were drawn."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    # -- construction --------------------------------------------------------------------------

    def _progress(self) -> Progress:
        progress = self.task.progress(self)
        if not isinstance(progress, Progress):
            raise ConfigurationError(
                f"task '{self.task.name}': progress returned {progress!r}, expected a "
                "Progress(achieved, distance_m)"
            )
        return progress

    def _checked_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record, if what the task drew can be written down and read again."""
        try:
            again = json.loads(json.dumps(record))
        except (TypeError, ValueError) as error:
            again = error
        if again != record or not isinstance(record["objects"], dict):
            raise ConfigurationError(
                f"task '{self.task.name}': what it draws has to be a dict of plain numbers, text "
                f"and lists, got {record['objects']!r}"
                + (f" ({again})" if isinstance(again, Exception) else "")
            )
        return record

    def _add_objects(self, spec: mujoco.MjSpec) -> None:
        self.task.add_objects(spec)
        if self.look == ROOM:
            self.task.dress(spec)

    def _geoms_to_grasp(self) -> NDArray[np.bool_]:
        """(G,) whether a geom is of the body that the task has to grasp."""
        body = self.task.grasped
        if body is None:
            return np.zeros(self.model.ngeom, dtype=bool)
        known = [self.model.body(i).name for i in range(self.model.nbody)]
        if body not in known:
            raise ConfigurationError(
                f"task '{self.task.name}': its `grasped` is no body that it adds: "
                + suggest("body", body, known)
            )
        return self.model.geom_bodyid == self.model.body(body).id

    def _joint_limits(self) -> JointLimits:
        joints = np.array([self.model.joint(name).range for name in self.joint_names])
        control = np.array([self.model.actuator(name).ctrlrange for name in self.joint_names])
        limited = self.model.actuator_ctrllimited[self._ctrl].astype(bool)[:, None]
        control = np.where(limited, control, joints)
        return JointLimits(
            names=self.joint_names,
            lower_rad=np.maximum(joints[:, 0], control[:, 0]),
            upper_rad=np.minimum(joints[:, 1], control[:, 1]),
            max_velocity_rad_s=self.robot.limits.max_velocity_rad_s,
            max_acceleration_rad_s2=self.robot.limits.max_acceleration_rad_s2,
        )

    def _start_pose(self) -> Vector:
        both = [START_POSE_RAD, START_POSE_RAD * MIRROR_SIGNS]
        return both[1] if self.mirrored else np.concatenate(both[: self.arms])
