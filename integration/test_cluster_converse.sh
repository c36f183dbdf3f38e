#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# converse and three nodes of Apollonion over three real NATS servers: nodes are killed while lines flow, one is ended,
# one is handed over, one stands still, one is cut off. Their clients go on at other nodes under their nicks, and no line
# is lost or comes twice. Takes 80 s.
#
#     converse, nc ──── node n1, n2, n3 ──── nats-server s1, s2, s3 (all on the loopback of a namespace)

LOOPBACK=1
# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"

LINES=600
seq -f 'line %g of what must arrive, once' $LINES >"$TMP/text"
echo sesame-1 >"$TMP/password"

# converse NAME "NODE..." [OPTION...]: it tries the nodes in this order.
converse() {
	local name=$1 node servers=()
	for node in $2; do
		servers+=(--server "n$node@127.0.0.1:668$node")
	done
	shift 2
	launch_native "$name" a "$BUILD/converse" --id "$name" --key "$TMP/key" --timeout 400 "${servers[@]}" "$@"
}

# as_person PERSON COMMAND...: the programs that the command launches have that person's identity.
as_person() {
	local SETTINGS
	is_person "$1" "set first-contact take"
	"${@:2}"
}

launch_node() {
	as_person "$1" launch_native "$@"
}

# An account, registered at node 1.
register_account() {
	enter "$1" 1
	does "$1" "REGISTER * * $(cat "$TMP/password")" "$1" " REGISTER SUCCESS $1 "
	leave "$1"
}

# has_come NAME COUNT: so often it has begun a session at a node.
has_come() {
	[ "$(grep -c 'registered as' "$TMP/$1.err")" -ge "$2" ]
}

# The nodes at which they begin; on a slow machine one may have gone on to the next before the first answered.
declare -A FIRST=([anna]=1 [bob]=1 [cara]=3 [ines]=1 [hal]=1)

# The node that it has gone to last.
node_of() {
	local last
	last=$(grep -oE 'connecting to \S+ port 668[1-3]' "$TMP/$1.err" | tail -n 1 || true)
	echo "${last:-${FIRST[$1]}}" | grep -o '.$'
}

declare -A COME=() AT=()

# note_sessions NAME...: before something happens to a node.
note_sessions() {
	local name
	COME=() AT=()
	for name in "$@"; do
		COME[$name]=$(grep -c 'registered as' "$TMP/$name.err")
		AT[$name]=$(node_of "$name")
	done
}

# wait_for_sessions NODE: those of them who were there go on elsewhere, or there again.
wait_for_sessions() {
	local name
	for name in "${!AT[@]}"; do
		[ "${AT[$name]}" != "$1" ] || wait_until 30 "$name begins another session" has_come "$name" $((COME[$name] + 1))
	done
}

has_lines() {
	[ "$(wc -l <"$TMP/$1.out")" -ge "$2" ]
}

heard_by_tail() {
	cut -f 3 "$TMP/$1.out"
}

heard_by_nc() {
	tr -d '\r' <"$TMP/$1.out" | sed -n 's/^.* PRIVMSG #hall :\(line .*\)$/\1/p'
}

# heard_by_eve LINES: what she has heard since she had heard so many lines.
heard_by_eve() {
	tail -n "+$(($1 + 1))" "$TMP/eve.out" | tr -d '\r'
}

has_names_since() {
	heard_by_eve "$1" | grep ' 366 eve #hall ' >/dev/null
}

# Now, and not when she asked last.
is_in_hall() {
	local before
	before=$(wc -l <"$TMP/eve.out")
	say eve "NAMES #hall"
	wait_until 20 "the names of #hall" has_names_since "$before"
	heard_by_eve "$before" | grep -E " 353 eve = #hall :(.* )?[@+]?$1( |\$)" >/dev/null
}

# listener NAME "NODE..." [OPTION...]: prints what is said in #hall, and is there.
listener() {
	converse "$@" --tail '#hall'
	wait_until 20 "$1 is in the channel" is_in_hall "$1"
}

kill_node() {
	send KILL "n$1"
	finish "n$1" 5
}

