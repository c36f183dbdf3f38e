#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The ways in which Java programs serve and call: selectors (NIO), a thread for each connection, and
# asynchronous channels; with half close. Java's sockets are IPv6 ones, for IPv4 too.
#
#     a: 30 connections at once ──── linkem: 10 ms, 1 % loss ──── b: an echo
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

CALLERS=30
BYTES=100000
# Not for speed, but to start soon and stay small.
JAVA=(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx128m -cp "$TMP")

# try SERVER CALLER ADDRESS
try() {
	local start
	start=$(now_ms)
	launch client a "${JAVA[@]}" Echo call "$2" "$3" "$PORT" "$CALLERS" "$BYTES"
	finish client 40
	expect_eq "$STATUS" 0 "exit code of the caller"
	ok "$2 calls $1: $CALLERS at once, $BYTES bytes there and back, in $(($(now_ms) - start)) ms"
}

javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -d "$TMP" "$HERE/lib/Echo.java" || fail "javac: exit $?"
link_up --delay 5ms --loss 1% --seed 28
for way in nio blocking async; do
	launch server b "${JAVA[@]}" Echo serve $way "$PORT"
	wait_listening b "$PORT"
	try $way nio "$B4"
	try $way blocking "$B6"
	stop_server server
done
prove_udp 30000000
link_down
