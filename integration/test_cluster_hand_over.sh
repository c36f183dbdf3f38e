#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All three nodes of a network are handed over to other processes, one after the other, while clients of all nodes talk:
# no client is lost, no line is lost or doubled, and all hear the same order. And whatever is wrong with the other
# process, the one that serves continues. Takes 60 s.
#
#     clients ──── node n1, n2, n3 ──── nats-server s1, s2, s3 (all on the loopback of a namespace)

LOOPBACK=1
# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"

PROGRAM=$TMP/apollonion # what lies there changes

counter() {
	curl -s "http://127.0.0.1:710$1/metrics" | awk -v name="apollonion_$2" '$1 == name { print $2 }'
}

said_at_least() {
	[ "$(counter 1 messages_total)" -ge "$1" ]
}

more_is_said() {
	wait_until 60 "$1 lines more" said_at_least $(($(counter 1 messages_total) + $1))
}

# All nodes, one after the other, twice.
rolling() {
	local i
	section "all nodes are handed over while 45 clients talk"
	launch_plain crowd a python3 "$HERE/lib/chatters.py" 127.0.0.1 7001,7002,7003 45 "$TMP/ready"
	wait_until 60 "the crowd is in" test -s "$TMP/ready"
	for i in 1 2 3 3 2 1; do
		more_is_said 100
		hand_over_node "$i"
	done
	more_is_said 100
	send TERM crowd
	finish crowd 90
	[ "$STATUS" = 0 ] || fail "the crowd: $(cat "$TMP/crowd.err")"
	for i in 1 2 3; do
		expect_eq "$(times "$i" ' cluster joined ')" 1 "how often n$i has joined"
		expect_eq "$(times "$i" ' cluster node has gone ')" 0 "nodes that n$i has seen go"
	done
	ok "$(cat "$TMP/crowd.out"), in one order"
}

# What a client is and has does not change, and its node is the same for the others.
single_clients() {
	section "nicks, accounts and history"
	enter ann 1
	does ann "REGISTER * * sesame-1" ann ' REGISTER SUCCESS ann '
	enter bob 2
	does ann "JOIN #a" ann ' 366 '
	does bob "JOIN #a" ann ':bob!.* JOIN #a'
	does bob "AWAY :for lunch" bob ' 306 bob '
	hand_over_node 1
	does ann "NICK anna" bob ':ann!.* NICK :?anna'
	does ann "MODE #a +o bob" bob ':anna!.* MODE #a \+o bob'
	say ann "WHOIS bob"
	hears ann ' 301 anna bob :for lunch'
	does ann "NICK ann" bob ':anna!.* NICK :?ann'
	enter cat 1
	does cat "JOIN #a" bob ':cat!.* JOIN #a'
	does bob "PRIVMSG #a :to both" ann ':bob!.* PRIVMSG #a :to both'
	hears cat ':bob!.* PRIVMSG #a :to both'
	leave cat
	hears bob ':cat!.* QUIT'
	hears_not bob ':ann!.* QUIT'
	wait_until 30 "the files are equal" files_are_equal
	ok "they are in the next process what they were"
}

# fails_with WORDS: n1 is not handed over, says why, and continues.
fails_with() {
	local failed
	failed=$(times 1 ' not handed over ')
	send USR2 n1
	wait_until 60 "it fails" has_times 1 ' not handed over ' $((failed + 1))
	tail -n 20 "$TMP/n1.err" | grep -F -- "$1" >/dev/null || fail "$(tail -n 3 "$TMP/n1.err"), not $1"
	round=$((round + 1))
}

goes_on() {
	does ann "PRIVMSG bob :round $round" bob ":ann!.* PRIVMSG bob :round $round"
	does bob "PRIVMSG ann :round $round" ann ":bob!.* PRIVMSG ann :round $round"
}

# What the other process does in place of serving, as a script.
successor() {
	printf '#!/bin/bash\n%s\n' "$1" >"$PROGRAM.new"
	chmod +x "$PROGRAM.new"
	mv "$PROGRAM.new" "$PROGRAM"
}

# configure EXPRESSION: changes the configuration of n1, by sed.
configure() {
	sed -i "$1" "$TMP/n1.conf"
}

faults() {
	section "what is wrong is of no consequence"
	round=0
	configure 's/^node = n1$/node = n9/'
	fails_with 'not handed over reason="servers (or none), node and name of [cluster]'
	goes_on
	configure 's/^node = n9$/node = n1/'
	mv "$PROGRAM" "$PROGRAM.good"
	# Its limits are others than those with which the network began.
	successor "sed -i 's/^network = Test$/network = Other/' '$TMP/n1.conf'; exec '$PROGRAM.good' \"\$@\""
	fails_with 'not taken over reason="the new program has other rules or limits'
	goes_on
	configure 's/^network = Other$/network = Test/'
	# It dies with everything in hand.
	successor "exec python3 '$HERE/lib/successor.py' '$PROGRAM.good' die \"\$@\""
	fails_with 'not handed over reason="Broken pipe"'
	goes_on
	mv "$PROGRAM.good" "$PROGRAM"
	expect_eq "$(counter 1 acceptor_hand_overs_failed_total)" "$round" "hand-overs that have failed"
	hand_over_node 1
	goes_on
	hears_not bob ':ann!.* QUIT'
	ok "$round times the process before went on, and then the next one did"
}

# Clients over TLS are told to come again, and those of all nodes that they have gone.
with_tls() {
	section "TLS"
	talk launch_plain oscar openssl s_client -quiet -connect "127.0.0.1:7201"
	say oscar "NICK oscar"
	say oscar "USER oscar 0 * :oscar"
	hears oscar " 001 oscar "
	does oscar "JOIN #a" bob ':oscar!.* JOIN #a'
	hand_over_node 1
	hears oscar '^ERROR :Closing Link.*The server is being replaced; please connect again'
	hears bob '^:oscar!.* QUIT :Connection lost: the server was replaced'
	hears ann '^:oscar!.* QUIT :Connection lost: the server was replaced'
	drop oscar
	ok "who comes over TLS is told to come again, and the others that it has gone"
}

cp "$BUILD/apollonion" "$PROGRAM"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
NODE_MORE=$'[history]\nenabled = yes\n[listen]\ntls = 127.0.0.1:720@\n'
NODE_MORE+="certificate = $TMP/cert.pem"$'\n'"key = $TMP/key.pem"
start_network
rolling
single_clients
with_tls
faults
