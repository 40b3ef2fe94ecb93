"""Things that are found by name, whoever wrote them: one folder or file each.

A door stands for one kind of thing (a camera source, an execution mode, a simulated task). Behind
it is a package with a module for each thing that ships, and a name is looked for among

- the modules of that package: ``video`` is what ``act_camera/sources/video.py`` registers;
- what a module that is already imported has registered (`Door.register`);
- entry points of installed packages, in the group that is called like the package of the door, e.g.
  in a pyproject.toml ``[project.entry-points."act_camera.sources"]`` with
  ``thermal = "my_package.thermal:ThermalSource"``;
- and where it has a colon, it says itself where the thing is: ``my_package.thermal:ThermalSource``
  with a module that Python finds, or ``/path/to/thermal.py:ThermalSource``.

Nothing that ships is imported before it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from act_core.errors import ConfigurationError, suggest

T = TypeVar("T")


class Door(Generic[T]):
    """The things of one kind.

    Args:
        kind: what one of them is called in messages, e.g. ``camera source``.
        package: of those that ship; its name is the group of the entry points, too.
        check: what is missing in a thing that somebody wrote, as one line, or None if it is whole.
        hint: where it says what one of one's own needs, for messages.
        others: names of things that are no Python, which whoever has the door finds first.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        check: Callable[[Any], str | None],
        hint: str,
        others: Iterable[str] = (),
    ) -> None:
        self.kind = kind
        self.package = package
        self._check = check
        self._hint = hint
        self._others = tuple(others)
        self._registered: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: the class or function is called ``name`` from now on.

        Raises ConfigurationError where it lacks something or where another one has the name.
        """

        def take_in(thing: T) -> T:
            self.checked(thing, name)
            other = self._registered.get(name)
            if other is not None and place(other) != place(thing):
                raise ConfigurationError(
                    f"two {self.kind}s are called '{name}': {place(other)} and {place(thing)}"
                )
            self._registered[name] = thing
            return thing

        return take_in

    def names(self) -> list[str]:
        """Every name that is known, sorted. Nothing is imported for it."""
        known = {*self._shipped(), *self._registered, *self._entry_points(), *self._others}
        return sorted(known)

    def here(self) -> list[T]:
        """What ships, and what something has registered or found so far. Entry points are not
        imported for it."""
        for name in self._shipped():
            importlib.import_module(f"{self.package}.{name}")
        return [self._registered[name] for name in sorted(self._registered)]

    def find(self, name: str) -> T:
        """The thing of that name (see above for what a name can be).

        Raises ConfigurationError with the names that exist, the nearest first, and how to add one;
        or with what is missing in the thing.
        """
        if not isinstance(name, str):
            raise ConfigurationError(f"{self.kind} is {name!r}, expected its name")
        if name in self._registered:
            return self._registered[name]
        if ":" in name:
            return self.checked(self._at(name), name)
        if name in self._shipped():
            importlib.import_module(f"{self.package}.{name}")
        elif name in self._entry_points():
            self.register(name)(self._at(self._entry_points()[name].value))
        if name not in self._registered:
            raise ConfigurationError(
                f"{suggest(self.kind, name, self.names())}; one of your own: package.module:Name "
                f"or file.py:Name, {self._hint}"
            )
        return self._registered[name]

    def checked(self, thing: Any, name: str) -> T:
        """``thing`` itself; ConfigurationError, naming what is missing, where it is not whole."""
        problem = self._check(thing)
        if problem is not None:
            raise ConfigurationError(f"{self.kind} '{name}': {place(thing)} {problem}")
        return thing

    def _shipped(self) -> list[str]:
        package = importlib.import_module(self.package)
        modules = pkgutil.iter_modules(package.__path__)
        return [module.name for module in modules if not module.name.startswith("_")]

    def _entry_points(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {point.name: point for point in importlib.metadata.entry_points(group=self.package)}

    def _at(self, where: str) -> Any:
        """What stands at "package.module:Name" or "file.py:Name"."""
        place, _, attribute = where.rpartition(":")
        try:
            is_file = place.endswith(".py")
            module = self._of_file(place) if is_file else importlib.import_module(place)
        except Exception as error:  # whatever somebody's module does while it is imported
            raise ConfigurationError(
                f"{self.kind} '{where}': cannot import '{place}': {type(error).__name__}: {error}; "
                "a module has to be on PYTHONPATH, a file is given by its path"
            ) from error
        if not attribute.isidentifier() or not hasattr(module, attribute):
            public = [key for key, value in vars(module).items() if callable(value)]
            raise ConfigurationError(f"{self.kind} '{where}': {suggest('name', attribute, public)}")
        return getattr(module, attribute)

    def _of_file(self, path: str) -> ModuleType:
        file = Path(path).expanduser().resolve()
        name = f"{self.package.replace('.', '_')}_{file.stem}"
        loaded = sys.modules.get(name)
        if loaded is not None and loaded.__file__ == str(file):
            return loaded
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # so that its classes can be pickled
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def place(thing: Any) -> str:
    """Where a class or function was written: ``module:name``."""
    module = getattr(thing, "__module__", type(thing).__module__)
    return f"{module}:{getattr(thing, '__qualname__', type(thing).__qualname__)}"
