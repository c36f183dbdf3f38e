#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What administrators do to nginx while requests come in: a reload, a new binary. And nginx as a
# proxy: for http with a pool of connections to what is behind it, and for streams.
#
#     a: load ──── linkem: 10 ms, 1 % loss ──── b: nginx, two workers, a socket each ─── nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

NGINX=$(command -v nginx)
# nginx writes the number of the connection and of the request on it.
BACK_LOG=$TMP/back.log

# write_conf GENERATION
write_conf() {
	mkdir -p "$TMP/nginx"
	cat >"$TMP/nginx.conf" <<-EOF
		$(stream_module)
		user $(worker_user);
		worker_processes 2;
		pid $TMP/nginx.pid;
		error_log $TMP/nginx-error.log info;
		events { worker_connections 512; }
		stream {
			server {
				listen 8082 reuseport;
				proxy_pass 127.0.0.1:8081;
			}
		}
		http {
			log_format front '\$pid \$status \$request_uri';
			log_format back '\$connection \$connection_requests \$request_uri';
			access_log $TMP/front.log front;
			$(nginx_paths)
			upstream back {
				server 127.0.0.1:8081;
				keepalive 4;
			}
			server {
				listen $PORT reuseport;
				listen [::]:$PORT reuseport;
				root $TMP/www;
				location /generation { return 200 "$1\n"; }
				location /back/ {
					proxy_pass http://back/;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
				}
			}
			server {
				listen 127.0.0.1:8081;
				access_log $BACK_LOG back;
				root $TMP/www;
			}
		}
	EOF
}

# Becomes a daemon, as it does by default. Its path is absolute, as it starts its successor by it.
start_daemon() {
	write_conf 1
	launch starter b "$NGINX" -p "$TMP/nginx" -e "$TMP/nginx-error.log" -c "$TMP/nginx.conf"
	finish starter 10
	expect_eq "$STATUS" 0 "exit code of nginx's starter"
	wait_listening b "$PORT"
}

generation_is() {
	[ "$(curl_a 10 --fail "$URL/generation")" = "$1" ]
}

# A new master is a child of the old one, too.
workers_of() {
	pgrep -P "$1" -f "worker process"
}

both_workers_work() {
	[ "$(cut -d' ' -f1 "$TMP/front.log" | sort -u | wc -l)" = 2 ]
}

reload() {
	local master worker old
	master=$(cat "$TMP/nginx.pid")
	mapfile -t old < <(workers_of "$master")
	write_conf 2
	kill -HUP "$master"
	wait_until 10 "answers of the new generation" generation_is 2
	wait_served load 20
	for worker in "${old[@]}"; do
		wait_until 15 "end of old worker $worker" is_gone "$worker"
	done
	wait_served load 20
	ok "reload: new workers serve, the old ones are gone"
}

new_master_is_there() {
	[ -s "$TMP/nginx.pid" ] && [ -s "$TMP/nginx.pid.oldbin" ] && [ "$(cat "$TMP/nginx.pid")" != "$1" ] &&
		[ -n "$(workers_of "$(cat "$TMP/nginx.pid")")" ]
}

has_no_workers() {
	[ -z "$(workers_of "$1")" ]
}

upgrade() {
	local old
	old=$(cat "$TMP/nginx.pid")
	write_conf 3
	kill -USR2 "$old"
	wait_until 10 "a new master" new_master_is_there "$old"
	wait_served load 20
	kill -WINCH "$old"
	wait_until 15 "end of the old workers" has_no_workers "$old"
	wait_served load 20
	generation_is 3 || fail "the old generation still answers"
	kill -QUIT "$old"
	wait_until 15 "end of the old master" is_gone "$old"
	wait_served load 20
	ok "new binary: the new master serves, the old one is gone"
}

# A pool of connections to what is behind: far fewer connections than requests.
proxy_with_pool() {
	local i connections
	for i in {1..4}; do
		fetch_back "$i"
	done
	for i in {1..20}; do
		curl_a 10 --fail -o "$TMP/fetched" "$URL/back/small?$i" || fail "proxied request $i"
		expect_same "$TMP/www/small" "$TMP/fetched" "proxied request $i"
	done
	connections=$(cut -d' ' -f1 "$BACK_LOG" | sort -u | wc -l)
	expect_between 1 "$connections" 8 "connections to the server behind, for 24 requests"
	ok "proxy_pass: 24 requests over $connections connections"
}

fetch_back() {
	curl_a 20 --fail -o "$TMP/fetched" "$URL/back/page?$1" || fail "proxied page $1: curl's exit $?"
	expect_same "$TMP/www/page" "$TMP/fetched" "proxied page $1"
}

proxy_of_streams() {
	FROM=http://$B4:8082 fetch 20 page
	FROM=http://$B4:8082 fetch 10 small
}

make_page page 2000000
make_page small 3000
link_up --delay 5ms --loss 1% --seed 21

section "reload and new binary under load"
start_daemon
start_load load "$URL/small" "$TMP/www/small" 4
wait_until 20 "both workers to serve" both_workers_work
reload
upgrade
end_load load

section "nginx as a proxy"
proxy_with_pool
[ -z "$(stream_module)" ] || proxy_of_streams
kill -QUIT "$(cat "$TMP/nginx.pid")"
wait_not_listening b "$PORT"
prove_udp 8000000
link_down
