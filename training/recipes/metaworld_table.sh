#!/usr/bin/env bash
# The MetaWorld table: four tasks, standard and modified ACT, three training seeds, 100 unseen starts each:
#
#     source env.sh; training/recipes/metaworld_table.sh [--status] [FOLDER]
#
# Interrupted, the same command goes on where it was; --status runs nothing, prints the table and says what is missing.
# About 30 hours on two idle cores, by what metaworld.sh takes. The environment may change the settings:
#
#     TASKS="shelf-place" DEMONSTRATIONS=200 SEEDS="0 1 2" EPISODES=100 PRESET=compact STEPS=9000
#     SIZE="48 64"     height and width of the pictures
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

status=()
if [ "${1:-}" = --status ]; then
    status=(--status)
    shift
fi
if [ $# -gt 1 ] || [[ "${1:-}" == -* ]]; then
    echo "usage: training/recipes/metaworld_table.sh [--status] [FOLDER]" >&2
    exit 2
fi
out=${1:-out/metaworld_table}
size=()
if [ -n "${SIZE:-}" ]; then
    size=(--height "${SIZE% *}" --width "${SIZE#* }")
fi
read -ra seeds <<< "${SEEDS:-0 1 2}"
failed=0

for task in ${TASKS:-shelf-place bin-picking box-close button-press}; do
    data=$out/data/$task
    if [ ${#status[@]} = 0 ]; then
        # Noise adds up there: with 0.1 the expert itself fails a quarter of the time.
        act-collect --env "metaworld/$task-v3" --episodes "${DEMONSTRATIONS:-200}" --noise 0.05 \
            "${size[@]}" --out "$data"
    fi
    echo "## $task: $(find "$data" -name 'episode_*.hdf5' 2>/dev/null | wc -l) of ${DEMONSTRATIONS:-200} demonstrations"
    act-sweep --data "$data" --preset "${PRESET:-compact}" --seeds "${seeds[@]}" \
        --vary model.vae-images=false,true "training.steps=${STEPS:-9000}" \
        --episodes "${EPISODES:-100}" --out "$out/$task" "${status[@]}" || failed=$?
    if [ "$failed" -ge 128 ]; then  # somebody stopped it
        exit "$failed"
    fi
done
exit $failed
