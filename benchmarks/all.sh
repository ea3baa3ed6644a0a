#!/bin/sh
# The figures on speed of docs/speed.md and benchmarks/README.md, in about half an hour of a machine that does nothing
# else: sh benchmarks/all.sh [FOLDER], one file of output for each benchmark.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-figures}
mkdir -p "$folder"
python=${PYTHON:-python}
measure() {
    name=$1
    shift
    echo "$name: $*"
    "$python" "$@" >"$folder/$name.txt" 2>"$folder/$name.log"
    cat "$folder/$name.txt"
}
measure speed benchmarks/speed.py
measure search_speed benchmarks/search_speed.py --candidates 6
measure search_speed_small benchmarks/search_speed.py --small --candidates 48 --epochs 1
measure start benchmarks/start.py
measure memory benchmarks/memory.py --n 2 --candidates 6
measure where_time_goes benchmarks/where_time_goes.py --candidates 4
