#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The engine as a process of its own and as a thread in the program, in every combination; and when
# the engine process leaves: a listener's when its last program and connection are gone, a client's later,
# since what it has learned of peers is worth something to the next program.
#
#     a: curl, nc (process | thread) ──── linkem: 10 ms ──── b: nginx, nc (process | thread)
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"

netcat() {
	SETTINGS=("RUDP_ENGINE=$2")
	launch server b nc.openbsd -N -l "$PORT" <"$TMP/silence" 8<&-
	wait_listening b "$PORT"
	SETTINGS=("RUDP_ENGINE=$1")
	launch client a nc.openbsd -N "$B4" "$PORT" <"$TMP/www/page" 8<&-
	finish client 20
	expect_eq "$STATUS" 0 "exit code of the caller"
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the listener"
	expect_same "$TMP/www/page" "$TMP/server.out" "nc: $1 calls $2"
	ok "nc: $1 calls $2"
	wait_not_listening b "$PORT"
}

web() {
	SETTINGS=("RUDP_ENGINE=$2")
	start_nginx
	SETTINGS=("RUDP_ENGINE=$1")
	fetch 20 page
	FROM=$URL6 fetch 20 page
	fetch 20 small --http1.1 -H 'Connection: close'
	curl_a 20 --fail -T "$TMP/www/page" "$URL/upload/copy" || fail "upload: curl's exit $?"
	expect_same "$TMP/www/page" "$TMP/www/upload/copy" "curl: $1 uploads to $2"
	ok "curl and nginx: $1 calls $2"
	stop_server nginx
}

# no_engine_left SIDE...
no_engine_left() {
	local side
	for side; do
		[ -z "$(engine_of "$side")" ] || return 1
	done
}

# Those that an ended program's thread has left go when no engine needs them.
one_engine_left() {
	[ "$(engine_of "$1" | wc -l)" = 1 ]
}

make_page page 5000000
make_page small 1000
link_up --delay 5ms
for caller in process thread; do
	for listener in process thread; do
		section "$caller calls $listener"
		netcat $caller $listener
		web $caller $listener
	done
done
section "when the engine leaves"
wait_until 15 "the listener's engine to leave" no_engine_left b
wait_until 15 "all engines of the client but one to leave" one_engine_left a
mapfile -t engines < <(engine_of a)
ok "the listener's engine has left, the client's has stayed for what it knows"
kill -TERM "${engines[@]}"
wait_until 15 "the client's engine to leave as it is asked to" no_engine_left a
ok "it leaves when it is asked to"
SETTINGS=("RUDP_POLICY=set remember 0")
start_nginx
fetch 20 small
stop_server nginx
wait_until 15 "the engines to leave" no_engine_left a b
ok "with 'set remember 0' no engine is left when its last program and connection are gone"
SETTINGS=()
prove_udp 80000000
link_down
