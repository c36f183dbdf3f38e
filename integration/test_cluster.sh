#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Three nodes of Apollonion over three real NATS servers: one nick and one channel network-wide; a node is killed and
# comes back; one NATS server is killed, then there is no quorum, then there is again. Takes 60 s.
#
#     nc ──── node n1, n2, n3 ──── nats-server s1, s2, s3 (all on the loopback of a namespace)

LOOPBACK=1
# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"

together() {
	local name
	section "one network"
	enter ann 1
	enter bob 2
	enter cat 3
	for name in ann bob cat; do
		does "$name" "JOIN #a" "$name" ' 366 '
	done
	enter dan 3
	does dan "NICK ann" dan ' 433 dan ann '
	does ann "PRIVMSG #a :hello all" bob ':ann!.* PRIVMSG #a :hello all'
	hears cat ':ann!.* PRIVMSG #a :hello all'
	say bob "WHOIS cat"
	hears bob ' 319 bob cat :#a'
	does ann "MODE #a +o cat" cat ' MODE #a \+o cat'
	does cat "KICK #a bob :out" bob ' KICK #a bob :out'
	ok "a nick, a channel, WHOIS, MODE and KICK across nodes"
}

# The messages that NAME has received, with their msgids.
order_of() {
	tr -d '\r' <"$TMP/$1.out" | grep -E ' PRIVMSG #a :m[0-9]+$'
}

# Three clients at different nodes speak at once: all nodes deliver the same messages in the same order.
same_order() {
	local i name lost=0
	section "order"
	for i in 1 2 3; do
		enter "at$i" "$i"
		does "at$i" "CAP REQ message-tags" "at$i" ' CAP at. ACK '
		does "at$i" "JOIN #a" "at$i" ' 366 '
	done
	does bob "JOIN #a" at1 ':bob!.* JOIN #a'
	for i in {1..50}; do
		say ann "PRIVMSG #a :m$i"
		say bob "PRIVMSG #a :m$i"
		say cat "PRIVMSG #a :m$i"
	done
	for name in ann bob cat; do
		does "$name" "PRIVMSG #a :end" at1 ":$name!.* PRIVMSG #a :end"
		hears at2 ":$name!.* PRIVMSG #a :end"
		hears at3 ":$name!.* PRIVMSG #a :end"
		lost=$((lost + $(count_heard "$name" "$REFUSED")))
	done
	[ "$(order_of at1 | wc -l)" -ge $((150 - lost)) ] || fail "messages are missing"
	expect_match "$TMP/at1.out" '^@msgid=[0-9a-f-]+ :ann!'
	expect_eq "$(order_of at2)" "$(order_of at1)" "messages at n2"
	expect_eq "$(order_of at3)" "$(order_of at1)" "messages at n3"
	drop at1
	leave at2 at3
	hears ann ':at3!.* QUIT'
	ok "150 messages have the same order and msgids at three nodes"
}

# log_in NAME ACCOUNT PASSWORD: says no command before the answer.
log_in() {
	does "$1" "CAP REQ sasl" "$1" ' CAP .* ACK '
	does "$1" "AUTHENTICATE PLAIN" "$1" '^AUTHENTICATE \+'
	does "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$2" "$3" | base64 -w 0)" "$1" ' 903 '
}

accounts() {
	section "accounts"
	enter owner 1
	does owner "REGISTER * * sesame-1" owner ' REGISTER SUCCESS owner '
	say bob "WHOIS owner"
	hears bob ' 330 bob owner owner '
	enter eve 3
	log_in eve owner sesame-1
	does owner "JOIN #kept" owner ' 366 owner #kept '
	does owner "CS REGISTER #kept" owner ':#kept is registered'
	does owner "TOPIC #kept :to be kept" owner ' TOPIC #kept :to be kept'
	does eve "JOIN #kept" owner ' MODE #kept \+o eve'
	leave eve
	ok "an account of one node logs in at another, and owns a channel"
}

receipts() {
	section "receipts"
	enter rea 1
	does rea "CAP REQ apollonion/receipts" rea ' CAP rea ACK '
	does rea "PRIVMSG cat :arrived?" rea ' RECEIPT [0-9a-f-]+ cat 1 1 final'
	does rea "JOIN #r" rea ' 366 rea #r '
	does bob "JOIN #r" rea ':bob!.* JOIN #r'
	does cat "JOIN #r" rea ':cat!.* JOIN #r'
	does rea "PRIVMSG #r :arrived?" rea ' RECEIPT [0-9a-f-]+ #r 2 2 final'
	leave rea
	ok "recipients at other nodes are counted"
}

killed_node() {
	section "a node is killed"
	send KILL n1
	finish n1 5
	drop ann owner
	start_node 1 b
	wait_joined 1
	hears bob ':ann!.* QUIT :Node n1 has gone'
	hears cat ':ann!.* QUIT :Node n1 has gone'
	enter ann 1
	does ann "JOIN #a" bob ':ann!.* JOIN #a'
	hears ann ' 353 ann = #a :.*@cat'
	enter eve 1
	log_in eve owner sesame-1
	does eve "JOIN #kept" eve ' 332 eve #kept :to be kept'
	leave eve
	ok "its clients leave, and it comes back with the state of the others"
}

killed_bus() {
	section "NATS servers are killed"
	send KILL s1
	finish s1 5
	does ann "PRIVMSG #a :with two of three" bob ':with two of three'
	hears cat ':with two of three'
	ok "one of three: nothing is lost"
	was_told connected bob cat
	send KILL s2
	finish s2 5
	was_told cut_off bob cat
	say bob "NICK rob"
	hears bob 'NOTICE bob :.*try again later'
	hears_not cat 'NICK :?rob'
	ok "two of three: users are told, and changes are refused"
	start_nats 1 b
	start_nats 2 b
	was_told connected bob cat
	does bob "NICK bert" cat ':bob!.* NICK :?bert'
	hears_not cat ':bob!.* QUIT'
	hears_not bob ':cat!.* QUIT'
	ok "with a quorum again nobody has left"
}

# All nodes and NATS servers end, and the stream is gone.
begun_anew() {
	local i
	section "everything was stopped"
	for i in 1 3; do
		send TERM "n$i"
		finish "n$i" 20
	done
	drop ann cat
	for i in 1 2 3; do
		send KILL "s$i"
		finish "s$i" 5
		rm -rf "$TMP/store$i"
	done
	start_all_at_b
	enter eve 2
	log_in eve owner sesame-1
	does eve "JOIN #kept" eve ' 332 eve #kept :to be kept'
	leave eve
	ok "accounts and registered channels are on the disks of the nodes"
}

ended_node() {
	section "a node ends"
	send TERM n2
	hears cat ':bert!.* QUIT :(The server is shutting down|Node n2 has gone)'
	finish n2 20
	expect_eq "$STATUS" 0 "exit code of n2"
	drop bob
	ok "its clients quit at once"
}

start_network
together
same_order
accounts
receipts
killed_node
killed_bus
ended_node
begun_anew
