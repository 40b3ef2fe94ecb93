"""Serial ports of USB adapters: what is plugged in, and a name that stays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from act_core.errors import ConfigurationError

# USB vendor and product of the adapters that SO-101 arms come with.
ADAPTERS = {
    ("1a86", "55d3"): "CH343 (Waveshare, Seeed)",
    ("1a86", "7523"): "CH340",
    ("10c4", "ea60"): "CP210x",
    ("0403", "6001"): "FTDI",
}
RULES_FILE = "/etc/udev/rules.d/99-so101.rules"


class UsbPort(NamedTuple):
    """A serial port of a USB device."""

    device: str  # e.g. /dev/ttyACM0
    vendor: str  # four hexadecimal digits
    product: str
    serial: str  # of the adapter; "" for those that have none

    @property
    def adapter(self) -> str:
        """What it is, for people."""
        name = ADAPTERS.get((self.vendor, self.product), "unknown adapter")
        return f"{name} {self.vendor}:{self.product}"


def usb_ports(tty_folder: Path = Path("/sys/class/tty"), dev: Path = Path("/dev")) -> list[UsbPort]:
    """All serial ports of USB devices, known adapters first."""
    found = []
    for tty in sorted(tty_folder.glob("tty[AU][CS][MB]*")):
        device = next(
            (p for p in (tty / "device").resolve().parents if (p / "idVendor").exists()), None
        )
        if device is not None:
            vendor, product = _text(device / "idVendor"), _text(device / "idProduct")
            found.append(UsbPort(str(dev / tty.name), vendor, product, _text(device / "serial")))
    return sorted(found, key=lambda port: (port.vendor, port.product) not in ADAPTERS)


def udev_rule(port: UsbPort, link: str) -> str:
    """A rule that makes ``/dev/<link>`` point to this adapter, whatever number it gets.

    It also lets everybody at the keyboard use the port, and keeps ModemManager away, which talks to
    every new /dev/ttyACM for some seconds. Raises ConfigurationError for a link that is no name, or
    an adapter without a serial number, which cannot be told from its like.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", link):
        raise ConfigurationError(
            f"'{link}' cannot be the name of a link, expected letters, digits, '_' and '-'"
        )
    if not port.serial:
        raise ConfigurationError(
            f"the adapter at {port.device} has no serial number: a rule would fit all of its kind. "
            "Use a name under /dev/serial/by-path instead, which stays as long as the socket does"
        )
    return (
        f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{port.vendor}", '
        f'ATTRS{{idProduct}}=="{port.product}", ATTRS{{serial}}=="{port.serial}", '
        f'SYMLINK+="{link}", TAG+="uaccess", ENV{{ID_MM_DEVICE_IGNORE}}="1"'
    )


def install_lines(rule: str) -> list[str]:
    """What to type to install a rule."""
    return [
        f"echo '{rule}' | sudo tee -a {RULES_FILE}",
        "sudo udevadm control --reload-rules && sudo udevadm trigger",
    ]


def _text(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""
