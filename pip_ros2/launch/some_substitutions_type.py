"""SomeSubstitutionsType: every form in which a launch file may write a text."""

from __future__ import annotations

import collections.abc
import os
from collections.abc import Iterable
from pathlib import Path

from .substitution import Substitution

SomeSubstitutionsType = str | Path | Substitution | Iterable[str | Path | Substitution]
SomeSubstitutionsType_types_tuple = (str, os.PathLike, Substitution, collections.abc.Iterable)
