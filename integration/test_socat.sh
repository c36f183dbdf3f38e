#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# socat: a process for each connection, programs at both ends of one, half close in both directions.
#
#     a: socat ──── linkem: 10 ms, 1 % loss ──── b: socat, and what it starts
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# How long socat waits for the rest once one direction has ended.
PATIENCE=20

# start_socat ADDRESS: what it connects each caller with; one process for each.
start_socat() {
	launch server b socat -t "$PATIENCE" "TCP-LISTEN:$PORT,fork,reuseaddr,backlog=50" "$1"
	wait_listening b "$PORT"
}

call_socat() {
	under a socat -t "$PATIENCE" - "TCP:$B4:$PORT"
}

# call_at_once NAME COUNT FILE
call_at_once() {
	local i
	for ((i = 1; i <= $2; i++)); do
		launch "$1-$i" a socat -t "$PATIENCE" - "TCP:$B4:$PORT" <"$TMP/$3"
	done
	for ((i = 1; i <= $2; i++)); do
		finish "$1-$i" 30
		expect_eq "$STATUS" 0 "exit code of caller $i"
	done
}

# The answer comes after the end of the question: only a half close can say that.
half_close() {
	local wanted
	wanted=$(sha256sum <"$TMP/page")
	start_socat "$1"
	expect_eq "$(call_socat <"$TMP/page")" "$wanted" "$1"
	ok "$1: half closed, and the answer came"
	stop_server server
}

# echo_of_many ADDRESS FILE
echo_of_many() {
	local i
	start_socat "$1"
	call_at_once echo 8 "$2"
	for i in {1..8}; do
		expect_same "$TMP/$2" "$TMP/echo-$i.out" "$1, caller $i"
	done
	ok "$1: 8 callers at once, $(stat -c %s "$TMP/$2") bytes there and back"
	stop_server server
}

# SOCAT_PEERADDR comes from accept, SOCAT_SOCKADDR from getsockname.
addresses() {
	start_socat "SYSTEM:echo \$SOCAT_PEERADDR \$SOCAT_SOCKADDR \$SOCAT_SOCKPORT"
	expect_eq "$(call_socat)" "$A4 $B4 $PORT" "addresses as the program sees them"
	ok "the program knows both addresses"
	stop_server server
}

# Both ends send all the time, and each is done when the other one is.
both_ways() {
	launch server b socat -t "$PATIENCE" "TCP6-LISTEN:$PORT,reuseaddr" \
		"OPEN:$TMP/page!!CREATE:$TMP/up"
	wait_listening b "$PORT"
	launch client a socat -t "$PATIENCE" "OPEN:$TMP/page!!CREATE:$TMP/down" "TCP:[$B6]:$PORT"
	finish client 30
	finish server 30
	expect_same "$TMP/page" "$TMP/up" "up"
	expect_same "$TMP/page" "$TMP/down" "down"
	ok "both ways at once, $(stat -c %s "$TMP/page") bytes each"
	wait_not_listening b "$PORT"
}

# What socat can connect, two of them can: a connection of ours behind a connection of ours.
relay() {
	local wanted
	wanted=$(sha256sum <"$TMP/page")
	start_socat "EXEC:sha256sum"
	launch relay b socat -t "$PATIENCE" "TCP-LISTEN:8081,fork,reuseaddr" "TCP:127.0.0.1:$PORT"
	wait_listening b 8081
	PORT=8081
	expect_eq "$(call_socat <"$TMP/page")" "$wanted" "through a relay"
	ok "half close through a relay"
	stop_server relay
	PORT=8080
	stop_server server
}

make_file page 3000000
make_file medium 500000
make_file small 5000
link_up --delay 5ms --loss 1% --seed 25
half_close "EXEC:sha256sum"
half_close "SYSTEM:sha256sum"

echo_of_many "EXEC:cat" medium
echo_of_many "PIPE" small
addresses
both_ways
relay
prove_udp 20000000
link_down
