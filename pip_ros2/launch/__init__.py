"""The part of ROS 2's `launch` that launch files use, for machines without a distribution.

Names, arguments and meaning are those of the real package, so the same launch files run with
either. What is left out is refused by name (`refusal`).
"""

from . import (
    actions,
    bases,
    conditions,
    event_handlers,
    events,
    frontend,
    launch_description,
    logging,
    service,
    substitutions,
    utilities,
)
from .bases import (
    Action,
    Condition,
    Event,
    EventHandler,
    LaunchContext,
    LaunchDescriptionEntity,
    SomeEntitiesType,
    SomeEntitiesType_types_tuple,
    SomeSubstitutionsType,
    SomeSubstitutionsType_types_tuple,
    Substitution,
)
from .launch_description import InvalidLaunchFileError, LaunchDescription, LaunchDescriptionSource
from .real_paths import install
from .refusal import module_getattr
from .service import LaunchService

launch_description_sources = launch_description

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "InvalidLaunchFileError",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchService",
    "SomeEntitiesType",
    "SomeEntitiesType_types_tuple",
    "SomeSubstitutionsType",
    "SomeSubstitutionsType_types_tuple",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "frontend",
    "launch_description_sources",
    "logging",
    "substitutions",
    "utilities",
]

IN_BASES = (
    "action",
    "condition",
    "event",
    "event_handler",
    "launch_context",
    "launch_description_entity",
    "some_entities_type",
    "some_substitutions_type",
    "substitution",
)

install(
    __name__,
    {
        "actions": actions,
        "conditions": conditions,
        "event_handlers": event_handlers,
        "events.process": events,
        "events": events,
        "frontend": frontend,
        "launch_description_sources": launch_description,
        "logging": logging,
        "substitutions": substitutions,
        "utilities": utilities,
    },
    {
        **dict.fromkeys(IN_BASES, bases),
        "events.matchers": events,
        "actions.shutdown_action": actions,
        "launch_description_source": launch_description,
        "launch_description_sources.any_launch_file_utilities": launch_description,
        "launch_description_sources.python_launch_file_utilities": launch_description,
        "launch_service": service,
        "utilities.type_utils": utilities,
    },
)

__getattr__ = module_getattr(__name__)
