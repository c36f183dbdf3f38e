#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# TCP is always there: a program under the shim and one without it, both ways; and what it costs to
# find out.
#
#     a: one of them ──── linkem: 20 ms ──── b: the other
#
# Takes 30 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

TCP_MEANT=1
HEAD_START_MS=250
SLACK_MS=300 # by our own clock
SLACK_LEAST_MS=150 # less than a head start
# Without a key; what is said about one has a key of its own.
SETTINGS=(RUDP_KEY_FILE=)
THREADS=${RUDP_TEST_ENGINE:-process}

# What has been learnt of a destination must not tell of another server.
next_port() {
	PORT=$((PORT + 1))
	set_urls
}

# The least says what it takes, as the processors that others take from us make it only longer.
least() {
	cut -d' ' -f1 | sort -n | head -n 1
}

# connects HOW HOST PORT COUNT: one line each, of the milliseconds, how many by our own clock, and the errno.
# HOW is under or on.
connects() {
	"$1" a python3 "$HERE/lib/connect_time.py" "$TMP/own-clock" "$2" "$3" "$4" 9
}

# costs WHAT FIRST_MIN FIRST_MAX: the first connect, and then those that remember it.
costs() {
	local plain first rest
	plain=$(connects on "$B4" "$PORT" 9 | least)
	connects under "$B4" "$PORT" 10 >"$TMP/times"
	read -r TOOK TOOK_OWN _ <"$TMP/times"
	first=$TOOK
	rest=$(tail -n +2 "$TMP/times" | least)
	expect_took $((plain + $2)) $((plain + $3)) "of the first connect, $1 (TCP: $plain)"
	if [ "$THREADS" = process ]; then
		expect_between 0 "$rest" $((plain + SLACK_LEAST_MS)) "$1: ms of the others (TCP: $plain)"
	fi
	ok "$1: TCP alone $plain ms; under the shim $first ms, from then on $rest ms"
}

# both_ways LISTENS CALLS: half close, reset, the urgent byte, with the addresses as they are.
both_ways() {
	meets "$1" "$2" answer send
	expect_eq "$(sed -n 3p "$TMP/server.out")" "$SENT end" "what the server got"
	expect_eq "$(sed -n 2p "$TMP/client.out")" "$SENT end" "what the client got"
	ok "half close: $SENT_BYTES bytes each way, end of file"
	meets "$1" "$2" reset look
	expect_match "$TMP/client.out" "^0 .* reset$" "the caller of one that resets"
	meets "$1" "$2" look reset
	expect_match "$TMP/server.out" "^0 .* reset$" "the one called by one that resets"
	ok "a reset is a reset, either way"
	meets "$1" "$2" flood late
	came_before_reset server client
	meets "$1" "$2" late flood
	came_before_reset client server
	ok "who writes learns of it at once, who reads when all that came before has been read"
	meets "$1" "$2" urgent_look urgent
	expect_match "$TMP/server.out" "^urgent seen before!after$" "urgent byte"
	meets "$1" "$2" urgent urgent_look
	expect_match "$TMP/client.out" "^urgent seen before!after$" "urgent byte"
	ok "an urgent byte is urgent, either way"
}

# came_before_reset WHO-RESETS WHO-READS
came_before_reset() {
	local acknowledged got
	acknowledged=$(awk '/^acknowledged/ { print $2 }' "$TMP/$1.out")
	got=$(awk '/^got/ { print $2 }' "$TMP/$2.out")
	[ "${got:-0}" -ge "${acknowledged:?}" ] || fail "the $2 got ${got:-nothing} of $acknowledged bytes"
}

# meets LISTENS CALLS SERVER'S-THING CLIENT'S-THING
meets() {
	: >"$TMP/server.out"
	"$1" server b python3 -u "$HERE/lib/ends.py" listen "$B4" "$PORT" "$3" "$TMP/file"
	wait_until 10 "server" grep -q listening "$TMP/server.out"
	"$2" client a python3 -u "$HERE/lib/ends.py" call "$B4" "$PORT" "$4" "$TMP/file"
	finish client 20
	finish server 20
	expect_eq "$(sed -n 2p "$TMP/server.out")" "peer $A4" "the peer that the server sees"
	expect_eq "$(sed -n 1p "$TMP/client.out")" "peer $B4" "the peer that the client sees"
}

