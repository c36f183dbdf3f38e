#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# iperf3 in all directions. Its report must be whole, and its columns Retr, Cwnd and RTT must mean what
# they say.
#
#     a: iperf3 -c ──── linkem ──── b: iperf3 -s
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=5201

# measure STREAMS [OPTION...]: for a second.
measure() {
	local streams=$1 said
	shift
	under a timeout $((20 * PATIENCE)) iperf3 -c "${TO:-$B4}" -p "$PORT" -t 1 -i 0.5 --json -P "$streams" "$@" \
		>"$TMP/iperf.json" 2>>"$TMP/iperf.err" || fail "iperf3 $*: exit $?: $(grep error "$TMP/iperf.json")"
	said=$(python3 "$HERE/lib/iperf_report.py" "$TMP/iperf.json" "$streams" "$RTT" "$LOSS" 2>&1) ||
		fail "iperf3 $*: $said"
	ok "-P $streams $*: $said"
}

expect_reported() {
	python3 - "$TMP/iperf.json" "$1" "$2" <<-'EOF' || fail "$1 is not $2"
		import functools, json, sys
		report = json.load(open(sys.argv[1]))
		value = functools.reduce(lambda node, key: node[key], sys.argv[2].split("."), report)
		sys.exit(str(value) != sys.argv[3])
	EOF
}

# What got lost on the link has been sent again, and the report says so; the last second's losses may
# not have been repaired yet.
expect_losses_reported() {
	local lost reported
	lost=$(count ab.drops.loss)
	reported=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["end"]["sum_sent"]["retransmits"])' "$TMP/iperf.json")
	[ "$reported" -ge $((lost / 2)) ] || fail "$lost packets were lost, $reported are said to be sent again"
	ok "$lost packets were lost, $reported are said to be sent again"
}

section "20 ms, 100 Mbit/s"
RTT=20 LOSS=0
link_up --delay 10ms --rate 100M --queue 2bdp
launch server b iperf3 -s -p "$PORT"
wait_listening b "$PORT"
measure 1
measure 1 -R
measure 4
measure 4 -R --zerocopy
measure 1 --bidir
measure 1 --congestion cubic --window 300K --set-mss 1000 --no-delay
expect_reported end.sender_tcp_congestion cubic
TO=$B6 measure 2
prove_udp 20000000

section "10 ms, 2 % loss both ways"
RTT=10 LOSS=1
link_up --delay 5ms --rate 100M --loss 2% --seed 9
measure 1
expect_losses_reported
measure 4 --bidir
stop server
prove_udp 1000000
link_down
