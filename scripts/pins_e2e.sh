#!/usr/bin/env bash
# Resolve what the default Airflow line needs in addition for PostgreSQL and Celery:  pins_e2e.sh UV
set -euo pipefail
cd "$(dirname "$0")/.."

read -r _ release pythons _ < <(grep -v '^#' pins/lines)
base=pins/airflow-$release.txt
{
    echo "# On top of $base, for make e2e. Made by \"make e2e-pins\"."
    { echo "apache-airflow[celery,postgres]==$release" && cat "$base"; } |
        "$1" pip compile --quiet --universal --python-version "${pythons%%,*}" --no-header --no-annotate - |
        grep -vxFf "$base"
} >pins/e2e.txt.new
mv pins/e2e.txt.new pins/e2e.txt
