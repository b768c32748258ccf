#!/usr/bin/env bash
# Run the tests, and one gate on a real scheduler and triggerer, on every supported line of Airflow:
#   matrix.sh [LINE:PYTHON...]     (e.g. 3.1:3.12; without any: all below)
set -uo pipefail
cd "$(dirname "$0")/.."

rows=("$@")
[ $# -gt 0 ] || rows=(2.11:3.11 3.0:3.11 3.1:3.12 3.3:3.12 3.3:3.13)
logs=.work/matrix
mkdir -p "$logs"

# A Python may be on the path under its version, or hidden by pyenv.
interpreter() {
    local path
    for path in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$path" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null && echo "$path" && return
    done
    return 1
}

run() { # run LOG TARGET: make a target on one line, and say how it went and how long it took
    local start=$SECONDS result=passed
    make "$2" AIRFLOW="$line" PYTHON="$found" VENV=".venv-$line-$python" >"$1" 2>&1 </dev/null || result=FAILED
    printf '%s (%d s)' "$result" $((SECONDS - start))
    [ $result = passed ]
}

failed=0
table=$(printf '%-8s %-7s %-18s %s' AIRFLOW PYTHON TESTS 'SCHEDULER AND TRIGGERER')
for row in "${rows[@]}"; do
    line=${row%%:*} python=${row##*:}
    if ! found=$(interpreter "$python"); then
        tests="no Python $python" demo='' failed=1
    else
        echo "Airflow $line on Python $python; the logs are $logs/$line-$python-*.log"
        tests=$(run "$logs/$line-$python-test.log" test) || failed=1
        demo=$(run "$logs/$line-$python-demo.log" demo) || failed=1
    fi
    table+=$(printf '\n%-8s %-7s %-18s %s' "$line" "$python" "$tests" "$demo")
done
echo "$table"
exit $failed
