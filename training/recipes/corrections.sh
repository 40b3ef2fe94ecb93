#!/usr/bin/env bash
# Does a policy learn more from 50 corrected episodes than from 50 plain demonstrations? Everything
# from the recordings to the paired test, into runs/corrections. Interrupted, it goes on where it
# was. It needs the checkpoint that the shipped policy came from (make train-demo-policy makes
# runs/so101_pick_place_2) or another one: BASE=runs/NAME or hf://owner/name.
#
#   FACTOR=0.3 training/recipes/corrections.sh    # on a machine that cannot draw in real time
#   EPISODES=2 STEPS=2 STARTS=2 PRESET=debug KEEP_FAILURES=1 BASE=... BUNDLE=... BASE_DATA=... ...
#                                                 # whether it runs: a quarter of an hour
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. training/recipes/train.sh

base=${BASE:-runs/so101_pick_place_2}
bundle=${BUNDLE:-policies/so101_pick_place}
base_data=${BASE_DATA:-data/pick_place}
episodes=${EPISODES:-50}
steps=${STEPS:-4000}
factor=${FACTOR:-1.0}
starts=${STARTS:-200}
preset=${PRESET:-compact}
keep_failures=${KEEP_FAILURES:+true} # of corrected episodes, which a policy that can do nothing has only
out=runs/corrections
scene=(--level 2 --look plain)
[ -e "$base" ] || [[ $base == hf://* ]] || { echo "there is no $base: see the top of $0"; exit 2; }

record() {  # ROUND BUNDLE: as many corrected episodes as are missing
    local bags=recordings/corrections_$1 there
    mkdir -p "$bags"
    there=$(find "$bags" -maxdepth 1 -name "episode_*" | wc -l)
    if [ "$there" -lt "$episodes" ]; then
        ros2 launch act_bringup correct_sim.launch.py policy:="$2" level:=2 look:=plain \
            seed:=$((40000 * $1 + there)) episodes:=$((episodes - there)) out:="$bags" \
            width:=128 height:=96 real_time_factor:="$factor" \
            keep_failures:="${keep_failures:-false}"
    fi
    act-import bag "$bags" --out "data/corrections_$1" --height 96 --width 128 \
        ${keep_failures:+--keep-failures --keep-redo}
    act-report "data/corrections_$1"
}

learn() {  # NAME WEIGHTS DATA...
    local name=$1 weights=$2
    shift 2
    if [ ! -e "$out/$name/final" ] && [ ! -e "$out/$name/last" ]; then
        act-train --preset "$preset" --data "$@" --out "$out/$name" --weights "$weights" \
            --training.steps "$steps" --training.lr 1e-4 --training.lr-backbone 1e-4 \
            --training.skip-before-takeover-s 0.3
    else
        train "$out/$name" ""
    fi
    [ -e "$out/$name/bundle" ] ||
        act-export --checkpoint "$out/$name" --data "${@%:*}" --out "$out/$name/bundle"
}

measure() {  # NAME BUNDLE: on starts that nothing was trained on
    [ -e "$out/eval/$1" ] ||
        act-evaluate --policy "$2" --episodes "$starts" --seed 10000 "${scene[@]}" --out "$out/eval/$1"
}

# 1. What is given, and as many plain demonstrations as there will be corrections.
mkdir -p "$out/eval"
measure nothing "$bundle"
act-collect --env so101/pick_place --episodes "$episodes" --first-seed 30000 --noise 1.0 \
    "${scene[@]}" --out data/plain_50

# 2. Corrections: what the policy does, and what a person does where it is stuck.
record 1 "$bundle"

# 3. Two policies that differ in nothing but these 50 episodes.
learn plain "$base" "$base_data:1" data/plain_50:3
learn corrected "$base" "$base_data:1" data/corrections_1:3
measure plain "$out/plain/bundle"
measure corrected "$out/corrected/bundle"

# 4. A second round on top.
record 2 "$out/corrected/bundle"
learn corrected_2 "$out/corrected" "$base_data:1" data/corrections_1:3 data/corrections_2:3
measure corrected_2 "$out/corrected_2/bundle"

act-compare "$out"/eval/{nothing,plain,corrected,corrected_2}
