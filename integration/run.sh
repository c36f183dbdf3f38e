#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the integration tests, or those named: run.sh [nc http_lossy ...]. One line each, in the order in which
# they end; the story of a test is told only when it fails (or with RUDP_TEST_VERBOSE=1). run.sh --list says what
# there is.
#
#   JOBS=N   how many run side by side (default: as many as there are processors; 1: in turn)
#
# The headers of tests that take long say so: "# Takes 40 s." The longest start first, so that none of them is left
# when the others have ended. Neighbours may slow a test down but not fail it: what is too late is measured by the
# test's own clock, or as the least of several attempts (lib/check.sh).
set -uo pipefail
cd "$(dirname "$0")" || exit 1

# shellcheck source=integration/lib/net.sh
. lib/net.sh

SECONDS_MAX=600
JOBS=${JOBS:-$(nproc)}
passed=0 failed=0 skipped=0 started=0
# By process id: of the tests that run.
declare -A NAME_OF=() LOG_OF=() BEGAN_AT_US=()
logs=$(mktemp -d "${TMPDIR:-/tmp}/rudp-run.XXXXXX")
trap 'rm -rf "$logs"' EXIT

# Tests that are told to end clean up behind themselves.
interrupted() {
	trap - INT TERM
	kill -TERM "${!NAME_OF[@]}" 2>/dev/null
	wait
	exit 130
}
trap interrupted INT TERM

# Left behind by a test that was killed: the process id in the name belongs to no process any more.
sweep() {
	local ns pid
	for ns in /run/netns/rudp*[ab]; do
		ns=${ns##*/}
		pid=${ns#rudp}
		pid=${pid%[ab]}
		if [[ ! $pid =~ ^[0-9]+$ ]] || [ -e "/proc/$pid" ]; then
			continue
		fi
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -KILL
		ip netns del "$ns" 2>/dev/null
	done
}

# The name of each test, and the first sentence that it says about itself.
list() {
	local file name
	for file in test_*.sh; do
		name=${file#test_}
		printf '%-14s ' "${name%.sh}"
		awk 'NR > 2 { if (!sub(/^# /, "")) exit; text = text sep $0; sep = " " }
			END { sub(/\. .*/, ".", text); print text }' "$file"
	done
}

# in_order NAME...: the longest first.
in_order() {
	local name seconds
	for name; do
		seconds=$(sed -n '/^[^#]/q; s/^# Takes \([0-9]*\) s\.$/\1/p' "test_$name.sh")
		printf '%s %s\n' "${seconds:-0}" "$name"
	done | sort -s -k1,1nr | cut -d' ' -f2
}

# start NAME
start() {
	local log pid
	started=$((started + 1))
	log=$logs/$started
	timeout --kill-after=20 "$SECONDS_MAX" "./test_$1.sh" >"$log" 2>&1 </dev/null &
	pid=$!
	NAME_OF[$pid]=$1 LOG_OF[$pid]=$log BEGAN_AT_US[$pid]=${EPOCHREALTIME/./}
}

# Waits until one of those that run ends, and says how.
finish_one() {
	local pid status=0
	wait -n -p pid "${!NAME_OF[@]}" || status=$?
	report "$pid" "$status" $(((${EPOCHREALTIME/./} - BEGAN_AT_US[$pid]) / 100000))
	rm -f "${LOG_OF[$pid]}"
	unset "NAME_OF[$pid]" "LOG_OF[$pid]" "BEGAN_AT_US[$pid]"
}

# report PID STATUS TENTHS-OF-SECONDS
report() {
	local word log=${LOG_OF[$1]}
	case $2 in
	0) word=pass passed=$((passed + 1)) ;;
	77) word=skip skipped=$((skipped + 1)) ;;
	*) word=FAIL failed=$((failed + 1)) ;;
	esac
	printf '%s  %-14s %3d.%d s\n' "$word" "${NAME_OF[$1]}" $(($3 / 10)) $(($3 % 10))
	[ "$2" = 124 ] && echo "      not done after $SECONDS_MAX s"
	if [ $word = FAIL ] || [ -n "${RUDP_TEST_VERBOSE:-}" ]; then
		sed 's/^/      /' "$log"
	elif [ $word = skip ]; then
		tail -n 1 "$log"
	fi
}

# run_all NAME...
run_all() {
	while [ $# -gt 0 ] || [ ${#NAME_OF[@]} -gt 0 ]; do
		if [ $# -gt 0 ] && [ ${#NAME_OF[@]} -lt "$JOBS" ]; then
			start "$1"
			shift
		else
			finish_one
		fi
	done
}

if [ "${1:-}" = --list ]; then
	list
	exit
fi
if [[ ! $JOBS =~ ^[1-9][0-9]*$ ]]; then
	echo "run.sh: JOBS is a number of tests, not '$JOBS'" >&2
	exit 2
fi
# Engines and ports of one network would meet.
[ "$(own_network_by)" != none ] || JOBS=1
sweep
names=("$@")
if [ ${#names[@]} = 0 ]; then
	for file in test_*.sh; do
		file=${file#test_}
		names+=("${file%.sh}")
	done
fi
for name in "${names[@]}"; do
	if [ ! -x "test_$name.sh" ]; then
		echo "run.sh: there is no test_$name.sh" >&2
		exit 2
	fi
done
mapfile -t names < <(in_order "${names[@]}")
run_all "${names[@]}"
[ $skipped = 0 ] || printf '%d skipped: they need root, or user namespaces, and /dev/net/tun\n' $skipped
printf '%d passed, %d failed, in %d s\n' $passed $failed "$SECONDS"
[ $failed = 0 ]