plain_server() {
	section "a server without rudp"
	launch_plain server b python3 -m http.server --bind "$B4" --directory "$TMP" "$PORT"
	wait_listening_plain b "$PORT"
	costs "UDP refused" -5 $((HEAD_START_MS + SLACK_MS))
	fetch_from_plain
	stop server
	both_ways launch_plain launch
}

fetch_from_plain() {
	curl_a 20 --fail -o "$TMP/fetched" "$URL/file" || fail "curl from a plain server: exit $?"
	expect_same "$TMP/file" "$TMP/fetched" "page of a plain server"
	expect_eq "$(count '*.delivered.tcp.payload_bytes' | wc -l)" 1 "a count"
	[ "$(link_sum ba.delivered.tcp.payload_bytes)" -gt "$SENT_BYTES" ] || fail "it did not come over TCP"
	ok "curl fetches from it over TCP"
}

filtered() {
	section "a server behind a firewall that swallows UDP"
	next_port
	link_up --delay 20ms --drop udp
	launch server b python3 -m http.server --bind "$B4" --directory "$TMP" "$PORT"
	wait_listening_plain b "$PORT"
	costs "UDP swallowed" $((HEAD_START_MS - 5)) $((HEAD_START_MS + SLACK_MS))
	stop server
}

nobody() {
	local plain shimmed
	section "nobody there"
	link_up --delay 20ms
	plain=$(connects on "$B4" 7 1)
	shimmed=$(connects under "$B4" 7 1)
	fails_as "$plain" "$shimmed" $((${plain%% *} + HEAD_START_MS + SLACK_MS)) "a closed port"
	on a ip route add unreachable 10.78.0.0/24
	plain=$(connects on 10.78.0.1 80 1)
	shimmed=$(connects under 10.78.0.1 80 1)
	fails_as "$plain" "$shimmed" $((HEAD_START_MS - 50)) "a host without a route"
	link_up --delay 20ms --ba-drop tcp,udp,icmp
	SETTINGS+=(RUDP_CONNECT_TIMEOUT=2)
	shimmed=$(connects under "$B4" 80 1)
	SETTINGS=(RUDP_KEY_FILE=)
	read -r TOOK TOOK_OWN _ <<<"$shimmed"
	expect_took 1950 15000 "until given up"
	expect_eq "${shimmed##* }" ETIMEDOUT "error of a filtered host"
	ok "filtered host: $shimmed with a limit of 2 s"
}

# fails_as TCP'S UNDER-THE-SHIM MOST_MS WHAT: lines of connects.
fails_as() {
	expect_eq "${2##* }" "${1##* }" "error of $4"
	read -r TOOK TOOK_OWN _ <<<"$2"
	expect_took 0 "$3" "until refused by $4"
	ok "$4: TCP $1, under the shim $2"
}

plain_client() {
	section "a client without rudp"
	next_port
	link_up --delay 5ms
	both_ways launch launch_plain
	[ -n "$PLAIN" ] || [ "$THREADS" = thread ] || engine_is_killed
	workers_leave
	section "nginx, and both kinds of client at once"
	start_nginx
	fetch 10 page
	on a curl -sS --fail --max-time $((10 * PATIENCE)) -o "$TMP/plain" "$URL/page" || fail "plain curl: exit $?"
	expect_same "$TMP/www/page" "$TMP/plain" "page for a plain client"
	on a curl -sS --fail --max-time $((10 * PATIENCE)) -o "$TMP/plain" "$URL6/page" || fail "plain curl, IPv6: exit $?"
	expect_same "$TMP/www/page" "$TMP/plain" "page for a plain client over IPv6"
	wait_until 5 "requests with the callers' addresses in the log" has_logged 2 1
	many_plain
	stop_server nginx
	wait_until 5 "refusal of plain clients" refused_plain
	ok "one port for both; closed for both afterwards"
}

# has_logged COUNT COUNT: so many requests of the caller's IPv4 and IPv6 address. nginx writes them after its answers.
has_logged() {
	[ "$(grep -c "^$A4 " "$TMP/nginx-access.log")" = "$1" ] && [ "$(grep -c "^$A6 " "$TMP/nginx-access.log")" = "$2" ]
}

many_plain() {
	local i arguments=()
	for i in {1..50}; do
		arguments+=(-o "$TMP/many-$i" "$URL/page?$i")
	done
	on a curl -sS --fail --max-time $((30 * PATIENCE)) --parallel --parallel-immediate --parallel-max 50 \
		"${arguments[@]}" 2>/dev/null || fail "50 plain clients at once: curl's exit $?"
	for i in {1..50}; do
		expect_same "$TMP/www/page" "$TMP/many-$i" "plain transfer $i"
	done
	ok "50 plain connections at once"
}

