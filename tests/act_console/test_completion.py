"""Completion in real shells: what the tabulator key offers."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from act_console.cli import main
from act_core.setup_file import EMULATED, FILE, Setup


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two set-ups, and a command that says what it knows, slowly, as act-train does."""
    folder = tmp_path_factory.mktemp("act")
    for name in ("kitchen", "shed"):
        Setup(folder / name / FILE, EMULATED).save()
    command = folder / "bin" / "act-train"
    command.parent.mkdir()
    command.write_text(
        '#!/bin/sh\necho "asked" >> "$0.log"\necho "  --preset {debug}  --data PATH"\n'
    )
    command.chmod(0o755)
    return folder


@pytest.fixture
def offered(home, capsys):
    """``offered(shell, line)``: the words that complete the last one of a line."""
    assert main(["completion"]) == 0
    script = home / "completion.sh"
    script.write_text(capsys.readouterr().out)

    def ask(shell: str, *lines: str) -> list[list[str]]:
        if shutil.which(shell) is None:
            pytest.skip(f"there is no {shell}")
        asked = "".join(
            f"COMP_WORDS=({' '.join(repr(word) for word in line.split(' '))}); "
            f'COMP_CWORD={len(line.split(" ")) - 1}; _act_complete; echo "${{COMPREPLY[*]}}"\n'
            for line in lines
        )
        arrays = "setopt KSH_ARRAYS\n" if shell == "zsh" else ""  # as bashcompinit calls it
        return [
            sorted(words.split())
            for words in subprocess.run(
                [shell, "-c", f"source {script}\n{arrays}{asked}"],
                env={**os.environ, "ACT_HOME": str(home),
                     "PATH": f"{home / 'bin'}:{os.environ['PATH']}"},
                capture_output=True, text=True, check=True,
            ).stdout.splitlines()
        ]  # fmt: skip

    return ask


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_set_ups_options_and_choices(offered, shell):
    commands, names, some, save, options, choices, hand = offered(
        shell, "act t", "act run ", "act judge k", "act save ", "act-record trim --",
        "act-record --images ", "/opt/bin/so101-emulator --pty x --hand ",
    )  # fmt: skip
    assert commands == ["teach", "train"]
    assert {"kitchen", "shed"} <= set(names)
    assert some == ["kitchen"]
    assert "kitchen" not in save, "a new one is made"
    assert options == ["--from", "--help", "--to"]
    assert choices == ["compressed", "raw"]
    assert hand == ["expert", "keys", "sweep"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_slow_command_is_asked_once(offered, home, shell):
    log = home / "bin" / "act-train.log"
    log.unlink(missing_ok=True)
    first, second = offered(shell, "act-train --p", "act-train --preset debug --d")
    assert (first, second) == (["--preset"], ["--data"])
    assert log.read_text() == "asked\n"
