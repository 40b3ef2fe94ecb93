from __future__ import annotations

import contextlib

import pytest
import torch
from act_training.backbone import IMAGENET_URL, ResNet18, build_backbone
from act_training.policies.act.config import ActConfig


def torchvision_resnet18() -> torch.nn.Module:
    """torchvision's ResNet-18; its wheel wants two operator schemas that the CPU torch lacks."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        with contextlib.suppress(RuntimeError):  # a torchvision that fits its torch has them
            library.define(schema)
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    return models.resnet18(weights=None)


def test_full_backbone_has_resnet18s_parameters():
    assert sum(p.numel() for p in ResNet18(norm="batch").parameters()) == 11_176_512


def test_full_backbone_equals_torchvision():
    reference = torchvision_resnet18().eval()
    ours = ResNet18(norm="frozen")
    expected = {name for name in reference.state_dict() if not name.startswith("fc.")}
    assert set(ours.state_dict()) == {n for n in expected if not n.endswith("num_batches_tracked")}
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.rand(tensor.shape, generator=generator) * 0.1 + 0.01
        for name, tensor in reference.state_dict().items()
        if tensor.is_floating_point()
    }
    reference.load_state_dict(weights, strict=False)
    ours.load_state_dict(weights, strict=False)
    image = torch.rand(1, 3, 64, 96, generator=generator)
    features = torch.nn.Sequential(*list(reference.children())[:-2])(image)
    torch.testing.assert_close(ours(image), features)


@pytest.mark.parametrize(("stages", "shape"), [(1, (8, 13, 16)), (3, (32, 4, 4))])
def test_narrow_and_short_backbone(stages, shape):
    assert ResNet18(8, stages, "group")(torch.zeros(1, 3, 50, 64))[0].shape == shape


def test_weights_from_a_file(tmp_path):
    source = ResNet18(norm="frozen")
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    config = ActConfig(backbone_weights=str(tmp_path / "weights.pth"), backbone_stages=2)
    torch.testing.assert_close(build_backbone(config).conv1.weight, source.conv1.weight)


def test_weights_file_that_is_missing_or_foreign(tmp_path):
    config = ActConfig(backbone_weights=str(tmp_path / "none.pth"))
    with pytest.raises(ValueError, match=r"none.pth', but there is no such file"):
        build_backbone(config)
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "none.pth")
    with pytest.raises(ValueError, match=r"not a torchvision ResNet-18 state dict: it lacks conv1"):
        build_backbone(config)


def test_imagenet_weights_come_from_torchs_cache(tmp_path, monkeypatch):
    source = ResNet18(norm="frozen")
    (tmp_path / "checkpoints").mkdir()
    torch.save(source.state_dict(), tmp_path / "checkpoints" / IMAGENET_URL.rsplit("/", 1)[1])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    built = build_backbone(ActConfig())
    torch.testing.assert_close(built.conv1.weight, source.conv1.weight)


def test_unreachable_imagenet_weights_are_reported(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("act_training.backbone.IMAGENET_URL", f"file://{tmp_path}/x.pth")
    build_backbone(ActConfig(backbone_stages=1))
    assert "ImageNet weights of ResNet-18 are neither in" in caplog.text
