"""USB adapters as sysfs shows them, and the udev rule for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from act_core.errors import ConfigurationError
from so101_driver.setup.ports import UsbPort, install_lines, udev_rule, usb_ports

WAVESHARE = {"idVendor": "1a86", "idProduct": "55d3", "serial": "5A46085090"}


def add_tty(root: Path, tty: str, usb: dict[str, str] | None, *, usb_serial: bool = False) -> None:
    """As the kernel lays it out: the tty's `device` is an interface of the USB device, and for
    USB-serial converters a port below it."""
    interface = root / "devices" / f"usb-{tty}" / "1-1:1.0"
    place = interface / tty if usb_serial else interface
    place.mkdir(parents=True)
    for name, text in (usb or {}).items():
        (interface.parent / name).write_text(text + "\n")
    folder = root / "class" / tty
    folder.mkdir(parents=True)
    (folder / "device").symlink_to(place)


def test_adapters_are_found_and_known_ones_come_first(tmp_path):
    add_tty(tmp_path, "ttyACM0", {"idVendor": "2341", "idProduct": "0043", "serial": "arduino"})
    add_tty(tmp_path, "ttyACM1", WAVESHARE)
    add_tty(tmp_path, "ttyUSB0", {"idVendor": "1a86", "idProduct": "7523"}, usb_serial=True)
    add_tty(tmp_path, "ttyS0", None)  # a port of the mainboard
    found = usb_ports(tmp_path / "class")
    assert [port.device for port in found] == ["/dev/ttyACM1", "/dev/ttyUSB0", "/dev/ttyACM0"]
    assert found[0] == UsbPort("/dev/ttyACM1", "1a86", "55d3", "5A46085090")
    assert found[0].adapter == "CH343 (Waveshare, Seeed) 1a86:55d3"
    assert found[1].serial == ""
    assert found[2].adapter == "unknown adapter 2341:0043"


def test_no_adapter(tmp_path):
    assert usb_ports(tmp_path) == []


def test_the_rule_names_this_adapter_and_no_other():
    port = UsbPort("/dev/ttyACM0", "1a86", "55d3", "5A46085090")
    rule = udev_rule(port, "so101_follower")
    assert rule == (
        'SUBSYSTEM=="tty", ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="55d3", '
        'ATTRS{serial}=="5A46085090", SYMLINK+="so101_follower", TAG+="uaccess", '
        'ENV{ID_MM_DEVICE_IGNORE}="1"'
    )
    assert rule in install_lines(rule)[0]


def test_an_adapter_without_a_serial_number_cannot_be_named():
    with pytest.raises(ConfigurationError, match="no serial number.*by-path"):
        udev_rule(UsbPort("/dev/ttyUSB0", "1a86", "7523", ""), "so101_follower")


@pytest.mark.parametrize("link", ["", "a b", "../tty0", 'x" RUN+="sh'])
def test_what_cannot_be_a_link_is_refused(link):
    with pytest.raises(ConfigurationError, match="cannot be the name of a link"):
        udev_rule(UsbPort("/dev/ttyACM0", "1a86", "55d3", "5A"), link)
