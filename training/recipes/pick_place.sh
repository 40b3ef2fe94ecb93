#!/usr/bin/env bash
# A policy that picks the cube and places it in the bowl, within a time budget on whatever machine this is:
#
#     source env.sh; training/recipes/pick_place.sh --budget 3h [--out FOLDER]
#
# Interrupted, the same command goes on where it was. --help lists the rest.
set -euo pipefail
exec python -m act_training.recipe --env so101/pick_place "$@"
