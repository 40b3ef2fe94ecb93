"""What a policy is to trainer, checkpoints, exporter and reports, and how one is found by name.

    class      a subclass of `TrainablePolicy` with a `Config`; `losses` and `chunk` are its own
    name       `act_core.door` tells where it is looked for; the group of entry points is
               `act_training.policies`; what ships is in the package of that name
    presets    named pairs of model and training configuration, of the policy that has them

`act-train --policy my_policy.py:Mine` trains one, `act-export` writes its bundle, and nothing else
has to be told: the configuration beside the weights has the name.

Letters: B batch, T observation steps, S joint values, K rows of a chunk, A values of an action, h
and w of an image at the network's size, H and W as captured.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate import PartialState
from act_core.door import Door
from act_core.errors import ConfigurationError, suggest
from torch import Tensor, distributed, nn

from act_training.config import Preset, TrainingConfig
from act_training.datasets.chunks import Batch
from act_training.datasets.statistics import Statistics
from act_training.features import Features
from act_training.sharing import shared_path

# Per-channel statistics of ImageNet, which its weights expect; as good as any for others.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class ActingPolicy(nn.Module):
    """What can be exported: raw values in, chunks of raw values out.

    `normalise` and `restore` are apart from `chunk`, so that a graph can compute the network in
    bfloat16 between a first and a last step in float32.
    """

    image_downscale = 1
    """So many pixels of a side are averaged into one before `chunk`."""

    @abstractmethod
    def normalise(self, joints: Tensor) -> Tensor:
        """Joints (..., S) in raw units -> as the network takes them."""

    @abstractmethod
    def chunk(self, joints: Tensor, images: list[Tensor], *noise: Tensor) -> Tensor:
        """Normalised chunks (B, K, A) for normalised joints (B, S) and, for each camera, images
        (B, h, w, 3) from 0 to 255, uint8 or float: what the policy does once it is deployed.

        With several observation steps joints are (B, T, S) and images (B, T, h, w, 3). A policy
        that samples is given one tensor of noise, (B, K, A) from N(0, 1).
        """

    @abstractmethod
    def restore(self, actions: Tensor) -> Tensor:
        """Actions (..., A) as the network gives them -> in raw units."""

    def predict(self, joints: Tensor, images: list[Tensor], *noise: Tensor) -> Tensor:
        """Chunks (B, K, A) in raw units for joints (B, S) in raw units and, for each camera,
        (B, H, W, 3) uint8 images as captured; with steps and noise as `chunk`."""
        small = [self.downscale(image) for image in images]
        return self.restore(self.chunk(self.normalise(joints), small, *noise))

    def downscale(self, image: Tensor) -> Tensor:
        """(..., H, W, 3) uint8 -> (..., h, w, 3), as the frames of the training cache are."""
        factor = self.image_downscale
        if factor == 1:
            return image
        if image.dim() > 4:
            return self.downscale(image.flatten(0, 1)).unflatten(0, image.shape[:2])
        pooled = nn.functional.avg_pool2d(image.permute(0, 3, 1, 2).float(), factor)
        return pooled.round().permute(0, 2, 3, 1)  # whole numbers, as the uint8 cache has


class TrainablePolicy(ActingPolicy):
    """A network with the statistics that normalise its inputs and un-normalise its output, which
    are saved with the weights.

    A subclass has `Config`, `losses` and `chunk`; everything else is here and may be replaced.

    Args:
        config: an instance of `Config`.
        features: names and sizes; the order of `features.cameras` is the order of the images.
        statistics: of the training data; None before weights are loaded, which hold them.
    """

    Config: ClassVar[type[Any]]
    """A frozen dataclass whose fields have defaults, `chunk_size: int` among them. Where it has
    them, `image_downscale: int` is how many pixels of a side the cache averages into one,
    `n_obs_steps: int` how many observation steps are seen at once, and `takes_noise: bool` whether
    `chunk` is given noise."""
    presets: ClassVar[tuple[Preset, ...]] = ()
    """`act-train --preset NAME` begins with one of them."""

    joints_mean: Tensor
    joints_std: Tensor
    actions_mean: Tensor
    actions_std: Tensor
    image_mean: Tensor
    image_std: Tensor

    def __init__(
        self, config: Any, features: Features, statistics: Statistics | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.features = features
        self.image_downscale = downscale_of(config)
        for name, dim in (("joints", len(features.joints)), ("actions", len(features.actions))):
            mean, std = torch.zeros(dim), torch.ones(dim)
            if statistics is not None:
                moments = getattr(statistics, name)
                mean, std = torch.from_numpy(moments.mean), torch.from_numpy(moments.std)
            self.register_buffer(f"{name}_mean", mean)
            self.register_buffer(f"{name}_std", std)
        self.register_buffer("image_mean", torch.tensor(IMAGE_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGE_STD).view(3, 1, 1), persistent=False)

    @abstractmethod
    def losses(
        self, joints: Tensor, images: list[Tensor], actions: Tensor, is_pad: Tensor
    ) -> dict[str, Tensor]:
        """Scalars by name: `loss` is what training minimises, the others are for the log.

        One called `l1` is in standard deviations of the actions; training stops where it passes
        100. Means over steps that are no padding are made by `mean_l1` or `mean_of_valid`, which
        are right for several processes, too.

        Args:
            joints: (B, S), normalised; (B, T, S) with several observation steps.
            images: for each camera (B, h, w, 3) from 0 to 255, uint8 or float; (B, T, h, w, 3).
            actions: (B, K, A), normalised; values at padded steps mean nothing.
            is_pad: (B, K) bool, True where the episode had already ended.
        """

    def parameter_groups(self, settings: TrainingConfig) -> list[dict[str, Any]]:
        """Groups of parameters as torch's optimisers take them, each with its peak `lr`."""
        return [{"params": list(self.parameters()), "lr": settings.lr}]

    @classmethod
    def text(cls, config: Any) -> str:
        """What a configuration is, in a few words for reports."""
        return f"{cls.__name__}, chunk {config.chunk_size}"

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """`losses` of a batch in raw units, images at the network's size."""
        actions = (batch.actions - self.actions_mean) / self.actions_std
        return self.losses(self.normalise(batch.joints), batch.images, actions, batch.is_pad)

    def validation_l1(self, batch: Batch) -> Tensor:
        """Scalar: `mean_l1` of what would be deployed."""
        actions = (batch.actions - self.actions_mean) / self.actions_std
        chunk = self.chunk(self.normalise(batch.joints), batch.images, *self.noise_for(actions))
        return mean_l1(chunk, actions, batch.is_pad)

    def noise_for(self, actions: Tensor) -> tuple[Tensor, ...]:
        """What `chunk` takes beside observations to make chunks like `actions` (B, K, A): always
        the same noise, of a generator of its own."""
        if not takes_noise(self.config):
            return ()
        generator = torch.Generator().manual_seed(0)
        return (torch.randn(actions.shape, generator=generator).to(actions.device),)

    def normalise(self, joints: Tensor) -> Tensor:
        return (joints - self.joints_mean) / self.joints_std

    def restore(self, actions: Tensor) -> Tensor:
        return actions * self.actions_std + self.actions_mean

    def scale(self, image: Tensor) -> Tensor:
        """(B, h, w, 3) 0..255 -> (B, 3, h, w) normalised; the memory stays channels-last."""
        return (image.permute(0, 3, 1, 2).float() / 255 - self.image_mean) / self.image_std


