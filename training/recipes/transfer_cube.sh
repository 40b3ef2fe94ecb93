#!/usr/bin/env bash
# A policy with which two arms hand a cube over, within a time budget on whatever machine this is:
#
#     source env.sh; training/recipes/transfer_cube.sh --budget 12h [--out FOLDER]
#
# Three cameras and 300 steps an episode: it needs more time than pick_place.sh for as many demonstrations. Of levels 0
# to 2 in the look "plain"; --mixture and --look choose others, but the expert masters only half of level 3. Interrupted, the same command
# goes on where it was.
set -euo pipefail
exec python -m act_training.recipe --env so101/transfer_cube --look plain --mixture 2:3 1:1 0:2 "$@"
