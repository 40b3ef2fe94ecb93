from __future__ import annotations

import torch
from act_training.augment import jitter_colour, shift_images
from act_training.config import TrainingConfig
from act_training.train import augment


def test_shifts_are_translations_with_repeated_edges():
    torch.manual_seed(0)
    image = torch.arange(5 * 6, dtype=torch.uint8).reshape(1, 5, 6, 1).expand(8, 5, 6, 3)
    seen = set()
    for shifted in shift_images(image, 2)[..., 0]:
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                rows = (torch.arange(5) + dy).clamp(0, 4)
                columns = (torch.arange(6) + dx).clamp(0, 5)
                if torch.equal(shifted, image[0, rows][:, columns, 0]):
                    seen.add((dy, dx))
    assert len(seen) > 1


def test_no_augmentation_changes_nothing():
    image = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    assert shift_images(image, 0) is image
    assert jitter_colour(image, 0.0) is image


def test_colour_changes_stay_in_range_and_differ_per_image():
    torch.manual_seed(0)
    image = torch.randint(0, 256, (1, 4, 4, 3), dtype=torch.uint8).expand(4, 4, 4, 3)
    changed = jitter_colour(image, 0.3)
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert not torch.equal(changed[0], changed[1])


def test_cameras_are_all_shifted_before_any_is_coloured_and_steps_are_changed_alike():
    """The order of the draws is part of what a seed means."""
    settings = TrainingConfig(augment_shift_px=2, augment_colour=0.2)
    images = torch.randint(0, 256, (3, 8, 10, 3), dtype=torch.uint8)
    torch.manual_seed(1)
    shifted = [shift_images(images, 2), shift_images(images, 2)]
    expected = [jitter_colour(image, 0.2) for image in shifted]
    torch.manual_seed(1)
    assert all(map(torch.equal, augment([images, images], settings), expected))
    steps = torch.stack([images, images], dim=1)
    torch.manual_seed(1)
    (changed,) = augment([steps], settings)
    assert changed.shape == steps.shape
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert not torch.equal(changed[:, 0], images)