# Workers that close their listeners, as nobody tells the engine; the calls come at once.
workers_leave() {
	: >"$TMP/workers.out"
	launch workers b python3 -u "$HERE/lib/workers.py" serve "$B4" "$PORT"
	wait_until 10 "eight listeners" grep -q ready "$TMP/workers.out"
	on a python3 "$HERE/lib/workers.py" call "$B4" "$PORT" "${PID[workers]}" "$TMP/workers.out" \
		2>"$TMP/call.err" || fail "when workers leave: $(tail -n 1 "$TMP/call.err")"
	stop workers
	# The kernel chooses a listener by a hash of the addresses, rudp takes them in turn.
	[ -n "$PLAIN" ] ||
		expect_eq "$(sed -n 's/^left //p' "$TMP/workers.out" | head -n 1)" 2 "connections of one worker, of 16 of eight"
	ok "seven workers of eight leave: every plain call is served by those that stay"
}

# What has come so far must not look like all there is.
engine_is_killed() {
	meets_begin
	kill -KILL "$(engine_of b)"
	finish client 10
	expect_match "$TMP/client.out" "^[01] .* reset$" "a plain client whose server's engine is killed"
	finish server 10
	expect_match "$TMP/server.out" "^[01] .* reset$" "its server"
	ok "an engine that is killed: reset on both sides"
}

meets_begin() {
	: >"$TMP/server.out"
	: >"$TMP/client.out"
	launch server b python3 -u "$HERE/lib/ends.py" listen "$B4" "$PORT" look
	wait_until 10 "server" grep -q listening "$TMP/server.out"
	launch_plain client a python3 -u "$HERE/lib/ends.py" call "$B4" "$PORT" look
	wait_until 10 "the server's connection" grep -q peer "$TMP/server.out"
	wait_until 10 "the client's connection" grep -q peer "$TMP/client.out"
}

refused_plain() {
	! on a curl -s --max-time $((5 * PATIENCE)) -o /dev/null "$URL/page"
}

with_a_key() {
	section "with a key"
	next_port
	SETTINGS=()
	start_nginx
	STATUS=0
	on a curl -s --max-time $((5 * PATIENCE)) -o /dev/null "$URL/page" || STATUS=$?
	expect_eq "$STATUS" 7 "exit code of a plain curl"
	fetch 10 page
	stop_server nginx
	launch_plain server b python3 -m http.server --bind "$B4" --directory "$TMP" "$PORT"
	wait_listening_plain b "$PORT"
	STATUS=0
	curl_a 5 -o "$TMP/fetched" "$URL/file" || STATUS=$?
	expect_eq "$STATUS" 7 "exit code of curl at a plain server"
	stop server
	SETTINGS=(RUDP_KEY_FILE=)
	ok "no clear text: plain peers are refused, either way"
}

# logged SIDE TEXT: the engine has said so.
logged() {
	grep -qF -- "$2" "$TMP/engine-$1.log"
}

rules_for_callers() {
	section "rules of RUDP_POLICY and a file, for those who call"
	next_port
	start_nginx
	SETTINGS+=("RUDP_POLICY=connect port $PORT program curl use tcp")
	fetch 10 page
	logged a "is left to kernel TCP: RUDP_POLICY:1" || fail "no line about the rule"
	ok "curl is left to kernel TCP"
	SETTINGS=("RUDP_POLICY_FILE=$TMP/policy" "RUDP_KEY_FILE=$TMP/other")
	make_key other
	printf '# this network is ours\nconnect to 10.77.0.0/24 use auto\nconnect use rudp\n' >"$TMP/policy"
	fetch 10 page
	logged a "over tcp: the peer refused UDP" || fail "a rule should allow TCP although there is a key"
	ok "with another key: TCP where the file allows it"
	printf '\nconnect to 10.77.0.0/33 use auto\n' >"$TMP/policy"
	SETTINGS=("RUDP_POLICY_FILE=$TMP/policy" RUDP_KEY_FILE= "RUDP_LOG=error:$TMP/wrong.log")
	fetch 10 page
	grep -qF "$TMP/policy:2:" "$TMP/wrong.log" || fail "no line and column about a wrong rule"
	ok "a wrong rule: kernel TCP, and the log says $(grep -oE "policy:2:[0-9]+" "$TMP/wrong.log" | head -n 1)"
	# By another name: the engine of the other key may still be there, and keeps what it had.
	cp "$TMP/policy" "$TMP/wrong"
	SETTINGS=("RUDP_POLICY_FILE=$TMP/wrong" "RUDP_KEY_FILE=$TMP/other")
	! curl_a 10 --fail -o "$TMP/fetched" "$URL/page" || fail "in clear, although there is a key and a wrong rule"
	ok "a wrong rule and a key: nothing goes out"
	rules_that_change
	SETTINGS=(RUDP_KEY_FILE=)
	stop_server nginx
}

