#!/usr/bin/env bash
# Makes policies/so101_pick_place from nothing: `make train-demo-policy`. About four hours on two idle
# cores. Interrupted, it goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. training/recipes/train.sh

task=so101/pick_place
data=data/pick_place
first=runs/so101_pick_place
second=runs/so101_pick_place_2
bundle=policies/so101_pick_place

# 1. A policy from what the expert shows when its commands are disturbed and its answers recorded.
if [ ! -e "$first/final" ]; then
    act-collect --env $task --episodes 400 --noise 1.0 --out "$data"
fi
train "$first" "$data" --training.steps 20000
[ -e "$first/bundle" ] || act-export --checkpoint "$first" --data "$data" --out "$first/bundle"

# 2. That policy gets stuck in ways the expert never does; there the expert takes over.
act-collect --env $task --episodes 1000 --noise 1.0 --out "$data"
act-collect --env $task --episodes 320 --first-seed 2000 --noise 1.0 \
    --policy "$first/bundle" --out "$data/corrections"

# 3. The policy goes on learning from all of it.
train "$second" "$data" --weights "$first" --training.steps 14000 \
    --training.lr 2e-4 --training.lr-backbone 2e-4
act-export --checkpoint "$second" --m -0.1 --out "$bundle"
act-evaluate --policy "$bundle" --episodes 200 --seed 10000 --stamp --out docs/results/pick_place
