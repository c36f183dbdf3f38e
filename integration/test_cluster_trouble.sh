#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Three nodes of Apollonion over three real NATS servers, in trouble that ends nobody: NATS is slow, the disk of a node
# is full, that of a NATS server is, and the clock of a node jumps. Takes 60 s.
#
#     a: nc ──── node n1, n2, n3 ──── linkem ──── b: nats-server s1, s2, s3

# shellcheck source=integration/lib/nodes.sh
. "$(dirname "$0")/lib/nodes.sh"
needs_root "a full disk"

NATS_HOST=$B4
NODE_MORE="[history]
enabled = yes"
DISK=$TMP/disk # of the file of node n2
STORE=$TMP/store3

# FAKETIME_TIMESTAMP_FILE has how far node n1's clock is ahead.
launch_node() {
	local clock=()
	[ "$1" != n1 ] || clock=(env "LD_PRELOAD=$FAKETIME" "FAKETIME_TIMESTAMP_FILE=$TMP/clock" FAKETIME_NO_CACHE=1
		FAKETIME_DONT_FAKE_MONOTONIC=1)
	launch_plain "$1" "$2" "${clock[@]}" "${@:3}"
}

set_clock() {
	echo "$1" >"$TMP/clock.new"
	mv "$TMP/clock.new" "$TMP/clock"
}

