#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs that are killed, interrupted or gone right after their last write. The other side learns it
# at once, and never takes a part for the whole.
#
#     a: curl, nc ──── linkem: 10 ms, 100 Mbit/s ──── b: python3 -m http.server, nginx, nc
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Some tens of milliseconds where nobody else works. Who is not told waits until curl gives up.
AT_ONCE_MS=5000
WITHOUT_A_WORD_S=$((30 * PATIENCE))

mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"

begin_download() {
	rm -f "$TMP/part"
	launch curl a curl -sS -o "$TMP/part" --max-time "$WITHOUT_A_WORD_S" "$URL/page" 8<&-
	wait_until 10 "the transfer to be under way" has_bytes "$TMP/part" 1000000
}

# ends_at_once NAME COMMAND...: after the command.
ends_at_once() {
	local name=$1
	shift
	begin_to_measure
	"$@"
	finish "$name" 10
	measure_to_here
	expect_took 0 "$AT_ONCE_MS" "until $name has noticed"
}

expect_curl_failed() {
	[ "$STATUS" = 18 ] || [ "$STATUS" = 56 ] || fail "curl's exit code is $STATUS, should be 18 or 56: $1"
	ok "$1: curl fails (exit $STATUS) after $TOOK ms"
}

server_is_killed() {
	start_python "$B4"
	begin_download
	ends_at_once curl send KILL python
	expect_curl_failed "server killed"
	reap python
	wait_not_listening b "$PORT"
}

worker_is_killed() {
	local workers
	start_nginx
	begin_download
	mapfile -t workers < <(ps -o pid= --ppid "${PID[nginx]}")
	ends_at_once curl kill -KILL "${workers[@]}"
	expect_curl_failed "nginx's workers killed"
	fetch 20 small
	stop_server nginx
}

# A server that would send for a long time learns that its peer has gone.
caller_is_ended_by() {
	launch server b nc.openbsd -N -l "$PORT" <"$TMP/www/page" 8<&-
	wait_listening b "$PORT"
	launch client a nc.openbsd -d "$B4" "$PORT" 8<&-
	wait_until 10 "the transfer to be under way" has_bytes "$TMP/client.out" 1000000
	ends_at_once server send "$1" client
	ok "receiver ended by SIG$1: the sender notices after $TOOK ms (exit $STATUS)"
	finish client 5
	wait_not_listening b "$PORT"
}

# The kernel closes the sockets of a killed sender in order: the receiver sees what had been written,
# then end of file. So it is with rudp.
sender_is_killed() {
	launch server b nc.openbsd -l "$PORT" <"$TMP/silence" 8<&-
	wait_listening b "$PORT"
	launch client a nc.openbsd -N "$B4" "$PORT" <"$TMP/www/page" 8<&-
	wait_until 10 "the transfer to be under way" has_bytes "$TMP/server.out" 1000000
	ends_at_once server send KILL client
	reap client
	expect_eq "$STATUS" 137 "status of the killed sender"
	cmp -n "$(stat -c %s "$TMP/server.out")" "$TMP/www/page" "$TMP/server.out" ||
		fail "the receiver got something that was never sent"
	ok "sender killed: the receiver sees the end after $TOOK ms, $(stat -c %s "$TMP/server.out") right bytes"
	wait_not_listening b "$PORT"
}

curl_is_interrupted() {
	start_nginx
	begin_download
	begin_to_measure
	send INT curl
	wait_until 10 "the broken request in the access log" grep -q ' /page ' "$TMP/nginx-access.log"
	measure_to_here
	expect_took 0 "$AT_ONCE_MS" "until the server has noticed"
	finish curl 5
	expect_between 1000000 "$(awk '/ \/page /{print $10}' "$TMP/nginx-access.log" | tail -n 1)" 49999999 \
		"bytes that the server has sent"
	ok "Ctrl-C of curl: the server sees it at once"
	stop_server nginx
}

exit_after_write() {
	launch server b nc.openbsd -l "$PORT" <"$TMP/silence" 8<&-
	wait_listening b "$PORT"
	launch client a python3 "$HERE/lib/exit_after_write.py" "$B4" "$PORT" "$TMP/www/small" 8<&-
	finish client 20
	expect_eq "$STATUS" 0 "exit code of the writer"
	finish server 20
	expect_same "$TMP/www/small" "$TMP/server.out" "written just before the exit"
	ok "exit right after write: all $(stat -c %s "$TMP/www/small") bytes arrive"
	wait_not_listening b "$PORT"
}

