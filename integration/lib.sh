#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What every integration test begins with:
#
#     . "$(dirname "$0")/lib.sh"
#
# Two namespaces, "a" (the one who calls) and "b" (the one who serves), and linkem between them. All
# that a test makes lives in $TMP or in these namespaces, and is gone when it ends, however it ends. Tests
# can run side by side (run.sh): each has a network namespace, a $TMP and a runtime directory of its own.
#
#   BUILD              where the products are (default: build/ of the tree)
#   RUDP_TEST_PLAIN=1  everything over kernel TCP: shows that the tests are right about TCP
#   RUDP_TEST_ENGINE=thread  the engine in each program instead of in a process beside them
#   RUDP_TEST_KEEP=1   keep $TMP for a look
#
# A script that sets LOOPBACK=1 before gets no sides: both are the loopback of its own network namespace, or of
# the machine where there can be no namespaces. With LOOPBACK=fallback it gets that only in the second case,
# and LOOPBACK is 1 then.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$(dirname "$HERE")/build}
PLAIN=${RUDP_TEST_PLAIN:-}
KEEP=${RUDP_TEST_KEEP:-}
LOOPBACK=${LOOPBACK:-}

# shellcheck source=integration/lib/check.sh
. "$HERE/lib/check.sh"
# shellcheck source=integration/lib/net.sh
. "$HERE/lib/net.sh"
# shellcheck source=integration/lib/programs.sh
. "$HERE/lib/programs.sh"
# shellcheck source=integration/lib/engine.sh
. "$HERE/lib/engine.sh"
# shellcheck source=integration/lib/servers.sh
. "$HERE/lib/servers.sh"
# shellcheck source=integration/lib/load.sh
. "$HERE/lib/load.sh"

# Of who runs the tests nothing is their business: signals that he ignores (only another program can undo
# that), descriptors that he has left open, his umask, proxies and settings.
[ -n "${RUDP_TEST_SIGNALS:-}" ] || RUDP_TEST_SIGNALS=default exec env --default-signal bash "$0" "$@"
for name in "/proc/$$/fd"/*; do
	name=${name##*/}
	[ "$name" -le 2 ] || [ "/proc/$$/fd/$name" -ef "$0" ] || exec {name}>&-
done
umask 022
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY TZ
for name in "${!RUDP_@}" "${!PYTHON@}" LD_PRELOAD; do
	[[ $name == RUDP_TEST_* ]] || unset "$name"
done
enter_own_network "$@"
export LC_ALL=C
# One of ~/.config or /etc would be found without this; what a test asks for goes before it.
export RUDP_POLICY_FILE=/dev/null
exec </dev/null

TMP=$(mktemp -d "${TMPDIR:-/tmp}/rudp-test.XXXXXX")
# Workers of nginx drop their privileges and must still read their files.
chmod 755 "$TMP"
export HOME=$TMP/home XDG_RUNTIME_DIR=$TMP/run
mkdir "$HOME"
mkdir -m 700 "$XDG_RUNTIME_DIR"
# Servers that become another user must be able to load the shim, wherever the tree lies (/root).
if [ "$(id -u)" = 0 ] &&
	! setpriv --reuid 65534 --clear-groups test -r "$BUILD/librudp_shim.so" 2>/dev/null; then
	mkdir "$TMP/build"
	find "$BUILD" -maxdepth 1 -type f -exec cp -p -t "$TMP/build" {} +
	BUILD=$TMP/build
fi

# What the test has mounted.
unmount_all() {
	awk -v below="$TMP/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | xargs -r umount -l
}

on_exit() {
	local status=$?
	trap - EXIT INT TERM
	set +e
	[ "$status" = 0 ] || show_threads
	[ "$status" = 0 ] || show_logs
	stop_all
	net_down
	unmount_all
	if [ -n "$KEEP" ]; then
		echo "kept: $TMP"
	else
		rm -rf "$TMP"
	fi
	exit "$status"
}
trap on_exit EXIT
trap 'exit 130' INT
# Keeps bash from reporting each program that a test kills.
# shellcheck disable=SC2173
trap : KILL
trap 'exit 143' TERM

if [ "$LOOPBACK" = 1 ]; then
	loopback_up
else
	net_up
fi
programs_init
