#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Clients that reach Apollonion through HAProxy, nginx and stunnel: the server knows their addresses, by the PROXY protocol before plain
# lines, before TLS and after HAProxy's own TLS, and by X-Forwarded-For or Forwarded before WebSocket. A ban meets the
# client, not the proxy. From others a header is garbage, and a proxy without a header is refused.
#
#     a: nc, openssl, web_line.py ──── linkem ──── b: haproxy, nginx, stunnel ─── apollonion
#
# Takes 10 s.

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"
# shellcheck source=integration/lib/servers.sh
. "$HERE/lib/servers.sh"

TCP_MEANT=1 # lib.sh asks
export TCP_MEANT
PORT=6667 V2_PORT=6668 TLS_PORT=6697 ENDED_TLS_PORT=6699 WEB_PORT=8067
NGINX_PORT=6671 NGINX_TLS_PORT=6672 NGINX_WEB_PORT=8071 NGINX_FORWARDED_PORT=8072 STUNNEL_PORT=6673
OWN_PORT=7667 OWN_TLS_PORT=7697 OWN_WEB_PORT=7067 # of the server itself

write_config() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$TMP/key.pem" \
		-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
	chmod 600 "$TMP/key.pem"
	cat "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/both.pem"
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		log-level = debug
		[listen]
		plain = $OWN_PORT
		tls = $OWN_TLS_PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		trusted-proxy = 127.0.0.0/8
		trusted-proxy = ::1
		[web]
		plain = $OWN_WEB_PORT
		[cloak]
		enabled = no
		[flood]
		burst = off
		[operator root]
		password = $(echo secret | "$BUILD/apollonion" --hash-password)
	EOT
}

start_haproxy() {
	cat >"$TMP/haproxy.conf" <<-EOT
		global
			maxconn 500
		defaults
			mode tcp
			timeout connect 10s
			timeout client 60s
			timeout server 60s
		listen v1
			bind :::$PORT v4v6
			server irc 127.0.0.1:$OWN_PORT send-proxy
		listen v2
			bind :::$V2_PORT v4v6
			server irc 127.0.0.1:$OWN_PORT send-proxy-v2 proxy-v2-options crc32c check inter 200ms
		listen tls
			bind :::$TLS_PORT v4v6
			server irc [::1]:$OWN_TLS_PORT send-proxy-v2
		listen ended-tls
			bind :::$ENDED_TLS_PORT v4v6 ssl crt $TMP/both.pem
			server irc 127.0.0.1:$OWN_PORT send-proxy-v2-ssl
		listen web
			mode http
			timeout tunnel 60s
			bind :::$WEB_PORT v4v6
			option forwardfor
			server irc 127.0.0.1:$OWN_WEB_PORT
	EOT
	launch_plain haproxy b haproxy -db -f "$TMP/haproxy.conf"
	PLAIN=1 wait_listening b "$WEB_PORT"
}

# web_server PORT HEADER: a part of the configuration of nginx; the header names the client.
web_server() {
	cat <<-EOT
		server {
			listen [::]:$1 ipv6only=off;
			location / {
				proxy_pass http://127.0.0.1:$OWN_WEB_PORT;
				proxy_http_version 1.1;
				proxy_set_header Host \$http_host;
				proxy_set_header Upgrade \$http_upgrade;
				proxy_set_header Connection upgrade;
				proxy_set_header $2;
			}
		}
	EOT
}

start_nginx_proxy() {
	mkdir "$TMP/nginx"
	cat >"$TMP/nginx.conf" <<-EOT
		$(stream_module)
		user $(worker_user);
		pid $TMP/nginx.pid;
		error_log $TMP/nginx.log;
		daemon off;
		events {}
		stream {
			proxy_protocol on;
			server { listen [::]:$NGINX_PORT ipv6only=off; proxy_pass 127.0.0.1:$OWN_PORT; }
			server { listen [::]:$NGINX_TLS_PORT ipv6only=off; proxy_pass [::1]:$OWN_TLS_PORT; }
		}
		http {
			access_log off;
			$(nginx_paths)
			map \$remote_addr \$node {
				~: 'for="[\$remote_addr]:\$remote_port"';
				default 'for=\$remote_addr';
			}
			map \$http_forwarded \$nodes {
				'' \$node;
				default '\$http_forwarded, \$node';
			}
			$(web_server "$NGINX_WEB_PORT" "X-Forwarded-For \$proxy_add_x_forwarded_for")
			$(web_server "$NGINX_FORWARDED_PORT" "Forwarded \$nodes")
		}
	EOT
	launch_plain nginx b nginx -p "$TMP" -e "$TMP/nginx.log" -c "$TMP/nginx.conf"
	PLAIN=1 wait_listening b "$NGINX_WEB_PORT"
}

start_stunnel() {
	cat >"$TMP/stunnel.conf" <<-EOT
		foreground = yes
		pid =
		[irc]
		accept = :::$STUNNEL_PORT
		connect = 127.0.0.1:$OWN_PORT
		cert = $TMP/both.pem
		protocol = proxy
	EOT
	launch_plain stunnel b stunnel4 "$TMP/stunnel.conf"
	PLAIN=1 wait_listening b "$STUNNEL_PORT"
}

counter() {
	curl -s --unix-socket "$TMP/metrics" http://localhost/metrics | awk -v name="apollonion_$1" '$1 == name { print $2 }'
}

counter_is() {
	[ "$(counter "$1")" = "$2" ]
}

has_grown() {
	[ "$(counter "$1")" -gt "$2" ]
}

# is_from NAME ADDRESS: a client that has just joined #hall sees its own host; the log has its address.
is_from() {
	hears "$1" "^:$1!~?$1@$2 JOIN"
	grep -q " registered address=$2 nick=$1 " "$TMP/server.err" || fail "the log has no $1 at $2"
	ok "$1 is at $2"
}

