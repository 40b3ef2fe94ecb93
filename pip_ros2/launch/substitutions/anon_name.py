"""AnonName: a name made unique."""

from __future__ import annotations

import os
import random
import re
import socket
import sys

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class AnonName(Substitution):
    """The name with host, process and a random number; the same for the same name in a launch."""

    def __init__(self, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        return f"AnonName({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        # Kept where the real package keeps it, so that it is scoped in the same way.
        key = "anon" + name
        if key not in context.launch_configurations:
            number = random.randint(0, sys.maxsize)
            unique = f"{name}_{socket.gethostname()}_{os.getpid()}_{number}"
            context.launch_configurations[key] = re.sub(r"[.:-]", "_", unique)
        return context.launch_configurations[key]
