"""Predicates of actions for events that are meant for some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..action import Action


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a predicate that is true for this one action."""
    return lambda action: action is target_action
