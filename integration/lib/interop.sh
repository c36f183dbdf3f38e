# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Programs that speak rudp by the second implementation (tests/interop), and those under the shim that meet them.

PEER=$(dirname "$HERE")/tests/interop/peer.py
KEY=(--key "$TMP/key")
# The Debian package of the cryptography module belongs to this interpreter.
PYTHON=/usr/bin/python3

# Ends the test if the second implementation cannot run here.
needs_peer() {
	if [ -n "$PLAIN" ]; then
		echo "skipped: the other side has no kernel TCP"
		exit 77
	fi
	if ! "$PYTHON" -c 'import cryptography' 2>/dev/null; then
		echo "skipped: needs python3-cryptography"
		exit 77
	fi
}

# calls FILE [OPTION...]: this implementation calls the program on side b.
calls() {
	local file=$1
	shift
	on a timeout $((60 * PATIENCE)) "$PYTHON" "$PEER" call "$B4" "${CALLED:-8081}" "$TMP/$file" "${KEY[@]}" "$@" >"$TMP/call.log"
}

# echoes NAME PORT [OPTION...]: this implementation listens on side b.
echoes() {
	local name=$1 port=$2
	shift 2
	launch_plain "$name" b "$PYTHON" "$PEER" echo "$port" "${KEY[@]}" "$@"
	wait_until 10 "$name to listen" grep -qs listening "$TMP/$name.out"
}

ended_of() {
	grep -c '"kind"' "$TMP/$1.out" || true
}

has_ended_since() {
	[ "$(ended_of "$1")" -gt "$2" ]
}

# until_answered FILE: prints the file, and ends when nc has the first bytes of the answer.
until_answered() {
	cat "$TMP/$1"
	until [ -s "$TMP/nc.out" ] || [ ! -e "$TMP" ]; do
		sleep 0.02
	done
}

# sends NAME PORT FILE: nc sends the file to that listener, half closes, and gets it back; what the listener says of
# the connection is in $TMP/last.log.
sends() {
	local before
	before=$(ended_of "$1")
	: >"$TMP/nc.out"
	launch nc a nc.openbsd -N "$B4" "$2" < <(until_answered "$3")
	finish nc 60
	expect_eq "$STATUS" 0 "exit code of nc"
	expect_same "$TMP/$3" "$TMP/nc.out" "what came back"
	wait_until 60 "the end of the connection at $1" has_ended_since "$1" "$before"
	tail -n 1 "$TMP/$1.out" >"$TMP/last.log"
	expect_match "$TMP/last.log" '"error": null' "the connection at $1"
}

# sends_as PATTERN NAME PORT FILE: where the link loses what a handshake of this kind needs, it is another one; it is
# tried again.
sends_as() {
	local pattern=$1
	shift
	for _ in {1..5}; do
		sends "$@"
		! grep -qE "$pattern" "$TMP/last.log" || return 0
	done
	fail "no connection matches $pattern; the last one: $(cat "$TMP/last.log")"
}

# is_told NAME PORT: how a connection to that listener ends for an ordinary program.
is_told() {
	local told
	told=$(under a timeout $((60 * PATIENCE)) python3 "$HERE/lib/told.py" "$B4" "$2" "$TMP/content")
	expect_eq "$told" "$1" "the end of a connection to port $2"
}
