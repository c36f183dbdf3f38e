#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Scripts: perl with buffered handles, processes and signals; bash with /dev/tcp.
#
#     a: perl, bash ──── linkem ──── b: a server in perl that forks
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

# A connection in a shell's own descriptor: builtins and children use it in turn.
# shellcheck disable=SC2016
bash_echo='
	exec 3<>"/dev/tcp/$1/$2"
	{ echo echo; cat "$3"; } >&3 &
	read -r -n 100000 -d "" first <&3
	printf %s "$first"
	head -c "$(($(stat -c %s "$3") - 100000))" <&3
	wait
	exec 3>&-'

# perl_says HOST COMMAND [FILE]
perl_says() {
	local host=$1
	shift
	under a timeout $((20 * PATIENCE)) perl "$HERE/lib/line_client.pl" "$host" "$PORT" "$@"
}

addresses() {
	expect_match <(perl_says "$B4" who) "^(::ffff:)?$A4 (::ffff:)?$B4 $PORT\$" \
		"addresses that the server sees"
	expect_eq "$(perl_says "$B6" who)" "$A6 $B6 $PORT" "addresses that the server sees"
	ok "addresses, IPv4 on a socket of IPv6 too"
}

perl_transfers() {
	perl_says "$1" echo "$TMP/big" >"$TMP/back" || fail "perl: exit $?"
	expect_same "$TMP/big" "$TMP/back" "perl's echo"
	expect_eq "$(perl_says "$1" count "$TMP/big")" "$(stat -c %s "$TMP/big")" "bytes that perl has counted"
	ok "perl, $1: $(stat -c %s "$TMP/big") bytes there and back"
}

bash_transfers() {
	under a timeout $((20 * PATIENCE)) bash -c "$bash_echo" bash "$1" "$PORT" "$TMP/text" >"$TMP/back" ||
		fail "bash: exit $?"
	expect_same "$TMP/text" "$TMP/back" "bash's echo"
	ok "bash, $1: $(stat -c %s "$TMP/text") bytes there and back"
}

# Many children at the same time, whose ends interrupt the server's accept.
many() {
	local i
	for i in {1..30}; do
		launch "caller$i" a perl "$HERE/lib/line_client.pl" "$B4" "$PORT" echo "$TMP/small"
	done
	for i in {1..30}; do
		finish "caller$i" 20
		expect_eq "$STATUS" 0 "exit code of caller $i"
		expect_same "$TMP/small" "$TMP/caller$i.out" "echo to caller $i"
	done
	ok "30 callers at the same time"
}

refused() {
	if under a timeout $((10 * PATIENCE)) bash -c "exec 3<>/dev/tcp/$B4/$((PORT + 1))" 2>"$TMP/refused"; then
		fail "a connection where nobody listens"
	fi
	expect_match "$TMP/refused" "Connection refused" "what bash says"
	ok "bash is told of a refusal"
}

make_file big 3000000
make_file small 20000
head -c 750000 "$TMP/big" | base64 -w 0 >"$TMP/text"

section "4 ms"
link_up --delay 2ms
launch server b perl "$HERE/lib/fork_server.pl" "$PORT" 41
wait_listening b "$PORT"
addresses
perl_transfers "$B4"
perl_transfers "$B6"
bash_transfers "$B4"
bash_transfers "$B6"
many
refused
prove_udp 20000000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
perl_transfers "$B4"
bash_transfers "$B4"
finish server 10
expect_match "$TMP/server.out" "^41 served, 41 collected" "what the server says"
prove_udp 10000000
link_down
