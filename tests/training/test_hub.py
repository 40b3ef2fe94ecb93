from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from act_core.errors import ConfigurationError
from act_training import export as export_module
from act_training import export_lerobot, import_dataset
from act_training import hub as hub_module
from act_training.checkpoint import load_checkpoint
from act_training.cli import CommandError
from act_training.config import TrainingConfig
from act_training.evaluate import EvaluateOptions, evaluate
from act_training.export import ExportOptions, export
from act_training.hub import local_copy, on_disk, publish
from act_training.train import TrainOptions, train

from tests.training.hub_stand_in import TOKEN, Hub, running_hub
from tests.training.lerobot_checkpoints import write_checkpoint

NOBODY = "http://127.0.0.1:1"  # no server listens there
FILES = {"meta/info.json": b'{"fps": 30}', "data/chunk-000/file-000.parquet": bytes(range(256))}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.repositories["datasets/owner/pick"] = dict(FILES)
        hub.tags["datasets/owner/pick"] = {"v3.0"}
        yield hub


@pytest.fixture
def fetch(hub, tmp_path):
    def fetch(address: str, endpoint: str = hub.endpoint) -> Path:
        return local_copy(address, endpoint=endpoint, cache=tmp_path / "cache")

    return fetch


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "address",
    ["hf://owner/pick", "hf://datasets/owner/pick", "hf://owner/pick@v3.0", "hf://owner/pick/"],
)
def test_a_dataset_is_downloaded(fetch, address):
    assert contents(fetch(address)) == FILES


def test_what_was_downloaded_is_not_downloaded_again(hub, fetch):
    first = fetch("hf://owner/pick")
    assert any("/resolve/" in path for path in hub.requested)
    hub.requested.clear()
    assert fetch("hf://owner/pick") == first
    assert not any("/resolve/" in path for path in hub.requested)


def test_what_was_downloaded_is_found_without_a_network(fetch):
    assert fetch("hf://owner/pick") == fetch("hf://owner/pick", NOBODY)


def test_without_a_network_the_error_says_so(fetch):
    with pytest.raises(CommandError, match=r"hf://owner/pick could not be downloaded .*a network"):
        fetch("hf://owner/pick", NOBODY)


def test_unknown_names_are_named(fetch):
    with pytest.raises(ConfigurationError, match="the hub has no dataset owner/pik"):
        fetch("hf://owner/pik")
    with pytest.raises(ConfigurationError, match="owner/pick has no revision 'v9'"):
        fetch("hf://owner/pick@v9")


@pytest.mark.parametrize("address", ["hf://pick", "hf://a/b/c", "hf://a/b@", "hf://"])
def test_addresses_that_are_none(address):
    with pytest.raises(ConfigurationError, match=r"is no address: expected hf://owner/name"):
        local_copy(address)


