#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs that use one number for a port of TCP and one of UDP, which is where rudp would listen.
#
#     both: iperf3 -u, python, nc, on the loopback interface
#
LOOPBACK=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

has_tcp_port() {
	[ -n "$(ss -Hltn "sport = :$PORT")" ]
}

has_udp_port() {
	[ -n "$(ss -Hlun "sport = :$PORT")" ]
}

# One caller of each kind is served.
greets() {
	wait_until 10 "the port of TCP" has_tcp_port
	wait_until 10 "the port of UDP" has_udp_port
	expect_eq "$(under a timeout $((10 * PATIENCE)) nc.openbsd -d "$B4" "$PORT")" hello "greeting"
	wait_until 10 "the server's second half" grep -q waiting "$TMP/server.out"
	expect_eq "$(echo | timeout $((10 * PATIENCE)) nc.openbsd -u -W 1 "$B4" "$PORT")" hello "greeting in a datagram"
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the server: $(cat "$TMP/server.err")"
}

section "UDP first: the port of TCP can be had all the same"
SETTINGS=(RUDP_KEY_FILE=)
launch server b python3 "$HERE/lib/both.py" "$PORT"
greets
ok "a listener beside the program's own port of UDP"

# Also not to an engine in a thread, which shares the port with those of other workers.
for engine in process thread; do
	SETTINGS=(RUDP_KEY_FILE= "RUDP_ENGINE=$engine")
	for order in udp-first tcp-first; do
		loopback_up
		section "SO_REUSEPORT on both, $order, engine as a $engine: no datagram goes elsewhere"
		launch server b python3 "$HERE/lib/both.py" "$PORT" "$order" reuse-port
		greets
		ok "all datagrams came"
	done
done
SETTINGS=(RUDP_KEY_FILE=)

if [ -z "$PLAIN" ]; then
	loopback_up
	section "TCP first: the port of UDP is given up to the program"
	launch server b python3 "$HERE/lib/both.py" "$PORT" tcp-first
	greets
	expect_match "$TMP/engine-b.log" "UDP port $PORT is released to a program" "a line in the log"
	ok "the program has both; its listener serves plain TCP"
	loopback_up
	SETTINGS=()
	launch server b python3 "$HERE/lib/both.py" "$PORT" tcp-first
	finish server 10
	expect_match "$TMP/server.err" "Address already in use" "words of the server"
	SETTINGS=(RUDP_KEY_FILE=)
	ok "not with a key: that would be a downgrade"
fi

loopback_up
section "a listener for rudp alone has the TCP number, too"
SETTINGS=()
launch server b python3 -m http.server --bind "$B4" "$PORT" # sets SO_REUSEADDR, as most servers do
wait_listening b "$PORT"
STATUS=0
on b timeout $((10 * PATIENCE)) python3 -m http.server --bind "$B4" "$PORT" >"$TMP/second.out" 2>&1 || STATUS=$?
expect_eq "$STATUS" 1 "exit code of a second server: $(tail -n 1 "$TMP/second.out")"
expect_match "$TMP/second.out" "Address already in use" "words of the second server"
stop server
ok "a second server is refused"

loopback_up # another port: the first engine takes a moment to see that nobody has that one any more
section "TCP first: a rule leaves the port of UDP alone"
SETTINGS=(RUDP_KEY_FILE= "RUDP_POLICY=listen port $PORT use tcp")
launch iperf b iperf3 -s -p "$PORT"
wait_until 10 "the port of TCP" has_tcp_port
SETTINGS=(RUDP_KEY_FILE=)
under a timeout $((20 * PATIENCE)) iperf3 -u -b 20M -t 1 --json -c "$B4" -p "$PORT" >"$TMP/iperf.json" ||
	fail "iperf3 -u: $(grep error "$TMP/iperf.json")"
expect_match "$TMP/iperf.json" '"packets":[[:space:]]*[1-9]' "datagrams that iperf3 has counted"
stop iperf
ok "iperf3 -u"
