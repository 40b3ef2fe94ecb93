#!/usr/bin/env bash
# Standard and modified ACT on a task of MetaWorld, from nothing to the success rates:
#
#     source env.sh; training/recipes/metaworld.sh shelf-place [EPISODES [STEPS]]
#
# About two hours and a half on two idle cores. Interrupted, it goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. training/recipes/train.sh

task=$1
episodes=${2:-200}
steps=${3:-9000}
data=data/$task

# Noise adds up there: with 0.1 the expert itself fails a quarter of the time.
act-collect --env "metaworld/$task-v3" --episodes "$episodes" --noise 0.05 --out "$data"
for kind in act modified; do
    name=${task//-/_}_$kind
    run=runs/$name
    options=()
    if [ $kind = modified ]; then
        options=(--model.vae-images)
    fi
    train "$run" "$data" --training.steps "$steps" "${options[@]}"
    act-export --checkpoint "$run" --name "$name" --out "out/$name"
    act-evaluate --policy "out/$name" --episodes 100 --seed 100000 --out "docs/results/$name"
    cp "out/$name/training/"* "docs/results/$name/"
done
act-report docs/results policies --out docs/results.md