# An engine in a thread lives no longer than one curl.
rules_that_change() {
	[ "$THREADS" = process ] || return 0
	SETTINGS=("RUDP_POLICY_FILE=$TMP/changing" RUDP_KEY_FILE=)
	: >"$TMP/changing"
	fetch 10 page
	printf 'connect use tcp\n' >"$TMP/changing"
	wait_until 10 "the new rule" fetches_by_new_rule
	logged a "policy: 0 rules in RUDP_POLICY, 1 rule in $TMP/changing" || fail "no line about the new rules"
	printf 'connect use udp\n' >"$TMP/changing"
	wait_until 10 "the complaint" fetches_in_spite_of_wrong_rule
	ok "an engine that runs takes new rules, and keeps them when the file becomes wrong"
}

fetches_by_new_rule() {
	fetch 10 page && logged a "is left to kernel TCP: $TMP/changing:1"
}

fetches_in_spite_of_wrong_rule() {
	fetch 10 page && logged a "policy: $TMP/changing:1:13: found 'udp'"
}

# listens_as RULE: what side b then has open on the port.
listens_as() {
	SETTINGS=(RUDP_KEY_FILE= "RUDP_POLICY=$1")
	launch server b python3 -m http.server --bind "$B4" --directory "$TMP/www" "$PORT"
	wait_until 10 "a port" has_port
	OPEN=$(on b ss -Hltn "sport = :$PORT" | wc -l)tcp$(on b ss -Hlun "sport = :$PORT" | wc -l)udp
}

has_port() {
	[ -n "$(on b ss -Hltun "sport = :$PORT")" ]
}

stop_quietly() {
	stop server
	wait_until 10 "end of the port" port_is_free
}

port_is_free() {
	! has_port
}

rules_for_listeners() {
	section "rules for those who listen"
	next_port
	listens_as "listen port $PORT use rudp"
	expect_eq "$OPEN" 0tcp1udp "open for rudp alone"
	refused_plain || fail "a plain client should be refused"
	fetch 10 page
	stop_quietly
	ok "rudp alone"
	next_port
	listens_as "listen on 10.77.0.2 program python* use tcp; any use rudp"
	on a curl -sS --fail --max-time $((10 * PATIENCE)) -o "$TMP/plain" "$URL/page" || fail "plain curl: exit $?"
	expect_same "$TMP/www/page" "$TMP/plain" "page for a plain client"
	SETTINGS=(RUDP_KEY_FILE= "RUDP_POLICY=connect use rudp")
	STATUS=0
	curl_a 10 -o "$TMP/fetched" "$URL/page" || STATUS=$?
	expect_eq "$STATUS" 7 "exit code of curl over rudp alone"
	stop_quietly
	ok "plain TCP alone"
}

# activated RULES ARGUMENT...: a service on side b that gets its listener ready-made. KEY_FILE: its key.
activated() {
	local rules=$1
	shift
	: >"$TMP/service.out"
	PLAIN=1 launch service b env -u LD_PRELOAD "RUDP_POLICY=$rules" \
		"RUDP_ENGINE_PATH=$BUILD/rudp-engine" "RUDP_LOG=info:$TMP/engine-b.log" \
		"RUDP_KEY_FILE=${KEY_FILE:-}" "RUDP_ENGINE=$THREADS" python3 "$HERE/lib/activate.py" "$B4" "$PORT" \
		"$BUILD/librudp_shim.so" python3 -u "$HERE/lib/activated.py" "$@"
}

# asks HOW ANSWER
asks() {
	expect_eq "$(echo hello | "$1" a nc.openbsd -w $((5 * PATIENCE)) "$B4" "$PORT")" "hello $A4" "answer, caller $1"
}

