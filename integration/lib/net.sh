# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Namespaces, the link between them, and the link's counters.
#
#     namespace a                                     namespace b
#     10.77.0.1, fd77::1  ──link0── linkem ──link0──  10.77.0.2, fd77::2

A4=10.77.0.1 B4=10.77.0.2 A6=fd77::1 B6=fd77::2
NS_A=rudp$$a NS_B=rudp$$b
NS_MORE=()
LINK_PID=
LINKS=0
export A4 B4 A6 B6

# In a container the device may exist but be forbidden. Only opening it shows that.
tun_possible() {
	(exec 3<>/dev/net/tun) 2>/dev/null
}

# Whether this process may create namespaces and devices.
net_possible() {
	tun_possible && ip netns add "$NS_A" 2>/dev/null && ip netns del "$NS_A"
}

# How this process gets a network of its own: as root, as user (in a user namespace), or none.
own_network_by() {
	if unshare --net true 2>/dev/null; then
		echo root
	elif unshare --user --map-root-user --net --mount true 2>/dev/null; then
		echo user
	else
		echo none
	fi
}

# Runs the script again in a network namespace of its own. So its ports, abstract socket names and
# engines do not conflict with tests that run at the same time, or with the machine. If no such
# namespace can be created, the script continues where it is.
enter_own_network() {
	[ -z "${RUDP_TEST_NETWORK:-}" ] || return 0
	RUDP_TEST_NETWORK=$(own_network_by)
	export RUDP_TEST_NETWORK
	case $RUDP_TEST_NETWORK in
	root) exec unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$0" "$@" ;;
	user)
		RUDP_TEST_INSIDE=1 exec unshare --user --map-root-user --net --mount \
			sh -c 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"' sh "$0" "$@"
		;;
	esac
}

net_impossible() {
	echo "skipped: needs root (or user namespaces) and /dev/net/tun"
	exit 77
}

# In a user namespace, root is the only user.
may_be_many_users() {
	[ "$(id -u)" = 0 ] && [ -z "${RUDP_TEST_INSIDE:-}" ]
}

# needs_root WHAT
needs_root() {
	may_be_many_users && return 0
	echo "skipped: $1 needs real root"
	exit 77
}

net_up() {
	local ns
	if ! net_possible; then
		[ "$LOOPBACK" = fallback ] || net_impossible
		LOOPBACK=1
		loopback_up
		return
	fi
	[ -x "$BUILD/linkem" ] || fail "$BUILD/linkem is not built"
	# With nsenter, here and below: `ip -n` mounts, which fails if / is no mount point (chroot).
	for ns in "$NS_A" "$NS_B"; do
		ip netns add "$ns"
		nsenter "--net=/run/netns/$ns" ip link set lo up
	done
}

# Both sides are in this namespace, with an unused port.
loopback_up() {
	A4=127.0.0.1 B4=127.0.0.1 A6=::1 B6=::1
	until PORT=$((20000 + RANDOM % 10000)) && [ -z "$(ss -Htuan "sport = :$PORT")" ]; do
		:
	done
	set_urls
}

# kill_all COMMAND...: kills the processes that the command lists, until it lists none. While an
# engine is killed, its supervisor may start another.
kill_all() {
	local pids=
	for _ in {1..100}; do
		pids=$("$@")
		[ -n "$pids" ] || return 0
		xargs kill -KILL <<<"$pids" 2>/dev/null
		sleep 0.02
	done
	echo "cannot be killed: $pids" >&2
}

# Engines on loopback: one that remembers hosts without rudp stays for a while. The log is in $TMP.
loopback_engines() {
	local environ pid
	grep -slzF "RUDP_LOG=info:$TMP/" /proc/[0-9]*/environ | while read -r environ; do
		pid=${environ//[!0-9]/}
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != rudp-engine ] || echo "$pid"
	done
}

# All processes that still run in our namespaces belong to the test: engines, daemons.
net_down() {
	local ns
	link_stop
	[ "$LOOPBACK" != 1 ] || kill_all loopback_engines
	for ns in "$NS_A" "$NS_B" "${NS_MORE[@]}"; do
		[ -e "/run/netns/$ns" ] || continue
		kill_all ip netns pids "$ns"
		ip netns del "$ns"
	done
}

