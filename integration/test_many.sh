#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many connections leave nothing behind, and a thousand at once need hardly more than a thousand
# descriptors.
#
#     b: many.py talks to itself over the loopback interface: 20,000 connections, one after the other
#     a: many.py ──── link ──── b: many.py, 1,000 at once under ulimit -n 1100
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

FIRST=5000      # until then the engine takes the memory that its busiest moment needs
REST=15000
GROWTH_KB=2048  # of the engine while the rest come and go
HELD=1000
LIMIT=1100

engine_of() {
	local pid
	for pid in $(ip netns pids "$(netns_of "$1")"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(realpath "$BUILD")/rudp-engine" ]; then
			echo "$pid"
		fi
	done
}

engine_descriptors() {
	find "/proc/$ENGINE/fd" -mindepth 1 | wc -l
}

engine_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$ENGINE/status"
}

# Sockets of either kind: a connection that is over keeps its port for a while, as with TCP.
ports_in_use() {
	on b ss -Hunap | wc -l
}

# What the engine had before the first connection: the listener's.
is_at_rest() {
	[ "$(engine_descriptors)" -le "$1" ] && [ "$(ports_in_use)" -le "$2" ]
}

# connect COUNT: one after the other.
connect() {
	launch client b python3 "$HERE/lib/many.py" short 127.0.0.1 "$PORT" "$1"
	finish client 60
	[ "$STATUS" = 0 ] || fail "short connections: $(cat "$TMP/client.err")"
}

one_after_the_other() {
	local descriptors ports early late
	launch server b python3 "$HERE/lib/many.py" serve-short "$PORT"
	wait_listening b "$PORT"
	if [ -n "$PLAIN" ] || ! engine_outlives; then
		connect $((FIRST + REST))
		ok "$((FIRST + REST)) connections"
		stop server
		return
	fi
	ENGINE=$(engine_of b)
	connect 1
	wait_until 10 "the first connection to be over" is_at_rest 100 1
	descriptors=$(engine_descriptors) ports=$(ports_in_use)
	connect "$FIRST"
	early=$(engine_kb)
	connect "$REST"
	late=$(engine_kb)
	ok "$((FIRST + REST)) connections"
	wait_until 20 "descriptors and ports to be given back" is_at_rest "$descriptors" "$ports"
	expect_between 0 "$late" $((early + GROWTH_KB)) "memory of the engine in KB, after $early"
	ok "$descriptors descriptors and $ports ports as before; memory went from $early to $late KB"
	stop server
}

all_at_once() {
	link_up --delay 1ms
	# shellcheck disable=SC2016
	launch server b bash -c 'ulimit -n "$0" && exec python3 "$@"' "$LIMIT" "$HERE/lib/many.py" \
		serve-held "$PORT" "$HELD"
	wait_listening b "$PORT"
	launch client a python3 "$HERE/lib/many.py" held "$B4" "$PORT" "$HELD"
	finish client 60
	[ "$STATUS" = 0 ] || fail "the callers: $(cat "$TMP/client.err")"
	finish server 10
	[ "$STATUS" = 0 ] || fail "the server: $(cat "$TMP/server.err")"
	ok "$HELD connections under ulimit -n $LIMIT, engine and all"
}

section "one after the other"
one_after_the_other
wait_not_listening b "$PORT"
section "all at once"
all_at_once