through_the_proxy() {
	section "through the proxy, from IPv4 and IPv6"
	register launch_plain vic nc "$B4" "$PORT"
	is_from vic "$A4"
	register launch_plain vera nc "$B6" "$V2_PORT"
	is_from vera "$A6"
	register launch_plain tom openssl s_client -quiet -connect "$B4:$TLS_PORT"
	is_from tom "$A4"
	register launch_plain eddy openssl s_client -quiet -connect "$B4:$ENDED_TLS_PORT"
	is_from eddy "$A4"
	register launch_plain wanda python3 "$HERE/lib/web_line.py" "$B4" "$WEB_PORT"
	is_from wanda "$A4"
	leave tom eddy wanda
}

through_others() {
	section "through nginx and stunnel"
	register launch_plain nora nc "$B4" "$NGINX_PORT"
	is_from nora "$A4"
	register launch_plain nils nc "$B6" "$NGINX_PORT"
	is_from nils "$A6"
	register launch_plain nick openssl s_client -quiet -connect "$B4:$NGINX_TLS_PORT"
	is_from nick "$A4"
	register launch_plain will python3 "$HERE/lib/web_line.py" "$B4" "$NGINX_WEB_PORT"
	is_from will "$A4"
	register launch_plain fred python3 "$HERE/lib/web_line.py" "$B4" "$NGINX_FORWARDED_PORT"
	is_from fred "$A4"
	register launch_plain fritz python3 "$HERE/lib/web_line.py" "$B6" "$NGINX_FORWARDED_PORT"
	is_from fritz "$A6"
	# A client that makes up the other header is refused; one that makes up an element of this one is found.
	launch_plain asked a curl -s --max-time 20 -H 'X-Forwarded-For: 192.0.2.1' "http://$B4:$NGINX_FORWARDED_PORT/"
	finish asked 30
	wait_until 20 "a line about two headers" \
		grep -q 'closed address=.* reason="its X-Forwarded-For and Forwarded do not name' "$TMP/server.err"
	launch_plain asked a curl -sf --max-time 20 -o "$TMP/page" -H 'Forwarded: for=192.0.2.1' \
		"http://$B4:$NGINX_FORWARDED_PORT/"
	finish asked 30
	expect_eq "$STATUS" 0 "curl's exit code"
	register launch_plain stan openssl s_client -quiet -connect "$B4:$STUNNEL_PORT"
	is_from stan "$A4"
	register launch_plain susan openssl s_client -quiet -connect "[$B6]:$STUNNEL_PORT"
	is_from susan "$A6"
	leave nora nils nick will fred fritz stan susan
	stop nginx
	stop stunnel
}

health_checks() {
	local before refused
	section "health checks"
	before=$(counter acceptor_accepted_total)
	refused=$(counter acceptor_refused_proxied_total)
	wait_until 20 "HAProxy asks" has_grown acceptor_accepted_total $((before + 3))
	expect_eq "$(counter acceptor_refused_proxied_total)" "$refused" "connections that named nobody"
	ok "are no failures"
}

in_the_next_process() {
	section "a hand-over"
	send USR2 server
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	say vic "WHOIS vic"
	hears vic " 338 vic vic .*$A4| 378 vic vic .*$A4"
	register launch_plain ned nc "$B4" "$PORT"
	is_from ned "$A4"
	leave ned
}

strangers() {
	local before
	section "who is not trusted, and who has no header"
	talk launch_plain mallory nc "$B4" "$OWN_PORT"
	say mallory "PROXY TCP4 192.0.2.7 192.0.2.8 1 2"
	say mallory "NICK mallory"
	say mallory "USER mallory 0 * :mallory"
	hears mallory ' 001 mallory '
	say mallory "JOIN #hall"
	is_from mallory "$A4"
	leave mallory
	before=$(counter acceptor_refused_proxied_total)
	launch_plain asked b curl -s --max-time 20 "http://127.0.0.1:$OWN_WEB_PORT/"
	finish asked 30
	expect_eq "$STATUS" 56 "curl's exit code: the connection is reset"
	expect_eq "$(counter acceptor_refused_proxied_total)" $((before + 1)) "connections that named nobody"
	expect_match "$TMP/server.err" 'connection of a trusted proxy closed address=127.0.0.1:[0-9]+ reason="it does not name' "the log"
	launch_plain asked b curl -s --max-time 20 -H 'X-Forwarded-For: 192.0.2.1, 192.0.2.7' \
		"http://127.0.0.1:$OWN_WEB_PORT/"
	finish asked 30
	expect_eq "$STATUS" 0 "curl's exit code"
	ok "have no say"
}

bans() {
	section "a ban of an address"
	say vera "OPER root :secret"
	hears vera ' 381 vera '
	say vera "DLINE 30m $A4 enough"
	hears vera "NOTICE vera :Banned until .*: address $A4; clients disconnected: 1"
	hears vic '^ERROR :Closing Link: .*Banned: enough'
	drop vic
	talk launch_plain fay nc "$B4" "$PORT"
	hears fay '^ERROR :Closing Link: .*Banned: enough'
	drop fay
	register launch_plain gus nc "$B6" "$PORT"
	is_from gus "$A6"
	leave gus vera
}

write_config
link_up --delay 1ms
serve
start_haproxy
start_nginx_proxy
start_stunnel
through_the_proxy
through_others
health_checks
strangers
in_the_next_process
bans
stop haproxy
kill -TERM "$(sed -n 's/.* taken over pid=\([0-9]*\) .*/\1/p' "$TMP/server.err")"
finish server 20
link_down
