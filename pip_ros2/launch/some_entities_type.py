"""SomeEntitiesType: one entity or several, as event handlers return them."""

from __future__ import annotations

import collections.abc
from collections.abc import Iterable

from .launch_description_entity import LaunchDescriptionEntity

SomeEntitiesType = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]
SomeEntitiesType_types_tuple = (LaunchDescriptionEntity, collections.abc.Iterable)


def as_entities(entities: SomeEntitiesType | None, giver: str) -> list[LaunchDescriptionEntity]:
    """Return one entity, several, or none as a list; None among several is left out.

    Raises TypeError that names the giver and what it gave for anything else.
    """
    if entities is None:
        return []
    if isinstance(entities, LaunchDescriptionEntity):
        return [entities]
    if not isinstance(entities, Iterable):
        raise TypeError(f"{giver}: expected actions, got {entities!r}")
    listed = [entity for entity in entities if entity is not None]
    for entity in listed:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"{giver}: expected actions, got {entity!r}")
    return listed
