#!/usr/bin/env bash
# Is a policy from recorded bags as good as one from the simulation directly? The same 200 starts, once
# driven and recorded through ROS, once collected; one policy from each. About an hour and a half on two
# idle cores. Interrupted, it goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. training/recipes/train.sh

bags=data/lift_cube_recordings
if [ ! -e data/lift_cube_bags/import.json ]; then
    rm -rf "$bags"
    ros2 launch act_bringup record_sim.launch.py task:=lift_cube episodes:=200 pacing:=lockstep \
        width:=128 height:=96 out:="$bags"
fi
act-import bag "$bags" --out data/lift_cube_bags
act-collect --env so101/lift_cube --episodes 200 --first-seed 1 --height 96 --width 128 \
    --out data/lift_cube_direct

for kind in direct bags; do
    train runs/lift_cube_$kind data/lift_cube_$kind --training.steps 4000
    bundle=out/lift_cube_$kind
    [ -e "$bundle" ] || act-export --checkpoint runs/lift_cube_$kind --name lift_cube_$kind \
        --out "$bundle" --no-fast
    act-evaluate --policy "$bundle" --episodes 100 --seed 600000 --out docs/results/lift_cube_$kind
    act-evaluate --policy "$bundle" --episodes 100 --seed 600000 \
        --control-rate-hz 100 --camera-rate-hz 30 --out docs/results/lift_cube_${kind}_100hz
done
act-compare docs/results/lift_cube_direct docs/results/lift_cube_bags
act-compare docs/results/lift_cube_direct_100hz docs/results/lift_cube_bags_100hz
