#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Handshakes with static keys between real programs under the shim and the second implementation of the protocol
# (tests/interop), in both directions and over the same links as in test_interop.sh; and keys that are not accepted.
#
#     a: peer.py call, nc ──── linkem ──── b: socat, peer.py echo
#
# Takes 45 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
# shellcheck source=integration/lib/interop.sh
. "$HERE/lib/interop.sh"

POLICY="any use rudp early; set early on; set first-contact take"
# Who calls the listener in Python so that its engine makes a handshake of this kind.
declare -A WHO=([nk]=nora [ik]=ian [nx]=nils [xx]=xenia)

base64_of() {
	public_key "$1" | cut -d' ' -f2
}

# calls_as PERSON FILE OPTION...: python calls with this identity; for NK and IK it knows the server.
calls_as() {
	local KEY=(--identity "$TMP/$1/rudp/id" --listener "$(base64_of "${KNOWN:-server}")")
	shift
	calls "$@"
}

# listens NAME PORT OPTION...: python listens with the identity of the server.
listens() {
	local KEY=(--identity "$TMP/server/rudp/id")
	echoes "$@"
}

EXAMPLES=$BUILD/examples
[ -d "$EXAMPLES" ] || EXAMPLES=$(dirname "$HERE")/build/examples
# The port of a host that has another key than these persons know.
OTHER_PORT=9101

# Each person knows what makes its engine choose the kind of handshake. The files are complete before the first engine
# starts, so no test depends on when an engine reads them again. What nils and xenia learn is for one port each.
prepare() {
	local name
	for name in server caller rita rolf "${WHO[@]}"; do
		person "$name"
	done
	for name in nora nils rolf; do
		rm "$TMP/$name/rudp/id" "$TMP/$name/rudp/id.pub"
	done
	for name in nora ian; do
		printf '%s\n' "$B4 $(public_key server)" "$B4:$OTHER_PORT $(public_key caller)" | put "$name" known_hosts
	done
	put nils known_hosts <<<"192.0.2.1 $(public_key server)"
	for name in rita rolf; do
		put "$name" known_hosts <<<"@revoked * $(public_key server)"
	done
}

# serves_kind KIND PORT FILE: python listens, and the engine of that person chooses this kind of handshake.
serves_kind() {
	local SETTINGS who=${WHO[$1]} initiator=null
	is_person "$who" "$POLICY"
	sends keyed "$2" "$3"
	expect_match "$TMP/last.log" "\"kind\": \"$1\"" "the handshake of $who"
	case $1 in ik | xx) initiator="\"$(base64_of "$who")\"" ;; esac
	grep -qF "\"initiator\": $initiator" "$TMP/last.log" || fail "$1 proved another key: $(cat "$TMP/last.log")"
	sends_as '"kind": "resumed"' keyed "$2" "$3"
	grep -qF "\"initiator\": $initiator" "$TMP/last.log" || fail "resumed with another key: $(cat "$TMP/last.log")"
}

# on_link NAME FILE OPTION...
on_link() {
	local name=$1 file=$2 kind
	section "$name"
	link_up --delay 10ms "${@:3}"
	CALLED=8084 calls_as caller "$file" --kinds nk,ik,resumed-dh,nx,xx,resumed,early || fail "$name: $(cat "$TMP/call.log")"
	expect_eq "$(grep -cF "\"listener\": \"$(base64_of server)\"" "$TMP/call.log")" "$(wc -l <"$TMP/call.log")" \
		"connections in which the server proved its key"
	ok "$name, python calls: nk, ik, resumed-dh, nx, xx, resumed, early"
	PORT_AT=$((PORT_AT + 1))
	listens keyed "$PORT_AT" --early
	for kind in nk ik nx xx; do
		serves_kind "$kind" "$PORT_AT" "$file"
		ok "$name, python listens: $kind, then resumed"
	done
	stop keyed
	rm "$TMP/keyed.out"
	link_down
}

# is_refused PERSON KINDS REASON ERROR: how a connection of python ends; the reason is that of a REFUSE, or null.
is_refused() {
	! CALLED=8085 calls_as "$1" content --kinds "$2" || fail "$1 was not refused as $2"
	expect_match "$TMP/call.log" "\"error\": \"$4\"" "the end of $1 as $2"
	expect_match "$TMP/call.log" "\"refusal\": $3" "the refusal of $1 as $2"
}

is_refused_quietly() {
	! CALLED=8085 calls_as "$1" content --kinds ik && grep -q '"refusal": 8' "$TMP/call.log"
}

# has_binding FILE LINE: the example of the native API has printed the start of the channel binding in this report.
has_binding() {
	local binding
	binding=$(sed -nE 's/.*"binding": "([0-9a-f]{8}).*/\1/p' <<<"$2")
	[ -n "$binding" ] && grep -qF "channel binding $binding" "$TMP/$1.err"
}

# asks_bound PERSON KIND: the example calls python, which must have the same channel binding.
asks_bound() {
	local SETTINGS before
	# Without early data: a connection whose request is in the SYN has no keys yet when the example asks.
	is_person "$1" "any use rudp; set first-contact take"
	before=$(ended_of bound)
	launch_native ask a "$EXAMPLES/echo" ask "$B4" 9200 <"$TMP/content"
	finish ask 60
	expect_eq "$STATUS" 0 "exit code of the example"
	wait_until 60 "the end of the connection at bound" has_ended_since bound "$before"
	tail -n 1 "$TMP/bound.out" >"$TMP/last.log"
	expect_match "$TMP/last.log" "\"kind\": \"$2\"" "the handshake of $1"
	has_binding ask "$(cat "$TMP/last.log")" || fail "$2: another channel binding: $(cat "$TMP/ask.err" "$TMP/last.log")"
}

