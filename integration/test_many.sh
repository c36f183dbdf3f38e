#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many connections: at once, in a server that may have hardly more descriptors; and one after the other,
# after which nothing may have grown.
#
#     a: 1000 callers ──── linkem: 2 ms ──── b: an echo
#     b: one caller, again and again ──── loopback ──── b: an answer
#
#   RUDP_TEST_IN_A_ROW   how many (default 20000)
#
# Takes 40 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

AT_ONCE=1000
DESCRIPTORS=1100
IN_A_ROW=${RUDP_TEST_IN_A_ROW:-20000}
# After so many, an engine has the memory that it needs for this load; and how much more may stay (KB).
SETTLED=2000
MEMORY_MORE=1000

# limited COMMAND...: one word per line: the command, with few descriptors.
limited() {
	printf '%s\n' bash -c "ulimit -S -n $DESCRIPTORS && exec \"\$@\"" limited "$@"
}

tcp_segments() {
	# shellcheck disable=SC2016
	on b awk '/^Tcp: [0-9]/ {print $11 + $12}' /proc/net/snmp
}

at_once() {
	local command start
	mapfile -t command < <(limited python3 "$HERE/lib/echo.py" serve epoll "$B4" "$PORT")
	launch server b "${command[@]}"
	wait_listening b "$PORT"
	start=$(now_ms)
	launch client a python3 "$HERE/lib/echo.py" call "$B4" "$PORT" "$AT_ONCE" 5000
	finish client 60
	expect_eq "$STATUS" 0 "exit code of the caller"
	ok "$AT_ONCE connections at once with $DESCRIPTORS descriptors, in $(($(now_ms) - start)) ms"
	stop_server server
}

# No port but that of the listener, and no descriptor of a connection.
is_idle() {
	has_no_connections "$1" && [ "$(on b ss -Huan | wc -l)" -le 1 ]
}

# What the connections had is given back some time after the last of them has been forgotten.
# has_at_most PID KB
has_at_most() {
	MEMORY=$(memory_of "$1")
	[ "$MEMORY" -le "$2" ]
}

call_in_a_row() {
	under b python3 "$HERE/lib/short.py" call "$B4" "$PORT" "$1" || fail "short connections: exit $?"
}

# rests PID KB: no connection, and no more memory; how much it is stands in MEMORY.
rests() {
	wait_until 20 "the engine to be idle" is_idle "$1"
	# The heap of a thread is its program's: what is free in it is not given back to the kernel.
	! engine_outlives || wait_until 20 "at most $2 KB in the engine" has_at_most "$1" "$2"
}

in_a_row() {
	local engine start segments
	launch server b python3 "$HERE/lib/short.py" serve "$B4" "$PORT"
	wait_listening b "$PORT"
	if [ -n "$PLAIN" ]; then
		call_in_a_row "$IN_A_ROW"
		return
	fi
	engine=$(engine_of b)
	segments=$(tcp_segments)
	MEMORY=$(memory_of "$engine")
	call_in_a_row "$SETTLED"
	rests "$engine" $((MEMORY + MEMORY_MORE))
	start=$(now_ms)
	call_in_a_row "$IN_A_ROW"
	ok "$IN_A_ROW connections in a row in $(($(now_ms) - start)) ms"
	expect_between 0 $(($(tcp_segments) - segments)) 20 "segments of kernel TCP"
	rests "$engine" $((MEMORY + MEMORY_MORE))
	ok "the engine has $(descriptors_of "$engine") descriptors, and $MEMORY KB"
	stop_server server
}

link_up --delay 1ms
section "at once"
at_once
section "in a row"
in_a_row
prove_udp 10000000
link_down
