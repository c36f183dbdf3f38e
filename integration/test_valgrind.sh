#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# curl and nc under valgrind, with the engine as a thread inside them and as a process beside them: no
# error, and no memory lost for good.
#
#     a: valgrind curl, nc ──── linkem: 10 ms ──── b: nginx; valgrind nc
#
# Takes 40 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"
EXIT_OF_ERRORS=99
GRIND=(valgrind --quiet --trace-children=no --error-exitcode="$EXIT_OF_ERRORS" --leak-check=full
	--show-leak-kinds=definite --errors-for-leak-kinds=definite "--log-file=$TMP/valgrind-%p.log")

grind_curl() {
	local status=0
	SETTINGS=("RUDP_ENGINE=$1")
	under a "${GRIND[@]}" curl -sS --max-time $((60 * PATIENCE)) --fail -o "$TMP/fetched" "$URL/page" \
		-o "$TMP/again" "$URL/page" 2>"$TMP/curl.err" || status=$?
	SETTINGS=()
	expect_eq "$status" 0 "exit code of curl under valgrind ($EXIT_OF_ERRORS: it has found errors)"
	expect_same "$TMP/www/page" "$TMP/again" "page under valgrind"
	ok "curl, engine as $1: clean"
}

grind_refused_curl() {
	local status=0
	SETTINGS=("RUDP_ENGINE=$1")
	under a "${GRIND[@]}" curl -sS --max-time $((60 * PATIENCE)) -o "$TMP/fetched" "http://$B4:9999/" \
		2>"$TMP/curl.err" || status=$?
	SETTINGS=()
	expect_eq "$status" 7 "exit code of a refused curl under valgrind"
	ok "curl refused, engine as $1: clean"
}

grind_nc() {
	SETTINGS=("RUDP_ENGINE=$1")
	launch server b "${GRIND[@]}" nc.openbsd -N -l 9000 <"$TMP/silence" 8<&-
	wait_until 30 "nc under valgrind to listen" is_listening b 9000
	launch client a "${GRIND[@]}" nc.openbsd -N "$B4" 9000 <"$TMP/www/page" 8<&-
	SETTINGS=()
	finish client 60
	expect_eq "$STATUS" 0 "exit code of the caller under valgrind"
	finish server 60
	expect_eq "$STATUS" 0 "exit code of the listener under valgrind"
	expect_same "$TMP/www/page" "$TMP/server.out" "nc under valgrind"
	ok "nc at both ends, engine as $1: clean"
	wait_not_listening b 9000
}

make_page page 500000
link_up --delay 5ms
start_nginx
for host in thread process; do
	grind_curl $host
	grind_refused_curl $host
	grind_nc $host
done
stop_server nginx
prove_udp 3000000
link_down
