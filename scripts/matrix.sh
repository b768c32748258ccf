#!/usr/bin/env bash
# On every supported line of Airflow, test the built wheel from a folder that holds the tests but not the package,
# and run one gate through a real scheduler and triggerer:
#   matrix.sh [LINE:PYTHON...]     (e.g. 3.1:3.12; without any: all below)
# A row whose Python is not there is left out, and said to be.
set -uo pipefail
cd "$(dirname "$0")/.."

rows=("$@")
[ $# -gt 0 ] || rows=(2.11:3.11 3.0:3.11 3.1:3.12 3.3:3.12 3.3:3.13)
work=$PWD/.work/matrix
rm -rf "$work"
mkdir -p "$work"
started=$SECONDS

# A Python may be on the path under its version, or hidden by pyenv.
interpreter() {
    local path
    for path in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$path" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null && echo "$path" && return
    done
    return 1
}

run() { # run ROW WHAT COMMAND...: note how a command ended and how long it took; its output goes to a log
    local start=$SECONDS result=passed
    "${@:3}" >"$work/$1-$2.log" 2>&1 </dev/null || result=FAILED
    echo "$result ($((SECONDS - start)) s)" >"$work/$1-$2.result"
    [ $result = passed ] || echo "$1: $2 FAILED: see $work/$1-$2.log" >&2
}

on() { # on LINE PYTHON TARGET [VARIABLE=VALUE...]: make a target in the environment of a row
    make --no-print-directory "${@:3}" AIRFLOW="$1" PYTHON="$(interpreter "$2")" VENV=".venv-$1-$2"
}

environment() { # environment LINE PYTHON: make it, with the wheel in place of the checkout
    on "$1" "$2" venv || return
    [ -d "$work/dist" ] || on "$1" "$2" build DIST="$work/dist" || return
    ".venv-$1-$2/bin/uv" pip install --quiet --python ".venv-$1-$2/bin/python" --no-deps --reinstall "$work"/dist/*.whl
}

tests() { # tests LINE PYTHON: run them from a copy; what they read besides is copied, too
    local venv=$PWD/.venv-$1-$2 copy=$work/copy-$1-$2
    mkdir "$copy" && cp -r tests example_dags benchmarks scripts docs README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md pyproject.toml "$copy" && cd "$copy" || return
    unset PYTHONDONTWRITEBYTECODE PYTHONPATH ${!AIRFLOW_@}
    export AIRFLOW_HOME=$copy/airflow AIRFLOW__CORE__LOAD_EXAMPLES=False COVERAGE_FILE=$work/coverage.$1-$2
    "$venv/bin/python" -m coverage run -m pytest && return
    echo "SECOND LOOK at what failed: other rows run beside this one, which some tests of time do not bear"
    "$venv/bin/python" -m coverage run --append -m pytest --last-failed --last-failed-no-failures none
}

found=() missing=()
for row in "${rows[@]}"; do
    interpreter "${row##*:}" >/dev/null && found+=("$row") || missing+=("$row")
done
[ ${#found[@]} -gt 0 ] || { echo "None of these Pythons is here: ${rows[*]##*:}" >&2; exit 1; }
[ ! -d ../shared ] || ln -s "$PWD/../shared" "$work/shared" # where a copy's tests look for Checkly's document
echo "The logs are in ${work#"$PWD/"}/."
for row in "${found[@]}"; do
    run "$row" environment environment "${row%%:*}" "${row##*:}"
done
for row in "${found[@]}"; do # two at a time: half of what a test takes is waiting
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    (run "$row" tests tests "${row%%:*}" "${row##*:}") &
done
wait
for row in "${found[@]}"; do
    run "$row" demo on "${row%%:*}" "${row##*:}" demo
done

closing() { # what pytest says last, without its ornaments
    grep -E '[0-9]+ (passed|failed|errors?)\b.* in |^SECOND LOOK' "$work/$1-tests.log" |
        sed 's/^=* *//; s/ in .*//; s/^SECOND LOOK.*/second look:/' | paste -sd ' '
}
coverage=(".venv-${found[-1]/:/-}/bin/python" -m coverage)
export COVERAGE_FILE=$work/coverage
"${coverage[@]}" combine --quiet --keep "$work"/coverage.* && "${coverage[@]}" report --fail-under=98
covered=$?

printf '\n%-8s %-7s %-16s %-16s %s\n' AIRFLOW PYTHON TESTS DEMO 'TESTS OF THE INSTALLED WHEEL'
for row in "${found[@]}"; do
    printf '%-8s %-7s %-16s %-16s %s\n' "${row%%:*}" "${row##*:}" \
        "$(cat "$work/$row-tests.result")" "$(cat "$work/$row-demo.result")" "$(closing "$row")"
done
for row in "${missing[@]}"; do
    printf '%-8s %-7s %s\n' "${row%%:*}" "${row##*:}" 'left out: this Python is not here'
done
echo "$((SECONDS - started)) s in all"
! grep -q FAILED "$work"/*.result && [ $covered = 0 ]
