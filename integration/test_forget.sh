#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rudp forget: the engine that has learnt that a host has only TCP, that it knows and that it fails, tries again.
#
#     a: curl, nc ──── linkem: 5 ms ──── b: a server, first without rudp
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "$PLAIN" ]; then
	echo "skipped: kernel TCP remembers no transport"
	exit 77
fi
if ! engine_outlives; then
	echo "skipped: an engine in a thread ends with its program, and what it remembers with it"
	exit 77
fi
RUDP=$BUILD/rudp
TCP_MEANT=1
SETTINGS=(RUDP_KEY_FILE=)

# forgets WORDS ARGUMENT...: rudp forget on side a; it says these words.
forgets() {
	local words=$1
	shift
	on a "$RUDP" forget "$@" >"$TMP/forget.out" 2>"$TMP/forget.err" || fail "rudp forget $*: exit $?"
	expect_match "$TMP/forget.out" "$words" "what rudp forget $* says"
}

# carried_by TRANSPORT REASON: the last connection of curl, as the log of the engine tells it.
carried_by() {
	expect_match <(grep "curl .* connected to $B4:$PORT over" "$TMP/engine-a.log" | tail -n 1) "over $1: $2" \
		"the last connection of curl"
}

# An engine that serves nobody for a while ends. So does what it remembers.
keep_engine() {
	launch keeper a nc.openbsd -lk 9001
	wait_listening a 9001
}

# begins HOW: the handshake of one more connection from a to port 9000 of side b.
begins() {
	launch sink b nc.openbsd -l 9000
	wait_listening b 9000
	mkfifo "$TMP/hold"
	launch source a nc.openbsd "$B4" 9000 < <(exec cat "$TMP/hold")
	wait_until 5 "the connection" connection_of_source
	expect_match "$TMP/ss.json" "\"handshake\": \"$1\"" "the handshake"
	echo >"$TMP/hold"
	stop source
	stop sink
	rm "$TMP/hold"
}

connection_of_source() {
	on a "$RUDP" ss --json state established and dport = :9000 >"$TMP/ss.json"
	grep -q '"handshake": "[a-z]' "$TMP/ss.json"
}

nothing_runs() {
	section "no engine"
	forgets "^all hosts: no engine is running"
	ok "there is nothing to forget"
}

tcp_is_forgotten() {
	section "a host of which TCP is remembered"
	make_page page 1000
	launch_plain server b python3 -m http.server --bind "$B4" --directory "$TMP/www" "$PORT"
	wait_until 10 "the plain server" plain_listens
	fetch 10 page
	carried_by tcp "the peer refused UDP"
	stop server
	launch server b python3 -m http.server --bind "$B4" --directory "$TMP/www" "$PORT"
	wait_listening b "$PORT"
	fetch 10 page
	carried_by tcp "remembered from an earlier connection"
	on a "$RUDP" ss -s >"$TMP/summary"
	expect_match "$TMP/summary" ": 1 destination reached by TCP +\(rudp forget\)$" "the remembered destination"
	forgets "^192.0.2.1: forgotten: routes 0, failures 0, associations 0, paths 0; engines asked: 1$" 192.0.2.1
	fetch 10 page
	carried_by tcp "remembered from an earlier connection"
	forgets "^$B4: forgotten: routes 1, " "$B4"
	fetch 10 page
	carried_by rudp "the peer answered"
	ok "the next connection goes over rudp"
}

plain_listens() {
	[ -n "$(on b ss -Htln "sport = :$PORT")" ]
}

failures_are_forgotten() {
	section "failed connections"
	! curl_a 10 -o "$TMP/refused" "http://$B4:7/" || fail "curl to a closed port succeeded"
	! curl_a 10 -o "$TMP/refused" "http://[$B6]:7/" || fail "curl to a closed port succeeded"
	expect_eq "$(on a "$RUDP" ss --failed -H | grep -c ECONNREFUSED)" 2 "failures"
	forgets " failures 1, " "$B6"
	on a "$RUDP" ss --failed -nH >"$TMP/failed"
	expect_match "$TMP/failed" "$B4:7 " "the failure of the other address"
	! grep -q "$B6" "$TMP/failed" || fail "still there: $(cat "$TMP/failed")"
	ok "those of the host, and no others"
}

handshakes_are_full_again() {
	section "endpoints that have met"
	begins full
	begins resumed
	forgets " associations [1-9]" "$B4"
	begins full
	begins resumed
	forgets "^all hosts: forgotten: .* associations [1-9]"
	begins full
	ok "the next handshake is a full one"
}

others_may_not() {
	section "another user"
	local setpriv=(setpriv --reuid 65534 --regid 65534 --clear-groups) status=0
	if ! "${setpriv[@]}" test -x "$RUDP" 2>/dev/null; then
		note "another user cannot reach $RUDP here"
		return
	fi
	on a "${setpriv[@]}" "$RUDP" forget >"$TMP/other.out" 2>"$TMP/other.err" || status=$?
	expect_eq "$status" 1 "exit code of another user"
	expect_match "$TMP/other.err" "engines of other users or containers, which have forgotten nothing: [1-9]" "what another user is told"
	status=0
	on a "$RUDP" forget nowhere.invalid 2>"$TMP/other.err" || status=$?
	expect_eq "$status" 2 "exit code for a name that nobody has"
	on a "$RUDP" forget 192.0.2.1:80 2>"$TMP/other.err" && fail "a port is accepted"
	expect_match "$TMP/other.err" "expected a host without a port" "what is expected"
	ok "makes nobody forget anything"
}

link_up --delay 5ms
nothing_runs
keep_engine
tcp_is_forgotten
failures_are_forgotten
handshakes_are_full_again
others_may_not
link_down
