"""Random changes to training images; the randomness is torch's global generator."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def shift_images(images: Tensor, limit_px: int) -> Tensor:
    """Translate each of (B, h, w, ...) by up to `limit_px` along both axes; edges are repeated."""
    if limit_px == 0:
        return images
    batch, height, width = images.shape[:3]
    device = images.device
    shift = torch.randint(-limit_px, limit_px + 1, (2, batch, 1), device=device)
    rows = (torch.arange(height, device=device) + shift[0]).clamp(0, height - 1)  # (B, h)
    columns = (torch.arange(width, device=device) + shift[1]).clamp(0, width - 1)  # (B, w)
    sample = torch.arange(batch, device=device)[:, None, None]
    return images[sample, rows[:, :, None], columns[:, None, :]]


def jitter_colour(images: Tensor, strength: float) -> Tensor:
    """Scale brightness, contrast and saturation of each image by factors within 1 +- `strength`.

    Args:
        images: (B, h, w, 3) uint8.

    Returns:
        The images as float in 0..255, or unchanged when `strength` is 0.
    """
    if strength == 0.0:
        return images
    factor = 1 + strength * (2 * torch.rand(3, len(images), 1, 1, 1, device=images.device) - 1)
    image = images.float() * factor[0]
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    image = mean + (image - mean) * factor[1]
    grey = (image * image.new_tensor(LUMA)).sum(-1, keepdim=True)
    return (grey + (image - grey) * factor[2]).clamp(0, 255)
