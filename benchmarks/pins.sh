#!/usr/bin/env bash
# Resolve anew what the benchmarks need beyond the default Airflow line, to the newest that fit:  pins.sh UV PINS
set -euo pipefail
cd "$(dirname "$0")/.."

{
    echo "# On top of ${2}. Made by \"make bench-pins\" from benchmarks/pyproject.toml."
    "$1" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
        --constraints "$2" --group benchmarks/pyproject.toml:bench | grep -vxFf "$2"
} >benchmarks/pins.txt.new
mv benchmarks/pins.txt.new benchmarks/pins.txt
