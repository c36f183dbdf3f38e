#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A single server of Apollonion becomes a network of three nodes, and the network a single server again: accounts,
# registered channels, bans and history go along. Takes 20 s.
#
#     nc ──── node n1, n2, n3 ──── nats-server s1, s2, s3 (all on the loopback of a namespace)

LOOPBACK=1
# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"

NODE_MORE="[history]
enabled = yes
[operator root]
password = $("$BUILD/apollonion" --hash-password <<<sesame-0)"

# single FILE: the configuration of node n1 without its network, with this file of accounts.
single() {
	sed -E '/^\[cluster\]$/,/^node-timeout/d' "$TMP/n1.conf" | sed "s|$TMP/n1.db|$1|" >"$TMP/single.conf"
}

start_single() {
	rm -f "$TMP/n1.err"
	launch_plain n1 b "$BUILD/apollonion" --config "$TMP/single.conf"
	wait_until 20 "the server serves" grep -qs ' serving ' "$TMP/n1.err"
}

# owner_comes NODE: as eve, logged in to the account.
owner_comes() {
	enter eve "$1"
	does eve "CAP REQ :sasl draft/chathistory" eve ' CAP .* ACK '
	does eve "AUTHENTICATE PLAIN" eve '^AUTHENTICATE \+'
	does eve "AUTHENTICATE $(printf '\0owner\0sesame-1' | base64 -w 0)" eve ' 903 '
}

# says_in_kept NAME WORD
says_in_kept() {
	say "$1" "PRIVMSG #kept :$2"
	say "$1" "PING :$2"
	hears "$1" "PONG .*$2"
}

# has_all LINE...: channel, ban and history.
has_all() {
	local line
	does eve "JOIN #kept" eve ' 332 eve #kept :to be kept'
	hears eve ' 353 eve = #kept :@eve'
	say eve "CHATHISTORY LATEST #kept * 10"
	for line in "$@"; do
		hears eve " PRIVMSG #kept :$line\$"
	done
	does eve "OPER root sesame-0" eve ' 381 '
	say eve "STATS x"
	hears eve ' 247 .* spam\* '
}

first_single() {
	section "a single server"
	single "$TMP/n1.db"
	start_single
	enter owner 1
	does owner "REGISTER * * sesame-1" owner ' REGISTER SUCCESS owner '
	does owner "JOIN #kept" owner ' 366 owner #kept '
	does owner "CS REGISTER #kept" owner ':#kept is registered'
	does owner "TOPIC #kept :to be kept" owner ' TOPIC #kept :to be kept'
	does owner "OPER root sesame-0" owner ' 381 '
	say owner "XLINE spam* :no"
	says_in_kept owner "at-the-single-server"
	leave owner
	stop n1
	ok "has an account, a channel, a ban and history"
}

network() {
	local i
	section "it becomes a network"
	for i in 1 2 3; do
		start_nats "$i" b
	done
	for i in 1 2 3; do
		start_node "$i" b
		wait_joined "$i"
	done
	for i in 2 3; do
		wait_until 30 "n$i has the history" grep -qs ' history is that of the other nodes ' "$TMP/n$i.err"
	done
	owner_comes 3
	has_all at-the-single-server
	says_in_kept eve "in-the-network"
	leave eve
	ok "all of it is at each node"
}

is_written() {
	rows_of 2 | grep "'in-the-network'" >/dev/null
}

single_again() {
	local i
	section "the network becomes a single server"
	wait_until 10 "n2 has written what was said" is_written
	"$BUILD/apollonion" --config "$TMP/n2.conf" --export "$TMP/export" || fail "no export"
	for i in 1 2 3; do
		send TERM "n$i"
		finish "n$i" 60
	done
	single "$TMP/back.db"
	"$BUILD/apollonion" --config "$TMP/single.conf" --import "$TMP/export" || fail "no import"
	start_single
	owner_comes 1
	has_all at-the-single-server in-the-network
	leave eve
	stop n1
	ok "by an export of a node that runs, and an import"
}

for i in 1 2 3; do
	write_nats "$i" 127.0.0.1 '"nats://127.0.0.1:6221", "nats://127.0.0.1:6222", "nats://127.0.0.1:6223"'
	write_node "$i" 4221 4222 4223
done
first_single
network
single_again