engine_pids() {
	local pid
	for pid in $(ip netns pids "$(netns_of "$1")"); do
		if grep -q '^rudp-engine' "/proc/$pid/comm" 2>/dev/null; then
			echo "$pid"
		fi
	done
}

# Not even then may a part look like the whole; and a listener stays, with the same key.
engine_is_killed() {
	local pids
	start_nginx
	begin_download
	mapfile -t pids < <(engine_pids "$1")
	[ ${#pids[@]} -gt 0 ] || fail "there is no engine on side $1"
	if [ "$1" = a ]; then
		ends_at_once curl kill -KILL "${pids[@]}"
		expect_curl_failed "the caller's engine killed"
		fetch 20 small
	else
		kill -KILL "${pids[@]}"
		send TERM curl
		finish curl 5
	fi
	fetch 20 small
	ok "after the engine of side $1 has been killed, another one serves the same nginx"
	stop_server nginx
}

# retire SIDE: asks all its engines to end, twice, as service managers do; in PIDS.
retire() {
	local pid
	mapfile -t PIDS < <(engine_pids "$1")
	[ ${#PIDS[@]} -gt 0 ] || fail "there is no engine on side $1"
	for pid in "${PIDS[@]}" "${PIDS[@]}"; do
		kill -TERM "$pid"
		wait_until 5 "the engine to take the signal" has_no_pending_signal "$pid"
	done
}

has_no_pending_signal() {
	grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$1/status"
}

# What a program had written before it ended reaches a reader who is slow, as with kernel TCP.
engine_is_asked_to_end_with_bytes_to_deliver() {
	# The reader reads on when there is a line in the pipe.
	launch server b bash -c "nc.openbsd -d -l $PORT | { read -r <&7; cat; }" 7<&8 8<&-
	wait_listening b "$PORT"
	launch client a python3 "$HERE/lib/exit_after_write.py" "$B4" "$PORT" "$TMP/www/slow" 8<&-
	finish client 20
	expect_eq "$STATUS" 0 "exit code of the writer"
	retire a
	! is_gone "${PIDS[0]}" || fail "the engine did not wait for the reader"
	echo >&8
	finish server 20
	expect_same "$TMP/www/slow" "$TMP/server.out" "what the program had written"
	wait_until 20 "the engine to end" is_gone "${PIDS[0]}"
	ok "an engine that is asked to end delivers first: all $(stat -c %s "$TMP/www/slow") bytes arrive"
	wait_not_listening b "$PORT"
}

# The port is the old engine's still.
server_again() {
	local PORT=$((PORT + 1))
	local URL="http://$B4:$PORT"
	start_python "$B4"
	fetch 20 small
	stop_server python
}

# Its programs live: they keep what they have, and begin again elsewhere.
engine_is_asked_to_end_with_programs_that_live() {
	launch server b python3 "$HERE/lib/ends.py" listen "$B4" "$PORT" look
	wait_listening b "$PORT"
	launch client a python3 "$HERE/lib/ends.py" call "$B4" "$PORT" look
	wait_until 10 "both to be connected" grep -q peer "$TMP/server.out"
	wait_until 10 "both to be connected" grep -q peer "$TMP/client.out"
	retire b
	server_again
	! is_gone "${PIDS[0]}" || fail "the engine has left a connection"
	! has_ended server || fail "the server lost its connection: $(cat "$TMP/server.out")"
	kill -INT "${PIDS[0]}"
	wait_until 5 "the engine to end" is_gone "${PIDS[0]}"
	finish server 5
	finish client 5
	expect_eq "$(awk 'END {print($1, $3)}' "$TMP/server.out")" "1 reset" "what the server has read"
	expect_eq "$(awk 'END {print($1, $3)}' "$TMP/client.out")" "1 reset" "what the client has read"
	ok "an engine that is asked to end carries what there is, others begin again; at once means a reset"
}

make_page page 50000000
make_page slow 700000
make_page small 300000
link_up --delay 5ms --rate 100M
server_is_killed
worker_is_killed
caller_is_ended_by KILL
caller_is_ended_by INT
sender_is_killed
curl_is_interrupted
exit_after_write
if [ -z "$PLAIN" ]; then
	engine_is_killed a
	engine_is_killed b
	engine_is_asked_to_end_with_bytes_to_deliver
	engine_is_asked_to_end_with_programs_that_live
fi
prove_udp 6000000
section "with 5 % loss"
link_up --delay 20ms --rate 50M --loss 5% --seed 31
exit_after_write
sender_is_killed
server_is_killed
prove_udp 1300000
link_down
