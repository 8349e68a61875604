#!/bin/sh
# Rewrite requirements.lock (product) and requirements-dev.lock (product and dev tools).
#
# usage: tools/make_locks.sh [--upgrade]     (from the repository's root; needs uv)
#
# One lock serves Python 3.11 and newer on every platform, with the hash of every file, and names
# no index: whoever installs decides where the files come from, the hashes decide which they are.
set -eu

uv=${UV:-uv}
if ! command -v "$uv" >/dev/null 2>&1; then
    if [ -x .venv/bin/uv ]; then uv=.venv/bin/uv; else
        printf 'make lock needs uv, which is not on PATH; install it with: .venv/bin/python -m pip install uv\n' >&2
        exit 2
    fi
fi

compile() {
    output=$1 && shift
    "$uv" pip compile pyproject.toml --group build --universal --python-version 3.11 \
        --generate-hashes --no-header --no-config --default-index https://pypi.org/simple \
        --no-emit-index-url --quiet --output-file "$output" "$@"
}

compile requirements.lock --extra mitm "$@"
compile requirements-dev.lock --extra mitm --extra dev --constraint requirements.lock "$@"
