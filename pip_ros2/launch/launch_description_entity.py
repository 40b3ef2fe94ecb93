"""LaunchDescriptionEntity: one item of a launch description."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Base of everything that a launch description holds.

    While launching, an entity is visited: `visit` does its work and returns the entities that
    are to be visited next, and `get_asyncio_future` tells when work that goes on afterwards (a
    process, a timer) is finished. For listings it describes itself and what it contains,
    without running anything.
    """

    def describe(self) -> str:
        """Return a short text for listings."""
        return repr(self)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that a visit always leads to."""
        return []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return (condition, entities) pairs: what a visit may lead to."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do the work and return the entities to visit next; must not block."""
        return None

    def get_asyncio_future(self) -> asyncio.Future | None:
        """Return a future that is done when the entity's work is; None if visiting was all."""
        return None
