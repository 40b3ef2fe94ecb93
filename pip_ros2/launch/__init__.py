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
    launch_description_sources,
    logging,
    process_events,
    service,
    substitutions,
    utilities,
)
from . import (
    execute as descriptions,
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
from .launch_description import LaunchDescription, LaunchDescriptionSource
from .launch_description_sources import InvalidLaunchFileError
from .real_paths import install
from .refusal import module_getattr
from .service import LaunchService

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
    "descriptions",
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
        "descriptions": descriptions,
        "event_handlers": event_handlers,
        "events": events,
        "events.process": process_events,
        "frontend": frontend,
        "launch_description_sources": launch_description_sources,
        "logging": logging,
        "substitutions": substitutions,
        "utilities": utilities,
    },
    {
        **dict.fromkeys(IN_BASES, bases),
        "actions.shutdown_action": actions,
        "events.matchers": events,
        "launch_description_source": launch_description_sources,
        "launch_description_sources.any_launch_file_utilities": launch_description_sources,
        "launch_description_sources.python_launch_file_utilities": launch_description_sources,
        "launch_service": service,
        "utilities.type_utils": utilities,
    },
)

__getattr__ = module_getattr(__name__)
