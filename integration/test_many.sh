#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many connections: at once, in a server that may have hardly more descriptors; and one after the other,
# after which nothing may have grown.
#
#     a: 1000 callers ──── linkem: 2 ms ──── b: an echo
#     b: one caller, again and again ──── loopback ──── b: an answer
#
#   RUDP_TEST_CONNECTIONS   how many in a row (default 20000)
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

AT_ONCE=1000
DESCRIPTORS=1100
IN_A_ROW=${RUDP_TEST_CONNECTIONS:-20000}
# After so many, an engine has the memory that it needs for this load; and how much more may come (KB).
SETTLED=4000 # as many as are remembered at a time, half a second each (TIME_WAIT), and more
MEMORY_MORE=12000 # 0.6 KB for each of 20,000: the pace varies, and so what is remembered at a time
# Of an engine with one listener.
IDLE_DESCRIPTORS=20

# limited COMMAND...: one word per line: the command, with few descriptors.
limited() {
	printf '%s\n' bash -c "ulimit -n $DESCRIPTORS && exec \"\$@\"" limited "$@"
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

engine_of() {
	ip netns pids "$(netns_of "$1")" | while read -r pid; do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != rudp-engine ] || echo "$pid"
	done
}

descriptors_of() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# In KB.
memory_of() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

# No port but that of the listener, and no descriptor of a connection.
is_idle() {
	[ "$(descriptors_of "$1")" -le "$IDLE_DESCRIPTORS" ] && [ "$(on b ss -Huan | wc -l)" -le 1 ]
}

call_in_a_row() {
	under b python3 "$HERE/lib/short.py" call "$B4" "$PORT" "$1" || fail "short connections: exit $?"
}

in_a_row() {
	local engine start memory segments
	launch server b python3 "$HERE/lib/short.py" serve "$B4" "$PORT"
	wait_listening b "$PORT"
	if [ -n "$PLAIN" ]; then
		call_in_a_row "$IN_A_ROW"
		return
	fi
	engine=$(engine_of b)
	segments=$(tcp_segments)
	call_in_a_row "$SETTLED"
	memory=$(memory_of "$engine")
	start=$(now_ms)
	call_in_a_row "$IN_A_ROW"
	ok "$IN_A_ROW connections in a row in $(($(now_ms) - start)) ms"
	# It may have given some back.
	expect_between "-$memory" $(($(memory_of "$engine") - memory)) "$MEMORY_MORE" \
		"memory that the engine has taken since, KB"
	expect_between 0 $(($(tcp_segments) - segments)) 20 "segments of kernel TCP"
	wait_until 20 "the engine to give everything back" is_idle "$engine"
	ok "the engine has $(descriptors_of "$engine") descriptors, and $memory KB as before"
	stop_server server
}

link_up --delay 1ms
section "at once"
at_once
section "in a row"
in_a_row
prove_udp 10000000
link_down