# A NATS server by itself, on the small disk: the stream needs more room.
no_room_for_stream() {
	section "NATS has no room for the stream"
	sed '/^cluster {/,/^}/d' "$TMP/s3.conf" >"$TMP/alone.conf"
	launch_plain s3 b nats-server -c "$TMP/alone.conf"
	sed 's/^node = n3$/&\nreplicas = 1/' "$TMP/n3.conf" >"$TMP/n3-alone.conf"
	mv "$TMP/n3-alone.conf" "$TMP/n3.conf"
	start_node 3 a
	wait_until 20 "the reason is in the log" grep -q 'cluster new stream failed reason=".*storage' "$TMP/n3.err"
	send TERM n3
	finish n3 60
	send KILL s3
	finish s3 10
	sed -i '/^replicas = 1$/d' "$TMP/n3.conf"
	rm -rf "${STORE:?}"/*
	ok "the log of the node says so"
}

start_all() {
	local i routes="\"nats://$B4:6221\", \"nats://$B4:6222\", \"nats://$B4:6223\""
	for i in 1 2 3; do
		write_nats "$i" "$B4" "$routes"
		write_node "$i" 4221 4222 4223
	done
	sed -i "s|$TMP/n2.db|$DISK/n2.db|" "$TMP/n2.conf"
	no_room_for_stream
	sed -i "s|store_dir: .*store3\"|&, max_file_store: 2G|" "$TMP/s3.conf"
	for i in 1 2 3; do
		start_nats "$i" b
	done
	for i in 1 2 3; do
		start_node "$i" a
	done
	for i in 1 2 3; do
		wait_joined "$i"
	done
}

come_together() {
	local name i=0
	for name in ann bob cat; do
		i=$((i + 1))
		enter "$name" "$i"
		does "$name" "CAP REQ server-time" "$name" ' CAP .* ACK '
		does "$name" "JOIN #a" "$name" ' 366 '
	done
}

QUITS=0 # of users whose node the test has ended

# all_speak WORD: each hears the two others, and nobody has left.
all_speak() {
	local i name other
	for i in 1 2 3 4 5; do
		for name in ann bob cat; do
			say "$name" "PRIVMSG #a :$1 $i"
		done
	done
	for name in ann bob cat; do
		for other in ann bob cat; do
			[ "$name" = "$other" ] || does "$name" "PRIVMSG #a :$1 end" "$other" ":$name!.* PRIVMSG #a :$1 end"
		done
	done
	expect_eq "$(count_heard ann ' QUIT ')$(count_heard cat ' QUIT ')" "$QUITS$QUITS" "users who have left"
}

slow() {
	section "NATS is slow"
	link_up --delay 250
	all_speak slow
	link_up --delay 1
	all_speak fast
	ok "each command takes a round trip, and the network works"
}

fill() {
	dd if=/dev/zero of="$1/ballast" bs=4096 2>/dev/null || true
}

# many_lines WORD COUNT: each takes a round trip, and no more than 20 wait, or that would be Excess Flood.
many_lines() {
	local i long
	long=$(printf 'x%.0s' {1..400})
	for i in $(seq "$2"); do
		say bob "PRIVMSG #a :$long$1$i"
		[ $((i % 20)) -ne 0 ] || hears cat "x$1$i\$"
	done
}

full_disk_of_node() {
	section "the disk of a node is full"
	fill "$DISK"
	many_lines node 400
	wait_until 20 "it is in the log" grep -q 'history not written' "$TMP/n2.err"
	all_speak full
	rm "$DISK/ballast"
	all_speak room
	wait_until 20 "it is in the log" grep -q 'history written again' "$TMP/n2.err"
	send TERM n2
	finish n2 30
	drop bob
	QUITS=1
	start_node 2 a
	wait_joined 2
	wait_until 30 "n2 has the history" grep -q 'history is that of the other nodes' "$TMP/n2.err"
	cp "$DISK"/n2.db* "$TMP"
	wait_until 30 "the files are equal" files_are_equal
	enter bob 2
	does bob "JOIN #a" bob ' 366 '
	ok "the network works, and what is missing in its file comes when it joins again"
}

# The clients of node n1, and others, see the right time.
times_are_right() {
	local at
	at=$(tr -d '\r' <"$TMP/cat.out" | sed -n "s/^@time=\([^ ;]*\) :ann!.* PRIVMSG #a :$1 end\$/\1/p" | head -n 1)
	expect_between "$(($(date +%s) - 60))" "$(date -d "$at" +%s)" "$(($(date +%s) + 2))" "the time of the message"
}

clock_jumps() {
	section "the clock of a node jumps"
	set_clock +86400
	all_speak ahead
	times_are_right ahead
	wait_until 10 "it is in the log" grep -q "clock of this machine differs from the network's ahead=86" "$TMP/n1.err"
	set_clock -7200
	all_speak behind
	times_are_right behind
	set_clock +0
	all_speak right
	times_are_right right
	wait_until 10 "it is in the log" grep -q "clock of this machine agrees with the network's again" "$TMP/n1.err"
	ok "the time of the others counts"
}

is_in_step() {
	on b python3 "$HERE/lib/ask_nats.py" "$B4:4221" "\$JS.API.STREAM.INFO.apollonion-log" |
		grep -E '"leader":"s3"|"name":"s3","current":true' >/dev/null
}

# nats-server 2.9.10 says nothing: its copy of the stream lacks what it could not write.
full_disk_of_nats() {
	section "the disk of a NATS server is full"
	fill "$STORE"
	many_lines nats 2000
	expect_between 0 "$(du -sbc "$STORE"/jetstream/*/streams | tail -n 1 | cut -f 1)" 400000 "bytes of the stream at s3"
	all_speak "nats full"
	send KILL s3
	finish s3 10
	rm -r "${STORE:?}"/*
	start_nats 3 b
	wait_until 60 "s3 has the stream" is_in_step
	send KILL s1
	finish s1 10
	all_speak "nats again"
	ok "the two others go on, and with room it is one of two that do"
}

FAKETIME=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
[ -n "$FAKETIME" ] || fail "libfaketime is not installed"
mkdir "$DISK" "$STORE"
mount -t tmpfs -o size=4m tmpfs "$DISK"
mount -t tmpfs -o size=64m tmpfs "$STORE"
set_clock +0
NODE_HOW=launch_node
link_up --delay 1
start_all
come_together
slow
full_disk_of_node
clock_jumps
full_disk_of_nats
