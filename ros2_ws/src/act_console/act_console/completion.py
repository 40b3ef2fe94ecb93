"""What the tabulator key completes, in bash and in zsh: one script for both.

Commands of ours are written down as their parsers have them; those of act_training, which take
seconds to start, are asked for their options when they are completed first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

ASKED = (
    "act-collect", "act-report", "act-train", "act-export", "act-evaluate", "act-compare",
    "act-import", "act-export-lerobot", "act-identify",
)  # fmt: skip
NAMED = "@set-ups"  # stands for the names of the set-ups

_SCRIPT = """\
# Completion of act-so101's commands. In ~/.bashrc or ~/.zshrc: eval "$(act completion)"
if [ -n "${ZSH_VERSION:-}" ]; then
  autoload -U +X compinit bashcompinit && compinit && bashcompinit
fi
declare -A _act_asked
_act_set_ups() {
  local file
  for file in "${ACT_HOME:-$HOME/act}"/*/setup.yaml; do
    if [ -e "$file" ]; then basename "$(dirname "$file")"; fi
  done
}
_act_complete() {
  if [ -n "${ZSH_VERSION:-}" ]; then emulate -L sh; fi  # arrays from 0, words parted at spaces
  local word command="${COMP_WORDS[0]##*/}" here="${COMP_WORDS[COMP_CWORD]}"
  local before="${COMP_WORDS[COMP_CWORD-1]}" sub="${COMP_WORDS[1]}" words=""
  if [ "$COMP_CWORD" = 1 ]; then sub=""; fi
  case "$sub" in -*) sub="" ;; esac
  case "$command $sub $before" in
@CHOICES@
  *) case "$command $sub" in
@WORDS@
    *) if [ -z "${_act_asked[$command]:-}" ]; then
         _act_asked[$command]="$("$command" --help 2>/dev/null | grep -oE -- '--[a-z][a-z0-9.-]*' |
           sort -u | tr '\\n' ' ') "
       fi
       words="${_act_asked[$command]}" ;;
    esac ;;
  esac
  case " $words " in *" @set-ups "*) words="${words//@set-ups/} $(_act_set_ups)" ;; esac
  COMPREPLY=()
  for word in $words; do case "$word" in "$here"*) COMPREPLY+=("$word") ;; esac; done
}
for _act_command in @COMMANDS@; do complete -o default -F _act_complete "$_act_command"; done
"""


def script(parsers: Mapping[str, argparse.ArgumentParser], with_set_ups: tuple[str, ...]) -> str:
    """The script.

    parsers: command -> its command line.
    with_set_ups: of the first one, the sub-commands that take the name of a set-up.
    """
    words, choices = [], []
    first = next(iter(parsers))
    for command, parser in parsers.items():
        subs = dict(subcommands(parser))
        for sub, of_sub in (("", parser), *subs.items()):
            known = [option for action in of_sub._actions for option in action.option_strings]
            known += [] if sub else list(subs)
            if command == first and sub in with_set_ups:
                known.append(NAMED)
            words.append((f"{command} {sub}", " ".join(known)))
            for action in of_sub._actions:
                for option in action.option_strings if action.choices else ():
                    told = " ".join(map(str, action.choices or ()))
                    choices.append((f"{command} {sub} {option}", told))
        if not subs:
            words.append((f"{command} *", words[-1][1]))
            choices += [(place.replace("  ", " * ", 1), told) for place, told in choices
                        if place.startswith(f"{command}  ")]  # fmt: skip
    return (
        _SCRIPT.replace("@CHOICES@", "\n".join(_case(*one, 2) for one in choices))
        .replace("@WORDS@", "\n".join(_case(*one, 4) for one in words))
        .replace("@COMMANDS@", " ".join((*parsers, *ASKED)))
    )


def _case(place: str, words: str, indent: int) -> str:
    pattern = "*".join(f"'{part}'" if part else "" for part in place.split("*"))
    return f"{' ' * indent}{pattern}) words='{words}' ;;"


def subcommands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Names and command lines of a command's commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()
