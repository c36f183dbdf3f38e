#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Connections that cannot come about fail as fast and as clearly as with kernel TCP.
#
#     a: curl, nc ──── linkem: 20 ms ──── b: nobody, a black hole, or somebody with another key
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# A round trip, and what a busy machine makes of it; not a time-out, as connect's has 127 s.
AT_ONCE_MS=5000

# try SECONDS ARGUMENT...: curl that must fail; it is measured, sets STATUS, and leaves its words in $TMP/try.err.
try() {
	local seconds=$(($1 * PATIENCE))
	shift
	STATUS=0
	begin_to_measure
	under a curl -sS -o "$TMP/try" --max-time "$seconds" "$@" 2>"$TMP/try.err" || STATUS=$?
	measure_to_here
	[ "$STATUS" != 0 ] || fail "curl $*: succeeded"
}

# failed SIDE PEER CAUSE LIST: rudp ss --failed has these entries of the peer and cause, sorted by program, and
# no others. A count may be larger, since a SYN that is sent again is refused again.
failed() {
	engine_outlives || return 0 # the list ends with its engine, and that with its program
	on "$1" "$BUILD/rudp" ss --failed --json dst "$2" >"$TMP/failed.json"
	python3 -c 'import json, sys
has = [e for e in json.load(open(sys.argv[1])) if e["cause"] == sys.argv[2]]
has.sort(key=lambda e: e["program"] or "")
wants = eval(sys.argv[3])
sys.exit(len(has) != len(wants) or any(
    h[k] < w[k] if k == "count" else h[k] != w[k] for h, w in zip(has, wants) for k in w))' \
		"$TMP/failed.json" "$3" "$4" || fail "ss --failed of $1: $(cat "$TMP/failed.json")"
}

closed_port() {
	local url
	section "closed port"
	# The engine starts with the first connection; from then on the answer takes a round trip.
	for url in "$URL" "$URL6" "$URL"; do
		try 10 "$url/"
		expect_eq "$STATUS" 7 "curl's exit code for a closed port"
		expect_match "$TMP/try.err" "Connection refused|Couldn't connect|Failed to connect" "curl's words"
		expect_took 10 "$AT_ONCE_MS" "until refused"
		ok "refused in $TOOK ms: $url"
	done
	STATUS=0
	under a nc.openbsd -v -w $((5 * PATIENCE)) "$B4" "$PORT" 2>"$TMP/try.err" || STATUS=$?
	expect_eq "$STATUS" 1 "exit code of nc for a closed port"
	expect_match "$TMP/try.err" "Connection refused" "the words of nc"
	ok "nc says: connection refused"
}

# A host that is there, with a server, without listeners on its other ports.
closed_port_beside_an_open_one() {
	section "closed port beside an open one"
	launch server b nc.openbsd -l 9000
	wait_listening b 9000
	try 10 "$URL/"
	expect_eq "$STATUS" 7 "curl's exit code"
	expect_took 10 "$AT_ONCE_MS" "until refused"
	ok "refused in $TOOK ms"
	stop server
}

black_hole() {
	section "black hole"
	link_up --delay 10ms --ba-drop tcp,udp,icmp
	try 10 --connect-timeout 2 "$URL/"
	expect_eq "$STATUS" 28 "curl's exit code for its own time-out"
	expect_took 1900 15000 "until the caller's own time-out"
	ok "the caller's own time-out: $TOOK ms"
	[ -z "$PLAIN" ] || return 0
	SETTINGS=(RUDP_CONNECT_TIMEOUT=3)
	try 20 "$URL/"
	SETTINGS=()
	expect_eq "$STATUS" 28 "curl's exit code for ETIMEDOUT"
	expect_took 2900 15000 "until ETIMEDOUT"
	ok "RUDP_CONNECT_TIMEOUT=3: time-out after $TOOK ms"
	SETTINGS=(RUDP_CONNECT_TIMEOUT=3)
	STATUS=0
	under a nc.openbsd -v "$B4" "$PORT" 2>"$TMP/try.err" || STATUS=$?
	SETTINGS=()
	expect_eq "$STATUS" 1 "exit code of nc"
	expect_match "$TMP/try.err" "timed out" "the words of nc"
	ok "nc says: connection timed out"
	try 10 --connect-timeout 4 "$URL/"
	expect_match "$TMP/engine-a.log" "curl .*no answer from $B4:$PORT for 3 s over UDP" \
		"a line of the log while it tries"
	failed a "$B4" silent "[{'error': 'ETIMEDOUT', 'program': 'curl'}, {'program': 'curl'}, {'program': 'nc.openbsd'}]"
	ok "the log and ss --failed say that nothing answers"
}

