#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The ways in which Python programs serve: asyncio, select and epoll, a thread or a process for each
# connection, workers that share a listener, and workers that get connections handed over.
#
#     a: 40 connections at once ──── linkem: 10 ms, 1 % loss ──── b: an echo
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

CONNECTIONS=40
BYTES=50000

# try WAY ADDRESS
try() {
	local start
	launch server b python3 "$HERE/lib/echo.py" serve "$1" "$2" "$PORT"
	wait_listening b "$PORT"
	start=$(now_ms)
	launch client a python3 "$HERE/lib/echo.py" call "$2" "$PORT" "$CONNECTIONS" "$BYTES"
	finish client 30
	expect_eq "$STATUS" 0 "exit code of the caller of $1"
	ok "$1: $CONNECTIONS connections at once, $BYTES bytes there and back, in $(($(now_ms) - start)) ms"
	stop_server server
}

link_up --delay 5ms --loss 1% --seed 23
for way in asyncio epoll select threading forking fork spawn passing; do
	try "$way" "$B4"
done
try asyncio "$B6"
prove_udp 34000000
link_down
