#!/usr/bin/env bash
# ./run_all.sh [options of bench.compare]   set up if needed, compare, draw the figures, write the report
# ./run_all.sh test [options of pytest]     set up if needed, run the tests
#
# PYTHON=/path/to/python3.12 ./run_all.sh   chooses the interpreter of the set-up
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "run_all.sh: no Python 3.11, 3.12 or 3.13 with venv found; set PYTHON=/path/to/python" >&2
    exit 2
}

set_up() {
    # The stamp names what was installed: another pyproject or constraints sets up anew.
    local wanted stamp="$here/.venv/installed"
    wanted=$(cat "$here/pyproject.toml" "$here/constraints.txt")
    if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return
    fi
    local python
    python=$(find_python)
    echo "setting up .venv with $("$python" --version) (several minutes, about 6 GB)" >&2
    "$python" -m venv --clear "$here/.venv"
    "$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$here/constraints.txt" --editable "$here[all,dev]"
    echo "$wanted" > "$stamp"
}

compare_and_draw() {
    local status=0 results=results previous="" draws=yes
    local argument
    for argument in "$@"; do
        case $argument in
            -h | --help) exec "$here/.venv/bin/python" -m bench.compare --help ;;
            --plan | --list-datasets) draws=no ;;
            --results=*) results=${argument#--results=} ;;
        esac
        [[ $previous == --results ]] && results=$argument
        previous=$argument
    done
    "$here/.venv/bin/python" -m bench.compare "$@" || status=$?
    # Exit code 1: some runs failed, and the others are worth drawing.
    if [[ $draws == yes ]] && ((status <= 1)); then
        "$here/.venv/bin/python" -m bench.figures --results "$results" || status=$?
        "$here/.venv/bin/python" -m bench.report --results "$results" || status=$?
    fi
    return "$status"
}

cd "$here"
if [[ ${1:-} == test ]]; then
    shift
    set_up
    # Each process begins with neighbours in the order of the files: they share fixtures.
    exec "$here/.venv/bin/python" -m pytest --numprocesses auto --dist worksteal "$@"
fi
set_up
compare_and_draw "$@"
