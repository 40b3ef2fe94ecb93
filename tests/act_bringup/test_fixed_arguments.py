"""What launch files hand on by themselves is what the nodes take."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from act_core.errors import ConfigurationError
from act_core.parameters import from_values
from act_sim.sim_parameters import SimParameters

LAUNCH = Path(__file__).parents[2] / "launch"


def constants(file: str):
    spec = importlib.util.spec_from_file_location(file.partition(".")[0], LAUNCH / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "name"), [("identify.launch.py", "UNDISTURBED"), ("align.launch.py", "SHOWN")]
)
def test_the_simulation_takes_them(file, name):
    """A pause of a million seconds between episodes was refused once a bound had been set."""
    fixed = getattr(constants(file), name)
    values = {
        key: type(getattr(SimParameters, key))(value)
        for key, value in fixed.items()
        if hasattr(SimParameters, key)
    }
    assert values["pause_s"] > 1e5
    from_values(SimParameters, values)
    with pytest.raises(ConfigurationError, match="pause_s"):
        from_values(SimParameters, {"pause_s": 1e9})
