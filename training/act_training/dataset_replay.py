"""What a policy would have done in a recorded episode, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from act_core.errors import ConfigurationError
from act_core.files import write_json
from act_core.policy_fit import misfits
from act_policy.history import History, stacked
from act_policy.observation import Observation
from act_policy.policy import Policy
from numpy.typing import NDArray
from tqdm import tqdm

from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.datasets.statistics import Moments, compute_moments
from act_training.features import meeting
from act_training.figure import write_figure
from act_training.video import write_video

REPLAY_FILE = "replay.json"
SHOWN_CHUNKS = 12
SHOWN_EPISODES = 3
MOST_EPISODES = 20


class Replay(NamedTuple):
    """Recorded actions and the chunks predicted at the same steps."""

    recorded: NDArray[np.float32]  # (T, A)
    chunks: NDArray[np.float64]  # (T, K, A)

    @property
    def error(self) -> NDArray[np.float64]:
        """(A,) mean absolute difference over all rows that were recorded too."""
        return self._error_of(self.chunks)

    def error_of_mean(self, mean: NDArray[np.floating]) -> NDArray[np.float64]:
        """(A,) the same of a policy that always answers `mean` (A,)."""
        return self._error_of(np.broadcast_to(mean, self.chunks.shape))

    @property
    def error_of_last(self) -> NDArray[np.float64]:
        """(A,) the same of a policy that repeats the action before (at the first step its own)."""
        last = self.recorded[np.maximum(np.arange(len(self.recorded)) - 1, 0)]
        return self._error_of(np.broadcast_to(last[:, None], self.chunks.shape))

    def _error_of(self, chunks: NDArray[np.floating]) -> NDArray[np.float64]:
        steps, size, _ = chunks.shape
        rows = np.arange(steps)[:, None] + np.arange(size)  # (T, K)
        valid = rows < steps
        difference = np.abs(chunks - self.recorded[np.minimum(rows, steps - 1)])
        return difference[valid].mean(axis=0)


class Judgement(NamedTuple):
    """Mean differences from one episode's actions, in standard deviations of the dataset's."""

    episode: str
    policy: float
    mean: float  # of always answering the dataset's mean
    last: float  # of repeating the action before


def judge(name: str, replayed: Replay, actions: Moments) -> Judgement:
    """Compare a replay with what needs no policy; `actions` are the moments of the dataset."""
    errors = (replayed.error, replayed.error_of_mean(actions.mean), replayed.error_of_last)
    return Judgement(name, *(float((error / actions.std).mean()) for error in errors))


def verdict(judgements: list[Judgement]) -> str:
    """Whether the policy has learnt anything of the motion, in one line."""
    policy, mean, last = (
        float(np.mean([getattr(judgement, field) for judgement in judgements]))
        for field in ("policy", "mean", "last")
    )
    figures = (
        f"{policy:.3f} standard deviations from the recorded actions (always the mean: {mean:.3f}, "
        f"repeating the last action: {last:.3f}; {len(judgements)} episodes)"
    )
    if not policy < mean:  # which NaN is not, either
        return f"WARNING: no better than always answering the mean: {figures}"
    if not policy < last:
        return f"WARNING: no better than repeating the last action: {figures}"
    better = sum(j.policy < min(j.mean, j.last) for j in judgements)
    return f"better than both in {better} of {len(judgements)} episodes: {figures}"


class Choice(NamedTuple):
    """Episodes to judge on, and what a person should know about the choice."""

    files: list[Path]
    note: str


def choose_episodes(dataset: Path, index: int | None, held_out: tuple[str, ...]) -> Choice:
    """`dataset` itself if it is a file, else the episode number `index` of the folder; without a
    number those of the folder that were held out in training, or some of all.

    Raises ConfigurationError for a number that is not there.
    """
    if dataset.is_file():
        return Choice([dataset], "")
    files = episode_files(dataset)
    if index is not None:
        if not 0 <= index < len(files):
            last = len(files) - 1
            raise ConfigurationError(
                f"episode {index} is not in {dataset}, which has {len(files)}: 0 to {last}"
            )
        return Choice([files[index]], "")
    fresh = [path for path in files if path.relative_to(dataset).as_posix() in held_out]
    if fresh:
        return Choice(_some(fresh), "episodes that were held out in training")
    return Choice(
        _some(files),
        "nothing tells which episodes were held out in training: those that it was trained on "
        "flatter the policy",
    )


def _some(files: list[Path]) -> list[Path]:
    chosen = np.unique(np.linspace(0, len(files) - 1, MOST_EPISODES).astype(int))
    return [files[i] for i in chosen]


def replay(policy: Policy, episode: Episode) -> Replay:
    """Show every recorded observation to `policy`.

    Raises ConfigurationError when the episode is of another robot or lacks a camera.
    """
    spec = policy.spec
    for wrong in misfits(spec, meeting("the episode", episode.features)):
        raise ConfigurationError(wrong)
    history, chunks = History(spec), []
    for step in range(len(episode)):
        images = {camera: episode.images[camera][step] for camera in spec.cameras}
        seen = Observation(int(episode.stamps_ns[step]), episode.joints[step], images)
        chunks.append(policy.infer(stacked(history.add(seen))).chunk.rows)
    return Replay(episode.actions, np.stack(chunks))


def report_dataset_replay(
    policy: Policy, dataset: Path, choice: Choice, out: Path, *, films: int
) -> list[Judgement]:
    """Print, draw and write to `out` how far a policy is from the actions of some episodes of
    `dataset`, and whether that is better than no policy; film the first ones on demand."""
    files = [dataset] if dataset.is_file() else episode_files(dataset)
    actions = compute_moments(
        np.concatenate([read_episode(path, with_images=False).actions for path in files])
    )
    if choice.note:
        print(f"{len(choice.files)} of {len(files)} episodes: {choice.note}")
    judgements = []
    errors = []
    for number, path in enumerate(tqdm(choice.files, desc="replay", unit="episode", leave=False)):
        episode = read_episode(path)
        replayed = replay(policy, episode)
        errors.append(replayed.error)
        judgements.append(judge(path.name, replayed, actions))
        if number < SHOWN_EPISODES:
            features = episode.features
            picture = out / f"{path.stem}.png"
            draw_replay(replayed, features.actions, features.rate_hz, picture)
            print(f"picture {picture}")
        if number < films:
            frames = [{c: images[step] for c, images in episode.images.items()}
                      for step in range(len(episode))]  # fmt: skip
            write_video(out / f"{path.stem}.mp4", frames, episode.features.rate_hz)
    names, unit = policy.spec.output.joints, policy.spec.output.unit
    print("mean absolute difference of the chunks from what was recorded")
    for name, error, std in zip(names, np.mean(errors, axis=0), actions.std, strict=True):
        print(f"  {name:<20}{error:.4f} {unit} ({error / std:.1%} of the standard deviation)")
    print(verdict(judgements))
    record = {
        "policy": policy.spec.name,
        "episodes": choice.note or "as asked for",
        "unit": "standard deviations of the dataset's actions",
        "judgements": [judgement._asdict() for judgement in judgements],
    }
    write_json(out / REPLAY_FILE, record)
    return judgements


def draw_replay(replayed: Replay, names: tuple[str, ...], rate_hz: float, path: Path) -> None:
    """One plot per action value: recorded, and some of the predicted chunks."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of the backend

    steps, size, dim = replayed.chunks.shape
    figure, grid = plt.subplots(
        dim, 1, figsize=(11, 1.8 * dim), sharex=True, squeeze=False, layout="constrained"
    )
    for value, axes in enumerate(grid[:, 0]):
        axes.plot(np.arange(steps) / rate_hz, replayed.recorded[:, value], "k", label="recorded")
        for step in range(0, steps, max(1, steps // SHOWN_CHUNKS)):
            time_s = (step + np.arange(size)) / rate_hz
            axes.plot(time_s, replayed.chunks[step, :, value], alpha=0.6, linewidth=0.9)
        axes.set_ylabel(names[value], fontsize="small")
    grid[0, 0].set_title("recorded (black) and predicted chunks")
    grid[-1, 0].set_xlabel("s")
    write_figure(figure, path)
    plt.close(figure)
