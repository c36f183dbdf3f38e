#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# History and read markers of three nodes of Apollonion over three real NATS servers: the same messages with the same msgids
# at all nodes, redactions, a node that was killed and fetches what it has missed, one with another file, and a stop of
# all nodes. Takes 40 s.
#
#     nc ──── node n1, n2, n3 ──── nats-server s1, s2, s3 (all on the loopback of a namespace)

LOOPBACK=1
# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"

CAPS='draft/chathistory draft/message-redaction draft/read-marker batch echo-message message-tags sasl server-time'

# come NAME NODE: with the capabilities of history.
come() {
	enter "$1" "$2"
	does "$1" "CAP REQ :$CAPS" "$1" ' CAP .* ACK '
}

log_in() {
	does "$1" "AUTHENTICATE PLAIN" "$1" 'AUTHENTICATE \+'
	does "$1" "AUTHENTICATE $(printf '\0%s\0%s' "$2" "$3" | base64 -w 0)" "$1" ' 903 '
}

ROUND=0

# asks NAME TARGET: into ANSWER, all that history has for the target, a line each with its tags.
asks() {
	local before
	before=$(wc -l <"$TMP/$1.out")
	ROUND=$((ROUND + 1))
	say "$1" "CHATHISTORY LATEST $2 * 1000"
	say "$1" "PING :round$ROUND"
	hears "$1" "PONG .*round$ROUND"
	ANSWER=$(tail -n "+$((before + 1))" "$TMP/$1.out" | tr -d '\r' | grep -E ' (PRIVMSG|NOTICE) ' |
		sed -E 's/^@batch=[^;]*;//' || true)
	! tail -n "+$((before + 1))" "$TMP/$1.out" | grep -E 'FAIL CHATHISTORY' >/dev/null
}

texts() {
	sed -nE 's/.* (PRIVMSG|NOTICE) \S+ :(.*)/\2/p' <<<"$ANSWER" | paste -sd' '
}

equal_files() {
	wait_until 20 "all files have the same rows" files_are_equal
	[ "$(rows_of 1 | wc -l)" -gt "$1" ] || fail "the files lack rows"
}

# The msgid of the message with this text, as NAME has heard it.
msgid_of() {
	tr -d '\r' <"$TMP/$1.out" | grep -E " PRIVMSG \S+ :$2\$" | grep -oE 'msgid=[0-9a-f-]+' | tail -n 1 | cut -d= -f2
}

has_fetched() {
	grep -qs ' history is that of the other nodes ' "$TMP/n$1.err"
}

start_again() {
	start_node "$1" b
	wait_joined "$1"
	wait_until 30 "n$1 has the history" has_fetched "$1"
}

metrics_of() {
	on b curl -s "http://127.0.0.1:710$1/metrics"
}

# The dashboard names nothing that the server does not offer.
metrics() {
	local name
	section "metrics"
	metrics_of 1 >"$TMP/metrics"
	expect_match "$TMP/metrics" '^apollonion_cluster_live 1$' 'this node is in the network'
	expect_match "$TMP/metrics" '^apollonion_cluster_cut_off [01]$' 'it can be cut off'
	grep -oE 'apollonion_[a-z_]+' "$HERE/../examples/apollonion-grafana.json" | sort -u >"$TMP/names"
	expect_match "$TMP/names" '^apollonion_clients$' 'the dashboard has clients'
	while read -r name; do
		expect_match "$TMP/metrics" "^$name [0-9]+\$" "the dashboard has $name"
	done <"$TMP/names"
	ok "Prometheus reads them by TCP, and the dashboard has their names"
}

