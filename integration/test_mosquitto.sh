#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mosquitto: publishers and subscribers over a broker, small messages and big ones, and the will of one
# who dies.
#
#     a: mosquitto_pub, mosquitto_sub ──── linkem ──── b: mosquitto
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
PORT=1883

start_broker() {
	cat >"$TMP/mosquitto.conf" <<-EOF
		listener $PORT $B4
		listener $PORT $B6
		allow_anonymous true
		persistence false
		max_queued_messages 0
		user $(id -un)
	EOF
	launch broker b mosquitto -v -c "$TMP/mosquitto.conf"
	wait_listening b "$PORT"
}

# publish ARGUMENT...
publish() {
	under a timeout $((20 * PATIENCE)) mosquitto_pub -h "$B4" -p "$PORT" "$@" 2>>"$TMP/pub.err" ||
		fail "mosquitto_pub $*: exit $?"
}

has_subscribers() {
	[ "$(grep -c "^[0-9]*: Sending SUBACK to" "$TMP/broker.err")" -ge "$1" ]
}

# subscribe NAME HOST ARGUMENT...: in the background, until the broker knows of it.
subscribe() {
	local name=$1 host=$2 before
	before=$(grep -c "Sending SUBACK to" "$TMP/broker.err" || true)
	shift 2
	launch "$name" a mosquitto_sub -h "$host" -p "$PORT" -W 30 "$@"
	wait_until 10 "subscription of $name" has_subscribers $((before + 1))
}

# messages QOS COUNT: to three subscribers.
messages() {
	local host name i=0
	seq -f "message %.0f of quality $1" "$2" >"$TMP/sent"
	for host in "$B4" "$B4" "$B6"; do
		subscribe "subscriber$((i += 1))" "$host" -t news -q "$1" -C "$2"
	done
	publish -t news -q "$1" -l <"$TMP/sent"
	for name in subscriber{1..3}; do
		finish "$name" 20
		expect_eq "$STATUS" 0 "exit code of $name"
		expect_same "$TMP/sent" "$TMP/$name.out" "messages of quality $1 to $name"
	done
	ok "$2 messages of quality $1 to three subscribers, in order"
}

big_message() {
	subscribe subscriber "$B4" -t big -q 1 -C 1 -N
	publish -t big -q 1 -f "$TMP/big"
	finish subscriber 20
	expect_same "$TMP/big" "$TMP/subscriber.out" "a big message"
	publish -t kept -r -m "of old"
	expect_eq "$(under a mosquitto_sub -h "$B4" -p "$PORT" -t kept -C 1 -W 10)" "of old" \
		"a retained message"
	ok "a message of $(stat -c %s "$TMP/big") bytes, and a retained one"
}

# A killed program's connection ends without the farewell of the protocol, and at once.
will_of_the_dead() {
	engine_outlives || return 0
	subscribe heir "$B4" -t will -C 1
	subscribe dying "$B4" -t nothing --will-topic will --will-payload "my last"
	send KILL dying
	reap dying
	finish heir 10
	expect_eq "$(cat "$TMP/heir.out")" "my last" "the will of a killed subscriber"
	ok "the will of a killed subscriber is heard"
}

make_file big 4000000

section "4 ms"
link_up --delay 2ms
start_broker
messages 0 500
messages 1 500
messages 2 300
big_message
will_of_the_dead
prove_udp 8000000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
messages 2 100
big_message
stop broker
wait_not_listening b "$PORT"
prove_udp 8000000
link_down