def test_paths(tmp_path, monkeypatch):
    assert local_copy(str(tmp_path)) == tmp_path
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no 'owner/pick'; .*is hf://owner/pick"):
        local_copy("owner/pick")
    with pytest.raises(ConfigurationError, match=r"there is no '/nowhere/at/all'$"):
        local_copy("/nowhere/at/all")


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "folder"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content[::-1])
    return folder


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_what_is_published_comes_back(hub, folder, tmp_path, kind):
    page = publish(folder, "hf://me/new", kind, tag="v1", endpoint=hub.endpoint, token=TOKEN)
    assert page == f"{hub.endpoint}/{'datasets/' if kind == 'dataset' else ''}me/new"
    assert hub.tags[f"{kind}s/me/new"] == {"v1"}
    back = local_copy("hf://me/new@v1", kind, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert contents(back) == contents(folder)


def test_publishing_again_replaces_files_and_moves_the_tag(hub, folder):
    publish(folder, "hf://owner/pick", tag="v3.0", endpoint=hub.endpoint, token=TOKEN)
    assert hub.repositories["datasets/owner/pick"] == contents(folder)
    assert hub.tags["datasets/owner/pick"] == {"v3.0"}


def test_publishing_needs_leave_and_a_network(hub, folder):
    with pytest.raises(ConfigurationError, match=r"hf://me/new may not be published by you: `hf "):
        publish(folder, "hf://me/new", endpoint=hub.endpoint, token="hf_reader")
    with pytest.raises(CommandError, match=r"hf://me/new could not be published .*a network"):
        publish(folder, "hf://me/new", endpoint=NOBODY, token=TOKEN)
    with pytest.raises(ConfigurationError, match="has no revision yet, leave it out"):
        publish(folder, "hf://me/new@v1", endpoint=hub.endpoint, token=TOKEN)


def test_a_wrong_address_is_refused_before_the_work(dataset, tmp_path):
    with pytest.raises(ConfigurationError, match=r"'hf://toy' is no address"):
        export_lerobot.export_lerobot(
            export_lerobot.ExportLerobotOptions(dataset, tmp_path / "lerobot", push="hf://toy")
        )
    assert not (tmp_path / "lerobot").exists()


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_whatever_there_is_of_that_name_is_taken(hub, tmp_path, kind):
    hub.repositories[f"{kind}s/me/only"] = dict(FILES)
    hub.tags[f"{kind}s/me/only"] = set()
    places = {"endpoint": hub.endpoint, "cache": tmp_path / "cache"}
    assert contents(local_copy("hf://me/only", None, **places)) == FILES
    with pytest.raises(ConfigurationError, match=r"has no dataset me/none .*, and no such model"):
        local_copy("hf://me/none", None, **places)


def test_an_address_may_say_which_it_is(hub, tmp_path):
    """Where both have the name, the dataset is taken unless the address says otherwise."""
    hub.repositories["models/owner/pick"] = {"policy.json": b"{}"}
    hub.tags["models/owner/pick"] = set()
    places = {"endpoint": hub.endpoint, "cache": tmp_path / "cache"}
    assert contents(local_copy("hf://owner/pick", None, **places)) == FILES
    assert list(contents(local_copy("hf://models/owner/pick", None, **places))) == ["policy.json"]
    with pytest.raises(ConfigurationError, match=r"is the address of a dataset, expected a model"):
        local_copy("hf://datasets/owner/pick", "model", **places)


@pytest.fixture
def usual_hub(hub, tmp_path, monkeypatch) -> Hub:
    """The stand-in is where everybody looks who names no other."""
    pull = partial(local_copy, endpoint=hub.endpoint, cache=tmp_path / "cache")
    push = partial(publish, endpoint=hub.endpoint, token=TOKEN)
    monkeypatch.setattr(hub_module, "local_copy", pull)
    for module in (import_dataset, export_module, export_lerobot):
        for name, function in (("local_copy", pull), ("publish", push)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, function)
    return hub


def test_a_path_may_mean_the_hub(usual_hub, tmp_path):
    assert on_disk(tmp_path, "dataset") == tmp_path
    assert on_disk(Path("nowhere"), "dataset") == Path("nowhere")  # said later, by who needs it
    assert contents(on_disk(Path("hf://owner/pick@v3.0"), "dataset")) == FILES


def test_an_exported_dataset_is_pushed_and_imported(usual_hub, dataset, tmp_path):
    """LeRobot asks the hub for a tag with the version of the format."""
    export_lerobot.export_lerobot(
        export_lerobot.ExportLerobotOptions(
            dataset, tmp_path / "lerobot", codec="h264", push="hf://me/toy"
        )
    )
    assert usual_hub.tags["datasets/me/toy"] == {"v3.0"}
    assert b"tags: [LeRobot]" in usual_hub.repositories["datasets/me/toy"]["README.md"]
    record = import_dataset.import_dataset(
        import_dataset.ImportOptions("lerobot", "hf://me/toy", out=tmp_path / "back")
    )
    assert (record.imported, record.refused) == (4, ())


def test_data_weights_checkpoint_and_bundle_by_way_of_the_hub(
    usual_hub, dataset, tiny, tmp_path, capsys
):
    push = partial(publish, endpoint=usual_hub.endpoint, token=TOKEN)
    push(dataset, "hf://me/toy")
    training = TrainingConfig(steps=1, batch_size=2, precision="fp32", validation_batches=1)
    first = TrainOptions(
        data=(Path("hf://me/toy"),), out=tmp_path / "first", model=tiny, training=training
    )
    push(train(first) / "final", "hf://me/run", "model")
    second = replace(first, out=tmp_path / "second", weights=Path("hf://me/run"))
    fine_tuned = load_checkpoint(train(second))
    assert fine_tuned.config.weights == "hf://me/run", "as it was named, not where it lies here"
    export(
        ExportOptions(
            checkpoint=Path("hf://me/run"),
            out=tmp_path / "bundle",
            data=(Path("hf://me/toy"),),
            fast=False,
            push="hf://me/bundle",
        )
    )
    assert "policy.onnx" in usual_hub.repositories["models/me/bundle"]
    options = EvaluateOptions(
        Path("hf://me/bundle"), tmp_path / "evaluation", dataset=Path("hf://me/toy")
    )
    evaluate(options)
    assert "from the recorded actions (always the mean: " in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="--stamp: a bundle on the hub cannot be written"):
        evaluate(replace(options, stamp=True))


def test_a_policy_of_lerobots_comes_from_the_hub(usual_hub, tmp_path):
    folder = write_checkpoint(tmp_path / "theirs")
    usual_hub.repositories["models/me/act"] = contents(folder)
    usual_hub.tags["models/me/act"] = set()
    options = import_dataset.ImportOptions(
        "lerobot", "hf://me/act", out=tmp_path / "bundle", units="degrees", trust_units=True
    )
    with pytest.raises(ConfigurationError, match="say --rate-hz"):  # so it was found and read
        import_dataset.import_source(options)
