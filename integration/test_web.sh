#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# IRC over WebSocket: clients of both subprotocols beside one over TCP, over TLS, over rudp on a link that loses
# packets; what a stranger sends is refused; sessions go on in the next process of a hand-over.
#
#     a: web_line.py, nc, curl ──── linkem ──── b: apollonion
#
# Takes 15 s.

# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/talk.sh
. "$HERE/lib/talk.sh"

TCP_MEANT= # lib.sh asks
export TCP_MEANT
PORT=6667 WEB_PORT=8067 WEB_TLS_PORT=8443
WEB=(python3 "$HERE/lib/web_line.py")

write_config() {
	cat >"$TMP/conf" <<-EOT
		[server]
		name = irc.test
		network = Test
		metrics = $TMP/metrics
		drain = 2s
		[listen]
		plain = $PORT
		certificate = $TMP/cert.pem
		key = $TMP/key.pem
		[web]
		plain = $WEB_PORT
		tls = $WEB_TLS_PORT
		host = chat.test
		origin = https://page.test
		[limits]
		per-address = 100
		connects = 10000
		registration-time = $1
		[flood]
		burst = $2
	EOT
}

counter() {
	curl -s --unix-socket "$TMP/metrics" http://localhost/metrics | awk -v name="apollonion_$1" '$1 == name { print $2 }'
}

counter_is() {
	[ "$(counter "$1")" = "$2" ]
}

# join HOW NAME OPTION...: a client over WebSocket.
join() {
	local how=$1 name=$2 port=$WEB_PORT
	shift 2
	[[ " $* " != *" --tls "* ]] || port=$WEB_TLS_PORT
	register "$how" "$name" "${WEB[@]}" "$@" "$B4" "$port"
}

lines_cross() {
	say wanda "PRIVMSG #hall :from the web, $1"
	hears nick "^:wanda!\S+ PRIVMSG #hall :from the web, $1"
	say nick "PRIVMSG #hall :from TCP, $1"
	hears wanda "^:nick!\S+ PRIVMSG #hall :from TCP, $1"
}

both_ways() {
	section "clients of TCP and of both subprotocols, over $1"
	register "$1" nick
	join "$1" wanda
	join "$1" bill --binary
	lines_cross "$1"
	hears bill "^:wanda!\S+ PRIVMSG #hall :from the web, $1"
	say wanda "/fragments PRIVMSG #hall :in parts äöü"
	hears nick 'PRIVMSG #hall :in parts äöü'
	say wanda "/ping are you there"
	hears wanda '^\* pong are you there'
	leave bill
	hears wanda '^:bill!\S+ QUIT'
	say wanda "/close"
	hears wanda '^\* close 1000'
	hears wanda '^\* end'
	hears nick '^:wanda!\S+ QUIT :Connection closed'
	drop wanda
	leave nick
	ok "lines cross"
}

# expect_status STATUS CURL-ARGUMENT...
expect_status() {
	local wanted=$1
	shift
	expect_eq "$(in_a curl -s -o "$TMP/body" -D "$TMP/head" -w '%{http_code}' --max-time $((20 * PATIENCE)) "$@")" "$wanted" "status of $*"
}

in_a() {
	launch_plain asked a "$@"
	finish asked 30
	cat "$TMP/asked.out"
}

requests() {
	local url=http://$B4:$WEB_PORT
	section "requests of HTTP"
	expect_status 200 "$url/"
	expect_match "$TMP/head" "Content-Security-Policy: default-src 'none'; script-src 'self'" "the policy"
	expect_match "$TMP/body" '<html' "the page"
	expect_status 200 "$url/app.js"
	expect_match "$TMP/head" 'Content-Type: text/javascript' "the type of the script"
	expect_status 200 -H 'Host: chat.test' "$url/"
	expect_status 421 -H 'Host: evil.test' "$url/"
	expect_status 404 "$url/../../etc/passwd" --path-as-is
	expect_status 405 -X DELETE "$url/"
	expect_status 400 -d 'a=b' "$url/"
	expect_status 431 -H "X: $(printf '%09000d' 0)" "$url/"
	expect_status 200 -k "https://$B4:$WEB_TLS_PORT/"
	talk launch_plain mallory "${WEB[@]}" --origin https://evil.test "$B4" "$WEB_PORT"
	hears mallory '^\* status 403'
	drop mallory
	join launch_plain paige --origin https://page.test
	leave paige
	ok "strangers are refused"
}

