#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A network of three nodes of Apollonion is parted: one node and the NATS server that leads the stream are on a side
# without quorum. The node tells its users and refuses changes; the other side continues. When the link is back, all are one
# network again. nats-server 2.9.10 leaves the former leader with another copy of the stream now and then: then a
# node that has read this copy must notice, end its clients and join again. Takes 35 s.
#
#     a: n1, n2, s1, s2 ──── veth ──── b: n3, s3

# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"

ROUTES="\"nats://$A4:6221\", \"nats://$A4:6222\", \"nats://$B4:6223\""

make_link() {
	on a ip link add part type veth peer name part netns "$NS_B"
	on a ip address add "$A4/24" dev part
	on b ip address add "$B4/24" dev part
	on a ip link set part up
	on b ip link set part up
}

is_in_step() {
	ask_s1 INFO | grep '"name":"s3","current":true' >/dev/null
}

# The consumers of nodes n1 and n2 are made while s3 is away, so they are on their side.
make_network() {
	local i
	write_nats 1 "$A4" "$ROUTES"
	write_nats 2 "$A4" "$ROUTES"
	write_nats 3 "$B4" "$ROUTES"
	write_node 1 4221 4222
	write_node 2 4221 4222
	write_node 3 4223
	start_nats 1 a
	start_nats 2 a
	start_nats 3 b
	start_node 1 a
	wait_joined 1
	send TERM n1
	finish n1 20
	send KILL s3
	finish s3 5
	start_node 1 a
	start_node 2 a
	wait_joined 1
	wait_joined 2
	start_nats 3 b
	wait_until 60 "s3 has the stream" is_in_step
	start_node 3 b
	wait_joined 3
}

ask_s1() {
	on a python3 "$HERE/lib/ask_nats.py" 4221 "\$JS.API.STREAM.$1.apollonion-log"
}

is_led_by() {
	ask_s1 INFO | grep -o '"leader":"[^"]*"' | grep "$1" >/dev/null
}

# is_led: by any server; during an election there is no answer, or no name in it.
is_led() {
	is_led_by 's[123]'
}

# The leader of the stream is chosen at random. A test of another leader is worth as much, so tries are few.
let_s3_lead() {
	local try
	for try in {1..8}; do
		wait_until 60 "the stream has a leader ($try)" is_led
		if is_led_by s3; then
			break
		fi
		ask_s1 LEADER.STEPDOWN >/dev/null || true
	done
}

come_together() {
	local name
	section "before"
	enter ann 1
	enter eel 1
	enter bob 2
	enter cat 3 launch_at_b
	enter dog 3 launch_at_b
	for name in ann eel bob cat dog; do
		does "$name" "JOIN #a" "$name" ' 366 '
	done
	does ann "MODE #a +o cat" cat ' MODE #a \+o cat'
	hears bob ':dog!.* JOIN #a'
	ok "three nodes are one network"
}

# Both sides speak while the link is cut.
part() {
	local refusals answers i
	section "the link is cut"
	for i in {1..100}; do
		say dog "PRIVMSG #a :dog$i"
		say eel "PRIVMSG #a :eel$i"
	done
	hears ann ':dog!.* PRIVMSG #a :dog3'
	was_told connected cat
	on a ip link set part down
	was_told cut_off cat
	refusals=$(count_heard cat "$REFUSED")
	answers=$(count_heard cat ' 366 ')
	say cat "NICK carol"
	say cat "JOIN #new"
	say cat "PRIVMSG #a :from the smaller side"
	say cat "REGISTER * * sesame-1"
	say cat "NAMES #a"
	hears_more cat "$REFUSED" $((refusals + 2))
	hears_more cat ' 366 cat #a ' "$answers"
	hears cat ' FAIL REGISTER TEMPORARILY_UNAVAILABLE '
	ok "the side without quorum tells its users, refuses NICK, JOIN, messages and REGISTER, and answers questions"
	talk launch_at_b new nc 127.0.0.1 7003
	say new "NICK new"
	say new "USER new 0 * :new"
	hears new 'ERROR :.*cut off from its network; try another one'
	hears_not new ' 001 '
	drop new
	ok "it sends new clients away"
	does ann "PRIVMSG #a :from the larger side" bob ':ann!.* PRIVMSG #a :from the larger side'
	does bob "NICK bert" ann ':bob!.* NICK :?bert'
	does ann "JOIN #new" ann ':ann!.* JOIN #new'
	ok "the other side continues"
}

