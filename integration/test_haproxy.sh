#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# HAProxy between callers and nginx, for streams (with splice) and for http; and replaced while requests
# come in: the new process gets the listeners from the old one over an AF_UNIX socket.
#
#     a: curl, load ──── linkem: 10 ms, 1 % loss ──── b: haproxy ─── nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

STREAM=http://$B4:8081
STREAM6=http://[$B6]:8081
WEB=http://$B4:8082

write_haproxy_conf() {
	cat >"$TMP/haproxy.conf" <<-EOF
		global
			daemon
			maxconn 500
			stats socket $TMP/haproxy.sock level admin expose-fd listeners
		defaults
			timeout connect 10s
			timeout client 20s
			timeout server 20s
			option splice-request
			option splice-response
		listen stream
			mode tcp
			bind :::8081 v4v6
			server nginx $B4:$PORT
		listen web
			mode http
			bind :8082
			http-reuse always
			option forwardfor
			http-response set-header generation $1
			server nginx $B4:$PORT check inter 200ms fall 50
	EOF
}

# start_haproxy GENERATION [OPTION...]
start_haproxy() {
	write_haproxy_conf "$1"
	shift
	launch starter b haproxy -f "$TMP/haproxy.conf" -p "$TMP/haproxy.pid" "$@"
	finish starter 10
	expect_eq "$STATUS" 0 "exit code of haproxy's starter"
	wait_listening b 8082
}

upload() {
	curl_a 30 --fail -T "$TMP/www/page" "$1/upload/copy" || fail "upload: curl's exit $?"
	expect_same "$TMP/www/page" "$TMP/www/upload/copy" "upload through $1"
	ok "upload through $1"
	rm -f "$TMP/www/upload/copy"
}

transfers() {
	FROM=$STREAM fetch 20 page
	FROM=$STREAM6 fetch 20 page
	FROM=$WEB fetch 20 page
	upload "$STREAM"
	upload "$WEB"
}

generation_is() {
	curl_a 10 --fail -o "$TMP/fetched" -D "$TMP/headers" "$WEB/small" &&
		grep -qi "^generation: $1" "$TMP/headers"
}

replace() {
	local old
	old=$(cat "$TMP/haproxy.pid")
	start_haproxy "$1" -x "$TMP/haproxy.sock" -sf "$old"
	wait_until 10 "answers of generation $1" generation_is "$1"
	wait_served web 10
	wait_served stream 10
	wait_until 15 "end of the old process" is_gone "$old"
	ok "replaced by generation $1"
}

make_page page 3000000
make_page small 3000
link_up --delay 5ms --loss 1% --seed 26
start_nginx

section "transfers"
start_haproxy 1
transfers
wait_until 5 "a call of haproxy in the log of nginx" grep -q "^$B4 " "$TMP/nginx-access.log"

section "replaced under load"
start_load web "$WEB/small" "$TMP/www/small" 2
start_load stream "$STREAM/small" "$TMP/www/small" 2
replace 2
replace 3
end_load web
end_load stream
kill "$(cat "$TMP/haproxy.pid")"
wait_not_listening b 8082
stop_server nginx
prove_udp 15000000
link_down
