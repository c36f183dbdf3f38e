#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Life and death of connections on one host, call by call, as kernel TCP has them (RUDP_TEST_PLAIN=1
# shows that): with the engine as a process and as a thread.
#
#     b: lifecycle.py talks to itself and its children over the loopback interface
#
# Takes 50 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Only a process of its own outlives the program.
PROCESS_ONLY='what_was_written_arrives_however_the_writer_ends|both_ends_learn_that_the_engine_was_killed'

checks() {
	grep -A1 '^@check' "$HERE/lib/lifecycle.py" | sed -n 's/^def \([a-z_]*\)():$/\1/p'
}

# run_checks HOST NAME...
run_checks() {
	local name host=$1
	shift
	SETTINGS=("RUDP_ENGINE=$host")
	for name in "$@"; do
		launch check b python3 "$HERE/lib/lifecycle.py" "$name"
		finish check 60
		[ "$STATUS" = 0 ] || fail "$host: $(cat "$TMP/check.out" "$TMP/check.err")"
		ok "$host: ${name//_/ }"
	done
}

# The library is named from where the program was started; the program goes elsewhere and starts others.
relative_preload() {
	local said
	said=$(cd "$BUILD" && on b env LD_PRELOAD=./librudp_shim.so sh -c 'cd / && sh -c "echo hello"' 2>&1)
	expect_eq "$said" hello "output under a relative LD_PRELOAD"
	ok "a relative LD_PRELOAD survives a change of directory, silently"
}

# Not somebody else's process, though that is about, with the same settings.
thread_is_wanted() {
	local threads
	threads=$(under b env RUDP_ENGINE=thread python3 -c \
		'import os, socket; socket.socket(); print(len(os.listdir("/proc/self/task")))')
	expect_eq "$threads" 2 "threads of a program that wants its engine in one"
	ok "a thread is what one gets that asks for it"
}

mapfile -t ALL < <(checks)
mapfile -t ANY_HOST < <(printf '%s\n' "${ALL[@]}" | grep -vxE "$PROCESS_ONLY")
link_up --delay 1ms
if [ -n "$PLAIN" ]; then
	mapfile -t ALL < <(printf '%s\n' "${ALL[@]}" | grep -v engine)
	run_checks plain "${ALL[@]}"
	exit 0
fi
section "engine as a process"
run_checks process "${ALL[@]}"
section "engine as a thread"
thread_is_wanted
run_checks thread "${ANY_HOST[@]}"
relative_preload
link_down