# bring_back NODE [PORT...]: with other NATS servers.
bring_back() {
	[ $# -lt 2 ] || write_node "$@"
	start_node "$1" b
	wait_joined "$1"
}

# The sender and bob are at the node that is killed, cara is not, nor is eve (nc).
killed_twice() {
	local name
	section "the node of a sender and of a listener is killed, twice, among $LINES lines"
	register_account anna
	register_account bob
	enter eve 3
	does eve "JOIN #hall" eve ' 366 eve #hall '
	listener bob "1 2" --password "$TMP/password"
	listener cara "3 1"
	rm -f "$TMP/go-on"
	converse anna "1 2" --send '#hall' --password "$TMP/password" < <(in_two_parts "$TMP/text" $((LINES / 2)))
	wait_until 30 "a part of the lines" has_lines cara 100
	note_sessions anna bob
	kill_node 1
	wait_for_sessions 1
	wait_until 60 "the first half of the lines" has_lines cara $((LINES / 2))
	bring_back 1 4221
	: >"$TMP/go-on"
	wait_until 30 "more lines" has_lines cara $((LINES / 2 + 100))
	note_sessions anna bob
	kill_node 2
	wait_for_sessions 2
	finish anna 120
	# 3: a line went to the session that bob had left at a dead node, so it is unknown whether he has it.
	[ "$STATUS" = 0 ] || [ "$STATUS" = 3 ] || fail "exit code of the sender: $STATUS"
	for name in bob cara; do
		wait_until 60 "all lines to $name" has_lines "$name" $LINES
		heard_by_tail "$name" >"$TMP/$name.heard"
		expect_same "$TMP/text" "$TMP/$name.heard" "lines that $name has heard"
	done
	ok "each line came once and in order"
	# nc does not know line ids: it may hear a line again that had no final receipt yet.
	heard_by_nc eve >"$TMP/eve.heard"
	awk '!heard[$0]++' "$TMP/eve.heard" >"$TMP/eve.once"
	expect_same "$TMP/text" "$TMP/eve.once" "lines that nc has heard"
	expect_between 0 $(($(wc -l <"$TMP/eve.heard") - LINES)) 512 "lines that nc has heard again"
	for name in anna bob; do
		! grep -q "registered as ${name}_" "$TMP/$name.err" || fail "$name has lost the nick"
	done
	hears eve ':bob!\S+@bob.peer QUIT :Replaced by another session of bob.peer'
	hears_not eve ':(anna|bob)_'
	ok "they have kept their nicks"
	bring_back 2
}

# ines has no account, but an identity. The line is said at another node, and she is away for 3 s at least.
guest_missed() {
	section "the node of a guest is killed"
	as_person ines listener ines "1 2"
	printf '%s\n' "before" "meanwhile" >"$TMP/two"
	rm -f "$TMP/go-on"
	converse dan 3 --send '#hall' < <(in_two_parts "$TMP/two" 1)
	wait_until 30 "the first line" has_lines ines 1
	note_sessions ines
	kill_node 1
	: >"$TMP/go-on"
	hears eve ':dan!.* PRIVMSG #hall :meanwhile'
	wait_for_sessions 1
	wait_until 60 "the line that ines has missed" has_lines ines 2
	heard_by_tail ines >"$TMP/ines.heard"
	expect_same "$TMP/two" "$TMP/ines.heard" "lines that ines has heard"
	stop dan
	stop ines
	LINES=$((LINES + 2))
	bring_back 1
	ok "the guest gets what was said meanwhile"
}

# all_hear LINE "NODE...": dan says it, at the first of the nodes that runs; bob and cara hear it.
all_hear() {
	local name
	wait_until 60 "cara is in the channel" is_in_hall cara
	wait_until 60 "bob is in the channel" is_in_hall bob
	echo "$1" >"$TMP/line"
	LINES=$((LINES + 1))
	converse dan "$2" --send '#hall' <"$TMP/line"
	finish dan 60
	expect_eq "$STATUS" 0 "exit code of the sender"
	for name in bob cara; do
		wait_until 20 "the line to $name" has_lines "$name" "$LINES"
		expect_eq "$(heard_by_tail "$name" | tail -n 1)" "$1" "what $name has heard"
	done
}

# cara, who has no account, goes to node 1.
ended() {
	section "a node is ended"
	note_sessions bob cara
	send TERM n3
	finish n3 60
	drop eve
	wait_for_sessions 3
	enter eve 2
	does eve "JOIN #hall" eve ' 366 eve #hall '
	all_hear "after the end" "3 2"
	ok "its clients go on at other nodes, and who comes finds a node that runs"
}

handed_over() {
	section "a node is handed over"
	note_sessions bob cara
	hand_over_node 1
	wait_for_sessions 1
	all_hear "after the hand-over" 1
	stop bob
	stop cara
	leave eve
	ok "its clients over messages go on, and the next process serves such clients"
}

# says_two WHAT: hal, who has said a line at node 1, says another one after that has happened to the node.
says_two() {
	printf '%s\n' "before $1" "after $1" >"$TMP/two"
	rm -f "$TMP/go-on"
	converse hal "1 2" --send '#hall' < <(in_two_parts "$TMP/two" 1)
	LINES=$((LINES + 1))
	wait_until 30 "the first line" has_lines gil "$LINES"
}

goes_on() {
	: >"$TMP/go-on"
	finish hal 120
	expect_eq "$STATUS" 0 "exit code of the sender"
	LINES=$((LINES + 1))
	expect_eq "$(wc -l <"$TMP/gil.out")" "$LINES" "number of lines that gil has heard"
	expect_eq "$(heard_by_tail gil | tail -n 2)" "$(cat "$TMP/two")" "what gil has heard"
	expect_eq "$(node_of hal)" 2 "the node that hal is at"
}

# Node 1 knows only the NATS server s1.
frozen_and_cut_off() {
	section "a node stands still"
	send TERM n1 # after the hand-over it is the proxy of the next process
	finish n1 60
	bring_back 1
	enter eve 2
	does eve "JOIN #hall" eve ' 366 eve #hall '
	listener gil 2
	LINES=0
	says_two "it stood still"
	send STOP n1
	goes_on
	send CONT n1
	ok "what is not answered is said at another node"
	section "a node is cut off"
	says_two "it was cut off"
	send KILL s1
	finish s1 5
	wait_until 60 "n1 is cut off" grep -qs ' cluster cut off: ' "$TMP/n1.err"
	goes_on
	stop gil
	leave eve
	ok "what is refused is said at another node"
}

# The engine of this namespace serves nodes and clients; each node has an id of its own.
NODE_HOW=launch_node
NODE_MORE="[peers]
port = 668@
key = $TMP/key
id = n@
[history]
enabled = yes"
for name in n1 n2 n3 ines; do
	person "$name"
done
start_network
killed_twice
guest_missed
ended
handed_over
frozen_and_cut_off
