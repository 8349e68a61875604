#!/bin/sh
# Install what the test suite uses beside Python, from Debian's own packages: a browser, iproute2,
# iptables, nginx and curl.
#
# usage: tools/install_test_tools.sh
#
# Installs only as root, where apt-get is; does nothing when everything is there. It never fails a
# build: what it could not get, it says loudly, with the tests that will be skipped for want of it.
set -u

PATH=$PATH:/usr/sbin:/sbin
export PATH

# command, package, what is skipped without it
tools() {
    cat <<'END'
chromium chromium the session of a real browser through esr proxy
ip iproute2 everything inside a network namespace: the leak suite, esr contain, transparent mode
iptables iptables transparent mode, which redirects by iptables
nginx nginx-light the gateway beside nginx in make bench
curl curl sessions with curl through the doors and from inside esr contain
END
}

is_there() {
    command -v "$1" >/dev/null 2>&1 || { [ "$1" = chromium ] && command -v chromium-browser >/dev/null 2>&1; }
}

missing() { tools | while read -r name package _; do is_there "$name" || printf '%s\n' "$package"; done; }

wanted=$(missing)
if [ -z "$wanted" ]; then exit 0; fi

# Word splitting is meant: one package a word.
# shellcheck disable=SC2086
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'installing for the tests:' && printf ' %s' $wanted && printf '\n'
    export DEBIAN_FRONTEND=noninteractive
    install() { apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1; }
    # One by one when they do not come together: a package that one system lacks costs no other.
    install $wanted || {
        apt-get update -qq >/dev/null 2>&1
        install $wanted || for package in $wanted; do install "$package" || :; done
    }
fi

tools | while read -r name package skipped; do
    if ! is_there "$name"; then
        printf '\n*** %s is not here (Debian: apt-get install %s), so these tests are SKIPPED:\n***   %s\n' \
            "$name" "$package" "$skipped" >&2
    fi
done
exit 0
