#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Data with the SYN: the answer is there after one round trip, where both ends have met and everybody
# wants it so, and after two everywhere else. No request comes twice.
#
#     a: python, curl ──── linkem: 50 ms there and back ──── b: python, nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

ATTEMPTS=8
# Of the link, in tenths of ms. Two round trips take no less than twice that: what is sooner has needed one.
RTT=500
AT=9000
HERE_CLIENT=$HERE/lib/fast_open.py

# ask WAY [COUNT]: leaves the lines of the client in $TMP/ask.
ask() {
	under a timeout $((60 * PATIENCE)) python3 "$HERE_CLIENT" ask "$B4" "$AT" "${2:-$ATTEMPTS}" "$1" >"$TMP/ask" ||
		fail "the client ($1) ended with $?"
	expect_eq "$(awk '$4 != 1' "$TMP/ask" | wc -l)" 0 "requests that the server saw twice"
}

# column N: its least value; whatever keeps the processors from us makes it only larger.
least() {
	awk -v n="$1" 'NR == 1 || $n < least { least = $n } END { printf "%d\n", least * 10 }' "$TMP/ask"
}

with_syn() {
	awk '{ sum += $3 } END { print sum + 0 }' "$TMP/ask"
}

# Each on a port of its own: the engine of other settings may have the one before for a moment yet.
serve() {
	AT=$((AT + 1))
	serve_again "$1"
}

serve_again() {
	launch server b python3 "$HERE_CLIENT" serve "$AT" "$1"
	wait_listening b "$AT"
}

# The engine of the listener dies, and with it what it knew; the next one is asked what it cannot open.
server_forgets() {
	local engines
	mapfile -t engines < <(engine_of b)
	[ ${#engines[@]} -ge 1 ] || fail "there is no engine of the server"
	kill -KILL "${engines[@]}"
	stop server
	wait_not_listening b "$AT"
	serve_again fastopen
	ask sendto 4
	[ "$(with_syn)" -ge 2 ] || fail "only $(with_syn) of the last requests went with the SYN"
	ok "a server that has forgotten: 4 requests, each came once; $(with_syn) of them with the SYN"
}

# In tenths of round trips.
round_trips() {
	echo $((10 * $(least 2) / RTT))
}

# A SYN waits 10 ms for the first bytes of a program that has not asked for early data. Where the processors were
# busy, some requests are written later.
written_late() {
	[ "$1" != connect ] || awk '$5 >= 10 && $3 == 0' "$TMP/ask" | wc -l
}

# one_round_trip WHAT WAY, two_round_trips WHAT WAY
one_round_trip() {
	local late
	ask "$2"
	late=$(written_late "$2")
	expect_between 9 "$(round_trips)" 18 "tenths of a round trip until the first byte: $1"
	[ "$(with_syn)" -ge $((ATTEMPTS - 1 - late)) ] ||
		fail "$1: only $(with_syn) requests went with the SYN, ${late:-0} were late"
	ok "$1: first byte after $(($(least 2) / 10)) ms"
}

two_round_trips() {
	ask "$2"
	[ "$(round_trips)" -ge 19 ] || fail "$1: first byte after $(round_trips) tenths of a round trip"
	expect_eq "$(with_syn)" 0 "requests with the SYN: $1"
	ok "$1: first byte after $(($(least 2) / 10)) ms"
}

measure_round_trip() {
	ask connect
	local connect
	connect=$(least 1)
	[ "$connect" -ge "$RTT" ] || fail "connect() took $connect tenths of ms over a link of 50 ms"
	[ "$(round_trips)" -ge 19 ] || fail "without asking: first byte after $(round_trips) tenths"
	ok "connect() takes $((connect / 10)) ms, the first byte $(($(least 2) / 10)) ms"
}

# curl_ms [OPTION...]
curl_ms() {
	under a curl -sS "$@" -o /dev/null --max-time $((20 * PATIENCE)) -w '%{time_starttransfer}\n' \
		"http://$B4:8081/page" | awk '{ printf "%d\n", $1 * 10000 }'
}

# curl_and_nginx LISTEN [OPTION...]: the least of some; each curl, with these options, is a process of its own.
curl_and_nginx() {
	local least=999999 ms listen=$1
	shift
	make_page page 1000
	mkdir -p "$TMP/nginx"
	echo "listen $listen;" >"$TMP/nginx-server-fast.conf"
	start_nginx
	for _ in $(seq "$ATTEMPTS"); do
		ms=$(curl_ms "$@")
		[ "$ms" -ge "$least" ] || least=$ms
	done
	expect_between 9 $((10 * least / RTT)) 18 "tenths of a round trip until curl has a byte"
	ok "curl $* and nginx (listen $listen): first byte after $((least / 10)) ms"
	stop_server nginx
}

# Of kernel TCP: cookies are per address, and the engine has no part in it.
if [ -n "$PLAIN" ]; then
	on a sysctl -qw net.ipv4.tcp_fastopen=3
	on b sysctl -qw net.ipv4.tcp_fastopen=3
fi
EARLY="RUDP_POLICY=set early on"

link_up --delay 25ms
section "both sides want it"
SETTINGS=("$EARLY")
serve fastopen
measure_round_trip
one_round_trip "MSG_FASTOPEN" sendto
one_round_trip "TCP_FASTOPEN_CONNECT" option
# An engine in a thread meets nobody before its program does.
! engine_outlives || curl_and_nginx "8081 fastopen=16" --tcp-fastopen
prove_udp 1000

if [ -z "$PLAIN" ]; then
	section "one of them does not"
	SETTINGS=()
	two_round_trips "the client's policy does not have it" sendto
	stop server
	serve fastopen
	SETTINGS=("$EARLY")
	ask connect 1
	two_round_trips "the server's policy does not have it" option
	stop server
	serve plain
	ask connect 1
	two_round_trips "the server has not asked" sendto
	stop server

	section "a rule asks, and no program does"
	SETTINGS=("RUDP_POLICY=any use rudp early; set early on")
	serve plain
	one_round_trip "connect, then send" connect
	stop server
	! engine_outlives || curl_and_nginx 8081
	SETTINGS=("$EARLY")

	section "TCP would be tried beside it"
	SETTINGS=("$EARLY" RUDP_KEY_FILE=)
	serve fastopen
	ask connect 2
	two_round_trips "without a key or a rule" sendto
	SETTINGS=("$EARLY")
fi
stop server

section "a bad link, and a bad host"
link_up --delay 25ms --loss 10% --duplicate 5% --seed 7
serve fastopen
ask sendto 40
ok "40 requests, each came once; $(with_syn) of them with the SYN"
[ "$(with_syn)" -ge 20 ] || fail "only $(with_syn) of 40 requests went with the SYN"
[ -n "$PLAIN" ] || ! engine_outlives || server_forgets
stop server
link_down
