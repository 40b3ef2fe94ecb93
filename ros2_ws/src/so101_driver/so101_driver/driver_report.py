"""What the driver says of itself every second."""

from __future__ import annotations

from act_core.report import Report

from so101_driver.arm_driver import ArmDriver


def bus_report(driver: ArmDriver) -> Report:
    """The servo bus: what was lost and repeated."""
    arm = driver.arm
    if arm is None:
        return Report("bus", "error", "not connected", {})
    counters = arm.bus.counters
    level = "warn" if counters.failures else "ok"
    text = f"{counters.retries} retries, {counters.failures} failures"
    return Report("bus", level, text, dict(counters.as_values()))


def servo_reports(driver: ArmDriver) -> list[Report]:
    """One status for each servo that was looked at."""
    reports = []
    faults = driver.faults.faults
    warnings = driver.faults.warnings()
    for joint, health in list(driver.faults.health.items()):
        wrong = [fault.text for fault in faults if fault.joint == joint]
        odd = [text for text in warnings if text.startswith(f"{joint}:")]
        level = "error" if wrong else "warn" if odd else "ok"
        values = {
            "temperature_c": str(health.celsius),
            "voltage_v": f"{health.volts:.1f}",
            "current_a": f"{health.amperes:.3f}",
            "load_percent": f"{100 * health.load:.0f}",
            "torque": "on" if health.torque else "off",
            "status": health.status.words(),
        }
        text = "; ".join([*wrong, *odd]) or "ok"
        reports.append(Report(joint, level, text, values))
    return reports
