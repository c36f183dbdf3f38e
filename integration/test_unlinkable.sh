#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A host moves to another address and then to another interface, with an open session. An observer who sees all packets
# finds no id and no number by which the session is the same in two networks.
#
#     a: socat ──── linkem (and another) ──── b: socat, an observer
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP does not roam"; exit 77; }

# say WORD: it comes back.
say() {
	echo "$1" >&9
	wait_until 10 "'$1' to come back" grep -qx "$1" "$TMP/session.out"
}

# The peers have exchanged as many spare ids as this in each direction.
have_spares() {
	local count

	echo word >&9
	count=$(cat "$TMP"/traces/*client*.sqlog | grep -c new_connection_id || true)
	[ "$count" -ge $((2 * $1)) ]
}

packets_of() {
	grep -c "^$1 " "$TMP/observer.out" || true
}

# The observer has seen the session at the address.
is_seen_at() {
	[ "$(packets_of "$1")" -ge 4 ]
}

compare() {
	python3 "$HERE/lib/observe.py" compare "$TMP/observer.out" >"$TMP/compared"
}

mkfifo "$TMP/input"
mkdir -m 700 "$TMP/traces"
link_up --delay 5ms
launch_plain link1 a "$BUILD/linkem" --stats "$TMP/link1.json" --delay 5ms \
	--a "ns:$NS_A,10.78.0.1/24,dev=link1" --b "ns:$NS_B,10.78.0.2/24,dev=link1"
wait_until 5 "the second link" test -s "$TMP/link1.json"
launch socat b socat TCP-LISTEN:8081,fork EXEC:cat
wait_listening b 8081
launch_plain observer b python3 "$HERE/lib/observe.py" watch 8081
SETTINGS=("RUDP_QLOG=$TMP/traces")
exec 9<>"$TMP/input"
launch session a socat - "TCP:$B4:8081" <"$TMP/input" 9<&-
say first
wait_until 10 "spare ids of both sides" have_spares 1
wait_until 5 "the observer to see $A4" is_seen_at "$A4"
ok "each side has sent the other one a spare id"

on a ip addr del "$A4/24" dev link0
on a ip addr add 10.77.0.9/24 dev link0
say second
wait_until 10 "another spare id of each side" have_spares 2
wait_until 5 "the observer to see 10.77.0.9" is_seen_at 10.77.0.9
ok "after a move to another address each side has sent another one"

on a ip route add "$B4/32" dev link1 src 10.78.0.1
on a ip link set link0 down
say third
wait_until 10 "a third spare id of each side" have_spares 3
wait_until 5 "the observer to see 10.78.0.1" is_seen_at 10.78.0.1
compare || fail "the session is recognized: $(cat "$TMP/compared")"
expect_match "$TMP/compared" "^3 addresses, 6 ids" "what the observer has seen"
ok "an observer of three networks recognizes nothing: $(cat "$TMP/compared")"
on a "$BUILD/rudp" ss --json "dport = :8081" >"$TMP/shown"
expect_match "$TMP/shown" '"id_changes": 2,' "changes of the ids in rudp ss"
expect_match "$TMP/shown" '"moves_with_old_id": 0,' "moves without one"
ok "rudp ss says that the ids changed twice"
exec 9>&-
finish session 5
expect_eq "$STATUS" 0 "exit code of the session"
stop observer
stop link1
link_down
