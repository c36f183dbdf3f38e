#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the integration tests, or those named: run.sh [nc http_lossy ...]. One line each; the story of
# a test is told only when it fails (or with RUDP_TEST_VERBOSE=1). run.sh --list says what there is.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

SECONDS_MAX=600
passed=0 failed=0 skipped=0
log=$(mktemp "${TMPDIR:-/tmp}/rudp-run.XXXXXX")
trap 'rm -f "$log"' EXIT

# Left behind by a test that was killed: the process id in the name belongs to nobody any more.
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

# run_one NAME
run_one() {
	local start=$EPOCHREALTIME status word seconds
	timeout --kill-after=20 "$SECONDS_MAX" "./test_$1.sh" >"$log" 2>&1 </dev/null
	status=$?
	seconds=$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))
	case $status in
	0) word=pass passed=$((passed + 1)) ;;
	77) word=skip skipped=$((skipped + 1)) ;;
	*) word=FAIL failed=$((failed + 1)) ;;
	esac
	printf '%s  %-14s %3d.%d s\n' "$word" "$1" $((seconds / 10)) $((seconds % 10))
	[ $status = 124 ] && echo "      not done after $SECONDS_MAX s"
	if [ $word = FAIL ] || [ -n "${RUDP_TEST_VERBOSE:-}" ]; then
		sed 's/^/      /' "$log"
	elif [ $word = skip ]; then
		tail -n 1 "$log"
	fi
}

if [ "${1:-}" = --list ]; then
	list
	exit
fi
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
	run_one "$name"
done
[ $skipped = 0 ] || printf '%d skipped: they need root, or user namespaces, and /dev/net/tun\n' $skipped
printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