listeners_of_a_service_manager() {
	section "a listener that came with the program (LISTEN_FDS)"
	SETTINGS=(RUDP_KEY_FILE=)
	next_port
	activated ""
	wait_listening_plain b "$PORT"
	asks on
	asks under
	logged a "$B4:$PORT over tcp: the peer refused UDP" || fail "without a rule it should be left alone"
	expect_match "$TMP/service.out" "^blocking at $PORT" "what the service sees of its socket"
	stop service
	ok "is left alone"
	next_port
	activated "listen use auto" --poll
	wait_until 10 "the listener taken" logged b "listens on $B4:$PORT for rudp and plain TCP"
	asks under
	logged a "$B4:$PORT over rudp" || fail "with a rule it should serve rudp"
	asks on
	expect_match "$TMP/service.out" "^blocking at $PORT" "what the service sees of its socket"
	stop service
	ok "unless a rule takes it: then it serves both, and was polled before it was asked"
}

# plain_errno: of a plain TCP client of the service.
plain_errno() {
	on a python3 - "$B4" "$PORT" <<-'EOF'
		import socket
		import sys
		try:
		    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as peer:
		        print("got", peer.recv(1))
		except OSError as error:
		    print(error.strerror)
	EOF
}

a_key_forbids_plain_tcp() {
	section "a listener that came with the program, and a key"
	SETTINGS=()
	next_port
	KEY_FILE=$TMP/key activated ""
	wait_until 10 "the listener taken" logged b "listens on $B4:$PORT for rudp"
	expect_eq "$(plain_errno)" "Connection reset by peer" "errno of a plain TCP client"
	asks under
	expect_match "$TMP/service.out" "^blocking at $PORT" "what the service sees of its socket"
	stop service
	ok "it serves rudp alone; plain TCP is reset"
	next_port
	launch holder b nc.openbsd -u -l "$B4" "$PORT"
	wait_until 10 "the UDP port taken" udp_port_of_another
	KEY_FILE=$TMP/key activated ""
	finish service 10
	expect_match "$TMP/service.err" "Invalid argument" "what accept() says"
	logged b "cannot serve $B4:$PORT, which came with the program, over rudp (Address already in use)" ||
		fail "the log should say why"
	expect_eq "$(plain_errno)" "Connection refused" "errno of a plain TCP client"
	stop holder
	ok "if rudp cannot serve it, nothing does"
}

udp_port_of_another() {
	[ -n "$(on b ss -Huln "sport = :$PORT")" ]
}

# What is not acknowledged yet would be sent again over the next link.
no_tcp_left() {
	[ -z "$(on a ss -Htn state connected exclude time-wait)$(on b ss -Htn state connected exclude time-wait)" ]
}

# The section before has closed, but who closes first keeps its port for half a second.
no_port_left() {
	[ -z "$(on b ss -Hlun)" ]
}

fixed_port() {
	section "a fixed UDP port"
	next_port
	wait_until 20 "the end of all TCP" no_tcp_left
	wait_until 20 "the end of the last UDP port" no_port_left
	link_up --delay 5ms
	SETTINGS=(RUDP_KEY_FILE= "RUDP_POLICY=any use rudp; set udp-port 4500")
	start_two_servers
	expect_eq "$(on b ss -Hlun | awk '{print $4}' | sort | paste -sd' ')" "$B4:4500" "UDP ports of side b"
	fetch 10 page
	FROM=http://$B4:$((PORT + 1)) fetch 10 page
	expect_eq "$(count '*.sent.tcp.payload_bytes')" 0 "TCP payload"
	stop server
	stop server2
	SETTINGS=(RUDP_KEY_FILE=)
	ok "two servers, one UDP port"
}

start_two_servers() {
	launch server b python3 -m http.server --bind "$B4" --directory "$TMP/www" "$PORT"
	launch server2 b python3 -m http.server --bind "$B4" --directory "$TMP/www" "$((PORT + 1))"
	wait_until 10 "both servers" has_two
}

has_two() {
	[ "$(grep -c "listens on $B4:\($PORT\|$((PORT + 1))\) for" "$TMP/engine-b.log")" = 2 ]
}

make_file file 3000000
make_page page 200000
SENT_BYTES=$(stat -c %s "$TMP/file")
SENT="$SENT_BYTES $(sha256sum <"$TMP/file" | cut -d' ' -f1)"
link_up --delay 20ms
start_own_clock
plain_server
if [ -z "$PLAIN" ]; then
	filtered
	nobody
fi
plain_client
if [ -z "$PLAIN" ]; then
	with_a_key
	rules_for_callers
	rules_for_listeners
	listeners_of_a_service_manager
	a_key_forbids_plain_tcp
	# Two engines cannot have one port.
	[ "$THREADS" = thread ] || fixed_port
fi
link_down