# lefts NODE: how often it has left the network.
lefts() {
	grep -c ' cluster left ' "$TMP/n$1.err" || true
}

has_joined_again() {
	[ "$(grep -c ' cluster joined ' "$TMP/n$1.err")" -gt "$(lefts "$1")" ]
}

declare -A USERS=([1]=ann [2]=bob [3]=cat) left=([1]=0 [2]=0 [3]=0)

# A node has left since its user came.
has_one_left() {
	local node
	for node in 1 2 3; do
		[ "$(lefts "$node")" -eq "${left[$node]}" ] || return 0
	done
	return 1
}

# one_left_or COMMAND...
one_left_or() {
	has_one_left || "$@"
}

# try NAME LINE HEARER EXTENDED-REGEX: as does, except that a node may leave; then it returns 1.
try() {
	refused=$(count_heard "$1" "$REFUSED")
	say "$1" "$2"
	wait_until 60 "$3 hears '$4'" one_left_or is_done "$@"
	! has_one_left
}

# Each of the three users hears what the others say in this round.
is_one_network() {
	local name other
	for name in ann bob cat; do
		for other in ann bob cat; do
			[ "$name" = "$other" ] ||
				try "$name" "PRIVMSG #a :$name to $other $1" "$other" ":$name to $other $1" || return 1
		done
	done
}

# The users of nodes that have left come again.
come_again() {
	local node
	for node in 1 2 3; do
		[ "$(lefts "$node")" -gt "${left[$node]}" ] || continue
		drop "${USERS[$node]}"
		wait_until 60 "node n$node has joined again" has_joined_again "$node"
		left[$node]=$(lefts "$node")
		if [ "$node" -eq 3 ]; then
			enter cat 3 launch_at_b
		else
			enter "${USERS[$node]}" "$node"
		fi
		try "${USERS[$node]}" "JOIN #a" "${USERS[$node]}" ' 366 .* #a ' || return 0
	done
}

messages_of() {
	tr -d '\r' <"$TMP/$1.out" | grep -oE '(dog|eel)![^ ]* PRIVMSG #a :.*$'
}

nobody_left() {
	hears cat ':ann!.* PRIVMSG #a :from the larger side'
	hears cat ':bob!.* NICK :?bert'
	expect_match "$TMP/cat.out" "$HEALED" "n3 is back"
	does dog "PRIVMSG #a :the end" bob ':dog!.* PRIVMSG #a :the end'
	hears ann ':dog!.* PRIVMSG #a :the end'
	hears_not ann ' QUIT '
	ok "nobody has left"
}

heal() {
	local round=1
	section "the link is back"
	on a ip link set part up
	until is_one_network "$round"; do
		come_again
		round=$((round + 1))
	done
	if [ "${left[3]}" -eq 0 ]; then
		[ "${left[1]}${left[2]}" != 00 ] || nobody_left
	elif [ "${left[1]}" -eq 0 ]; then
		hears ann ':dog!.* QUIT :Node n3 has gone'
	fi
	note "nodes that joined again: n1 ${left[1]}, n2 ${left[2]}, n3 ${left[3]} times"
	if [ "${left[1]}${left[2]}" = 00 ]; then
		does eel "PRIVMSG #a :the end" bob ':eel!.* PRIVMSG #a :the end'
		hears ann ':eel!.* PRIVMSG #a :the end'
		hears_not ann 'from the smaller side| NICK :?carol'
		expect_eq "$(messages_of bob)" "$(messages_of ann)" "messages at n2"
	fi
	ok "all nodes are one network again"
}

make_link
make_network
let_s3_lead
come_together
part
heal
