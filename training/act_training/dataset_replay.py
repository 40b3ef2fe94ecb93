"""What a policy would have done in a recorded episode, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from act_core.errors import ConfigurationError
from act_policy.observation import Observation
from act_policy.policy import Policy
from numpy.typing import NDArray

from act_training.bundle_spec import one_unit
from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.features import Features
from act_training.figure import write_figure
from act_training.video import write_video

SHOWN_CHUNKS = 12


class Replay(NamedTuple):
    """Recorded actions and the chunks predicted at the same steps."""

    recorded: NDArray[np.float32]  # (T, A)
    chunks: NDArray[np.float64]  # (T, K, A)

    @property
    def error(self) -> NDArray[np.float64]:
        """(A,) mean absolute difference over all rows that were recorded too."""
        steps, size, _ = self.chunks.shape
        rows = np.arange(steps)[:, None] + np.arange(size)  # (T, K)
        valid = rows < steps
        difference = np.abs(self.chunks - self.recorded[np.minimum(rows, steps - 1)])
        return difference[valid].mean(axis=0)


def find_episode(dataset: Path, index: int) -> Path:
    """`dataset` itself if it is a file, else the episode number `index` of the folder."""
    if dataset.is_file():
        return dataset
    files = episode_files(dataset)
    if not 0 <= index < len(files):
        raise ConfigurationError(
            f"episode {index} is not in {dataset}, which has {len(files)}: 0 to {len(files) - 1}"
        )
    return files[index]


def replay(policy: Policy, episode: Episode) -> Replay:
    """Show every recorded observation to `policy`.

    Raises ConfigurationError when the episode is of another robot or lacks a camera.
    """
    spec = policy.spec
    _check_fit(policy, episode.features)
    chunks = [
        policy.infer(
            Observation(
                int(episode.stamps_ns[step]),
                episode.joints[step],
                {camera: episode.images[camera][step] for camera in spec.cameras},
            )
        ).chunk.rows
        for step in range(len(episode))
    ]
    return Replay(episode.actions, np.stack(chunks))


def report_replay(policy: Policy, path: Path, out: Path, *, film: bool) -> None:
    """Print and draw predicted against recorded actions of an episode; film it on demand."""
    episode = read_episode(path)
    replayed = replay(policy, episode)
    names, units = episode.features.actions, episode.features.action_units
    print(f"{path}: mean absolute difference over {len(episode)} chunks")
    deviations = np.maximum(episode.actions.std(axis=0), 1e-9)
    for name, unit, error, std in zip(names, units, replayed.error, deviations, strict=True):
        print(f"  {name:<20}{error:.4f} {unit} ({error / std:.1%} of its standard deviation)")
    out.mkdir(parents=True, exist_ok=True)
    picture = out / f"{path.stem}.png"
    draw_replay(replayed, names, episode.features.rate_hz, picture)
    print(f"picture {picture}")
    if film:
        frames = [{c: images[step] for c, images in episode.images.items()}
                  for step in range(len(episode))]  # fmt: skip
        write_video(out / f"{path.stem}.mp4", frames, episode.features.rate_hz)


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


def _check_fit(policy: Policy, features: Features) -> None:
    spec = policy.spec
    pairs = (
        ("joints", spec.joint_input.joints, features.joints),
        ("actions", spec.output.joints, features.actions),
        ("unit of joints", spec.joint_input.unit, one_unit(features.joint_units)),
        ("unit of actions", spec.output.unit, one_unit(features.action_units)),
        ("rate_hz", spec.rate_hz, features.rate_hz),
    )
    for what, wanted, there in pairs:
        if wanted != there:
            raise ConfigurationError(
                f"{what} of policy '{spec.name}': {wanted}, of the episode: {there}"
            )
    sizes = {camera.name: (camera.height, camera.width) for camera in features.cameras}
    for image in spec.image_inputs:
        if sizes.get(image.camera) != (image.height, image.width):
            raise ConfigurationError(
                f"policy '{spec.name}' needs {image.width}x{image.height} images of camera "
                f"'{image.camera}'; the episode has {sizes} (height, width)"
            )
