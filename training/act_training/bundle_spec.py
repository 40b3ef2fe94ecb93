"""What the bundle of a run says of itself: names, shapes, units, provenance."""

from __future__ import annotations

from dataclasses import asdict, replace

from act_core.policy_spec import (
    ActionOutput,
    ExecutionSpec,
    ImageInput,
    JointInput,
    NoiseInput,
    PolicySpec,
)

from act_training.features import one_unit
from act_training.run_config import RunConfig
from act_training.trainable_policy import obs_steps_of, takes_noise

JOINT_INPUT, NOISE_INPUT, ACTION_OUTPUT = "joint_position", "noise", "action"


def make_spec(
    config: RunConfig, step: int, *, name: str | None = None, execution: ExecutionSpec | None = None
) -> PolicySpec:
    """The spec of a policy of the run `config` after `step` steps.

    Args:
        name: None makes one from the task: so101_pick_place.
        execution: None takes the runtime's default, the temporal ensemble of the paper.
    """
    features = config.features
    unit = one_unit(features.action_units)
    execution = execution or ExecutionSpec()
    chunk_shape = (config.model.chunk_size, len(features.actions))
    if unit != "rad":
        execution = replace(execution, max_jump=None)  # its default is in radians
    return PolicySpec(
        name=name or config.task.replace("/", "_"),
        rate_hz=features.rate_hz,
        chunk_size=config.model.chunk_size,
        joint_input=JointInput(JOINT_INPUT, features.joints, one_unit(features.joint_units)),
        image_inputs=tuple(
            ImageInput(f"image_{camera.name}", camera.name, camera.height, camera.width)
            for camera in features.cameras
        ),
        output=ActionOutput(ACTION_OUTPUT, features.actions, unit),
        execution=execution,
        n_obs_steps=obs_steps_of(config.model),
        noise_inputs=(NoiseInput(NOISE_INPUT, chunk_shape),) if takes_noise(config.model) else (),
        provenance={
            "task": config.task,
            **({"look": config.look} if config.look is not None else {}),
            "policy": config.for_others().policy,
            "preset": config.preset,
            "seed": config.training.seed,
            "steps": step,
            "datasets": [
                {
                    "name": dataset.name,
                    "sha256": dataset.sha256,
                    "weight": dataset.weight,
                    "episodes": len(dataset.training_episodes),
                }
                for dataset in config.datasets
            ],
            "episodes": config.training_count,
            "commit": config.commit,
            "model": asdict(config.model),
            "success": {},
        },
    )
