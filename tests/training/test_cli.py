"""However a command ends: one line that says what is there and how to go on."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from act_training.checkpoint import load_checkpoint
from act_training.cli import check_finite, run_command
from act_training.config import TrainingConfig
from act_training.train import TrainOptions

from tests.ros_rig import PATIENCE_S, wait_until
from tests.training.commands import files, start, wait_for


@dataclasses.dataclass(frozen=True)
class Options:
    out: Path = Path("out")
    rate_hz: float = 30.0
    latency_ms: tuple[float, ...] = (0.0,)


def end(run, *args: str, **more) -> str | int:
    with pytest.raises(SystemExit) as caught:
        run_command(run, Options, args=list(args), **more)
    return caught.value.code


def fail(error: BaseException):
    def run(_: Options) -> None:
        raise error

    return run


def test_what_to_do_next_comes_last(capsys):
    run_command(lambda _: None, Options, args=[], then=lambda options: f"act-report {options.out}")
    assert capsys.readouterr().out == "next: act-report out\n"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a bug"), None),
        (
            OSError(28, "No space left on device", "x"),
            "error: the disk is full .*: make room; it is as it was",
        ),
        (
            OSError(122, "Disk quota exceeded", "x"),
            "error: the disk is full .*: make room; it is as it was",
        ),
        (OSError(13, "Permission denied", "x"), "error: .*Permission denied: 'x'"),
        (MemoryError("of 9 GB"), r"error: not enough memory \(of 9 GB\): it is as it was"),
    ],
)
def test_an_error_is_one_line(error, text):
    if text is None:  # which nobody should hide
        with pytest.raises(ValueError, match="a bug"):
            run_command(fail(error), Options, args=[])
        return
    said = end(fail(error), kept=lambda _: "it is as it was")
    assert re.fullmatch(text, said)


def test_ctrl_c_is_one_line(capsys):
    status = end(fail(KeyboardInterrupt()), kept=lambda _: "all is whole, start it again")
    assert status == 128 + signal.SIGINT
    assert capsys.readouterr().err == "\nstopped: all is whole, start it again\n"


SIGNALLED = """
import os, signal
from act_training.cli import run_command
from tests.training.test_cli import Options

before = signal.getsignal(signal.SIGTERM)
try:
    run_command(lambda _: os.kill(os.getpid(), signal.SIGTERM), Options, args=[])
except SystemExit as end:
    assert signal.getsignal(signal.SIGTERM) is before
    raise
"""


def test_other_signals_end_it_alike():
    """In a process of its own: rclpy of earlier tests has handlers below those of Python."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert done.stderr.startswith("\nstopped: ")


@pytest.mark.parametrize(
    "args", [("--rate-hz", "nan"), ("--latency-ms", "0", "inf"), ("--rate-hz", "-inf")]
)
def test_no_option_is_nan_or_infinite(args):
    assert f"{args[0]} is {args[-1]}, expected a finite number" in end(fail(KeyError()), *args)


def test_nested_options_are_checked():
    options = TrainOptions(training=dataclasses.replace(TrainingConfig(), grad_clip=0.0))
    check_finite(options)
    object.__setattr__(options.training, "grad_clip", float("nan"))
    with pytest.raises(ValueError, match=r"--training.grad-clip is nan, expected a finite"):
        check_finite(options)


@pytest.mark.parametrize("name", ["lr", "lr_backbone", "grad_clip", "augment_colour"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_no_rate_of_training_is_nan(name, value):
    with pytest.raises(ValueError, match=rf"training.{name} is {value}, expected 0 <= x < "):
        TrainingConfig(**{name: value})


# What a run of act-train leaves: `last` of step 2 comes within a few seconds.
RUN = ("--preset", "debug", "--training.steps", 100_000, "--training.precision", "fp32")


def test_training_that_is_stopped_and_goes_on(dataset, tmp_path):
    """Stopped by Ctrl-C; resumed on a disk that has no room for the state of the optimizer, some
    300 kB; resumed again."""
    run = tmp_path / "run"
    child = start("act_training.train", *RUN, "--data", dataset, "--out", run)
    wait_for((run / "last").exists, child)
    os.killpg(child.pid, signal.SIGINT)
    said = child.communicate()[1]
    assert child.returncode == 128 + signal.SIGINT
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        f"stopped: the last checkpoint in {run} is whole, go on with: act-train --resume {run}"
    )
    before = files(run / "last")

    full = start("act_training.train", "--resume", run, largest_file=100_000)
    said = full.communicate()[1]
    assert full.returncode == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("error: the disk is full (")
    assert said.splitlines()[-1].endswith(f"go on with: act-train --resume {run}")
    assert files(run / "last") == before
    assert [path.name for path in run.iterdir() if path.name.startswith(".")] == []

    step = load_checkpoint(run).step
    again = start("act_training.train", "--resume", run, "--stop-after", step + 1)
    out, errors = again.communicate()
    assert again.returncode == 0, errors
    assert load_checkpoint(run / "last").step == step + 1
    assert out.splitlines()[-1] == f"next: act-train --resume {run}"


def test_training_that_is_stopped_before_its_first_checkpoint(dataset, tmp_path):
    run = tmp_path / "run"
    options = (*RUN, "--training.save-every", 10**6, "--training.validate-every", 10**6)
    child = start("act_training.train", *options, "--data", dataset, "--out", run)
    wait_for((run / "log.jsonl").exists, child)
    os.killpg(child.pid, signal.SIGINT)
    said = child.communicate()[1]
    assert said.splitlines()[-1] == (
        "stopped: there was no checkpoint yet and nothing is left, start it again"
    )
    assert not run.exists()


POOL = """
    import os, sys, time
    from dataclasses import dataclass
    from pathlib import Path
    from act_training.cli import run_command
    from act_training.worker_pool import worker_pool

    @dataclass(frozen=True)
    class Options:
        folder: Path

    def begin(folder):
        (folder / str(os.getpid())).touch()

    def work(_):
        time.sleep(1000)

    def run(options):
        with worker_pool(2, begin, options.folder) as pool:
            for future in [pool.submit(work, number) for number in range(4)]:
                future.result()

    if __name__ == "__main__":
        run_command(run, Options)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_who_started_them(tmp_path, number):
    """At once, and Ctrl-C, which the terminal sends to all of them, is still one line."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(POOL))
    (tmp_path / "workers").mkdir()
    child = subprocess.Popen(
        [sys.executable, program, "--folder", tmp_path / "workers"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    wait_for(lambda: len(list((tmp_path / "workers").iterdir())) == 2, child)
    if number == signal.SIGKILL:
        child.kill()
    else:
        os.killpg(child.pid, number)
    said = child.communicate()[1]  # at the end of all who write there
    if number == signal.SIGINT:
        assert said.strip() == "stopped: nothing was changed: start it again"
    workers = [int(worker.name) for worker in (tmp_path / "workers").iterdir()]
    # A process that ends closes its files a little before it is gone.
    wait_until(lambda: not any(is_running(worker) for worker in workers))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may have asked for its end yet


def test_a_bar_in_a_log_file_is_a_line_now_and_then():
    code = (
        "import act_training.entry; from tqdm import tqdm\n"
        "bar = tqdm(total=10**6)\n"
        "for _ in range(10**6): bar.update()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("\r") <= 3