channel_bindings() {
	local kind line
	section "channel binding (section 6.9)"
	link_up --delay 10ms
	is_person server "$POLICY"
	launch_native served b "$EXAMPLES/echo" serve "$B4" 8086
	wait_listening b 8086
	CALLED=8086 calls_as caller content --kinds nk,ik,resumed-dh,nx,xx,resumed || fail "$(cat "$TMP/call.log")"
	while read -r line; do
		has_binding served "$line" || fail "another channel binding: $line $(cat "$TMP/served.err")"
	done <"$TMP/call.log"
	expect_eq "$(sed -E 's/.*"binding": //' "$TMP/call.log" | sort -u | wc -l)" "$(wc -l <"$TMP/call.log")" \
		"different channel bindings"
	ok "python calls: nk, ik, resumed-dh, nx, xx, resumed"
	stop served
	listens bound 9200
	for kind in nk ik nx xx; do
		asks_bound "${WHO[$kind]}" "$kind"
		asks_bound "${WHO[$kind]}" resumed
	done
	ok "python listens: nk, ik, nx, xx, each then resumed"
	stop bound
	link_down
}

has_reported() {
	[ "$(wc -l <"$TMP/stepped.out")" -ge "$1" ]
}

# The association of a key that is revoked is of no use.
revoked() {
	mkfifo "$TMP/steps"
	exec 9<>"$TMP/steps"
	launch_plain stepped a "$PYTHON" "$PEER" call "$B4" 8085 "$TMP/content" --identity "$TMP/caller/rudp/id" \
		--listener "$(base64_of server)" --kinds xx,resumed,resumed --step <"$TMP/steps" 9>&-
	printf '\n\n' >&9
	wait_until 60 "two connections before the key is revoked" has_reported 2
	! grep -v '"error": null' "$TMP/stepped.out" || fail "refused before the key is revoked"
	put server authorized_keys <<<"@revoked $(public_key caller) caller"
	wait_until 10 "the key to be revoked" is_refused_quietly caller
	echo >&9
	exec 9>&-
	finish stepped 60
	expect_eq "$STATUS" 1 "exit code of python"
	tail -n 1 "$TMP/stepped.out" >"$TMP/last.log"
	expect_match "$TMP/last.log" '"kind": "xx", .*"error": "EACCES"' "the end of a connection under a revoked key"
	ok "python calls with a key that is revoked: neither resumed nor fresh"
}

refuses_python() {
	local SETTINGS
	section "python calls, and is refused"
	link_up --delay 10ms
	is_person server "$POLICY"
	put server authorized_keys <<<"$(public_key caller) caller"
	launch strict b socat TCP-LISTEN:8085,fork EXEC:cat
	wait_listening b 8085
	wait_until 10 "authorized keys to be required" is_refused_quietly ian
	KNOWN=caller is_refused caller nk 7 EACCES
	KNOWN=caller is_refused caller ik 7 EACCES
	ok "by a listener with another key"
	for kind in fresh nk ik nx; do
		is_refused ian "$kind" 8 EACCES
	done
	is_refused ian xx null EACCES
	CALLED=8085 calls_as caller content --kinds nx && fail "python is served without its key"
	CALLED=8085 calls_as caller content --kinds ik,xx || fail "who is authorized is refused: $(cat "$TMP/call.log")"
	ok "without an authorized key"
	revoked
	stop strict
	link_down
}

# ends PERSON PORT ERROR
ends() {
	local SETTINGS
	is_person "$1" "$POLICY"
	is_told "$3" "$2"
}

refused_by_python() {
	section "python listens, and refuses or is refused"
	link_up --delay 10ms
	listens keyed 9100 --authorized "$(base64_of caller)"
	for kind in nk ik nx xx; do
		ends "${WHO[$kind]}" 9100 EACCES
		expect_eq "$(grep -c '"received": [1-9]' "$TMP/keyed.out" || true)" 0 "connections that were served"
	done
	ok "whose key is not authorized: nk, ik, nx, xx"
	stop keyed
	listens other "$OTHER_PORT"
	ends ian "$OTHER_PORT" EACCES
	ends nora "$OTHER_PORT" EACCES
	ok "a listener with another key than the known one: ik, nk"
	ends rita "$OTHER_PORT" EACCES
	ends rolf "$OTHER_PORT" EACCES
	expect_eq "$(grep -c '"received": [1-9]' "$TMP/other.out" || true)" 0 "connections that were served"
	ok "a listener whose key is revoked: xx, nx"
	stop other
	link_down
}

needs_peer
prepare
PORT_AT=9000
make_file content 200000
make_file more 500000
link_up
is_person server "$POLICY"
launch socat b socat TCP-LISTEN:8084,fork EXEC:cat
wait_listening b 8084
on_link "clean" content
on_link "5 % loss, reordering" content --loss 5% --reorder 5%,8ms --seed 3
on_link "rebinding" more --rebind-every 370ms
channel_bindings
refuses_python
refused_by_python
