"""hf://owner/name: datasets and models on the Hugging Face hub, to this machine and back; what else
options may name that is not on this disk is read by `remote_files`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from act_core.errors import ConfigurationError
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from act_training.cli import CommandError
from act_training.remote_files import copy_of

Kind = Literal["dataset", "model"]

SCHEME = "hf://"
PATTERN = re.compile(
    r"hf://(?:(?P<kind>dataset|model)s/)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?/?"
)
ANY_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")
NOT_ALLOWED = (401, 403)  # HTTP


class NotOnHubError(ConfigurationError):
    """There is no such repository, or it is somebody else's private one."""


class Address(NamedTuple):
    """Of a repository on the hub; `revision` is a branch, a tag or a commit, None the newest."""

    name: str
    revision: str | None
    kind: Kind | None  # None: whatever is wanted


def parse_address(text: str) -> Address:
    """The parts of hf://[datasets/|models/]owner/name[@revision].

    Raises ConfigurationError for anything else.
    """
    found = PATTERN.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"'{text}' is no address: expected hf://owner/name[@revision]")
    kinds: dict[str | None, Kind | None] = {"dataset": "dataset", "model": "model"}
    return Address(found["name"], found["revision"], kinds.get(found["kind"]))


def on_disk(path: Path, kind: Kind) -> Path:
    """`path`, or the local copy of what it means elsewhere; errors are those of `local_copy`.

    For options that are paths: a Path makes hf:/owner/name of hf://owner/name.
    """
    return local_copy(address(path), kind) if is_address(path) else path


def is_address(path: Path) -> bool:
    """Whether an option means something that is not on this disk: on the hub, in a bucket ..."""
    return bool(path.parts) and ANY_SCHEME.fullmatch(path.parts[0]) is not None


def address(path: Path) -> str:
    """The address that a Path was made of."""
    scheme, *rest = path.parts
    return f"{scheme}//{'/'.join(rest)}"


def local_copy(
    source: str,
    kind: Kind | None = "dataset",
    *,
    endpoint: str | None = None,
    cache: Path | None = None,
) -> Path:
    """The folder or file that `source` means: a path, or hf://owner/name[@revision] downloaded, or
    a folder that fsspec reads copied (`remote_files.copy_of`).

    What has been downloaded from the hub before is found without a network.

    Args:
        kind: of repository; None takes a dataset, or the model if there is no such dataset.
        endpoint, cache: address of the hub, folder of downloads; None takes huggingface_hub's own,
            which HF_ENDPOINT and HF_HOME change.

    Raises:
        ConfigurationError: `source` is none of these, or nothing is there.
        CommandError: the hub, or whatever it is, cannot be reached.
    """
    if "://" in source and not source.startswith(SCHEME):
        return copy_of(source)
    if not source.startswith(SCHEME):
        path = Path(source).expanduser()
        if not path.exists():
            on_hub = PATTERN.fullmatch(f"{SCHEME}{source}")
            hint = f"; a {kind or 'repository'} on the hub is hf://{source}" if on_hub else ""
            raise ConfigurationError(f"there is no '{source}'{hint}")
        return path
    address = parse_address(source)
    if kind is None and address.kind is None:
        return _copy_of_either(source, endpoint, cache)
    kind = _checked_kind(source, kind)
    with _explained(source, kind, "downloaded"):
        return Path(
            snapshot_download(
                address.name,
                repo_type=kind,
                revision=address.revision,
                endpoint=endpoint,
                cache_dir=cache,
            )
        )


def _copy_of_either(source: str, endpoint: str | None, cache: Path | None) -> Path:
    """Of the dataset, else of the model; without a network, of whichever is here already."""
    try:
        return local_copy(source, "dataset", endpoint=endpoint, cache=cache)
    except (NotOnHubError, CommandError) as error:
        try:
            return local_copy(source, "model", endpoint=endpoint, cache=cache)
        except NotOnHubError:
            raise NotOnHubError(f"{error}, and no such model") from error


def _checked_kind(source: str, wanted: Kind | None) -> Kind:
    """What `source` means where `wanted` is asked for; ConfigurationError if that is another."""
    said = parse_address(source).kind
    if wanted is not None and said not in (None, wanted):
        raise ConfigurationError(f"'{source}' is the address of a {said}, expected a {wanted}")
    kind = wanted or said
    assert kind is not None  # else either would do, see `local_copy`
    return kind


def publish(
    folder: Path,
    target: str,
    kind: Kind = "dataset",
    *,
    tag: str | None = None,
    private: bool = False,
    endpoint: str | None = None,
    token: str | None = None,
) -> str:
    """Upload the files of `folder` to hf://owner/name, made if it is not there; returns its page.

    Args:
        tag: moved to what was uploaded; LeRobot looks datasets up by a tag with their version.
        private: of a repository that has to be made.
        token: None takes the one that `hf auth login` stored.

    Raises ConfigurationError and CommandError as `local_copy` does.
    """
    address = parse_address(target)
    if address.revision is not None:
        raise ConfigurationError(f"'{target}': what is published has no revision yet, leave it out")
    kind = _checked_kind(target, kind)
    api = HfApi(endpoint=endpoint, token=token)
    with _explained(target, kind, "published"):
        page = api.create_repo(address.name, repo_type=kind, private=private, exist_ok=True)
        api.upload_folder(repo_id=address.name, folder_path=folder, repo_type=kind)
        if tag is not None:
            tags = api.list_repo_refs(address.name, repo_type=kind).tags
            if tag in [known.name for known in tags]:
                api.delete_tag(address.name, tag=tag, repo_type=kind)
            api.create_tag(address.name, tag=tag, repo_type=kind)
    return str(page)


@contextmanager
def _explained(target: str, kind: Kind, done: str) -> Iterator[None]:
    """What huggingface_hub raises within, as errors for the person who asked."""
    address = parse_address(target)
    try:
        yield
    except GatedRepoError as error:
        raise ConfigurationError(
            f"the {kind} {address.name} asks for an agreement on its page, then for `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise NotOnHubError(
            f"the hub has no {kind} {address.name} (a private one needs `hf auth login`)"
        ) from error
    except RevisionNotFoundError as error:
        raise ConfigurationError(
            f"the {kind} {address.name} has no revision '{address.revision}'"
        ) from error
    except Exception as error:  # its network errors have no type that all its versions share
        if isinstance(error, HfHubHTTPError) and error.response.status_code in NOT_ALLOWED:
            raise ConfigurationError(
                f"{target} may not be {done} by you: `hf auth login` with a token that may"
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CommandError(
            f"{target} could not be {done} ({reason}): is there a network? A folder that is copied "
            "by other means does just as well"
        ) from error
