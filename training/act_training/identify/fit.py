"""Finds the servos that explain a log: least squares over the motion of the whole arm at once.

What is fitted, for each joint, is the table `FITTED`. A guess stands beside the data: each value is
somewhere around the nominal one, as wide as the table's spread. Where the data say nothing, the
value stays there and its interval is as wide as the guess; where two values can be told only
together, both intervals are wide and their correlation is near one (`Fit.ambiguities`).

Optimizer: MuJoCo's Gauss-Newton with box bounds (`mujoco.minimize`), which `mujoco.sysid` uses as
well. The rest of that toolbox is not: it knows no play, compiles a model for each trial, and its
intervals take neighbouring residuals for independent, which at 100 Hz makes them several times
too narrow. Here they are widened by how long residuals stay alike (`memory_samples`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from act_sim.identified_arm import ALLOWED, JOINT_NAMES, PARAMETERS, IdentifiedArm, JointDynamics
from act_sim.scene import PHYSICS_HZ
from numpy.typing import NDArray

from act_training.identify.arm_rollout import ArmRollout
from act_training.identify.motion_log import MotionLog

Array = NDArray[np.float64]


class Fitted(NamedTuple):
    """How a parameter is searched: the solver's variable is in units of ``spread``."""

    spread: float  # standard deviation of the guess; of the logarithm, for factors
    is_factor: bool  # positive, and known up to a factor
    start: float | None = None  # where the search begins, if not at the nominal value
    low: float = -np.inf  # in the parameter's own unit
    high: float = np.inf


FITTED: dict[str, Fitted] = {
    "gain_nm_per_rad": Fitted(0.4, True),
    "damping_nm_s_per_rad": Fitted(0.4, True),
    "friction_nm": Fitted(0.6, True),
    "armature_kg_m2": Fitted(0.4, True),
    "backlash_rad": Fitted(0.02, False, 0.005, low=0.0, high=0.1),
    "delay_s": Fitted(0.03, False, 0.015, low=-0.03, high=0.15),
    "zero_offset_rad": Fitted(0.035, False, low=-0.2, high=0.2),
}
NOMINAL = JointDynamics()
COUNT = len(JOINT_NAMES) * len(FITTED)

FIRST_NOISE_RAD = 0.003  # two counts of the encoder, before anything is known
FIRST_MEMORY = 30.0  # samples
# One count of the encoder. Its rounding alone is a third of that; but no joint is told better than
# the torques on it are known, and 14 mN m more of a cable or a mass move a servo as far.
LEAST_NOISE_RAD = 0.0015
# Errors of the model itself (its steps in time, the stamps) last, and hide below the noise of the
# encoder: no samples nearer than this count as independent.
LEAST_MEMORY_S, LONGEST_MEMORY_S = 0.3, 1.0
_STEP = 2e-3  # of the finite differences, in units of the spread
MOST_TURNS, MOST_STEPS = 8, 8
LITTLE = 0.01  # share of the cost: less is not worth a further step
SMALL = 0.05  # in units of the spread: a turn that changes less is the last
FINE_HZ = 3 * PHYSICS_HZ  # with the simulation's own step, delays would come out 1 ms too long
Z95 = 1.96
SAME = 0.95  # correlation from which two parameters cannot be told apart
UNKNOWN = 0.5  # of the guess's spread: an interval that wide comes from the guess, not the data


class Ambiguity(NamedTuple):
    """Two parameters, "joint.parameter", that the data tell only together."""

    first: str
    second: str
    correlation: float


class Fit(NamedTuple):
    """The result. P parameters are in the order of `names()`."""

    arm: IdentifiedArm
    low: dict[str, float]  # ends of the 95 % intervals
    high: dict[str, float]
    correlation: Array  # (P, P)
    unknown: tuple[str, ...]  # what the data do not tell, and is a guess
    ambiguities: tuple[Ambiguity, ...]
    residual_rad: Array  # (N, 6) measured minus predicted, of the data that were fitted
    turns: int  # how many derivatives it took


