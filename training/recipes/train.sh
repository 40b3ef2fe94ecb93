# For recipes, which source it: a training run that goes on where it was.

train() {  # RUN DATA OPTIONS...: unless it is done
    local run=$1 data=$2
    shift 2
    if [ -e "$run/final" ]; then
        return
    elif [ -e "$run/last" ]; then
        act-train --resume "$run"
    else
        act-train --preset compact --data "$data" --out "$run" "$@"
    fi
}
