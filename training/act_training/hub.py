"""hf://owner/name: datasets on the Hugging Face hub, as folders on this machine."""

from __future__ import annotations

import re
from pathlib import Path

from act_core.errors import ConfigurationError
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from act_training.command import CommandError

SCHEME = "hf://"
ADDRESS = re.compile(r"hf://(?:datasets/)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?/?")


def local_dataset(source: str, *, endpoint: str | None = None, cache: Path | None = None) -> Path:
    """The folder or file that `source` means: a path, or hf://owner/name[@revision] downloaded.

    What has been downloaded before is not downloaded again and is found without a network.

    Args:
        endpoint, cache: address of the hub, folder of downloads; None takes huggingface_hub's own,
            which HF_ENDPOINT and HF_HOME change.

    Raises:
        ConfigurationError: `source` is neither, or the hub has no such dataset.
        CommandError: the hub cannot be reached.
    """
    if not source.startswith(SCHEME):
        path = Path(source).expanduser()
        if not path.exists():
            on_hub = ADDRESS.fullmatch(f"{SCHEME}{source}")
            hint = f"; a dataset on the hub is hf://{source}" if on_hub else ""
            raise ConfigurationError(f"there is no '{source}'{hint}")
        return path
    address = ADDRESS.fullmatch(source)
    if address is None:
        raise ConfigurationError(f"'{source}' is no address: expected hf://owner/name[@revision]")
    name, revision = address["name"], address["revision"]
    try:
        return Path(
            snapshot_download(
                name, repo_type="dataset", revision=revision, endpoint=endpoint, cache_dir=cache
            )
        )
    except GatedRepoError as error:
        raise ConfigurationError(
            f"the dataset {name} asks for an agreement on its page first, then for `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ConfigurationError(
            f"the hub has no dataset {name} (a private one needs `hf auth login`)"
        ) from error
    except RevisionNotFoundError as error:
        raise ConfigurationError(f"the dataset {name} has no revision '{revision}'") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise CommandError(
            f"{source} could not be downloaded ({_first_line(error)}): is there a network? "
            "A folder that was copied here by other means can be imported just as well"
        ) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
