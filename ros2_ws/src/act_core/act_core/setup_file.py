"""A set-up: what stands on one person's table, under a name, in one file.

A set-up ``kitchen`` is the folder ``~/act/kitchen`` (``$ACT_HOME/kitchen``); what is recorded and
trained with it lies beside its file, ``setup.yaml``:

    arm:                            # parameters of the driver
      port: /dev/serial/by-id/usb-1a86_USB_Single_Serial_58FA-if00
      calibration: my_arm           # an id, or a file beside this one
      max_velocity_rad_s: 2.0
    leader: {port: /dev/so101_leader, calibration: my_leader}
    cameras:                        # parameters of each one's node
      front: {device: /dev/v4l/by-id/usb-Cam_A-video-index0, exposure_ms: 15.0}
      wrist: {device: /dev/v4l/by-id/usb-Cam_B-video-index0, rotate_deg: 180}
      above: {topic: /usb_cam/image_raw}      # one that another driver publishes
    task: put the cube into the bowl          # what is shown, in words
    episodes: 50                              # how many demonstrations are meant

``hardware: emulated`` stands for an emulated arm, with the cameras of the simulation:

    hardware: emulated
    simulation: {width: 320, height: 240}     # arguments of the launch files, `SIMULATION_KEYS`
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from act_core.errors import ConfigurationError, suggest
from act_core.files import write_file
from act_core.foreign_file import expanded, shown_path
from act_core.foreign_text import clean
from act_core.yaml_file import read_yaml

FILE = "setup.yaml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # becomes part of a topic's name
REAL, EMULATED = "real", "emulated"
SOURCE_KEYS = ("device", "topic", "file", "source")  # where a camera's pictures come from
SIMULATION_KEYS = ("level", "seed", "width", "height", "camera_rate_hz")
FILE_KEYS = ("calibration", "calibration_file", "file", "robot")
TEXT_KEYS = (*SOURCE_KEYS, "port", "calibration", "calibration_file", "robot")
MOST_BYTES = 100_000
MOST_LETTERS = 100  # of a name
MOST_EPISODES = 1_000_000

Value = bool | int | float | str


@dataclass(frozen=True)
class Setup:
    """One set-up as its file describes it.

    arm, leader: parameters of the driver and of the leader's node; empty: there is none.
    cameras: name -> parameters of its node, with one of `SOURCE_KEYS`.
    simulation: of emulated hardware, some of `SIMULATION_KEYS`.
    task: what is demonstrated; with emulated hardware the name of a simulated task.
    episodes: how many demonstrations are meant.
    """

    file: Path
    hardware: str = REAL
    arm: Mapping[str, Value] = field(default_factory=dict)
    leader: Mapping[str, Value] = field(default_factory=dict)
    cameras: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    simulation: Mapping[str, Value] = field(default_factory=dict)
    task: str = ""
    episodes: int = 50

    @property
    def name(self) -> str:
        return self.folder.name if self.file.name == FILE else self.file.stem

    @property
    def folder(self) -> Path:
        """Where what is recorded and trained with it lies."""
        return self.file.parent

    @property
    def cameras_text(self) -> str:
        """The cameras as the launch argument ``cameras`` has them."""
        return ",".join(
            f"{name}={_source(self._found(entry))}" for name, entry in self.cameras.items()
        )

    def camera_options(self) -> dict[str, dict[str, Value]]:
        """Camera name -> what its node is told beside the source of its pictures."""
        return {
            name: {key: v for key, v in self._found(entry).items() if key not in SOURCE_KEYS}
            for name, entry in self.cameras.items()
        }

    def launch_arguments(self) -> dict[str, str]:
        """Names and values of the launch arguments that the set-up stands for."""
        values: dict[str, Value] = {"hardware": self.hardware, **self.simulation}
        values |= self._found(self.arm)
        values |= {f"leader_{key}": value for key, value in self._found(self.leader).items()}
        if self.cameras:
            values["cameras"] = self.cameras_text
        if self.task and self.hardware == EMULATED:
            values["task"] = self.task
        return {name: _text(value) for name, value in values.items()}

    def _found(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Parameters, with the whole path of files that lie beside the set-up's own."""
        return {
            key: str(self.folder / value)
            if key in FILE_KEYS and isinstance(value, str) and (self.folder / value).is_file()
            else value
            for key, value in values.items()
        }

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        content = {
            key: _plain(value)
            for key, value in dataclasses.asdict(self).items()
            if key != "file" and value not in ({}, "")
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        note = (
            "# A set-up of act-so101; change what you like. `act status` says what comes of it.\n"
        )
        write_file(self.file, note + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def home() -> Path:
    """The folder of all set-ups: ``$ACT_HOME``, else ``~/act``."""
    named = os.environ.get("ACT_HOME")
    return expanded(named or "~/act")


def names() -> list[str]:
    """The set-ups that there are."""
    return sorted(file.parent.name for file in home().glob(f"*/{FILE}"))


def folder_of(name: str) -> Path:
    """Where the set-up of that name is or will be; ConfigurationError for what cannot be a name."""
    if not NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise ConfigurationError(
            f"'{clean(name)}' cannot be the name of a set-up, expected letters, digits, '_' and "
            f"'-', at most {MOST_LETTERS}"
        )
    return home() / name


def read_setup(name: str) -> Setup:
    """The set-up of that name, or the one in the folder or file that ``name`` is the path of.

    Raises ConfigurationError that names the file and what is wrong in it, or the set-ups that
    there are.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = expanded(name).absolute()
        file = path if path.suffix in (".yaml", ".yml") else path / FILE
    else:
        file = folder_of(name) / FILE
        if not file.exists():
            known = names()
            if not known:
                raise ConfigurationError(
                    f"there is no set-up '{name}', and none at all in {home()}; make one: "
                    f"so101-setup save {name}"
                )
            raise ConfigurationError(suggest("set-up", name, known))
    try:
        return _setup(file, _content(file))
    except ConfigurationError as error:
        raise ConfigurationError(f"set-up {shown_path(file)}: {error}") from error


def _content(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file, MOST_BYTES)
    except ConfigurationError as error:
        raise ConfigurationError(f"it {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError("expected keys such as arm and cameras")
    return content


def _setup(file: Path, content: Mapping[Any, Any]) -> Setup:
    known = [f.name for f in dataclasses.fields(Setup) if f.name != "file"]
    _check_keys("key", content, known)
    hardware = content.get("hardware", REAL)
    if hardware not in (REAL, EMULATED):
        raise ConfigurationError(f"hardware is {hardware!r:.40}, expected {REAL} or {EMULATED}")
    arm = _values("arm", content.get("arm"))
    leader = _values("leader", content.get("leader"))
    _check_keys("key of leader", leader, ("port", "calibration", "robot"))
    simulation = _values("simulation", content.get("simulation"))
    _check_keys("key of simulation", simulation, SIMULATION_KEYS)
    cameras = {
        name: _camera(name, entry)
        for name, entry in _mapping("cameras", content.get("cameras")).items()
    }
    _check_devices(cameras)
    if hardware == EMULATED and (cameras or "port" in arm or leader):
        raise ConfigurationError(
            f"hardware is {EMULATED}: cameras, ports and leader are the emulation's; leave them out"
        )
    if hardware == REAL and simulation:
        raise ConfigurationError(f"hardware is {REAL}: there is no simulation; leave it out")
    if hardware == REAL and "port" not in arm:
        raise ConfigurationError("arm has no port, e.g. arm: {port: /dev/ttyACM0}")
    if leader and leader.get("port", arm.get("port")) == arm.get("port"):
        raise ConfigurationError("the leader needs a port of its own")
    task, episodes = content.get("task", ""), content.get("episodes", 50)
    if not isinstance(task, str) or not task.isprintable():
        raise ConfigurationError(f"task is {task!r:.40}, expected one line of words")
    if type(episodes) is not int or not 1 <= episodes <= MOST_EPISODES:
        raise ConfigurationError(
            f"episodes is {episodes!r:.40}, expected a number of at least 1 and at most "
            f"{MOST_EPISODES}"
        )
    return Setup(file, hardware, arm, leader, cameras, simulation, task, episodes)


def _check_devices(cameras: Mapping[str, Mapping[str, Value]]) -> None:
    """One device is not opened twice."""
    owners: dict[str, str] = {}
    for name, entry in cameras.items():
        device = str(entry.get("device", ""))
        if device and owners.setdefault(device, name) != name:
            raise ConfigurationError(
                f"cameras {owners[device]} and {name} have the same device {device}, expected one "
                "for each"
            )


def _camera(name: str, entry: Any) -> dict[str, Value]:
    if not CAMERA_NAME.fullmatch(name) or len(name) > MOST_LETTERS:
        raise ConfigurationError(
            f"'{clean(name)}' cannot be the name of a camera, expected letters, digits and '_', at "
            f"most {MOST_LETTERS}"
        )
    values = _values(f"camera {name}", entry)
    given = [key for key in SOURCE_KEYS if key in values]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ConfigurationError(
            f"camera {name}: expected one of {', '.join(SOURCE_KEYS)}, found {found}"
        )
    if "," in (text := str(values[given[0]])):  # `cameras:=` parts its entries there
        raise ConfigurationError(f"camera {name}: {given[0]} is '{text}', expected no comma in it")
    return values


def _source(entry: Mapping[str, Value]) -> str:
    """Of `cameras:=name=source`."""
    (key,) = (key for key in SOURCE_KEYS if key in entry)
    return f"topic:{entry[key]}" if key == "topic" else str(entry[key])


def _mapping(what: str, value: Any) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} is {value!r:.40}, expected names with a value each")
    for name in value:
        if not isinstance(name, str):  # YAML reads on, off, yes, no, 1 and 1:30 as other things
            raise ConfigurationError(
                f"{what}: a name is {name!r:.40}, expected text: put it in quotes"
            )
    return value


def _values(what: str, value: Any) -> dict[str, Value]:
    """Of parameters."""
    values = dict(_mapping(what, value))
    for key, given in values.items():
        is_text = isinstance(given, str) and given.isprintable()
        is_list = isinstance(given, (list, Mapping))
        if (
            key in TEXT_KEYS
            and not is_list
            and not (is_text and given.strip())
            and not _is_index(key, given)
        ):
            quotes = "" if isinstance(given, str) else ": put it in quotes"
            raise ConfigurationError(f"{what}: {key} is {given!r:.40}, expected text{quotes}")
        if isinstance(given, str) and not is_text:
            raise ConfigurationError(f"{what}: {key} is {given!r:.40}, expected one line of text")
        is_value = isinstance(given, bool | int | float | str)
        if not is_value or (isinstance(given, float) and not math.isfinite(given)):
            raise ConfigurationError(f"{what}: {key} is {given!r:.40}, expected a number or text")
    return values


def _is_index(key: str, value: Any) -> bool:
    """A camera's number, as OpenCV counts them."""
    return key == "device" and type(value) is int and 0 <= value < 1000


def _check_keys(kind: str, content: Mapping[Any, Any], known: list[str] | tuple[str, ...]) -> None:
    for key in content:
        if key not in known:
            raise ConfigurationError(suggest(kind, str(key), known))


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    return (
        {key: _plain(entry) for key, entry in value.items()}
        if isinstance(value, Mapping)
        else value
    )
