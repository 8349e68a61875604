#!/bin/sh
# Make .venv hold the product, or the product and the dev tools.
#
# usage: tools/make_venv.sh product|dev      (from the repository's root)
#
# Does nothing when that was done before with the same locks: a stamp inside .venv keeps their
# checksums and the folder's place, for scripts and the editable install name it. PYTHON=...
# replaces a .venv of another interpreter.
set -eu

case "${1:-}" in
    product) lock=requirements.lock what="the product" ;;
    dev) lock=requirements-dev.lock what="the product and the dev tools" ;;
    *) printf 'usage: tools/make_venv.sh product|dev\n' >&2 && exit 2 ;;
esac
kind=$1
venv=.venv
tools=$(dirname "$0")

# stamp_of KIND: what a finished install of that kind stands on.
stamp_of() {
    printf '%s\n' "$1" "$(pwd -P)"
    cksum requirements.lock pyproject.toml
    if [ "$1" = dev ]; then cksum requirements-dev.lock; fi
}

is_installed() { [ "$(cat "$venv/.esr-$1" 2>/dev/null || :)" = "$(stamp_of "$1")" ]; }

# real PYTHON: the interpreter behind shims and venvs.
real() {
    "$1" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))' 2>/dev/null || :
}
is_alive() { "$venv/bin/python" -m pip --version >/dev/null 2>&1; }
is_wanted() {
    [ -z "${PYTHON:-}" ] || [ "$(real "$venv/bin/python")" = "$(real "$PYTHON")" ]
}

if is_installed "$kind" && "$venv/bin/python" -c '' 2>/dev/null && is_wanted; then exit 0; fi

if ! { is_alive && is_wanted; }; then
    python=$("$tools/pick_python.sh")
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        printf '%s is there and is no virtual environment; move it away first.\n' "$venv" >&2
        exit 2
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

printf 'installing %s into %s\n' "$what" "$venv"
rm -f "$venv/.esr-product" "$venv/.esr-dev"
pip() { "$venv/bin/python" -m pip -qq --disable-pip-version-check --no-input "$@"; }
pip install --require-hashes -r "$lock"
pip install --no-deps --no-build-isolation -e .
# An editable install leaves compiling to the first start, or to every start where none may be kept.
"$venv/bin/python" -m compileall -q hms_esr proxy replay scenarios scorecard stubs switchboard
stamp_of product >"$venv/.esr-product"
if [ "$kind" = dev ]; then stamp_of dev >"$venv/.esr-dev"; fi
