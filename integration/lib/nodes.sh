# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Nodes of a network of Apollonion, n1, n2 ..., and NATS servers, s1, s2 .... A test sources this file instead of lib.sh.

if [ -z "${HERE:-}" ]; then # bench/once.sh has what it needs
	TCP_MEANT=1         # lib.sh asks
	export TCP_MEANT
	# shellcheck source=integration/lib.sh
	. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
	# shellcheck source=integration/lib/talk.sh
	. "$HERE/lib/talk.sh"
fi

# Where nodes find NATS servers: on the loopback of their side, or elsewhere.
NATS_HOST=127.0.0.1

# write_nats NUMBER ADDRESS ROUTES: other servers use the address.
write_nats() {
	cat >"$TMP/s$1.conf" <<-EOT
		server_name: s$1
		listen: $NATS_HOST:422$1
		jetstream { store_dir: "$TMP/store$1" }
		cluster {
			name: test
			listen: $2:622$1
			no_advertise: true
			routes: [ $3 ]
		}
	EOT
}

# start_nats NUMBER SIDE
start_nats() {
	launch_plain "s$1" "$2" nats-server -c "$TMP/s$1.conf"
}

# Lines at the end of each node's configuration; @ is the node's number.
NODE_MORE=
# How nodes are launched: launch_native if they have [peers].
NODE_HOW=launch_plain

# write_node NUMBER PORT...: those of NATS servers.
write_node() {
	local node=$1 servers
	shift
	servers=$(printf "nats://$NATS_HOST:%s," "$@")
	cat >"$TMP/n$node.conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		workers = 1
		metrics = 127.0.0.1:710$node
		[listen]
		plain = 127.0.0.1:700$node
		plain-passwords = yes
		[limits]
		clients = 100
		[flood]
		burst = off
		[cloak]
		enabled = no
		[accounts]
		file = $TMP/n$node.db
		tries = 1000
		[cluster]
		servers = ${servers%,}
		node = n$node
		node-timeout = 10m
		${NODE_MORE//@/$node}
	EOT
	"$BUILD/apollonion" --config "$TMP/n$node.conf" --check-config >/dev/null || fail "the configuration is wrong"
}

# start_node NUMBER SIDE
start_node() {
	rm -f "$TMP/n$1.err"
	"$NODE_HOW" "n$1" "$2" "${PROGRAM:-$BUILD/apollonion}" --config "$TMP/n$1.conf"
}

# times NODE WORDS: in its log.
times() {
	grep -c -- "$2" "$TMP/n$1.err" || true
}

has_times() {
	[ "$(times "$1" "$2")" -ge "$3" ]
}

has_one_process() {
	[ "$(times "$1" ' acting as proxy of pid=')" -gt 0 ] && [ "$(times "$1" ' ended$')" -ge $((HANDED[$1] - 1)) ]
}

declare -A HANDED=()

# hand_over_node NUMBER: the next process serves, and the one before has ended, or is the proxy of all later ones.
hand_over_node() {
	HANDED[$1]=$((${HANDED[$1]:-0} + 1))
	send USR2 "n$1"
	wait_until 60 "the next process of n$1 has taken over" has_times "$1" ' taken over ' "${HANDED[$1]}"
	wait_until 30 "the process before of n$1 has ended" has_one_process "$1"
}

wait_joined() {
	wait_until 60 "node n$1 has joined" grep -qs ' cluster joined ' "$TMP/n$1.err"
}

start_nodes_at_b() {
	local i
	for i in 1 2 3; do
		start_node "$i" b
	done
	for i in 1 2 3; do
		wait_joined "$i"
	done
}

# Three NATS servers and three nodes, all on side b.
start_all_at_b() {
	local i
	for i in 1 2 3; do
		start_nats "$i" b
	done
	start_nodes_at_b
}

# A whole network over the loopback of side b.
start_network() {
	local i routes='"nats://127.0.0.1:6221", "nats://127.0.0.1:6222", "nats://127.0.0.1:6223"'
	for i in 1 2 3; do
		write_nats "$i" 127.0.0.1 "$routes"
		write_node "$i" 4221 4222 4223
	done
	start_all_at_b
}

# rows_of NUMBER: of the history in the node's file, without what depends on the node.
rows_of() {
	python3 "$HERE/lib/history_rows.py" "$TMP/n$1.db"
}

files_are_equal() {
	[ "$(rows_of 1)" = "$(rows_of 2)" ] && [ "$(rows_of 1)" = "$(rows_of 3)" ]
}

# count_heard NAME EXTENDED-REGEX
count_heard() {
	tr -d '\r' <"$TMP/$1.out" | grep -cE -- "$2" || true
}

has_heard_more() {
	[ "$(count_heard "$1" "$2")" -gt "$3" ]
}

# hears_more NAME EXTENDED-REGEX COUNT: once more than so often.
hears_more() {
	wait_until 60 "$1 hears '$2' again" has_heard_more "$@"
}

CUT='NOTICE .* :This server is cut off from its network: '
export HEALED='NOTICE .* :This server is connected to its network again'

is_cut_off() {
	tr -d '\r' <"$TMP/$1.out" | grep -E "$CUT|$HEALED" | tail -n 1 | grep -E "$CUT" >/dev/null
}

is_connected() {
	! is_cut_off "$1"
}

# was_told cut_off|connected NAME...: the last notice that each of them has got. A node can be cut off for seconds
# whenever a NATS server dies, so the number of notices is unknown.
was_told() {
	local name state=$1
	shift
	for name in "$@"; do
		wait_until 60 "$name is told that its server is $state" "is_$state" "$name"
	done
}

export REFUSED='This server is cut off from its network; try'
refused=0

is_done() {
	local count
	has_heard "$3" "$4" && return
	count=$(count_heard "$1" "$REFUSED")
	[ "$count" -eq "$refused" ] || say "$1" "$2"
	refused=$count
	return 1
}

# does NAME LINE HEARER EXTENDED-REGEX: NAME says the line, and HEARER hears of it. On a slow machine the node may be
# cut off from NATS for a time, and refuse the line; then it is said again.
does() {
	refused=$(count_heard "$1" "$REFUSED")
	say "$1" "$2"
	wait_until 60 "$3 hears '$4'" is_done "$@"
}

launch_at_b() {
	local name=$1
	shift 2
	launch_plain "$name" b "$@"
}

# enter NAME NODE [HOW]: how its client is launched.
enter() {
	while :; do
		talk "${3:-launch_plain}" "$1" nc 127.0.0.1 "700$2"
		say "$1" "NICK $1"
		say "$1" "USER $1 0 * :$1"
		hears "$1" " 001 $1 |$REFUSED"
		has_heard "$1" " 001 $1 " && return
		drop "$1"
	done
}
