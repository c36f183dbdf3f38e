#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Node: a cluster of two workers, to which the first process hands the connections, or which share its
# listener; and a caller with a pool of kept-alive connections.
#
#     a: node, eight connections ──── linkem: 10 ms, 1 % loss ──── b: node, two workers
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# try POLICY URL
try() {
	local start
	start=$(now_ms)
	launch client a node "$HERE/lib/web.js" call "$2" 80 100000
	finish client 30
	expect_eq "$STATUS" 0 "exit code of the caller"
	expect_match "$TMP/client.out" '^80 requests, 8 connections, [12] workers' "what the caller has seen"
	ok "$1: $(cat "$TMP/client.out"), in $(($(now_ms) - start)) ms"
}

link_up --delay 5ms --loss 1% --seed 24
make_file small 3000
for policy in rr none; do
	launch server b env NODE_CLUSTER_SCHED_POLICY=$policy node "$HERE/lib/web.js" serve "$PORT"
	wait_listening b "$PORT"
	try $policy "$URL"
	try $policy "$URL6"
	[ $policy = none ] || expect_match "$TMP/client.out" ' 2 workers' "taking turns"
	under b curl -sS --max-time $((10 * PATIENCE)) --data-binary "@$TMP/small" -o "$TMP/same" "http://localhost:$PORT" ||
		fail "curl on the same host: exit $?"
	expect_same "$TMP/small" "$TMP/same" "on the same host"
	stop_server server
done
prove_udp 30000000
link_down
