#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The client's host joins another network in the middle: its address is another one, or its interface.
# Its open connections continue: a download and a session in which nothing was said meanwhile.
#
#     a: curl, socat ──── linkem (and another) ──── b: python3 -m http.server, socat
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# Over kernel TCP all of this ends with the address.
[ -z "$PLAIN" ] || { echo "skipped: kernel TCP does not roam"; exit 77; }

# begin ADDRESS URL [OPTION...]: a session and a download on their way.
begin() {
	local address=$1 url=$2

	shift 2
	exec 9<>"$TMP/input"
	: >"$TMP/session.out"
	launch session a socat - "TCP:$address:8081" <"$TMP/input" 9<&-
	say before
	rm -f "$TMP/fetched"
	launch curl a curl -sS --fail --max-time $((60 * PATIENCE)) -o "$TMP/fetched" "$@" "$url/big"
	wait_until 10 "the download to begin" has_bytes "$TMP/fetched" 100000
	! has_bytes "$TMP/fetched" 6000000 || fail "the download is over already"
}

# say WORD: it comes back.
say() {
	echo "$1" >&9
	wait_until 10 "'$1' to come back" grep -qx "$1" "$TMP/session.out"
}

# end WHAT: nothing is missing.
end() {
	say after
	exec 9>&-
	finish session 5
	expect_eq "$STATUS" 0 "exit code of the session"
	finish curl 10
	expect_eq "$STATUS" 0 "exit code of curl"
	expect_same "$TMP/www/big" "$TMP/fetched" "the download"
	ok "$1: a session and a download go on"
}


another_address() {
	begin "$B4" "$URL"
	on a ip addr del "$A4/24" dev link0
	on a ip addr add 10.77.0.9/24 dev link0
	end "IPv4, another address"

	begin "[$B6]" "$URL6"
	on a ip addr del "$A6/64" dev link0
	on a ip addr add fd77::9/64 dev link0 nodad
	end "IPv6, another address"
}

# Nothing leads to the peer for a while; then something else does.
no_address_for_a_while() {
	begin "$B4" "$URL" --local-port 40000-40999
	on a ip addr del 10.77.0.9/24 dev link0
	launch_plain nobody a socat - "TCP:$B4:8081"
	finish nobody 5
	expect_match "$TMP/nobody.err" "unreachable" "what a new connection is told meanwhile"
	on a ip addr add 10.77.0.10/24 dev link0
	end "no address for a while, and a port of the program's choice"
}

# The old one keeps its address, but is down.
another_interface() {
	launch_plain link1 a "$BUILD/linkem" --stats "$TMP/link1.json" --delay 40ms --loss 1% --rate 20M \
		--a "ns:$NS_A,10.78.0.1/24,dev=link1" --b "ns:$NS_B,10.78.0.2/24,dev=link1"
	wait_until 5 "the second link" test -s "$TMP/link1.json"
	begin "$B4" "$URL"
	on a ip route add "$B4/32" dev link1 src 10.78.0.1
	on a ip link set link0 down
	end "another interface"
	stop link1
}

# SYNs of the attempt that have been sent, or should have been.
has_syns() {
	local line

	line=$(on a "$BUILD/rudp" ss -nH state syn-sent "dport = :8081")
	[[ $line =~ datagrams_out:([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge "$1" ]
}

# The way is gone between two SYNs, and then the address is another one.
while_connecting() {
	link_up --loss 100%
	echo word >"$TMP/word"
	launch caller a socat -t $((10 * PATIENCE)) - "TCP:$B4:8081" <"$TMP/word"
	wait_until 5 "a SYN" has_syns 1
	link_down
	wait_until 5 "SYNs that cannot leave" has_syns 5
	link_up --delay 20ms --seed 7
	on a ip addr add 10.77.0.9/24 dev link0
	on a ip addr del "$A4/24" dev link0
	on a ip addr replace 10.77.0.9/24 dev link0 # as a secondary one it went, too
	finish caller 20
	expect_eq "$STATUS" 0 "exit code of the caller"
	expect_same "$TMP/word" "$TMP/caller.out" "what came back"
	ok "no way, and another address, while connecting"
}

mkfifo "$TMP/input"
make_page big 6000000
link_up --delay 20ms --loss 1% --rate 20M --seed 6
start_python ::
launch socat b socat TCP-LISTEN:8081,fork,pf=ip6 EXEC:cat
wait_listening b 8081
another_address
no_address_for_a_while
another_interface
prove_udp 18000000
while_connecting
link_down