# The kernel refuses it before a packet has left.
no_route() {
	section "no route"
	on a ip route add unreachable 192.0.2.0/24
	try 10 "http://192.0.2.1:$PORT/"
	expect_eq "$STATUS" 7 "curl's exit code without a route"
	[ -z "$PLAIN" ] || return 0
	failed a 192.0.2.1 unreachable "[{'error': 'EHOSTUNREACH', 'program': 'curl', 'peer_port': $PORT}]"
	expect_match "$TMP/engine-a.log" "curl .*no connection to 192.0.2.1:$PORT: No route to host" "the log"
	ok "the log and ss --failed say so"
}

wrong_key() {
	section "another key"
	link_up --delay 10ms
	make_page page 1000
	start_nginx
	fetch 10 page
	make_key other-key
	SETTINGS=("RUDP_KEY_FILE=$TMP/other-key")
	try 10 -v "$URL/page"
	expect_eq "$STATUS" 7 "curl's exit code for a wrong key"
	expect_took 10 "$AT_ONCE_MS" "until refused for the key"
	expect_match "$TMP/try.err" "Key was rejected by service" "curl's words"
	wait_until 5 "a line about the key in the caller's log" grep -q "[Kk]ey" "$TMP/engine-a.log"
	wait_until 5 "a line about the key in the listener's log" \
		grep -qE "key.*($A4|caller)|($A4|caller).*key" "$TMP/engine-b.log"
	ok "key rejected after $TOOK ms; both logs name the key"
	STATUS=0
	under a nc.openbsd -v "$B4" "$PORT" 2>"$TMP/try.err" || STATUS=$?
	SETTINGS=()
	expect_match "$TMP/try.err" "Key was rejected by service" "the words of nc"
	failed a "$B4" key "[{'error': 'EKEYREJECTED', 'program': 'curl', 'peer_port': $PORT},
		{'error': 'EKEYREJECTED', 'program': 'nc.openbsd', 'peer_port': $PORT}]"
	failed b "$A4" key-of-peer "[{'error': None, 'count': 2, 'local_port': $PORT}]"
	on b "$BUILD/rudp" ss -s >"$TMP/summary"
	expect_match "$TMP/summary" "^Failures of engine [0-9]+: key-of-peer [2-9] " "the count of the listener"
	ok "ss --failed and ss -s say so at both ends"
	fetch 10 page
	stop_server nginx
	expect_eq "$(wc -l <"$TMP/nginx-access.log")" 2 "requests that the server has seen"
	ok "the server has accepted nothing of it"
}

no_key_meets_key() {
	section "key against no key"
	start_nginx
	SETTINGS=(RUDP_KEY_FILE=)
	try 10 -v "$URL/page"
	SETTINGS=()
	expect_eq "$STATUS" 7 "curl's exit code without a key"
	expect_match "$TMP/try.err" "Key was rejected by service" "curl's words without a key"
	ok "a caller without a key is refused after $TOOK ms"
	stop_server nginx
}

link_up --delay 10ms
closed_port
closed_port_beside_an_open_one
black_hole
no_route
if [ -z "$PLAIN" ]; then
	wrong_key
	no_key_meets_key
	prove_udp 1000
fi
link_down