def names() -> list[str]:
    """ "joint.parameter", in the order of the solver's variables."""
    return [f"{joint}.{parameter}" for joint in JOINT_NAMES for parameter in FITTED]


def fit(log: MotionLog, progress: Callable[[str], None] = lambda text: None) -> Fit:
    """The arm whose motion comes nearest to the log's."""
    search = _Search(log)
    x, derivative = _start(), np.zeros(0)
    for turn in range(1, MOST_TURNS + 1):
        derivative = search.derivative(x)
        moved = search.descend(x, derivative)
        size, x = float(np.abs(moved - x).max()), moved
        error = search.error(x)
        search.learn_noise(error)
        progress(f"turn {turn}: the model is {1000.0 * error.std():.2f} mrad off")
        if size < SMALL and turn > 1:
            break
    return _result(x, derivative * search.weight, search.error(x), turn)


class _Search:
    """Gauss-Newton steps for one log. A derivative costs as much as 42 motions and changes little,
    so that each serves for many steps."""

    def __init__(self, log: MotionLog) -> None:
        self._log = log
        self._coarse, self._fine = ArmRollout(log), ArmRollout(log, FINE_HZ)
        self._rate_hz = (len(log.state_s) - 1) / log.duration_s
        self._counts = log.counts()
        self.weight = np.full(6, 1.0 / (FIRST_NOISE_RAD * np.sqrt(FIRST_MEMORY)))

    def error(self, x: Array) -> Array:
        """(N, 6) measured minus predicted [rad]; 0 where a joint does not count yet."""
        error = self._log.position_rad - self._fine.positions([arm_of(x)])[0]
        return np.where(self._counts, error, 0.0)

    def derivative(self, x: Array) -> Array:
        """(P, N, 6) of the predicted positions; backwards where a bound is in the way."""
        _, high = _bounds()
        step = np.where(x + _STEP > high, -_STEP, _STEP)
        arms = [arm_of(x), *(arm_of(x + step[k] * np.eye(COUNT)[k]) for k in range(COUNT))]
        positions = self._coarse.positions(arms)
        change = (positions[1:] - positions[0]) / step[:, None, None]
        return np.where(self._counts, change, 0.0)

    def descend(self, x: Array, derivative: Array) -> Array:
        """Steps with one derivative, as long as each takes away a share of the cost."""
        low, high = _bounds()
        jacobian = (derivative * self.weight).reshape(COUNT, -1)  # (P, N * 6)
        information = jacobian @ jacobian.T + np.eye(COUNT)
        error, cost = self._cost(x)
        for _ in range(MOST_STEPS):
            step = np.linalg.solve(information, jacobian @ error.ravel() - x)
            for share in (1.0, 0.5, 0.25, 0.1):
                tried = np.clip(x + share * step, low, high)
                new_error, new_cost = self._cost(tried)
                if new_cost < cost:
                    break
            else:
                return x
            gain, x, error = (cost - new_cost) / cost, tried, new_error
            cost = new_cost
            if gain < LITTLE:
                break
        return x

    def learn_noise(self, error: Array) -> None:
        """How much a sample is worth, from what the model leaves unexplained."""
        noise = np.maximum(error.std(axis=0), LEAST_NOISE_RAD)
        memory = memory_samples(error, round(LONGEST_MEMORY_S * self._rate_hz))
        memory = np.maximum(memory, LEAST_MEMORY_S * self._rate_hz)
        self.weight = 1.0 / (noise * np.sqrt(memory))

    def _cost(self, x: Array) -> tuple[Array, float]:
        error = self.error(x) * self.weight
        return error, float((error**2).sum() + (x**2).sum())


