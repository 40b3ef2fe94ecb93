"""Who steers: a person's device takes an arm over, fails, hands it back; nothing ever jumps."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from act_core.arbiter import NOBODY, PERSON, POLICY
from act_core.helm import Helm
from act_core.robots import find_robot
from act_sim.mock_arm import MockArm

PERIOD_S = 0.01
LEADER, PAD = b"leader", b"pad"
NAMES = {LEADER: "/leader", PAD: "/act_teleop"}


class Bench:
    """A mock arm behind a helm; a call of `period` is a control period of 10 ms."""

    def __init__(self, robot: str = "so101") -> None:
        self.robot = find_robot(robot)
        self.arm = MockArm(self.robot, PERIOD_S, 0.2)
        self.helm = Helm(self.arm, self.robot.limits, self.robot.grippers, PERIOD_S, 0.2)
        self.names = self.robot.joint_names
        self.home = self.robot.pose("home").copy()
        self.now_ns = 10**18
        self.way = [self.home]
        self.holds: list[str | None] = []
        self.period()

    def period(self, before_it_is_told=lambda: None) -> None:
        """Something may happen between what is sent and that being told."""
        self.now_ns += 10_000_000
        applied = self.arm.tick().applied
        before_it_is_told()
        self.helm.applied(True, self.now_ns)
        self.way.append(applied.position_rad)
        self.holds.append(applied.hold)

    def policy(self, position, names=None):
        return self.helm.command(names or self.names, list(position), self.now_ns, self.now_ns)

    def person(self, position, sender=LEADER, names=None):
        return self.helm.person(
            sender, NAMES[sender], names or self.names, list(position), self.now_ns, self.now_ns
        )

    def rest(self, position, periods, **how) -> None:
        for _ in range(periods):
            self.person(position, **how)
            self.period()

    @property
    def owner(self) -> str:
        return self.helm.ownership.owner

    @property
    def reason(self) -> str:
        return self.helm.ownership.reason

    @property
    def here(self):
        return self.way[-1]


LEADER_AT = np.array([0.9, -0.2, 0.3, 0.1, -0.8, 0.9])
PAN = np.eye(6)[0]


def test_without_a_person_the_policy_is_followed_as_ever():
    bench = Bench()
    target = bench.home + 0.1
    assert bench.policy(target) is None
    for _ in range(15):
        bench.policy(target)
        bench.period()
    assert bench.here == pytest.approx(target)
    assert bench.owner == POLICY
    assert bench.helm.ownership.changes == 0


def test_the_first_message_takes_the_arm_over_and_nothing_moves():
    bench = Bench()
    bench.policy(bench.home)
    bench.period()
    assert bench.person(LEADER_AT) is None
    assert bench.owner == PERSON
    assert bench.helm.ownership.text == "person (/leader)"
    refusal = bench.policy(bench.home + 0.2)
    assert refusal.kind == "owner"
    assert "the arm is a person's (/leader)" in refusal
    bench.rest(LEADER_AT, 50)
    assert bench.here == pytest.approx(bench.home)
    assert bench.holds[-50:] == [None] * 50, "no period without a command"
    assert bench.helm.values()["passed_over"] == "1"


def test_the_arm_moves_as_the_hand_does():
    bench = Bench()
    bench.rest(LEADER_AT, 3)
    for k in range(101):
        bench.rest(LEADER_AT + 0.002 * k * PAN, 1)
    assert bench.here[0] == pytest.approx(bench.home[0] + 0.2, abs=0.06)
    assert bench.here[1:] == pytest.approx(bench.home[1:])


def test_handed_back_the_policy_goes_on_from_where_the_arm_is():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    for k in range(100):
        bench.rest(LEADER_AT + 0.003 * k, 1)
    assert bench.helm.give_back("control/return", bench.now_ns) == (True, "the arm is the policy's")
    assert bench.person(LEADER_AT).kind == "owner", "what is on its way still takes nothing"
    start = len(bench.way)
    for _ in range(300):
        assert bench.policy(bench.home) is None
        bench.period()
    steps = np.abs(np.diff(np.array(bench.way[start - 1 :]), axis=0))
    before = np.abs(bench.way[start - 1] - bench.way[start - 2])
    assert (steps <= before + 0.005).all()
    assert bench.here == pytest.approx(bench.home, abs=1e-4)
    assert bench.holds[start:] == [None] * len(bench.holds[start:])
    assert "handed back by control/return" in bench.reason


def test_a_device_that_goes_silent_leaves_the_arm_holding_until_somebody_says_whose_it_is():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    for k in range(10):
        bench.rest(LEADER_AT + 0.01 * k, 1)
    for _ in range(25):
        bench.policy(bench.home)
        bench.period()
    assert bench.owner == NOBODY
    assert bench.reason.startswith(
        "person (/leader) owned the arm, and /leader has sent nothing for 0.2 s: it holds"
    )
    assert bench.holds[-1] == bench.reason
    still = bench.here
    bench.period()
    assert bench.here == pytest.approx(still)
    bench.helm.give_back("control/return", bench.now_ns)
    assert bench.policy(bench.home) is None


def test_a_device_whose_name_is_known_late_is_called_by_it(monkeypatch):
    """The graph knows that somebody sends before it knows who."""
    bench = Bench()
    monkeypatch.setitem(NAMES, LEADER, "a node that is not known yet")
    bench.rest(bench.home, 2)
    assert bench.helm.ownership.text == "person (a node that is not known yet)"
    changes = bench.helm.ownership.changes
    monkeypatch.undo()
    bench.rest(bench.home, 2)
    assert bench.helm.ownership.text == f"person ({NAMES[LEADER]})"
    assert bench.helm.ownership.changes == changes, "it is the same owner"
    told = bench.helm.ownership
    bench.rest(bench.home, 2)
    assert bench.helm.ownership is told, "nothing new to tell"


def test_a_device_that_comes_back_takes_the_arm_again_and_is_centred_anew():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    for _ in range(25):
        bench.period()
    assert bench.owner == NOBODY
    before = bench.here
    bench.rest(LEADER_AT + 0.4, 5)
    assert bench.owner == PERSON
    assert bench.here == pytest.approx(before)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (LEADER_AT + np.eye(6)[2], "its elbow_flex jumped by 1.00 rad"),
        (LEADER_AT * np.nan, "the position of shoulder_pan is nan, expected a finite number"),
        (np.rad2deg(LEADER_AT), "another calibration, or degrees"),
        (LEADER_AT[:4], "6 joint names but 4 positions"),
    ],
)
def test_a_device_that_sends_what_cannot_be_meant_loses_the_arm(sent, said):
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    refusal = bench.person(sent)
    assert refusal.kind == "person"
    assert said in refusal
    assert bench.owner == NOBODY
    assert bench.reason.startswith("person (/leader) owned the arm, and ")
    assert said in bench.reason
    bench.rest(LEADER_AT, 50)
    assert bench.owner == NOBODY, "it has to let go first"
    assert bench.here == pytest.approx(bench.home)


def test_what_cannot_be_meant_takes_nothing_over():
    bench = Bench()
    for sent in (LEADER_AT * np.nan, np.rad2deg(LEADER_AT), LEADER_AT[:4]):
        assert bench.person(sent).kind == "person"
        for _ in range(30):
            bench.period()
    assert bench.person(LEADER_AT, names=[f"arm_{name}" for name in bench.names]).kind == "person"
    assert bench.owner == POLICY
    assert bench.policy(bench.home) is None


def test_two_persons_at_once_hold_the_arm():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    refusal = bench.person(bench.home, sender=PAD)
    assert "/leader and /act_teleop at once: all but one must stop" in refusal
    assert bench.owner == NOBODY
    assert "person (/leader) owned the arm, and /act_teleop wanted the same joints" in bench.reason
    bench.rest(LEADER_AT, 50)
    assert bench.owner == NOBODY
    for _ in range(25):
        bench.period()
    bench.rest(LEADER_AT, 1)
    assert bench.owner == PERSON


def test_during_the_e_stop_nobody_takes_over_and_its_release_gives_nothing_away():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    bench.arm.estop(True)
    bench.helm.estop(True, bench.now_ns)
    assert bench.owner == NOBODY
    assert "person (/leader) owned the arm, and the e-stop was engaged" in bench.reason
    assert bench.person(LEADER_AT).kind == "estop"
    assert bench.helm.take("control/take", bench.now_ns) == (
        False,
        "refused: the e-stop is engaged; release it first",
    )
    for _ in range(30):
        bench.period()
    assert bench.person(LEADER_AT).kind == "estop"
    assert bench.holds[-1] == "e-stop engaged"
    bench.arm.estop(False)
    bench.helm.estop(False, bench.now_ns)
    bench.rest(LEADER_AT, 30)
    assert bench.owner == NOBODY, "a device that went on sending has to let go first"
    for _ in range(25):
        bench.period()
    bench.rest(LEADER_AT, 1)
    assert bench.owner == PERSON


def test_taken_by_a_service_it_holds_until_a_device_sends():
    bench = Bench()
    bench.policy(bench.home)
    bench.period()
    assert bench.helm.take("control/take", bench.now_ns)[0]
    assert bench.owner == PERSON
    for _ in range(40):
        bench.policy(bench.home + 0.3)
        bench.period()
    assert bench.here == pytest.approx(bench.home)
    assert "waiting for a person's device to send" in bench.holds[-1]
    bench.rest(LEADER_AT, 5)
    assert bench.helm.ownership.owner == PERSON
    assert bench.holds[-1] is None


def test_a_new_episode_is_the_policy_s():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    bench.helm.begin_anew(bench.now_ns)
    assert bench.owner == POLICY
    assert bench.person(LEADER_AT).kind == "owner"
    bench.period()
    assert bench.policy(bench.home) is None


def test_the_gate_has_the_last_word_and_the_clutch_is_centred_after_it():
    bench = Bench()
    bench.rest(LEADER_AT, 5)
    late_ns = bench.now_ns - 10**10
    refusal = bench.helm.person(LEADER, "/leader", bench.names, LEADER_AT, late_ns, bench.now_ns)
    assert refusal.kind == "stamp"
    bench.period()
    moved = LEADER_AT + 0.2
    bench.rest(moved, 5)
    assert bench.here == pytest.approx(bench.home)
    assert bench.owner == PERSON


def test_each_hand_of_a_person_has_an_arm_of_its_own():
    bench = Bench("so101_bimanual")
    left, right = bench.names[:6], bench.names[6:]
    for k in range(60):
        assert bench.person(LEADER_AT + 0.003 * k * PAN, names=left) is None
        bench.period()
    assert bench.here[0] > 0.1
    assert bench.here[6:] == pytest.approx(bench.home[6:]), "the other arm stays"
    for k in range(60):
        at = LEADER_AT + 0.18 * PAN
        assert bench.person(at, names=left) is None
        assert bench.person(LEADER_AT - 0.003 * k, sender=PAD, names=right) is None
        bench.period()
    assert bench.owner == PERSON
    assert bench.here[0] > 0.1
    assert bench.here[6] < -0.1


def test_a_device_that_moves_other_joints_than_before_loses_the_arm():
    bench = Bench("so101_bimanual")
    left = bench.names[:6]
    for _ in range(3):
        bench.person(LEADER_AT, names=left)
        bench.period()
    bench.person(LEADER_AT[:5], names=left[:5])
    assert bench.owner == NOBODY
    assert "it moves other joints than before" in bench.reason


@pytest.mark.parametrize("seed", range(2))
def test_random_hands_never_move_the_arm_more_than_it_moved_and_they_move(seed):
    """The property of the whole: over switches at random instants, the step of what is applied lies
    within 5 mrad of what the last owner did and what the new one does."""
    rng = np.random.default_rng(seed)
    bench = Bench()
    limits = bench.robot.limits
    phase = rng.uniform(0, 6, 6)
    switches, worst = 0, 0.0
    device = bench.home + rng.uniform(-1, 1, 6)
    hand = np.zeros(6)
    source_step = np.zeros(6)
    last_plan = None
    by_person = False
    for t in range(1200):
        if t and t % 60 == 0:
            switches += 1
            by_person = not by_person
            if by_person:
                device = np.clip(
                    bench.here + rng.uniform(-1, 1, 6), limits.lower_rad, limits.upper_rad
                )
                hand = np.zeros(6)
            else:
                bench.helm.give_back("control/return", bench.now_ns)
        plan = 0.4 * np.sin(0.03 * t + phase)
        if last_plan is None:
            last_plan = plan
        bench.policy(plan)
        source_step = plan - last_plan
        last_plan = plan
        if by_person:
            hand = np.clip(hand + rng.normal(0, 0.001, 6), -0.01, 0.01)
            device = device + hand
            assert bench.person(device) is None
            source_step = hand
        before = bench.way[-1] - bench.way[-2]
        bench.period()
        step = bench.way[-1] - bench.way[-2]
        if t > 60:
            low, high = np.minimum(before, source_step), np.maximum(before, source_step)
            worst = max(worst, float(np.maximum(low - step, step - high).max()))
            assert bench.holds[-1] is None
    assert switches == 19
    assert worst <= 0.005


STEP = 0.008 * PAN


def in_motion() -> Bench:
    """A bench whose policy moves the arm by 8 mrad a period."""
    bench = Bench()
    for k in range(1, 50):
        assert bench.policy(bench.home + k * STEP) is None
        bench.period()
    assert bench.here - bench.way[-2] == pytest.approx(STEP)
    return bench


def test_a_message_that_comes_while_a_period_ends_finds_the_arm_where_it_is():
    """On a bus the goals of a period are on their way for some milliseconds."""
    bench = in_motion()
    bench.policy(bench.home + 50 * STEP)
    bench.period(lambda: bench.person(LEADER_AT))
    start = len(bench.way) - 1
    bench.rest(LEADER_AT, 30)
    steps = np.diff(np.array(bench.way[start:])[:, 0])
    assert steps[0] == pytest.approx(0.008), "it goes on as it was moving"
    assert (np.diff(steps) < 1e-9).all(), "and brakes"
    assert steps[-1] == pytest.approx(0.0)


def test_handed_back_while_a_period_ends_the_arm_goes_on_from_where_it_is():
    bench = Bench()
    bench.rest(LEADER_AT, 3)
    for k in range(60):
        bench.rest(LEADER_AT - 0.01 * k * PAN, 1)
    speed = (bench.here - bench.way[-2])[0]
    plan = bench.here + speed * PAN

    def handed_back() -> None:
        bench.helm.give_back("control/return", bench.now_ns)
        bench.policy(plan)

    bench.person(LEADER_AT - 0.6 * PAN)
    bench.period(handed_back)
    start = len(bench.way) - 1
    for _ in range(30):
        bench.policy(plan)
        bench.period()
    steps = np.diff(np.array(bench.way[start:])[:, 0])
    assert steps[0] == pytest.approx(speed, abs=1e-3), "as it was moving"
    assert (np.abs(np.diff(steps)) <= 0.0041).all()


class Sources:
    """A policy and, while it has the arm, a person, who send at 100 Hz; `arrive` brings some."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.time_s = 0.0
        self.by_person = False
        self.device = self.speed = np.zeros(6)
        self.where = bench.home  # of whoever has the arm

    def arrive(self, messages: int) -> None:
        for _ in range(messages):
            self.time_s += PERIOD_S
            plan = self.bench.home + 0.1 * np.sin(2.0 * self.time_s + np.arange(6))
            self.bench.policy(plan)
            if self.by_person:
                self.device = self.device + self.speed
                self.bench.person(self.device)
            self.where = self.device if self.by_person else plan


