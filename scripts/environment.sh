#!/usr/bin/env bash
# Make the environment of one Airflow line, unless it is there already:
#   environment.sh LINE FOLDER PYTHON...     (the first of these Pythons that the line supports is taken)
#
# The stamp inside the folder says what it was made from and is written last: a folder whose stamp is
# missing (an interrupted run) or differs (other Python, pins or settings; a moved checkout) is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
    echo "$*" >&2
    exit 1
}

line=$1 venv=$2
shift 2
row=$(awk -v line="$line" '$1 == line' pins/lines)
[ -n "$row" ] || die "AIRFLOW=$line is not one of the lines in pins/lines:$(awk '!/^#/ { printf " %s", $1 }' pins/lines)"
read -r _ release pythons _ <<<"$row"
pins=pins/airflow-$release.txt
[ -e "$pins" ] || die "$pins is missing: run make pins"

# A candidate may be a shim or live in an activated environment: what counts is the interpreter behind it.
about='
import os, sys
v = sys.version_info[:3]
print("%d.%d %d.%d.%d %s" % (v[:2] + v + (os.path.realpath(getattr(sys, "_base_executable", sys.executable)),)))'
python='' tried=''
for candidate in "$@"; do
    found=$("$candidate" -c "$about" 2>/dev/null) || continue
    read -r minor version python <<<"$found"
    [[ ,$pythons, != *,$minor,* ]] || break
    python='' tried+=" $candidate is $version;"
done
[ -n "$python" ] || die "Airflow $release needs Python ${pythons//,/ or };${tried:- found none of: $*;} choose one with PYTHON=..."

mkdir -p .work
exec 9>".work/lock-$line"
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # held by this shell until it ends: a second make waits here

sources=$({
    cat pins/uv.txt "$pins" scripts/environment.sh
    grep '^__version__' airflow_provider_checkly/__init__.py
    sed '/^\[tool\.ruff\]/,$d' pyproject.toml # all but the settings of tools
} | cksum)
stamp="Airflow $release, Python $version ($python), $PWD, $sources"
[ "$(cat "$venv/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

echo "Making $venv: Airflow $release on Python $version ($python)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
rm -rf "$venv"
if "$python" -m venv "$venv" >/dev/null 2>&1; then
    "$venv/bin/python" -m pip install --quiet -r pins/uv.txt
elif "$python" -m venv --clear --without-pip "$venv" >/dev/null 2>&1 && "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip --python "$venv/bin/python" install --quiet -r pins/uv.txt
else
    die "Python $version ($python) cannot make environments: install the package python3-venv or python$minor-venv, then run make again"
fi

# uv keeps its cache in the home folder; where that cannot be written, inside the checkout.
mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}" 2>/dev/null ||
    export UV_CACHE_DIR=$PWD/.work/uv-cache
# uv trusts what it brings along; a proxy with a certificate of its own is known to the system only.
if "$python" -c 'import ssl, sys; sys.exit(not ssl.create_default_context().get_ca_certs())'; then
    export UV_SYSTEM_CERTS=true
fi
install=("$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps)
"${install[@]}" --build-constraints "$pins" -r "$pins" # what has no wheel is built with pinned packages too
"${install[@]}" --no-build-isolation --editable .      # with the build backend from the pins
echo "$stamp" >"$venv/stamp"
