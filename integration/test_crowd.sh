#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A crowd of connections in one server, open and idle: what each costs the engines in memory and in
# descriptors, that an engine sleeps while nothing happens, and that all of it is given back.
#
#     a: one client ──── linkem ──── b: an echo
#
#   RUDP_TEST_CROWD   how many (default 2000)
#
# Takes 35 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${RUDP_TEST_CROWD:-2000}
FORGOTTEN=200
# A second after the opening; it takes half a minute until they are at their least, 6.
MEMORY_KB_MAX=15
# The program's socket; a client's connection has a port of its own, too (docs/architecture.md).
SERVER_DESCRIPTORS=1
CLIENT_DESCRIPTORS=2
# In a second between two keepalives: the one with a listener looks after that three times.
WAKEUPS_MAX=30

has_answers() {
	! has_ended client || fail "the client ended: $(cat "$TMP/client.err")"
	[ "$(wc -l <"$TMP/client.out")" -ge "$1" ]
}

# has_shrunk PID KB_AT_FIRST
has_shrunk() {
	MEMORY=$(($(memory_of "$1") - $2))
	[ "$MEMORY" -le $((MEMORY_KB_MAX * COUNT)) ]
}

# One that ends a second in which neither engine was awake more than that.
both_have_slept() {
	local now before_a=$WAKEUPS_A before_b=$WAKEUPS_B
	now=$(now_ms)
	[ $((now - SINCE)) -ge 1000 ] || return 1
	SINCE=$now
	WAKEUPS_A=$(wakeups_of "$(engine_of a)") WAKEUPS_B=$(wakeups_of "$(engine_of b)")
	[ -n "$before_a" ] && [ $((WAKEUPS_A - before_a)) -le "$WAKEUPS_MAX" ] &&
		[ $((WAKEUPS_B - before_b)) -le "$WAKEUPS_MAX" ]
}

# has_few_descriptors PID COUNT: an engine closes the channels of its callers after them.
has_few_descriptors() {
	[ "$(descriptors_of "$1")" -le "$2" ]
}

# expect_cheap SIDE DESCRIPTORS_EACH KB_AT_FIRST
expect_cheap() {
	local engine each=$2
	engine=$(engine_of "$1")
	wait_until 10 "few descriptors in the engine of $1" has_few_descriptors "$engine" $((COUNT * each + ENGINE_IDLE_DESCRIPTORS))
	[ -n "$3" ] || return 0
	wait_until 20 "at most $MEMORY_KB_MAX KB a connection in the engine of $1" \
		has_shrunk "$engine" "$3"
	ok "engine of $1: $((MEMORY * 1024 / COUNT)) bytes a connection"
}

# The first connection is there before the rest: what an engine needs once is not theirs.
open_first() {
	under a python3 "$HERE/lib/crowd.py" hold "$B4" "$PORT" 1 || fail "the first: exit $?"
}

# Not of one that is a thread: its heap is its program's.
engine_kb() {
	[ -n "$PLAIN" ] || ! engine_outlives || memory_of "$(engine_of "$1")"
}

open_crowd() {
	local start kb_a kb_b
	open_first
	kb_a=$(engine_kb a) kb_b=$(engine_kb b)
	start=$(now_ms)
	launch client a python3 "$HERE/lib/crowd.py" hold "$B4" "$PORT" "$COUNT" <&"$ORDERS"
	wait_until 60 "$COUNT connections" has_answers 1
	ok "$COUNT connections, each with a question and an answer, in $(($(now_ms) - start)) ms"
	[ -z "$PLAIN" ] || return 0
	expect_cheap a "$CLIENT_DESCRIPTORS" "$kb_a"
	expect_cheap b "$SERVER_DESCRIPTORS" "$kb_b"
	SINCE=0 WAKEUPS_A='' WAKEUPS_B=''
	wait_until 30 "a second in which both engines sleep" both_have_slept
	ok "both engines sleep"
}

# Nobody is left to acknowledge the ends of the server's connections: each FIN comes to a closed port,
# and the kernel there answers one a second. Nevertheless the server's port is soon free.
forgotten_crowd() {
	section "$FORGOTTEN connections, forgotten by their host"
	launch server b python3 "$HERE/lib/crowd.py" serve "$B4" "$PORT"
	wait_listening b "$PORT"
	: >"$TMP/client.out"
	launch client a python3 "$HERE/lib/crowd.py" hold "$B4" "$PORT" "$FORGOTTEN" <&"$ORDERS"
	wait_until 60 "$FORGOTTEN connections" has_answers 1
	send STOP server
	send KILL client
	finish client 10
	wait_until 10 "ends of all connections" has_said_all
	kill -KILL "$(engine_of a)"
	send CONT server
	stop_server server
	ok "the server's port is free"
}

has_said_all() {
	[ "$(on b "$BUILD/rudp" ss -H state close-wait | grep -c '^CLOSE-WAIT')" = "$FORGOTTEN" ]
}

# shellcheck disable=SC2119 # this link needs no options
link_up
mkfifo "$TMP/orders"
exec {ORDERS}<>"$TMP/orders"
launch server b python3 "$HERE/lib/crowd.py" serve "$B4" "$PORT"
wait_listening b "$PORT"
section "$COUNT connections"
open_crowd
section "awake again, and gone"
echo again >&"$ORDERS"
wait_until 30 "an answer over each" has_answers 2
send KILL client
finish client 10
[ -n "$PLAIN" ] || wait_until 20 "the engine of b to give everything back" \
	has_no_connections "$(engine_of b)"
ok "all $COUNT answered after their rest, and are gone"
prove_udp $((COUNT * 256))
stop_server server
[ -n "$PLAIN" ] || ! engine_outlives || forgotten_crowd
link_down