client_lines() {
	section "the lines and the login of the web client"
	cp "$HERE/../conversation/web/client/irc.js" "$TMP/irc.mjs"
	cp "$HERE/../conversation/web/client/scram.js" "$TMP/scram.mjs"
	launch_plain lines a node "$HERE/lib/web_client.mjs" "$TMP/irc.mjs" "$TMP/scram.mjs"
	finish lines 30
	[ "$STATUS" = 0 ] || fail "$(cat "$TMP/lines.err")"
	ok "are parsed, written and cut; SCRAM follows its example"
}

violations() {
	section "violations of the protocol"
	join launch_plain vera
	say vera "/bytes 505249564d534720236120ff"
	hears vera '^ERROR :Closing Link.*WebSocket message is not UTF-8'
	hears vera '^\* close 1007'
	drop vera
	join launch_plain vera
	say vera "/huge 6000"
	hears vera ' 417 '
	say vera "/huge 9000"
	hears vera '^\* close 1009'
	drop vera
	join launch_plain vera
	say vera "/bytes 50494e47206f6e650a50494e472074776f"
	hears vera '^\* close 1008'
	drop vera
	ok "each has its close code"
}

slow_and_many() {
	local gone
	section "clients that say nothing, and one that says too much"
	end_server
	write_config 2s off
	serve
	gone=$(counter worker_tls_failed_total)
	talk launch_plain sloth nc "$B4" "$WEB_PORT"
	printf 'GET / HTTP/1.1\r\nHost: ' >&"${PEN[sloth]}"
	wait_until 20 "the slow request is given up" counter_is worker_tls_failed_total $((gone + 1))
	drop sloth
	end_server
	write_config 30s 10s
	serve
	join launch_plain flo
	for n in {1..100}; do
		say flo "PRIVMSG #hall :$n $(printf '%0300d' 0)"
	done
	hears flo 'Excess Flood'
	hears flo '^\* end'
	drop flo
	ok "the same limits as over TCP"
}

hand_over() {
	local before=${PID[server]}
	section "a hand-over"
	end_server
	write_config 30s off
	serve
	before=${PID[server]}
	register launch_plain nick
	join launch_plain wanda
	join launch_plain tess --tls
	lines_cross before
	kill -USR2 "$before"
	wait_until 60 "the next process has taken over" grep -qs ' taken over ' "$TMP/server.err"
	hears tess '^ERROR .*please connect again'
	hears tess '^\* close 1001'
	drop tess
	lines_cross after
	hears_not wanda '^\* end'
	join launch_plain zoe
	leave zoe wanda nick
	kill -TERM "$(sed -n 's/.* taken over pid=\([0-9]*\) .*/\1/p' "$TMP/server.err")"
	finish server 20
	ok "WebSocket without TLS continues, with TLS is told to come again"
}

over_rudp() {
	section "over rudp"
	link_up --delay 5ms --loss 2% --seed 3
	rm -f "$TMP/server.err"
	launch server b "$BUILD/apollonion" --config "$TMP/conf"
	wait_until 10 "the server listens" grep -qs ' serving ' "$TMP/server.err"
	wait_listening b "$WEB_PORT"
	both_ways launch
	prove_udp 1000
	end_server
	link_down
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$TMP/key.pem" \
	-out "$TMP/cert.pem" -days 2 -subj /CN=irc.test 2>/dev/null
chmod 600 "$TMP/key.pem"
write_config 30s off
TCP_MEANT=1
link_up --delay 1ms
serve
both_ways launch_plain
requests
client_lines
violations
slow_and_many
hand_over
link_down
TCP_MEANT=
over_rudp

