#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real programs under the shim, and the second implementation of the protocol (tests/interop), in both directions: all
# kinds of handshakes over a clean link, one that loses and reorders, and one behind a NAT that changes ports.
#
#     a: peer.py call, nc ──── linkem ──── b: socat, peer.py echo
#
# Takes 35 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck source=integration/lib/interop.sh
. "$HERE/lib/interop.sh"

KINDS=(fresh resumed early)

# The sum of a member of all reports.
sum_of() {
	grep -h '"kind"' "${@:2}" | sed -E "s/.*\"$1\": ([0-9]+).*/\1/" | awk '{ sum += $1 } END { print sum + 0 }'
}

# on_link NAME FILE OPTION...: each kind of handshake, in both directions.
on_link() {
	local name=$1 file=$2 kind
	section "$name"
	link_up --delay 10ms "${@:3}"
	kind=$(IFS=, && echo "${KINDS[*]}")
	calls "$file" --kinds "$kind,resumed-dh" || fail "$name: $(cat "$TMP/call.log")"
	ok "$name, python calls: $kind,resumed-dh"
	calls "$file" --suite 2 || fail "$name, suite 2: $(cat "$TMP/call.log")"
	ok "$name, python calls: suite 2"
	PORT_AT=$((PORT_AT + 2))
	echoes plain "$PORT_AT"
	echoes early "$((PORT_AT + 1))" --early
	sends_as '"kind": "fresh"' plain "$PORT_AT" "$file"
	ok "$name, python listens: fresh"
	sends_as '"kind": "resumed", "early": 0,' plain "$PORT_AT" "$file"
	ok "$name, python listens: resumed, no early data taken"
	sends_as '"kind": "resumed", "early": [1-9]' early "$((PORT_AT + 1))" "$file"
	ok "$name, python listens: early data"
}

end_listeners() {
	stop plain
	stop early
	rm "$TMP/plain.out" "$TMP/early.out"
	link_down
}

expect_some() {
	[ "$1" -gt 0 ] || fail "$2: none"
	ok "$2: $1"
}

repaired() {
	sum_of repaired "$TMP/call.log" "$TMP"/{plain,early}.out
}

lossy() {
	on_link "5 % loss, reordering" content --loss 5% --reorder 5%,8ms --seed 3
	expect_some "$(count '*.drops.loss')" "packets lost"
	expect_some "$(sum_of losses "$TMP/call.log" "$TMP"/{plain,early}.out)" "losses that python detected"
	for _ in {1..5}; do
		[ "$(repaired)" = 0 ] || break
		calls content || fail "$(cat "$TMP/call.log")"
	done
	expect_some "$(repaired)" "bytes that python recovered from repair symbols"
	end_listeners
}

rebinding() {
	# At this rate a transfer takes 600 ms, so that the address changes during each.
	on_link "rebinding" more --rebind-every 370ms --rate 8M
	expect_some "$(sum_of moves "$TMP"/{plain,early}.out)" "new addresses that python has followed"
	expect_match "$TMP/engine-b.log" 'connection [0-9a-f]* moved' "the engine's log"
	end_listeners
}

# Each of these is one connection.
single() {
	section "keys, cookies, moves"
	link_up --delay 10ms
	calls more --update-after 50 --move-after 100000 || fail "update of keys, move: $(cat "$TMP/call.log")"
	expect_match "$TMP/call.log" '"key_updates": [1-9]' "updates of the key"
	ok "python calls, updates its key, and moves"
	calls content --half-open 300 || fail "after half-open connections: $(cat "$TMP/call.log")"
	expect_match "$TMP/call.log" '"cookies": [1-9]' "a cookie"
	ok "python calls, and gets a cookie"
	echoes wary 9200 --cookies --update-after 50
	sends wary 9200 more
	expect_match "$TMP/last.log" '"key_updates": [1-9]' "updates of the key"
	ok "python listens, requires a cookie, and updates its key"
	stop wary
	link_down
}

has_answer() {
	grep -qx "$1" "$TMP/session.out"
}

# say WORD: it comes back.
say() {
	echo "$1" >&9
	wait_until 10 "'$1' to come back" has_answer "$1"
}

# A spare id was sent and received (SPARE_ID of both sides in the engine's trace).
has_spares() {
	local count

	echo word >&9
	count=$(cat "$TMP"/traces/*client*.sqlog | grep -c new_connection_id || true)
	[ "$count" -ge 2 ]
}

# Each side in turn moves when it has a spare id of the other one, which follows.
other_ids() {
	section "other ids on a new path"
	link_up --delay 10ms --rate 2M # the engine sends one after a second: less than half of the transfer
	calls more --move-after 400000 || fail "move: $(cat "$TMP/call.log")"
	expect_match "$TMP/call.log" '"id_changes": 1, "old_id_moves": 0' "ids of the peer"
	ok "python calls, and moves to another id"
	mkdir -m 700 "$TMP/traces"
	mkfifo "$TMP/input"
	echoes left 9400
	SETTINGS+=("RUDP_QLOG=$TMP/traces")
	exec 9<>"$TMP/input"
	launch session a socat - "TCP:$B4:9400" <"$TMP/input" 9<&-
	say before
	wait_until 10 "spare ids of both sides" has_spares
	on a ip addr del "$A4/24" dev link0
	on a ip addr add 10.77.0.9/24 dev link0
	say after
	exec 9>&-
	finish session 5
	expect_eq "$STATUS" 0 "exit code of the session"
	wait_until 10 "the end at python" grep -q '"kind"' "$TMP/left.out"
	expect_match "$TMP/left.out" '"id_changes": 1, "old_id_moves": 0' "ids of the peer"
	ok "python listens, and follows to another id"
	stop left
	link_down
}

refusals() {
	section "refusals and resets"
	link_up --delay 10ms
	! calls content --target 8082 || fail "python was not refused"
	expect_match "$TMP/call.log" '"error": "ECONNREFUSED"' "a closed port"
	make_key other
	! calls content --key "$TMP/other" || fail "python was taken with a wrong key"
	expect_match "$TMP/call.log" '"error": "EKEYREJECTED"' "a wrong key"
	echoes wrong 9300 --key "$TMP/other"
	is_told EKEYREJECTED 9300
	echoes rude 9301 --reset-after 100000
	is_told ECONNRESET 9301
	echoes forgetful 9302 --forget-after 100000
	is_told ECONNRESET 9302
	launch half b socat TCP-LISTEN:8083 EXEC:'head -c 1000'
	wait_listening b 8083
	! CALLED=8083 calls content || fail "python was not reset"
	expect_match "$TMP/call.log" '"error": "ECONNRESET"' "a listener that closes with unread bytes"
	ok "refused and reset, in both directions"
	stop wrong
	stop rude
	stop forgetful
	link_down
}

needs_peer
# Both programs want early data, as far as the listener in Python accepts it.
SETTINGS=("RUDP_POLICY=any use rudp early; set early on")
PORT_AT=9000
make_file content 300000
make_file more 600000
link_up
launch socat b socat TCP-LISTEN:8081,fork EXEC:cat
wait_listening b 8081
on_link "clean" content
end_listeners
lossy
rebinding
single
refusals
other_ids
