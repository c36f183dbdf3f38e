#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# TLS through the shim: openssl's own client and server, and curl.
#
#     a: openssl s_client, s_time, curl ──── linkem ──── b: openssl s_server
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=4433

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=server \
		-addext "subjectAltName=DNS:server,IP:$B4,IP:$B6" -keyout "$TMP/tls.key" \
		-out "$TMP/tls.crt" 2>/dev/null
}

# start_tls NAME DIRECTORY OPTION...
start_tls() {
	local name=$1 directory=$2
	shift 2
	launch "$name" b env -C "$directory" openssl s_server -accept "$PORT" -cert "$TMP/tls.crt" \
		-key "$TMP/tls.key" "$@"
	wait_listening b "$PORT"
}

stop_tls() {
	stop "$1"
	wait_not_listening b "$PORT"
}

# s_client ARGUMENT...
s_client() {
	under a timeout $((20 * PATIENCE)) openssl s_client -CAfile "$TMP/tls.crt" -verify_return_error \
		-connect "$B4:$PORT" "$@" \
		2>"$TMP/client.err"
}

# upload VERSION: the client closes its half after the last byte.
upload() {
	start_tls server "$TMP" -quiet -naccept 1 "$1" <"$TMP/silence" 8<&-
	under a timeout $((20 * PATIENCE)) python3 "$HERE/lib/tls_upload.py" "$B4" "$PORT" "$TMP/tls.crt" "$TMP/www/big" 8<&- ||
		fail "upload $1: exit $?"
	finish server 20
	expect_same "$TMP/www/big" "$TMP/server.out" "python to s_server, $1"
	ok "python to s_server, $1: $(stat -c %s "$TMP/www/big") bytes, then half close"
	wait_not_listening b "$PORT"
}

# Lines come back reversed while more are still on their way.
both_ways() {
	start_tls server "$TMP" -rev
	base64 "$TMP/www/big" >"$TMP/lines"
	(cat "$TMP/lines" && echo CLOSE) | s_client -quiet >"$TMP/reversed" || fail "s_client: exit $?"
	rev "$TMP/lines" >"$TMP/wanted"
	expect_same "$TMP/wanted" "$TMP/reversed" "reversed lines"
	ok "s_client to s_server and back: $(stat -c %s "$TMP/lines") bytes"
	stop_tls server
}

# curl_tls HOST [OPTION...]
curl_tls() {
	local host=$1
	shift
	under a curl -sS --fail --max-time $((20 * PATIENCE)) --cacert "$TMP/tls.crt" -o "$TMP/fetched" "$@" \
		"https://$host:$PORT/big" \
		2>>"$TMP/curl.err" || fail "curl from $host: exit $?"
	expect_same "$TMP/www/big" "$TMP/fetched" "curl from $host"
}

download() {
	start_tls server "$TMP/www" -WWW -quiet
	curl_tls "$B4"
	curl_tls "[$B6]" --tls-max 1.2
	printf 'GET /page HTTP/1.0\r\n\r\n' | s_client -quiet | sed '1,/^\r*$/d' >"$TMP/fetched"
	expect_same "$TMP/www/page" "$TMP/fetched" "s_client from s_server"
	ok "curl and s_client from s_server"
}

# A session of TLS that is taken up again over five more connections, one after the other.
resume() {
	s_client -tls1_2 -reconnect </dev/null >"$TMP/reconnect"
	expect_eq "$(grep -c '^Reused, TLS' "$TMP/reconnect")" 5 "sessions taken up again"
	ok "a session is taken up again five times"
}

many_connections() {
	local bytes
	bytes=$(stat -c %s "$TMP/www/small")
	under a timeout $((20 * PATIENCE)) openssl s_time -connect "$B4:$PORT" -CAfile "$TMP/tls.crt" -www /small -new -time 1 \
		>"$TMP/s_time" 2>&1 || fail "s_time: exit $?"
	# With the three lines of the header.
	expect_match "$TMP/s_time" \
		"^[1-9][0-9]* connections in [0-9]+ real seconds, $((bytes + 45)) bytes read" \
		"s_time"
	ok "$(grep -o "^[0-9]* connections in [0-9]* real seconds" "$TMP/s_time") over TLS"
}

mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"
make_certificate
make_page big 6000000
make_page page 300000
make_page small 100

section "4 ms"
link_up --delay 2ms
upload -tls1_3
upload -tls1_2
both_ways
download
resume
many_connections
stop_tls server
prove_udp 24000000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
upload -tls1_3
download
stop_tls server
prove_udp 18000000
link_down
