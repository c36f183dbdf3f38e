# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What many open connections cost, from a to b over a link without delay.

CROWD_SETTLE_S=${CROWD_SETTLE_S:-5}
CROWD_IDLE_S=${CROWD_IDLE_S:-3}
CROWD_REQUESTS=${CROWD_REQUESTS:-3000}

# open_crowd NAME VARIANT COUNT: so many connections that stay until the end of this run; $HOLD_NAME
# takes orders for them.
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

# The first connection is there before the counting, so that what an engine needs once is not shared
# out among the connections.
run_crowd() {
	local kb_a kb_b slab cpu idle busy
	link_up
	serve "$2" b crowd
	open_crowd first "$2" 1
	sleep 0.5
	kb_a=$(engine_kb a) kb_b=$(engine_kb b) slab=$(kernel_slab_kb)
	open_crowd all "$2" "$1"
	sleep "$CROWD_SETTLE_S"
	kb_a=$(($(engine_kb a) - kb_a)) kb_b=$(($(engine_kb b) - kb_b)) slab=$(($(kernel_slab_kb) - slab))
	cpu=$(carriers_cpu_s)
	sleep "$CROWD_IDLE_S"
	idle=$(seconds_between "$cpu" "$(carriers_cpu_s)") cpu=$(carriers_cpu_s)
	echo "$CROWD_REQUESTS" >&"$ORDERS"
	wait_until "$RUN_LIMIT_S" "answers" has_lines all 2
	busy=$(seconds_between "$cpu" "$(carriers_cpu_s)")
	say "$(tail -n 1 "$TMP/all.out")" open "$(head -n 1 "$TMP/all.out")" client_engine_kb "$kb_a" \
		server_engine_kb "$kb_b" kernel_slab_kb "$slab" idle_cpu_s "$idle" idle_s "$CROWD_IDLE_S" \
		carriers_cpu_s "$busy"
}
