#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs that open the port for others: xinetd, and the one of systemd. What they start gets a
# connection as its standard input and output, or the listener itself.
#
#     a: nc ──── linkem: 10 ms, 1 % loss ──── b: xinetd | systemd-socket-activate, and what they start
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

WAIT_PORT=8081

# ask PORT under a|on b: the answer when a file has been sent and this half closed. They listen on IPv6,
# which shows IPv4 callers in its own form.
ask() {
	local port=$1
	shift
	"$@" nc.openbsd -N -w $((20 * PATIENCE)) "$B4" "$port" <"$TMP/page" | sed 's/::ffff://g'
}

write_xinetd_conf() {
	cat >"$TMP/xinetd.conf" <<-EOF
		service digest
		{
			type = UNLISTED
			socket_type = stream
			protocol = tcp
			port = $PORT
			wait = no
			user = $(id -un)
			server = $(command -v sha256sum)
			log_on_success = HOST PID
			instances = 20
			log_type = FILE $TMP/xinetd-service.log
		}
		service listener
		{
			type = UNLISTED
			socket_type = stream
			protocol = tcp
			port = $WAIT_PORT
			wait = yes
			user = $(id -un)
			server = $(command -v python3)
			server_args = $HERE/lib/inherited.py 0 1
		}
	EOF
}

digest_at_once() {
	local i
	for i in {1..5}; do
		launch "caller-$i" a nc.openbsd -N -w $((20 * PATIENCE)) "$B4" "$PORT" <"$TMP/page"
	done
	for i in {1..5}; do
		finish "caller-$i" 20
		expect_eq "$(cat "$TMP/caller-$i.out")" "$SUM  -" "caller $i of $1"
	done
	ok "$1: five callers at once, a program for each"
}

xinetd_starts_programs() {
	write_xinetd_conf
	launch xinetd b xinetd -dontfork -f "$TMP/xinetd.conf" -filelog "$TMP/xinetd.log" -pidfile "$TMP/xinetd.pid"
	wait_listening b "$PORT"
	wait_listening b "$WAIT_PORT"
	digest_at_once xinetd
	expect_match "$TMP/xinetd-service.log" "START: digest .*from=(::ffff:)?$A4" "the caller in xinetd's log"
	for _ in 1 2; do
		expect_eq "$(ask "$WAIT_PORT" under a)" "$SUM $A4 $B4" "answer of the program with the listener"
	done
	ok "xinetd: the listener is handed over, and again after its program has ended"
	stop xinetd
	wait_not_listening b "$PORT"
	wait_not_listening b "$WAIT_PORT"
}

# activate NAME OPTION...: systemd-socket-activate under the shim.
activate() {
	launch activate b systemd-socket-activate -l "$PORT" "$@"
	wait_listening b "$PORT"
}

systemd_hands_over_a_listener() {
	activate python3 "$HERE/lib/inherited.py" 3 2
	for _ in 1 2; do
		expect_eq "$(ask "$PORT" under a)" "$SUM $A4 $B4" "answer of the activated program"
	done
	finish activate 10
	expect_eq "$STATUS" 0 "exit code of the activated program"
	wait_not_listening b "$PORT"
	ok "systemd-socket-activate: the listener is handed over"
}

systemd_starts_programs() {
	activate --accept --inetd sha256sum
	digest_at_once systemd-socket-activate
	stop activate
	wait_not_listening b "$PORT"
}

is_tcp_listening() {
	[ -n "$(on b ss -Htln "sport = :$PORT")" ]
}

is_served_by_rudp() {
	grep -qE "python3 .* listens on .*:$PORT for rudp$" "$TMP/engine-b.log"
}

# The first client activates the program, which then may not serve it.
inherited_tcp_becomes_rudp() {
	local settings=() setting
	for setting in $(settings_of b); do
		settings+=(-E "$setting")
	done
	on b systemd-socket-activate -l "$PORT" "${settings[@]}" python3 "$HERE/lib/inherited.py" 3 1 \
		2>"$TMP/tcp.err" &
	PID[tcp]=$!
	wait_until 10 "TCP port $PORT" is_tcp_listening
	expect_eq "$(ask "$PORT" on b)" "" "answer over kernel TCP"
	wait_until 10 "the listener taken" is_served_by_rudp
	expect_eq "$(ask "$PORT" under a)" "$SUM $A4 $B4" "answer over rudp"
	finish tcp 10
	expect_eq "$STATUS" 0 "exit code of the activated program"
	ok "a listener from outside the shim serves rudp alone, because there is a key"
}

make_file page 1000000
SUM=$(sha256sum <"$TMP/page")
SUM=${SUM%% *}
link_up --delay 5ms --loss 1% --seed 27
# It sets the groups of each program, which a user namespace forbids.
if [ -n "${RUDP_TEST_INSIDE:-}" ]; then
	note "no xinetd: it needs root outside of user namespaces"
else
	xinetd_starts_programs
fi
systemd_hands_over_a_listener
systemd_starts_programs
inherited_tcp_becomes_rudp
prove_udp 6000000
link_down