def mean_l1(predicted: Tensor, actions: Tensor, is_pad: Tensor) -> Tensor:
    """Mean absolute difference of chunks (B, K, A) over the steps that are no padding (B, K)."""
    return mean_of_valid((predicted - actions).abs(), is_pad)


def mean_of_valid(error: Tensor, is_pad: Tensor) -> Tensor:
    """Mean of values (B, K, A) over the steps that are no padding (B, K).

    While several processes train together, each divides by their mean number of such steps, so that
    the mean of what they return is that over all their samples, as one process would have it.
    """
    valid = ~is_pad[..., None]  # (B, K, 1); a chunk's first step always is
    count = valid.sum()
    if torch.is_grad_enabled() and distributed.is_available() and distributed.is_initialized():
        count = count.float().to(PartialState().device)  # NCCL takes nothing that is on the CPU
        distributed.all_reduce(count)
        count = count.to(error.device) / distributed.get_world_size()
    return (error * valid).sum() / (count * error.shape[-1])


def downscale_of(config: Any) -> int:
    """`image_downscale` of a policy's configuration; 1 where it has none."""
    return int(getattr(config, "image_downscale", 1))


def obs_steps_of(config: Any) -> int:
    """`n_obs_steps` of a policy's configuration; 1 where it has none."""
    return int(getattr(config, "n_obs_steps", 1))


def takes_noise(config: Any) -> bool:
    """`takes_noise` of a policy's configuration; False where it has none."""
    return bool(getattr(config, "takes_noise", False))


def _problem(policy: Any) -> str | None:
    if not (isinstance(policy, type) and issubclass(policy, TrainablePolicy)):
        return f"is no subclass of {__name__}.TrainablePolicy"
    missing = [f"{name}()" for name in ("losses", "chunk")
               if getattr(policy, name) in (getattr(TrainablePolicy, name), None)]  # fmt: skip
    config = getattr(policy, "Config", None)
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        missing.append("Config, a frozen dataclass of what can be chosen")
    if missing:
        return f"lacks {', '.join(missing)}"
    assert config is not None
    fields = {field.name: field for field in dataclasses.fields(config)}
    if not config.__dataclass_params__.frozen:
        return "has a Config that is not frozen"
    if "chunk_size" not in fields:
        return "has a Config without chunk_size, the rows of a chunk"
    for name, field in fields.items():
        if field.default is field.default_factory is dataclasses.MISSING:
            return f"has a Config whose {name} has no default"
    for preset in policy.presets:
        if not (isinstance(preset, Preset) and isinstance(preset.model, config)):
            return f"has a preset that is no Preset with a {config.__qualname__}: {preset!r:.80}"
    try:
        inspect.signature(policy).bind(None, None, None)
    except TypeError as error:
        return f"is made with (config, features, statistics), which its __init__ refuses: {error}"
    return None


