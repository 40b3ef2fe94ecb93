"""YAML files of persons: any bytes are a value or one sentence, in every reader."""

from __future__ import annotations

from contextlib import suppress

import pytest
from act_bringup.params_file import ParametersFile
from act_camera.calibration import read_calibration
from act_core.errors import ConfigurationError
from act_core.robot_file import read_robot
from act_core.setup_file import read_setup
from act_core.yaml_file import read_yaml
from act_sim.identified_arm import read_arm
from hypothesis import example, given
from hypothesis import strategies as st
from so101_driver.emulator.faults import load_script

# Scalars over which PyYAML's constructors stumble, each with another exception.
STUMBLES = (
    "when: 2026-99-99",
    "when: !!timestamp soon",
    'count: !!int ""',
    'share: !!float ""',
    "on: !!bool perhaps",
    "at: 1:99999999999999999999e999",
)
READERS = {
    "robot": read_robot,
    "set-up": lambda file: read_setup(str(file)),
    "parameters": lambda file: ParametersFile(str(file), []),
    "arm": read_arm,
    "camera": read_calibration,
    "faults": load_script,
}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: [", "is not YAML: "),
        (b"\xff\xfe\x00", "is not YAML: "),
        (b"[" * 5000, "is not YAML: "),
        (b"#" * 2001, "is too large: it is larger than 2000 bytes"),
    ],
)
def test_what_is_wrong_is_the_rest_of_a_sentence(tmp_path, data, says):
    file = tmp_path / "a.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=f"^{says}"):
        read_yaml(file, 2000 if says.startswith("is too large") else 10_000)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="^cannot be read: No such file or directory$"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", STUMBLES)
@pytest.mark.parametrize("reader", READERS)
def test_a_scalar_that_is_not_what_it_seems_ends_nobody(tmp_path, reader, text):
    """RuntimeError is how a launch file refuses."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises((ConfigurationError, RuntimeError), match=r"a\.yaml"):
        READERS[reader](file)


@given(st.text(max_size=40))
@example("? !!omap x")
@example("&a [*a, *a]")
def test_any_text_is_a_value_or_one_error(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(ConfigurationError):
        read_yaml(file)
