"""One episode of a policy in a simulated task, in virtual time, through the runtime's own runner.

    step k    time k / rate         the environment's
    camera    every n-th step       n = rate / camera rate; the observation goes to the runner
    inference takes `latency_s`     of virtual time, whatever it takes here; then comes `network`
    command   every step            what `PolicyRunner.act` says for that instant; a hold repeats
                                    the last command

So 100 ms of latency can be asked for on any machine, and the same seed is the same episode.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from act_core.policy_fit import misfits
from act_core.policy_spec import ExecutionSpec, PolicySpec
from act_core.policy_units import check_units
from act_policy.modes import make_mode, text_of
from act_policy.observation import Observation
from act_policy.policy import Policy
from act_policy.policy_runner import Hold, PolicyRunner, RunnerStatus
from numpy.typing import NDArray

from act_training.environments import open_environment
from act_training.environments.environment import Environment
from act_training.features import meeting
from act_training.network import Network, VirtualNetwork


@dataclass(frozen=True)
class Condition:
    """How the policy is executed."""

    execution: ExecutionSpec
    latency_s: float = 0.0
    camera_rate_hz: float | None = None
    """None: an image for every row of the policy's chunks."""
    network: Network = field(default_factory=Network)
    """Between the policy and the arm."""

    def __str__(self) -> str:
        camera = f", camera {self.camera_rate_hz:g} Hz" if self.camera_rate_hz else ""
        network = self.network.words
        return f"{text_of(self.execution)}, latency {self.latency_s * 1e3:.0f} ms{network}{camera}"


class Result(NamedTuple):
    """What happened in one episode."""

    seed: int
    success: bool
    steps: int
    distance_m: float | None  # of the object to its goal, at the end
    grasped: bool | None  # at any step
    inferences: int
    holds: int  # steps without a plan
    failure: str | None  # text of the last inference that failed
    lost: int = 0  # chunks that the network lost, or brought after later ones
    start_step: float | None = None  # of any value to the first command, in its unit
    largest_step: float | None = None  # of any value from one command to the next, after that
    jerk: float | None = None  # of these, root mean square over time and values, unit/s^3


def run_episode(
    env: Environment,
    policy: Policy,
    condition: Condition,
    seed: int,
    frames: list[dict[str, NDArray[np.uint8]]] | None = None,
) -> Result:
    """Run the episode of `seed`; the images of every observation are appended to `frames`."""
    env.reset(seed)
    driver = PolicyDriver(env, policy, condition, frames, seed)
    start = env.hold_action()
    commands: list[NDArray[np.floating]] = []  # from the first plan on
    grasped: bool | None = None
    while True:
        action = driver.act()
        if driver.holds < driver.steps:
            commands.append(action)
        outcome = env.step(action)
        grasped = outcome.grasped if grasped is None else grasped or bool(outcome.grasped)
        if outcome.finished or driver.steps >= env.max_steps:
            break
    status = driver.status()
    largest_step, jerk = smoothness(np.array(commands), env.features.rate_hz)
    return Result(
        seed=seed,
        success=outcome.success,
        steps=driver.steps,
        distance_m=outcome.distance_m,
        grasped=grasped,
        inferences=status.inferences,
        holds=driver.holds,
        failure=status.last_failure,
        lost=driver.worker.lost,
        start_step=float(np.abs(commands[0] - start).max()) if commands else None,
        largest_step=largest_step,
        jerk=jerk,
    )


def smoothness(commands: NDArray[np.floating], rate_hz: float) -> tuple[float | None, float | None]:
    """Largest step and jerk, as in `Result`, of commands (T, A); None for too few of them."""
    if len(commands) < 2:
        return None, None
    step = float(np.abs(np.diff(commands, axis=0)).max())
    third = np.diff(commands, n=3, axis=0) * rate_hz**3
    return step, float(np.sqrt(np.mean(third**2))) if len(third) else None


class PolicyDriver:
    """A policy at the controls of an environment that has just been reset.

    Args:
        env: asked for an observation whenever a camera's image is due.
        policy, condition: what is executed, and how.
        frames: takes the images of every observation.
        seed: of the network's chance.
    """

    def __init__(
        self,
        env: Environment,
        policy: Policy,
        condition: Condition,
        frames: list[dict[str, NDArray[np.uint8]]] | None = None,
        seed: int = 0,
    ) -> None:
        waits = make_mode(condition.execution, policy.spec).plays_s > 0
        self.worker = VirtualNetwork(policy, condition.latency_s, condition.network, seed, waits)
        self._env, self._frames = env, frames
        self._runner = PolicyRunner(policy.spec, self.worker, condition.execution)
        self._runner.start(0)
        rate_hz = env.features.rate_hz
        camera_rate_hz = min(condition.camera_rate_hz or policy.spec.rate_hz, rate_hz)
        self._observation_period = rate_hz / camera_rate_hz  # in steps
        self._observation_due = 0.0
        self._now_ns = 0
        self.steps = 0  # asked for
        self.holds = 0  # of them, without a plan

    def act(self) -> NDArray[np.floating]:
        """(A,) the action for the next step."""
        self._now_ns = round(self.steps * 1e9 / self._env.features.rate_hz)
        if self.steps >= self._observation_due - 1e-9:
            self._observation_due += self._observation_period
            observation: Observation = self._env.observe()
            if self._frames is not None:
                self._frames.append(dict(observation.images))
            self._runner.observe(observation, self._now_ns)
        action = self._runner.act(self._now_ns)
        self.steps += 1
        if isinstance(action, Hold):
            self.holds += 1
            return self._env.hold_action()
        return action.position

    def status(self) -> RunnerStatus:
        """Of the runner, at the last step."""
        return self._runner.status(self._now_ns)


def check_fit(spec: PolicySpec, env: Environment) -> None:
    """ConfigurationError with the difference where robot, unit or cameras are not the policy's."""
    there = meeting(env.name, env.features)
    # Rate and units are those of the topics, which the environment stands for.
    for wrong in misfits(spec, replace(there, rate_hz=None, joint_unit=None, action_unit=None)):
        how = ": choose with --cameras, --height and --width" if " pixels, " in wrong else ""
        raise ConfigurationError(f"{wrong}{how}")
    check_units(spec)


def open_environment_for(spec: PolicySpec, name: str, **options: Any) -> Environment:
    """The environment `name` with the cameras and image sizes of a policy.

    Raises ConfigurationError when the policy's images differ in size.
    """
    sizes = {(image.height, image.width) for image in spec.image_inputs}
    if len(sizes) != 1:
        raise ConfigurationError(
            f"policy '{spec.name}' has images of {len(sizes)} sizes; the simulated tasks render "
            "all cameras at one"
        )
    ((height, width),) = sizes
    return open_environment(name, cameras=spec.cameras, height=height, width=width, **options)
