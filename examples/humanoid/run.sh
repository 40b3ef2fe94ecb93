#!/bin/bash
# A humanoid of 29 joints from nothing to a policy that acts, in our commands:
#   demonstrations -> dataset -> training -> bundle -> evaluation on recordings -> 10 Hz on topics
#
#   examples/humanoid/run.sh [FOLDER]        # out/humanoid; what is there already is not made again
#
# EPISODES, STEPS and BALLS make it shorter or longer. One core computes for about five minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -n "${VIRTUAL_ENV:-}" ] || . ./env.sh
OUT=${1:-out/humanoid}
EPISODES=${EPISODES:-120} STEPS=${STEPS:-3000} BALLS=${BALLS:-5}
say() { printf '\n== %s\n' "$*"; }

say "1. $EPISODES demonstrations, synthesised, with two cameras of 64x48"
[ -e "$OUT/data/report.png" ] || {
    python -m examples.humanoid.demonstrate "$OUT/data" --episodes "$EPISODES"
    act-report "$OUT/data"
}

say "2. training, a network of the size of the preset debug, $STEPS steps"
if [ -e "$OUT/run/last" ] && [ ! -e "$OUT/run/final" ]; then
    act-train --resume "$OUT/run"
elif [ ! -e "$OUT/run/final" ]; then
    act-train --preset debug --model.chunk-size 10 --training.steps "$STEPS" \
        --training.batch-size 16 --training.validation-batches 2 \
        --training.save-every $(((STEPS + 5) / 6)) --data "$OUT/data" --out "$OUT/run"
fi
ls -d "$OUT"/run/best "$OUT"/run/final

say "3. the bundle, compared with the trainer"
[ -e "$OUT/bundle/policy.json" ] || act-export --checkpoint "$OUT/run" --data "$OUT/data" \
    --out "$OUT/bundle" --name humanoid_touch

say "4. on recordings that it was not trained on, with a film"
act-evaluate --policy "$OUT/bundle" --dataset "$OUT/data" --videos 1 --out "$OUT/evaluation"

say "5. does all of it fit?"
act-check "$OUT/bundle" --dataset "$OUT/data" --no-graph

say "6. at 10 Hz, on topics: $BALLS balls that nobody has shown it"
ros2 run act_policy policy_node --ros-args -p "bundle:=$(realpath "$OUT/bundle")" -p enabled:=true \
    -p control_rate_hz:=10.0 >"$OUT/policy_node.log" 2>&1 &
policy=$!
trap 'kill -TERM $policy 2>/dev/null; wait $policy 2>/dev/null || true' EXIT
touched=0
for ball in $(seq 1000 $((999 + BALLS))); do
    python -m examples.humanoid.robot_node "$ball" "${SECONDS_A_BALL:-12}" 2>>"$OUT/robot_node.log" &&
        touched=$((touched + 1))
done
say "touched $touched of $BALLS balls"