POLICIES: Door[type[TrainablePolicy]] = Door(
    "policy", "act_training.policies", _problem, f"see {__name__} for what it needs"
)
trainable_policy = POLICIES.register


def find_policy(name: str, base: Path | None = None) -> type[TrainablePolicy]:
    """The class of a policy; errors are those of `Door.find`.

    Args:
        name: as `Door.find` takes it; a file in it is seen from here.
        base: or from this folder, if it is there, as `shared_name` wrote it.
    """
    file, colon, attribute = name.rpartition(":")
    if base is not None and colon and file.endswith(".py"):
        if (base / file).is_file():
            return POLICIES.find(f"{base / file}:{attribute}")
        if not Path(file).expanduser().is_file():
            raise ConfigurationError(
                f"policy '{name}': there is no '{file}', neither from {base} nor from here: start "
                "this in the folder where the file is now, or put it where it was"
            )
    return POLICIES.find(name)


def shared_name(name: str, base: Path) -> str:
    """`name` for files that are passed on: the path of a file in it as seen from `base`."""
    file, colon, attribute = name.rpartition(":")
    if colon and file.endswith(".py"):
        return f"{shared_path(Path(file).expanduser(), base)}:{attribute}"
    return name


def presets_of(policy: str | None) -> dict[str, tuple[str, Preset]]:
    """Presets by name, each with the name of its policy: those of one policy, or of all that are
    found by name."""
    if policy is not None:
        return {preset.name: (policy, preset) for preset in find_policy(policy).presets}
    found = {}
    for name in POLICIES.names():
        with contextlib.suppress(ConfigurationError):  # said to whoever asks for that policy
            found.update(presets_of(name))
    return found


def get_preset(name: str, policy: str | None = None) -> Preset:
    """The preset called `name`; ConfigurationError with a suggestion if there is none."""
    return find_preset(name, policy)[1]


def find_preset(name: str, policy: str | None = None) -> tuple[str, Preset]:
    """The preset called `name` and whose it is; ConfigurationError if there is none."""
    presets = presets_of(policy)
    if name not in presets:
        of_whom = "preset" if policy is None else f"preset of policy {policy}"
        raise ConfigurationError(suggest(of_whom, name, presets))
    return presets[name]


def check_policy(
    policy: TrainablePolicy, name: str, batch: Batch, settings: TrainingConfig
) -> None:
    """ConfigurationError with what does not keep to the protocol, before anything is trained.

    Args:
        policy: a fresh one; its weights and buffers stay as they are.
        batch: a few samples.
    """

    def check(whole: bool, problem: str) -> None:
        if not whole:
            raise ConfigurationError(f"policy '{name}': {problem}")

    groups = policy.parameter_groups(settings)
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    own = [id(parameter) for parameter in policy.parameters() if parameter.requires_grad]
    check(
        len(ids) == len(set(ids)) and set(ids) >= set(own),
        "parameter_groups() has to hold every parameter that is trained, once: it has "
        f"{len(ids)} of {len(own)}, {len(set(ids))} different ones",
    )
    for group in groups:
        peak = group.get("lr")
        check(
            isinstance(peak, (int, float)) and 0 <= peak < math.inf,
            f"parameter_groups() has a group whose lr is {peak!r}, expected its peak learning rate",
        )
    buffers = {key: buffer.clone() for key, buffer in policy.named_buffers()}
    was_training = policy.training
    try:
        with torch.no_grad():
            called = "chunk()"
            noise = policy.noise_for(batch.actions)
            chunk = policy.eval().chunk(policy.normalise(batch.joints), batch.images, *noise)
        check(
            isinstance(chunk, Tensor) and chunk.shape == batch.actions.shape,
            f"chunk() gave {_shown(chunk)}, expected a tensor {tuple(batch.actions.shape)}: "
            "(batch, chunk_size, actions)",
        )
        called = "losses()"
        losses = policy.train()(batch)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever somebody's policy raises
        raise ConfigurationError(
            f"policy '{name}': {called} fails on a batch: {type(error).__name__}: {error}"
        ) from error
    finally:
        policy.train(was_training)
        for key, buffer in policy.named_buffers():
            buffer.data.copy_(buffers[key])
    check(
        isinstance(losses, dict) and isinstance(losses.get("loss"), Tensor),
        f"losses() gave {_shown(losses)}, expected a dictionary with the tensor 'loss'",
    )
    for key, value in losses.items():
        check(
            isinstance(value, Tensor) and value.numel() == 1,
            f"losses()['{key}'] is {_shown(value)}, expected a tensor of one number",
        )
    check(losses["loss"].requires_grad, "losses()['loss'] does not depend on any parameter")


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, dict):
        return f"a dictionary with {', '.join(map(str, value)) or 'nothing'}"
    return f"{value!r:.80}"