netns_of() {
	case $1 in
	a) echo "$NS_A" ;;
	b) echo "$NS_B" ;;
	h[0-9]*) echo "rudp$$$1" ;;
	*) fail "no such side: $1" ;;
	esac
}

# host_add hNUMBER: creates one more namespace, a side that the caller connects to others.
host_add() {
	local ns
	ns=$(netns_of "$1")
	ip netns add "$ns"
	NS_MORE+=("$ns")
	nsenter "--net=/run/netns/$ns" ip link set lo up
}

# The words of the command that enters this side, one a line.
entrance_of() {
	[ "$LOOPBACK" = 1 ] || printf '%s\n' nsenter "--net=/run/netns/$(netns_of "$1")" --
}

# on SIDE COMMAND...: runs the command in the namespace, without the shim.
on() {
	local entrance
	mapfile -t entrance < <(entrance_of "$1")
	shift
	"${entrance[@]}" "$@"
}

link_running() {
	is_child "$LINK_PID"
}

link_counted_anew() {
	[ -s "$LINK_STATS" ] && [ "$(link_snapshot)" -gt "$1" ]
}

link_snapshot() {
	sed -n '1s/.*"snapshot": \([0-9]*\),.*/\1/p' "$LINK_STATS"
}

# link_up [OPTION...]: creates a link with these properties (linkem --help), and replaces the
# previous one.
link_up() {
	link_down
	LINKS=$((LINKS + 1))
	LINK_STATS=$TMP/link-$LINKS.json
	"$BUILD/linkem" --with-parent --stats "$LINK_STATS" --a "ns:$NS_A,$A4/24,$A6/64" \
		--b "ns:$NS_B,$B4/24,$B6/64" "$@" 2>"$TMP/linkem-$LINKS.err" &
	LINK_PID=$!
	wait_until 5 "linkem $*" test -s "$LINK_STATS"
}

link_stop() {
	[ -n "$LINK_PID" ] || return 0
	kill "$LINK_PID" 2>/dev/null || true
	wait "$LINK_PID" || true
	LINK_PID=
}

# Removes the link. It must have carried only UDP, except in a test of plain TCP (TCP_MEANT=1).
link_down() {
	[ -n "$LINK_PID" ] || return 0
	link_running || fail "linkem has ended: $(cat "$TMP/linkem-$LINKS.err")"
	link_stop
	[ -n "$PLAIN${TCP_MEANT:-}" ] || expect_eq "$(link_sum '*.sent.tcp.payload_bytes')" 0 "TCP payload on the link"
	expect_eq "$(link_sum '*.drops.overflow')" 0 "packets that linkem had no memory for"
}

# The sum of these counters in the newest file; '*' means both directions.
link_sum() {
	python3 - "$LINK_STATS" "$@" <<-'EOF'
		import json, sys
		stats = json.load(open(sys.argv[1]))
		def values(node, path):
		    if not path:
		        return [node]
		    keys = ("ab", "ba") if path[0] == "*" else (path[0],)
		    return [v for key in keys for v in values(node[key], path[1:])]
		total = sum(v for path in sys.argv[2:] for v in values(stats, path.split(".")))
		print(round(total))
	EOF
}

# count PATH...: the present sum of counters: count '*.sent.udp.packets' ab.drops.loss
count() {
	local before
	before=$(link_snapshot)
	kill -USR1 "$LINK_PID"
	wait_until 5 "counters of linkem" link_counted_anew "$before"
	link_sum "$@"
}

# prove_udp BYTES: checks that at least so many bytes have passed the link in UDP, and none in TCP.
prove_udp() {
	local udp
	if [ -n "$PLAIN" ]; then
		note "over kernel TCP: $(count '*.delivered.tcp.payload_bytes') payload bytes"
		return 0
	fi
	expect_eq "$(count '*.sent.tcp.payload_bytes')" 0 "TCP payload on the link"
	udp=$(link_sum '*.delivered.udp.payload_bytes')
	[ "$udp" -ge "$1" ] || fail "only $udp bytes came over the link in UDP, not $1"
	ok "proof: $udp bytes in UDP, 0 bytes of TCP payload"
}
