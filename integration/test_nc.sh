#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# netcat, both kinds, both ways, big and small, with half close.
#
#     a: nc ──── linkem ──── b: nc -l
#
# Takes 40 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# Options that make them end when their input does, closing their sending half first. Over kernel TCP
# too, a netcat ends when its peer has closed, whatever it has yet to send (all but a calling
# OpenBSD one). So the receiving side gets an input that stays open and silent.
declare -A listen=(
	[openbsd]="nc.openbsd -N -l $PORT"
	[traditional]="nc.traditional -q 30 -l -p $PORT"
)
declare -A call=(
	[openbsd]="nc.openbsd -N $B4 $PORT"
	[openbsd-receiving]="nc.openbsd -d $B4 $PORT"
	[traditional]="nc.traditional -q 30 $B4 $PORT"
)
mkfifo "$TMP/silence"
exec 8<>"$TMP/silence"

# run NAME SIDE WORDS INPUT
run() {
	local command
	read -ra command <<<"$3"
	launch "$1" "$2" "${command[@]}" <"$4" 8<&-
}

# one_way CALLER LISTENER up|down FILE SECONDS
one_way() {
	local from_client=$TMP/$4 from_server=$TMP/silence receiver=server start took
	if [ "$3" = down ]; then
		from_client=$TMP/silence from_server=$TMP/$4 receiver=client
	fi
	run server b "${listen[$2]}" "$from_server"
	wait_listening b "$PORT"
	start=$(now_ms)
	run client a "${call[$1]}" "$from_client"
	finish client "$5"
	expect_eq "$STATUS" 0 "exit code of the caller"
	finish server 10
	expect_eq "$STATUS" 0 "exit code of the listener"
	took=$(($(now_ms) - start))
	expect_same "$TMP/$4" "$TMP/$receiver.out" "$1 calls $2, $3"
	ok "$1 calls $2: $(stat -c %s "$TMP/$4") bytes $3 in $took ms"
	wait_not_listening b "$PORT"
}

# A long answer after the end of the question is what a half close is for.
caller_closes_its_half() {
	launch server b python3 "$HERE/lib/answer.py" "$PORT" "$TMP/question" "$TMP/medium"
	wait_listening b "$PORT"
	run client a "${call[openbsd]}" "$TMP/small"
	finish client 30
	finish server 10
	expect_same "$TMP/small" "$TMP/question" "question"
	expect_same "$TMP/medium" "$TMP/client.out" "answer"
	ok "half close by the caller: a long answer comes after the end of the question"
	wait_not_listening b "$PORT"
}

listener_closes_its_half() {
	mkfifo "$TMP/answer"
	run server b "${listen[openbsd]}" "$TMP/small"
	wait_listening b "$PORT"
	exec 9<>"$TMP/answer"
	launch client a nc.openbsd -N "$B4" "$PORT" <"$TMP/answer" 8<&- 9<&-
	wait_until 20 "the whole question" has_bytes "$TMP/client.out" "$(stat -c %s "$TMP/small")"
	cat "$TMP/medium" >"$TMP/answer"
	exec 9<&-
	finish client 30
	finish server 10
	expect_same "$TMP/small" "$TMP/client.out" "question"
	expect_same "$TMP/medium" "$TMP/server.out" "answer"
	ok "half close by the listener: likewise"
	rm "$TMP/answer"
	wait_not_listening b "$PORT"
}

make_file big 100000000
make_file medium 5000000
make_file small 1000
make_file empty 0

section "clean fast link"
link_up --delay 1ms
one_way openbsd openbsd up big 60
one_way openbsd-receiving openbsd down big 60
one_way traditional traditional up big 60
one_way openbsd traditional up medium 30
one_way traditional openbsd up medium 30
one_way traditional traditional down medium 30
one_way openbsd openbsd up empty 10
caller_closes_its_half
listener_closes_its_half
prove_udp 300000000

section "20 Mbit/s, 30 ms, 2 % loss both ways"
link_up --delay 15ms --rate 20M --loss 2% --seed 7
one_way openbsd openbsd up medium 60
one_way traditional openbsd down medium 60
caller_closes_its_half
listener_closes_its_half
prove_udp 20000000
link_down
