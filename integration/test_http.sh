#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# curl fetches from and uploads to nginx and Python's http.server over a clean link.
#
#     a: curl ──── linkem: 5 ms ──── b: nginx, then python3 -m http.server
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Several requests over one connection: curl says how many it had to make.
keep_alive() {
	local made
	made=$(curl_a 20 --fail -w '%{num_connects}\n' -o "$TMP/1" "$URL/small" -o "$TMP/2" "$URL/page" \
		-o "$TMP/3" "$URL/small" | paste -sd+)
	expect_eq "$made" 1+0+0 "connections made for three requests"
	expect_same "$TMP/www/page" "$TMP/2" "second of three on one connection"
	ok "keep-alive: three requests over one connection"
}

parallel() {
	local i arguments=()
	for i in {1..20}; do
		arguments+=(-o "$TMP/parallel-$i" "$1/page?$i")
	done
	curl_a 40 --fail --parallel --parallel-immediate --parallel-max 20 "${arguments[@]}" 2>/dev/null ||
		fail "20 in parallel: curl's exit $?"
	for i in {1..20}; do
		expect_same "$TMP/www/page" "$TMP/parallel-$i" "parallel transfer $i"
	done
	ok "20 in parallel"
}

upload() {
	curl_a 30 --fail -T "$TMP/www/big" "$1/upload/copy" || fail "upload: curl's exit $?"
	expect_same "$TMP/www/big" "$TMP/www/upload/copy" "upload"
	ok "upload of $(stat -c %s "$TMP/www/big") bytes"
	rm -f "$TMP/www/upload/copy"
}

range() {
	curl_a 10 --fail -r 100000-299999 -o "$TMP/range" "$URL/page" || fail "range: curl's exit $?"
	dd if="$TMP/www/page" of="$TMP/range-wanted" bs=100000 skip=1 count=2 status=none
	expect_same "$TMP/range-wanted" "$TMP/range" "range"
	ok "range"
}

# What the server writes into its log, after its answer, is who it believes has called.
address_in_log() {
	wait_until 5 "the caller's address in the access log" grep -q "^$A4 " "$TMP/nginx-access.log"
	wait_until 5 "the caller's IPv6 address in the access log" grep -q "^$A6 " "$TMP/nginx-access.log"
	ok "the server knows the callers' addresses"
}

make_page big 20000000
make_page page 1000000
make_page small 100
make_page empty 0
link_up --delay 5ms

section "nginx"
start_nginx
fetch 30 big
fetch 10 small
fetch 10 empty
keep_alive
parallel "$URL"
upload "$URL"
range
FROM=$URL6 fetch 30 page
upload "$URL6"
address_in_log
stop_server nginx

section "nginx, daemonized"
launch daemon b nginx -p "$TMP/nginx" -e "$TMP/nginx-error.log" -c "$TMP/nginx.conf"
finish daemon 10
expect_eq "$STATUS" 0 "exit code of nginx's starter"
wait_listening b "$PORT"
fetch 10 page
on b kill "$(cat "$TMP/nginx.pid")"
wait_not_listening b "$PORT"

section "python3 -m http.server"
start_python "$B4"
fetch 30 big
fetch 10 small
keep_alive
parallel "$URL"
stop_server python
start_python "$B6"
FROM=$URL6 fetch 10 page
stop_server python
prove_udp 120000000
link_down
