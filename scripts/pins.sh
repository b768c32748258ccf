#!/usr/bin/env bash
# Resolve every Airflow line of pins/lines anew, to the newest releases that fit:  pins.sh UV
set -euo pipefail
cd "$(dirname "$0")/.."

while read -r line release pythons extra; do
    [[ $line != \#* ]] || continue
    pins=pins/airflow-$release.txt
    echo "$pins"
    {
        echo "# Airflow $release on Python ${pythons//,/, }. Made by \"make pins\" from pyproject.toml and pins/lines."
        printf '%s\n' "apache-airflow==$release" $extra |
            "$1" pip compile --quiet --universal --python-version "${pythons%%,*}" --no-header --no-annotate \
                --group build --group lint --group test --constraints - pyproject.toml
    } >"$pins.new"
    mv "$pins.new" "$pins"
done <pins/lines

read -r _ release pythons _ < <(grep -v '^#' pins/lines)
pins=pins/browser.txt
echo "$pins"
{
    echo '# On top of the pins of a line, for make browser. Made by "make pins".'
    { echo playwright && cat "pins/airflow-$release.txt"; } |
        "$1" pip compile --quiet --universal --python-version "${pythons%%,*}" --no-header --no-annotate - |
        grep -vxFf "pins/airflow-$release.txt"
} >"$pins.new"
mv "$pins.new" "$pins"

pins=pins/audit.txt
echo "$pins"
{
    echo '# For make audit. Made by "make pins".'
    echo pip-audit | "$1" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate -
} >"$pins.new"
mv "$pins.new" "$pins"

pins=pins/docs.txt
echo "$pins"
{
    echo '# For make docs. Made by "make pins".'
    printf '%s\n' mkdocs-material 'mkdocstrings[python]' ruff |
        "$1" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate -
} >"$pins.new"
mv "$pins.new" "$pins"

pins=pins/release.txt
echo "$pins"
{
    echo '# For make check-dist and make workflows. Made by "make pins".'
    printf '%s\n' check-jsonschema twine zizmor |
        "$1" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate -
} >"$pins.new"
mv "$pins.new" "$pins"
