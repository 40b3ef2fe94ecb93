"""What a camera says about itself in the diagnostics."""

from __future__ import annotations

from act_core.report import Report
from act_core.traffic import Traffic

from act_camera.capture import CaptureStatus

LOW_RATE = 0.8  # of the expected rate; below it the camera is degraded


def camera_report(
    camera: str,
    status: CaptureStatus,
    published: Traffic,
    stale_after_s: float,
    outside: tuple[str, ...] = (),
) -> Report:
    """Error without frames, a warning for too few or other frames than asked for.

    Args:
        camera: its name.
        status: of the capture.
        published: the images that went out.
        stale_after_s: how old the newest frame or image may be.
        outside: what is wrong around the camera: a clock that stands still, a second publisher.
    """
    level, text = _verdict(status, published, stale_after_s, outside)
    values = {
        "source": status.description,
        "expected_rate_hz": _number(status.expected_hz, "g"),
        "rate_hz": "0",
        "age_s": _number(status.age_s, ".3f"),
        "frames": str(status.frames),
        "overtaken": str(status.overtaken),
        "damaged": str(status.damaged),
        "reconnects": str(status.reconnects),
        **published.as_values("published"),
    }
    if status.rate is not None:
        values |= {
            "rate_hz": f"{status.rate.rate_hz:.2f}",
            "interval_p50_ms": f"{1e3 * status.rate.interval_p50_s:.1f}",
            "interval_p99_ms": f"{1e3 * status.rate.interval_p99_s:.1f}",
            "interval_max_ms": f"{1e3 * status.rate.interval_max_s:.1f}",
        }
    return Report(camera, level, text, values)


def _verdict(
    status: CaptureStatus, published: Traffic, stale_after_s: float, outside: tuple[str, ...]
) -> tuple[str, str]:
    if status.problem is not None:
        return "error", status.problem
    if status.age_s is not None and status.age_s > stale_after_s:
        return "error", f"no frame for {status.age_s:.1f} s"
    age_s = published.age_s
    if age_s is not None and age_s > stale_after_s:
        return "error", f"frames come, but no image was published for {age_s:.1f} s"
    warnings = list(outside)
    rate, expected_hz = status.rate, status.expected_hz
    if rate is not None and expected_hz is not None and rate.rate_hz < LOW_RATE * expected_hz:
        warnings.append(f"{rate.rate_hz:.1f} frames a second, expected {expected_hz:g}")
    warnings += status.warnings
    return ("warn", "; ".join(warnings)) if warnings else ("ok", "frames come")


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)
