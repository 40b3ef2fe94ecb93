"""The simulated arm on the topics of the real one."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from act_core import ros, topics
from act_core.arbiter import EXPERT, POLICY
from act_core.arm_node import ArmNode, ArmSample
from act_core.errors import ConfigurationError, suggest
from act_core.foreign_text import clean
from act_core.report import Report
from act_core.ros_guard import LONGEST_REASON
from act_core.timing import NS_PER_S, LoopStats, PeriodicSchedule
from rclpy.client import Client
from rosgraph_msgs.msg import Clock as ClockMessage
from std_srvs.srv import Trigger

from act_sim.camera_schedule import CameraSchedule, Frame, focal_length
from act_sim.experts import make_expert, warning_of_expert
from act_sim.identified_arm import IdentifiedArm, read_arm
from act_sim.looks import CAMERAS
from act_sim.sim_bridge import Sample, SimBridge
from act_sim.sim_parameters import AUTO, LOCKSTEP, SimParameters
from act_sim.simulated_person import SimulatedPerson
from act_sim.simulation import Simulation
from act_sim.viewer import open_viewer

LOOKS_FOR_WATCHERS_S = 0.2


class SimNode(ArmNode):
    """A `SimBridge` as the backend of an `ArmNode`, its cameras and its episodes.

    Pictures are drawn in a thread of their own. In real time the physics has a thread too, on an
    absolute schedule, and a slow picture delays no control period; in lockstep the callback of a
    command steps the physics and waits for the pictures.
    """

    def __init__(self) -> None:
        super().__init__("act_sim")
        p = self.params = ros.declare_parameters(self, SimParameters)
        if p.real_time_factor != 1.0 and not p.publish_clock:
            raise ConfigurationError(
                f"real_time_factor is {p.real_time_factor}: only with publish_clock:=true, because "
                "stamps would not tell simulated time"
            )
        if p.person and p.pacing == LOCKSTEP:
            raise ConfigurationError(
                "person: not in lockstep, where time waits for commands and the policy that is to "
                "be helped waits for time; on a slow machine, real_time_factor below 1"
            )
        sim = self._simulation()
        if p.cameras == (AUTO,):
            p = self.params = replace(p, cameras=CAMERAS[sim.arms])
        for camera in p.cameras:
            if camera not in sim.cameras:
                raise ConfigurationError(suggest("camera", camera, sim.cameras))
        self._simulated_time = p.publish_clock or p.pacing == LOCKSTEP
        self._cameras = CameraSchedule(
            p.cameras, p.rate_hz, p.camera_rate_hz, p.camera_delay_s, p.frame_loss, p.seed
        )
        self.bridge = SimBridge(
            sim,
            self._cameras,
            first_seed=p.seed,
            episodes=p.episodes,
            pause_s=p.pause_s,
            command_timeout_s=p.command_timeout_s,
            command_delay_s=p.command_delay_s,
            stamps=self.stamp_check(p),
        )
        self._viewer = open_viewer(sim) if p.viewer else nullcontext()
        # Draws the pictures, always in the same thread: a graphics context belongs to one.
        self._painter = ThreadPoolExecutor(1, "painter")
        self._eye: Simulation | None = None
        self._drawing: deque[Future[None]] = deque()
        self._overtaken = 0  # frames given up because two were still being drawn
        self._loop_stats = LoopStats()
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._announced: tuple[object, ...] = ()
        self._period = 0
        self._episode = 0

        self._episode_status = ros.publisher(self, topics.EPISODE_STATUS)
        self._images = {c: ros.publisher(self, topics.camera_image(c)) for c in p.cameras}
        self._infos = {c: ros.publisher(self, topics.camera_info(c)) for c in p.cameras}
        if self._simulated_time:
            self._clock_topic = ros.publisher(self, topics.CLOCK)
        if p.expert:
            self.bridge.expert_target()  # raises now if the task has no expert
            self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self._shown = ros.publisher(self, topics.EXPERT_TARGETS)
        self._shows = False  # somebody watches the expert
        self._may_show = False  # it could be made once, imports included
        self._no_expert = ""  # why nobody can watch one
        ros.steady_timer(self, LOOKS_FOR_WATCHERS_S, self._look_for_watchers)
        self._person = SimulatedPerson(sim, p.seed) if p.person else None
        if self._person is not None:
            self._device = ros.publisher(self, topics.JOINT_COMMANDS_PERSON)
            self._hand_back: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        ros.service(self, topics.SIM_RESET, self._on_reset)
        hardware_id = f"simulation of {sim.arms} SO-101"
        self.serve(
            self.bridge, sim.limits, 1 / p.rate_hz, p, self._loop_stats, hardware_id,
            sim.robot.grippers,
            EXPERT if p.expert else POLICY,
        )  # fmt: skip
        self.describe(sim.robot)
        self._announce()

        self._physics = threading.Thread(target=self._run, name="physics")
        if p.pacing == LOCKSTEP:
            self._step()
            self._repeat = self.create_timer(0.2, lambda: self._publish(*self._latest))
        else:  # once messages are heard: what the expert commanded before would be out of date
            self._beginning = ros.steady_timer(self, 0.0, self._begin)
        self.get_logger().info(
            f"task {p.task}, level {p.level}, {p.pacing} at {p.rate_hz} Hz, cameras "
            f"{', '.join(p.cameras) or 'none'} at {p.width}x{p.height}; waiting for commands"
        )
        warning = warning_of_expert(sim) if p.expert or p.person else None
        if warning is not None:
            self.get_logger().warning(warning)

    @property
    def finished(self) -> bool:
        """Whether all episodes have ended; raises what a thread died of."""
        if self._failure is not None:
            raise self._failure
        return self.bridge.done

    def close(self) -> None:
        """Ends the threads and sums up."""
        self._ending.set()
        if self._physics.is_alive():
            self._physics.join()
        if self._eye is not None:
            self._painter.submit(self._eye.close)
        self._painter.shutdown()
        if self.bridge.reports:
            count = len(self.bridge.reports)
            self.get_logger().info(f"{self.bridge.successes} of {count} episodes succeeded")

    # -- control periods -----------------------------------------------------------------------

    def _begin(self) -> None:
        self._beginning.cancel()
        if self._physics.ident is None:  # a timer may be due twice before it is cancelled
            self._physics.start()

    def _run(self) -> None:
        """The physics thread."""
        try:
            schedule = PeriodicSchedule(1.0 / (self.params.rate_hz * self.params.real_time_factor))
            with self._viewer as viewer:
                while not self._ending.is_set():
                    self._loop_stats.record(schedule.wait())
                    now_ns, sample = self._tick()
                    self._publish_sample(now_ns, sample)
                    for frame in sample.frames:
                        self._draw_unless_behind(frame)
                    if viewer is not None:
                        viewer.sync()
        except Exception as error:
            self._failure = error

    def _draw_unless_behind(self, frame: Frame) -> None:
        while self._drawing and self._drawing[0].done():
            self._drawing.popleft().result()  # raises what went wrong
        if len(self._drawing) < 2:
            self._drawing.append(self._painter.submit(self._publish_frame, frame))
        else:
            self._overtaken += 1

    def _step(self) -> None:
        """One control period in lockstep. It is published again until it is answered."""
        self._latest = self._tick()
        self._publish(*self._latest)

    def _tick(self) -> tuple[int, Sample]:
        now_ns = self.now_ns()
        sample = self.bridge.tick(now_ns)
        if self.bridge.episode != self._episode:
            self._episode = self.bridge.episode
            self.begin_anew()
            if self._person is not None:
                self._person.begin_anew()
        if self._person is not None:
            self._let_help(self._person, sample, now_ns)
        shows = self._shows
        self._period += 1
        if self.params.expert or shows:
            target = self.bridge.expert_target()
            message = ros.joint_state(self.bridge.sim.joint_names, target, now_ns)
            if self.params.expert:
                self._commands.publish(message)
            if shows:
                self._shown.publish(message)
        return now_ns, sample

    def _look_for_watchers(self) -> None:
        """The expert is asked only while somebody wants to know. The first one is made here and
        thrown away: the physics would stand still while inverse kinematics is imported."""
        watched = self._shown.get_subscription_count() > 0
        if watched and not (self._may_show or self._no_expert):
            try:
                make_expert(self.bridge.sim)
                self._may_show = True
            except ConfigurationError as error:
                self._no_expert = str(error)
                self.get_logger().warning(f"somebody wants to see the expert, but {error}")
        shows = watched and self._may_show
        if shows and not (self._shows or self.params.expert):
            self.bridge.renew_expert()
        self._shows = shows

    def _let_help(self, person: SimulatedPerson, sample: Sample, now_ns: int) -> None:
        """The person's device is on the topic of every person's, and so is the way back."""
        owner = self.helm.ownership.owner
        hand = self.bridge.hand_of(person, sample.applied, owner, now_ns)
        if hand.device_rad is not None:
            names = self.bridge.sim.joint_names
            self._device.publish(ros.joint_state(names, hand.device_rad, now_ns))
        if hand.hands_back:
            self._hand_back.call_async(Trigger.Request())

    @property
    def owns_clock(self) -> bool:
        """Whether simulated time is told here."""
        return self._simulated_time

    def now_ns(self) -> int:
        """ROS time of this control period."""
        if not self._simulated_time:
            return super().now_ns()
        # From one second on: a stamp of 0 means "not stamped".
        return NS_PER_S + round(self._period * NS_PER_S / self.params.rate_hz)

    # -- messages out --------------------------------------------------------------------------

    def _publish(self, now_ns: int, sample: Sample) -> None:
        self._publish_sample(now_ns, sample)
        for frame in sample.frames:
            self._painter.submit(self._publish_frame, frame).result()

    def _publish_sample(self, now_ns: int, sample: Sample) -> None:
        if self._simulated_time:
            self._clock_topic.publish(ClockMessage(clock=ros.to_stamp(now_ns)))
        joints = ArmSample(now_ns, sample.position_rad, sample.velocity_rad_s, sample.effort_nm)
        self.publish(joints, sample.applied, now_ns, sample.applied.hold)
        self._announce()

    def _publish_frame(self, frame: Frame) -> None:
        if self._eye is None:
            self._eye = self._simulation()
        eye, p = self._eye, self.params
        eye.restore(frame.state)
        for camera in frame.cameras:
            pixels = eye.render(camera, p.height, p.width)
            image = ros.array_to_image(pixels, frame.stamp_ns, f"{camera}_optical_frame")
            focal = focal_length(float(eye.model.camera(camera).fovy[0]), p.height)
            self._images[camera].publish(image)
            self._infos[camera].publish(ros.camera_info(image, focal))

    def _announce(self) -> None:
        """Publishes the episode's status when there is something new to say."""
        report, bridge = self.bridge.sim.report, self.bridge
        state = (
            bridge.episode, report.finished, report.grasps_tried, report.grasps_won, self._no_expert
        )  # fmt: skip
        if state == self._announced:
            return
        self._announced = state
        values = {
            "episode": bridge.episode,
            "task": report.task,
            "seed": report.seed,
            "level": report.level,
            "step": report.steps,
            "finished": report.finished,
            "success": report.success,
            "grasps_tried": report.grasps_tried,
            "grasps_won": report.grasps_won,
            "distance_m": f"{report.distance_m:.4f}",
        }
        if self._no_expert:
            values["no_expert"] = clean(self._no_expert, LONGEST_REASON)
        level = "ok" if report.success or not report.finished else "warn"
        texts = {key: str(value).lower() for key, value in values.items()}
        self._episode_status.publish(ros.diagnostic("episode", level, report.reason, texts))
        if report.finished:
            count = len(bridge.reports)
            self.get_logger().info(
                f"episode {count}: seed {report.seed}: {report.reason} after "
                f"{report.steps / self.params.rate_hz:.1f} s ({bridge.successes}/{count} succeeded)"
            )

    def _reports(self) -> list[Report]:
        control, progress = super()._reports()
        values = {**control.values, "frames_overtaken": str(self._overtaken)}
        return [control._replace(values=values), progress]

    # -- messages in ---------------------------------------------------------------------------

    def accepted(self) -> None:
        """In lockstep a command is worth a control period."""
        if self.params.pacing == LOCKSTEP:
            self._repeat.reset()
            self._step()

    def _on_reset(self, _request: Any, response: Any) -> Any:
        self.bridge.reset(self.now_ns())
        if self.params.pacing == LOCKSTEP:
            self._step()
        response.success = True
        response.message = f"episode {self.bridge.episode}, seed {self.bridge.seed}"
        return response

    # -- construction --------------------------------------------------------------------------

    def _simulation(self) -> Simulation:
        p = self.params
        return Simulation(
            p.task,
            arms=p.arms or None,
            level=p.level,
            control_hz=p.rate_hz,
            mjcf=p.mjcf or None,
            look=p.look or None,
            arm_parameters=self._arm(),
            camera_alignment=p.camera_alignment or None,
        )

    def _arm(self) -> IdentifiedArm | None:
        p = self.params
        if not p.arm_parameters:
            return None
        # What is stamped now has acted in the period that ends now: one too early for the topics.
        return read_arm(p.arm_parameters).delayed(1.0 / p.rate_hz)


def main() -> int:
    """Console command ``sim_node``."""
    return ros.run_node(SimNode)
