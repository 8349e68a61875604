#!/bin/sh
# Choose the newest suitable Python that really starts.
#
# stdout: the interpreter's path.  stderr: one line that says which one was taken, or why none.
# Exit 0, or 2 when there is none.  PYTHON=... skips the search and takes that one or nothing.
#
# Suitable: CPython 3.11 or newer, able to make a virtual environment. A name on PATH proves
# nothing (version managers leave shims there for versions that are not installed, distributions
# leave out venv), so every candidate is asked to run. Only shell builtins are used here, so that
# the answer depends on nothing but the candidates.

# 3.13 is the newest version the product is tested on; a newer one is the last resort.
newest_tested=13
oldest=11

# One line: major, minor, micro, implementation, and the interpreter behind shims and venvs.
probe='import sys, venv, ensurepip
print(*sys.version_info[:3], sys.implementation.name, getattr(sys, "_base_executable", "") or sys.executable)'

best_rank=-1000
best_micro=-1
best_source=
best_version=
best_path=

# ask COMMAND: sets major, minor, micro, implementation, path; false when it is not suitable.
ask() {
    answer=$("$1" -c "$probe" 2>/dev/null </dev/null) || return 1
    read -r major minor micro implementation path <<ANSWER
$answer
ANSWER
    case "$major$minor$micro" in '' | *[!0-9]*) return 1 ;; esac
    [ "$major" -eq 3 ] && [ "$minor" -ge "$oldest" ] && [ "$implementation" = cpython ] \
        && [ -n "$path" ]
}

# rank_of MINOR: 13 > 12 > 11 > 14 > 15 ...
rank_of() {
    if [ "$1" -le "$newest_tested" ]; then rank=$1; else rank=$((oldest + newest_tested - $1 - 1)); fi
}

# consider SOURCE COMMAND: keep it when it beats the best so far; PATH comes first and wins ties.
consider() {
    ask "$2" || return 0
    rank_of "$minor"
    if [ "$rank" -lt "$best_rank" ]; then return 0; fi
    if [ "$rank" -eq "$best_rank" ]; then
        if [ "$best_source" = PATH ] || [ "$micro" -le "$best_micro" ]; then return 0; fi
    fi
    best_rank=$rank best_micro=$micro best_source=$1
    best_version=$major.$minor.$micro best_path=$path
}

say() { printf '%s\n' "$1" >&2; }

if [ -n "${PYTHON:-}" ]; then
    if ask "$PYTHON"; then
        say "python: $major.$minor.$micro, $path (as PYTHON asks)"
        printf '%s\n' "$path"
        exit 0
    fi
    say "PYTHON=$PYTHON does not start as a CPython 3.$oldest or newer that has venv and ensurepip; name another one, or leave PYTHON out to have one looked for."
    exit 2
fi

for name in python3.13 python3.12 python3.11 python3 python python3.14 python3.15; do
    [ "$best_rank" -lt "$newest_tested" ] || break
    if found=$(command -v "$name" 2>/dev/null); then consider PATH "$found"; fi
done
# pyenv keeps its versions in its own root, whether or not its shims reach them.
consider_pyenv() {
    [ "$best_rank" -lt "$newest_tested" ] || return 0
    for found in "$1"/versions/*/bin/python; do
        if [ -x "$found" ]; then consider pyenv "$found"; fi
    done
}
home_root=${HOME:-}/.pyenv
consider_pyenv "${PYENV_ROOT:-$home_root}"
if [ "${PYENV_ROOT:-$home_root}" != "$home_root" ]; then consider_pyenv "$home_root"; fi

if [ -z "$best_path" ]; then
    say "No Python 3.$oldest or newer with venv and ensurepip starts here, neither on PATH nor among pyenv's versions; install Python 3.$newest_tested (on Debian also python3-venv), or name one: make install PYTHON=/path/to/python3"
    exit 2
fi
note=
if [ "$best_rank" -lt "$oldest" ]; then note="; newer than the tested 3.$oldest to 3.$newest_tested, but nothing else starts"; fi
say "python: $best_version, $best_path (from $best_source$note)"
printf '%s\n' "$best_path"
