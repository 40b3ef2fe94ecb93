"""A policy of one arm on its mirror image: `act-transfer --policy BUNDLE --episodes 100`.

    arm 0   the arm that the demonstrations were made with, as in act-collect
    arm 1   its mirror image at the same table, as the right one of two arms is
    flip    the policy sees the pictures left for right and the joints of the mirrored arm, and its
            actions are mirrored before they are carried out

A policy that was trained on arm 0 should do as well on arm 1 with the flip as on arm 0 without it:
that is the same task in a mirror. The other two show that the flip is what does it. All four begin
from the same seeds, with cube and bowl at the same places of the table, which arm 1 with the flip
sees mirrored: starts that are as new to the policy as the others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import tyro
from act_core.errors import ConfigurationError
from act_core.policy_spec import PolicySpec
from act_policy.policy import Policy
from tqdm import tqdm

from act_training import evaluate
from act_training.cli import run_command
from act_training.environments.environment import Environment
from act_training.environments.flipped import Flipped
from act_training.environments.so101 import So101
from act_training.evaluate import FIRST_SEED, ConditionResult, EvaluateOptions
from act_training.evaluation_record import compare_rows, read_rows, write_record
from act_training.hub import on_disk
from act_training.rollout import Result, check_fit, run_episode
from act_training.run_config import current_commit
from act_training.sharing import shared_command, shared_path
from act_training.worker_pool import worker_pool


class Case(NamedTuple):
    """One cell of the table."""

    arm: int
    flipped: bool

    def __str__(self) -> str:
        return f"arm {self.arm}" + (", flipped" if self.flipped else "")


CASES = (Case(0, False), Case(1, True), Case(1, False), Case(0, True))


@dataclass(frozen=True)
class TransferOptions:
    """What is tried on both arms."""

    policy: Path
    """A bundle, a training run or one of its checkpoints; may be hf://owner/name."""
    out: Path = Path("out/transfer")
    """Folder for the record."""
    env: str | None = None
    """Environment of the so101 family; None takes the one that the policy was trained on."""
    episodes: int = 100
    """Of each of the four cases."""
    first_seed: Annotated[int, tyro.conf.arg(aliases=["--seed"])] = FIRST_SEED
    """Seeds are this one and the following, the same for all cases."""
    mode: str | None = None
    """ensemble, newest, open_loop or one of your own; None takes the policy's own."""
    level: int | None = None
    """Domain randomization, 0 to 3; the cameras of level 3 are not symmetric."""
    variant: str = "fp32"
    """Graph of a bundle: fp32, bf16 (with OpenVINO), fast or auto."""
    workers: int = os.cpu_count() or 1
    """Processes."""

    def evaluated(self) -> EvaluateOptions:
        """The same for `evaluate`."""
        return EvaluateOptions(
            policy=on_disk(self.policy, "model"),
            env=self.env,
            mode=() if self.mode is None else (self.mode,),
            level=self.level,
            variant=self.variant,
        )


def transfer(options: TransferOptions) -> dict[Case, ConditionResult]:
    """Measure a policy on its arm and on the mirror image, with and without the flip."""
    if options.episodes < 1:
        raise ConfigurationError(f"--episodes is {options.episodes}, expected at least 1")
    asked = options.evaluated()
    spec = evaluate.load(asked).spec
    (condition,) = evaluate.conditions_of(asked, spec)
    env = open_case(asked, spec, Case(1, True))  # raises what is wrong, before there are workers
    env.close()
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    jobs = [(case, seed) for seed in seeds for case in CASES]
    results: dict[Case, list[Result]] = {case: [] for case in CASES}
    with worker_pool(min(options.workers, len(jobs)), _open_worker, asked) as pool:
        futures = [pool.submit(_run_job, case, seed) for case, seed in jobs]
        progress = tqdm(zip(jobs, futures, strict=True), total=len(jobs), unit="episode")
        for (case, _), future in progress:
            results[case].append(future.result())
            done = {str(case): sum(r.success for r in some) for case, some in results.items()}
            progress.set_postfix(done)
    found = {case: ConditionResult(f"{case}, {condition}", tuple(results[case])) for case in CASES}
    write_record(
        options.out,
        {
            "policy": shared_path(options.policy, Path.cwd()),
            "name": spec.name,
            "variant": options.variant,
            "env": env.name,
            "seeds": [seeds.start, seeds.stop - 1],
            "level": options.level,
            "look": spec.provenance.get("look"),
            "provenance": dict(spec.provenance),
            "commit": current_commit(),
            "command": shared_command(),
            "conditions": [found[case].to_json() for case in CASES],
        },
    )
    print(table(found))
    straight, mirrored, *_ = read_rows(options.out)
    p, test = compare_rows(mirrored, straight)
    print(f"{CASES[1]} against {CASES[0]}: p = {p:.2g} ({test})")
    return found


def table(found: dict[Case, ConditionResult]) -> str:
    """Markdown: arms down, with and without the flip across."""
    lines = ["| | as it is | with the flip |", "|---|---|---|"]
    for arm in (0, 1):
        cells = []
        for flipped in (False, True):
            result = found[Case(arm, flipped)]
            count, (low, high) = len(result.results), result.interval
            rate = result.successes / count
            cells.append(f"{result.successes}/{count} = {rate:.1%} [{low:.1%}, {high:.1%}]")
        lines.append(f"| arm {arm} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def open_case(options: EvaluateOptions, spec: PolicySpec, case: Case) -> Environment:
    """The environment of a case; ConfigurationError where it has no mirror image, or is not what
    the policy is for."""
    name = evaluate.environment_name(options, spec)
    if not name.startswith("so101/"):
        raise ConfigurationError(f"{name} has no mirrored arm: the tasks of so101 have one")
    env = evaluate.open_evaluated(options, spec, mirrored=case.arm == 1)
    check_fit(spec, env)
    assert isinstance(env, So101)  # of that family
    return Flipped(env) if case.flipped else env


_cases: dict[Case, Environment]  # of this worker process
_policy: Policy
_options: EvaluateOptions


def _open_worker(options: EvaluateOptions) -> None:
    global _cases, _policy, _options
    torch.set_num_threads(1)  # as `evaluate` does
    _options, _policy, _cases = options, evaluate.load(options), {}


def _run_job(case: Case, seed: int) -> Result:
    if case not in _cases:
        _cases[case] = open_case(_options, _policy.spec, case)
    (condition,) = evaluate.conditions_of(_options, _policy.spec)
    return run_episode(_cases[case], _policy, condition, seed)


def main() -> None:
    run_command(
        transfer,
        TransferOptions,
        kept=lambda options: f"no result of this experiment is in {options.out}, start it again",
        then=lambda options: f"act-report {options.out} --out transfer.md",
    )


if __name__ == "__main__":
    main()