same_history() {
	local name first
	section "one history"
	come ann 1
	does ann "REGISTER * * sesame-1" ann ' REGISTER SUCCESS ann '
	come bob 2
	does bob "REGISTER * * sesame-2" bob ' REGISTER SUCCESS bob '
	does ann "JOIN #a" ann ' 366 ann #a '
	does bob "JOIN #a" ann ':bob!.* JOIN #a'
	does ann "PRIVMSG #a :one" bob ' PRIVMSG #a :one'
	does bob "PRIVMSG #a :two" ann ' PRIVMSG #a :two'
	does bob "PRIVMSG ann :private" ann ' PRIVMSG ann :private'
	come ann3 3
	log_in ann3 ann sesame-1
	for name in ann ann3; do
		asks "$name" "#a" || fail "$name is refused"
		expect_eq "$(texts)" "one two" "history at the node of $name"
		first=${first:-$ANSWER}
		expect_eq "$ANSWER" "$first" "msgids and times at the node of $name"
	done
	asks ann3 bob || fail "ann3 is refused"
	expect_eq "$(texts)" private "private messages"
	come cat 3
	! asks cat "#a" || fail "a stranger reads the history"
	does ann "JOIN #open" ann ' 366 ann #open '
	does ann "MODE #open +H" ann ' MODE #open \+H'
	does ann "PRIVMSG #open :for all" ann ' PRIVMSG #open :for all'
	does cat "JOIN #open" cat ' 366 cat #open '
	asks cat "#open" || fail "public history is refused"
	expect_eq "$(texts)" "for all" "public history at another node"
	does ann "MARKREAD #a timestamp=2024-01-02T03:04:05.678Z" ann3 'MARKREAD #a timestamp=2024-01-02T03:04:05.678Z'
	equal_files 5
	ok "messages, msgids, times and read markers are the same at all nodes"
}

redacted() {
	section "a redaction"
	does bob "REDACT #a $(msgid_of bob two) :mistake" ann ':bob!.* REDACT #a [0-9a-f-]+ :mistake'
	asks ann "#a"
	expect_eq "$(texts)" one "history at n1"
	asks ann3 "#a"
	expect_eq "$(texts)" one "history at n3"
	does bob "REDACT #a $(msgid_of ann one)" bob 'FAIL REDACT REDACT_FORBIDDEN'
	ok "it is gone at all nodes"
}

# What is said and redacted while n3 is away.
missed() {
	local i
	section "$1"
	drop ann3 cat
	for i in {1..300}; do
		say ann "PRIVMSG #a :m$i of $1"
	done
	does ann "PRIVMSG #a :the end of $1" bob " PRIVMSG #a :the end of $1"
	# With texts of this time: bob has heard those of the last one, which would prove nothing.
	does ann "PART #a :part $2" bob ":ann!.* PART #a :part $2"
	does bob "PRIVMSG #a :not for ann $2" bob " PRIVMSG #a :not for ann $2"
	does ann "JOIN #a" bob ':ann!.* JOIN #a'
	does ann "REDACT #a $(msgid_of ann one)" bob ':ann!.* REDACT #a '
	does ann "PRIVMSG #a :one" bob ' PRIVMSG #a :one'
	does ann "MARKREAD #a timestamp=2024-02-0${2}T03:04:05.678Z" ann "MARKREAD #a timestamp=2024-02-0$2"
}

fetched() {
	equal_files 300
	come ann3 3
	log_in ann3 ann sesame-1
	asks ann "#a"
	local here=$ANSWER
	asks ann3 "#a" || fail "n3 refuses"
	expect_eq "$ANSWER" "$here" "history at n3"
	expect_match "$TMP/ann3.out" 'the end of'
	! grep -q 'PRIVMSG #a :not for ann' "$TMP/ann3.out" || fail "ann reads what was said without her"
	come cat 3
	ok "$1"
}

killed_node() {
	send KILL n3
	finish n3 5
	missed "a node is killed" 1
	start_again 3
	fetched "it fetches what it has missed"
	send TERM n3
	finish n3 20
	rm "$TMP/n3.db"*
	"$BUILD/apollonion" --config "$TMP/n3.conf" --add-account old <<<"sesame-3" >/dev/null
	missed "a node with another file" 2
	start_again 3
	fetched "it fetches everything"
	expect_match "$TMP/n3.err" "the network lacks accounts or channels of this file copy=$TMP/n3.db.before-join-1"
	sed -i "s|^file = .*|file = $TMP/n3.db.before-join-1|" "$TMP/n3.conf"
	"$BUILD/apollonion" --config "$TMP/n3.conf" --remove-account old || fail "the copy lacks the account"
	sed -i "s|^file = .*|file = $TMP/n3.db|" "$TMP/n3.conf"
	ok "its file was copied before"
}

all_stopped() {
	local i
	section "all nodes were stopped"
	asks ann "#a"
	local before=$ANSWER
	for i in 1 2 3; do
		send TERM "n$i"
		finish "n$i" 20
	done
	drop ann ann3 bob cat
	start_nodes_at_b
	come back 2
	log_in back ann sesame-1
	wait_until 30 "history at n2" asks back "#a"
	expect_eq "$ANSWER" "$before" "history"
	equal_files 300
	ok "history is on the disks"
}

NODE_MORE=$'[history]\nenabled = yes\nanswer = 1000'
start_network
metrics
same_history
redacted
killed_node
all_stopped
