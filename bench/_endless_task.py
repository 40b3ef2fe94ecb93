"""A simulated task that never ends, for benchmarks that want an arm and its cameras only."""

from __future__ import annotations

from act_sim.task import Progress
from act_sim.task_registry import register_task
from act_sim.tasks.reach import Reach


@register_task("endless")
class Endless(Reach):
    """`Reach`, but nobody succeeds and there is no time limit."""

    time_limit_s = 1e6

    def progress(self, sim):
        return Progress(False, 1.0)
