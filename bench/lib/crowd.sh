# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The cost of many open connections, from a to b over a link without delay.

# After its last data a connection of rudp tests six times, at growing intervals, whether the path back
# still works. That takes 25 s and is not part of the cost of an idle connection. Its keepalive every 25
# s is: of four keepalives one tests the path and three do not.
CROWD_SETTLE_S=${CROWD_SETTLE_S:-28}
CROWD_IDLE_S=${CROWD_IDLE_S:-100}
CROWD_REQUESTS=${CROWD_REQUESTS:-10000}
CROWD_ACTIVE=10

# open_crowd NAME VARIANT COUNT: opens COUNT connections that stay until the end of this run; the client
# reads its orders from $HOLD_NAME.
open_crowd() {
	local fd
	mkfifo "$TMP/hold-$1"
	exec {fd}<>"$TMP/hold-$1"
	run_as "$2" "$1" a "$BIN/crowd" open "$B4" "$PORT" "$3" <&"$fd"
	wait_until "$RUN_LIMIT_S" "$3 connections" has_lines "$1" 1
	ORDERS=$fd
}

has_lines() {
	[ -e "$TMP/$1.out" ] || return 1
	! has_ended "$1" || fail "$1 ended early: $(cat "$TMP/$1.err")"
	[ "$(wc -l <"$TMP/$1.out")" -ge "$2" ]
}

# fitting COUNT: limits COUNT to the available descriptors. A connection of the client costs its engine
# two.
fitting() {
	local most=$((($(ulimit -Hn) - 200) / 2))
	echo $(($1 < most ? $1 : most))
}

# The first connection is opened before the measurement, so that one-time costs of an engine are not
# distributed over the connections.
run_crowd() {
	local kb_a kb_b slab cpu idle busy waking count
	link_up
	serve "$2" b crowd
	open_crowd first "$2" 1
	sleep 0.5
	kb_a=$(engine_kb a) kb_b=$(engine_kb b) slab=$(kernel_slab_kb)
	open_crowd all "$2" "$(fitting "$1")"
	[ -z "$(engines_on a)" ] || sleep "$CROWD_SETTLE_S"
	kb_a=$(($(engine_kb a) - kb_a)) kb_b=$(($(engine_kb b) - kb_b)) slab=$(($(kernel_slab_kb) - slab))
	cpu=$(carriers_cpu_s)
	[ -z "$(engines_on a)" ] || sleep "$CROWD_IDLE_S"
	idle=$(seconds_between "$cpu" "$(carriers_cpu_s)") cpu=$(carriers_cpu_s)
	# First over a few connections, which shows the cost of the other open ones; then once over each
	# connection, which ends its idle state.
	echo "$CROWD_REQUESTS $CROWD_ACTIVE" >&"$ORDERS"
	wait_until "$RUN_LIMIT_S" "answers" has_lines all 2
	busy=$(seconds_between "$cpu" "$(carriers_cpu_s)") cpu=$(carriers_cpu_s)
	count=$(fitting "$1")
	echo "$count $count" >&"$ORDERS"
	wait_until "$RUN_LIMIT_S" "answers of all" has_lines all 3
	waking=$(seconds_between "$cpu" "$(carriers_cpu_s)")
	say "$(sed -n 2p "$TMP/all.out")" open "$(head -n 1 "$TMP/all.out")" client_engine_kb "$kb_a" \
		server_engine_kb "$kb_b" kernel_slab_kb "$slab" idle_cpu_s "$idle" idle_s "$CROWD_IDLE_S" \
		carriers_cpu_s "$busy" waking "$(tail -n 1 "$TMP/all.out")" waking_cpu_s "$waking"
}