@pytest.mark.parametrize("seed", range(2))
def test_messages_that_come_in_bursts_move_the_arm_no_further_than_they_moved(seed):
    """Two loops at 100 Hz beat: a period hears none, one or several messages, before or after its
    target is sent."""
    rng = np.random.default_rng(seed)
    bench = Bench()
    sources, waiting, worst, before = Sources(bench), 0, 0.0, bench.home
    limits = bench.robot.limits
    for t in range(1, 1500):
        if t % 60 == 0:
            sources.by_person = not sources.by_person
            if sources.by_person:
                apart = bench.here + rng.uniform(-0.8, 0.8, 6)
                sources.device = np.clip(apart, limits.lower_rad, limits.upper_rad)
                sources.speed = rng.uniform(-0.002, 0.002, 6)
            else:
                bench.helm.give_back("control/return", bench.now_ns)
        waiting += 1
        come = waiting if t % 60 == 0 or rng.random() < 0.6 else 0
        waiting -= come
        early = int(rng.integers(0, come + 1))
        sources.arrive(early)
        own, followed = bench.way[-1] - bench.way[-2], sources.where - before
        before = sources.where
        bench.period(partial(sources.arrive, come - early))
        if np.abs(followed).max() > 0.02:  # another source begins
            followed = np.zeros(6)
        if t > 60:
            step = bench.way[-1] - bench.way[-2]
            beyond = np.maximum(np.minimum(own, followed) - step, step - np.maximum(own, followed))
            worst = max(worst, float(beyond.max()))
            assert bench.holds[-1] is None, t
    assert worst <= 0.005