def arm_of(x: Array) -> IdentifiedArm:
    """The arm of the solver's variables (P,)."""
    values = iter(x)
    joints = {}
    for joint in JOINT_NAMES:
        own = {}
        for parameter, how in FITTED.items():
            own[parameter] = _value(parameter, how, float(next(values)))
        joints[joint] = JointDynamics(**own)
    return IdentifiedArm(joints)


def memory_samples(error: Array, longest: int) -> Array:
    """(6,) of how many neighbouring samples one is worth: 1 + 2 * sum of the autocorrelation, up
    to where it has fallen to nothing or to ``longest``. error: (N, 6)."""
    centred = error - error.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * len(centred))))
    power = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
    correlation = np.fft.irfft(power, axis=0)[: longest + 1]
    correlation /= np.maximum(correlation[0], 1e-30)
    alike = np.cumprod(correlation > 0.05, axis=0)  # until it first falls
    return 2.0 * (correlation * alike).sum(axis=0) - 1.0


def _value(parameter: str, how: Fitted, x: float) -> float:
    nominal = getattr(NOMINAL, parameter)
    return nominal * float(np.exp(how.spread * x)) if how.is_factor else nominal + how.spread * x


def _variable(parameter: str, how: Fitted, value: float) -> float:
    nominal = getattr(NOMINAL, parameter)
    if how.is_factor:
        return float(np.log(value / nominal)) / how.spread
    return (value - nominal) / how.spread


def _start() -> Array:
    return np.array(
        [
            0.0 if how.start is None else _variable(parameter, how, how.start)
            for _ in JOINT_NAMES
            for parameter, how in FITTED.items()
        ]
    )


def _bounds() -> tuple[Array, Array]:
    ends = []
    for parameter, how in FITTED.items():
        low, high = max(ALLOWED[parameter].low, how.low), min(ALLOWED[parameter].high, how.high)
        if how.is_factor:
            factor = float(np.exp(4.0 * how.spread))
            nominal = getattr(NOMINAL, parameter)
            low, high = max(low, nominal / factor), min(high, nominal * factor)
        ends.append([_variable(parameter, how, end) for end in (low, high)])
    both = np.tile(np.array(ends), (len(JOINT_NAMES), 1))
    return both[:, 0], both[:, 1]


def _result(x: Array, derivative: Array, error: Array, turns: int) -> Fit:
    jacobian = derivative.reshape(COUNT, -1)
    information = jacobian @ jacobian.T + np.eye(COUNT)
    covariance = np.linalg.inv(information)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    low_bound, high_bound = _bounds()
    low_x = np.maximum(x - Z95 * deviation, low_bound)
    high_x = np.minimum(x + Z95 * deviation, high_bound)
    labels = names()
    low, high = {}, {}
    for k, label in enumerate(labels):
        parameter = label.split(".")[1]
        how = FITTED[parameter]
        low[label] = _value(parameter, how, float(low_x[k]))
        high[label] = _value(parameter, how, float(high_x[k]))
    unknown = tuple(label for k, label in enumerate(labels) if deviation[k] > UNKNOWN)
    pairs = [
        Ambiguity(labels[i], labels[k], float(correlation[i, k]))
        for i in range(COUNT)
        for k in range(i + 1, COUNT)
        if abs(correlation[i, k]) > SAME
    ]
    return Fit(arm_of(x), low, high, correlation, unknown, tuple(pairs), error, turns)


def tracking_rms(
    log: MotionLog, arms: Sequence[IdentifiedArm], inside: NDArray[np.bool_] | None = None
) -> Array:
    """(B, 6) [rad], how far each arm's predicted motion is off the measured one, with the
    simulation's own time step.

    inside: (N,) which measurements count; all of them if None. The motion before is simulated, too.
    """
    off = ArmRollout(log).positions(arms) - log.position_rad
    counts = log.counts()
    if inside is not None:
        counts = counts & inside[:, None]
    return np.sqrt((off**2 * counts).sum(axis=1) / np.maximum(counts.sum(axis=0), 1))


assert tuple(FITTED) == PARAMETERS
