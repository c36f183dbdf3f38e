#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# OpenSSH with all that it does to its descriptors: privilege separation, re-execution, a seccomp
# sandbox; commands, scp, sftp, forwarding of ports in both directions and by SOCKS.
#
#     a: ssh, scp, sftp, curl ──── linkem ──── b: sshd, python3 -m http.server
#
# Takes 40 s.
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root sshd
# shellcheck source=integration/lib/ssh.sh
. "$HERE/lib/ssh.sh"

# ssh_a ARGUMENT...: ssh on side a, under the shim.
ssh_a() {
	under a timeout $((30 * PATIENCE)) ssh -F "$TMP/ssh/config" "$@" 2>>"$TMP/ssh.err"
}

commands() {
	local status=0 connection
	ssh_a server "cat >$TMP/came" <"$TMP/www/big" || fail "ssh: exit $?"
	expect_same "$TMP/www/big" "$TMP/came" "to a command"
	ssh_a server "cat $TMP/came" >"$TMP/back" || fail "ssh: exit $?"
	expect_same "$TMP/www/big" "$TMP/back" "from a command"
	ssh_a server "exit 42" || status=$?
	expect_eq "$status" 42 "exit code of the command"
	# shellcheck disable=SC2016
	connection=$(ssh_a server 'echo $SSH_CONNECTION')
	expect_match <(echo "$connection") "^$A4 [0-9]+ $B4 $SSH_PORT\$" "the addresses in $connection"
	# shellcheck disable=SC2016
	connection=$(ssh_a -o "HostName=$B6" server 'echo $SSH_CONNECTION')
	expect_match <(echo "$connection") "^$A6 [0-9]+ $B6 $SSH_PORT\$" "the addresses in $connection"
	expect_match <(ssh_a -tt server tty) '^/dev/pts/' "the terminal of the session"
	ssh_a -o "ProxyCommand=nc.openbsd %h %p" server "cat $TMP/came" >"$TMP/back" ||
		fail "through nc: exit $?"
	expect_same "$TMP/www/big" "$TMP/back" "through nc as a proxy"
	ok "commands: input, output, exit code, terminal, addresses, proxy"
}

copies() {
	local how
	for how in -s -O; do
		rm -f "$TMP/came" "$TMP/back"
		under a timeout $((30 * PATIENCE)) scp -q "$how" -F "$TMP/ssh/config" "$TMP/www/big" "server:$TMP/came"
		expect_same "$TMP/www/big" "$TMP/came" "scp $how to the server"
		under a timeout $((30 * PATIENCE)) scp -q "$how" -F "$TMP/ssh/config" "server:$TMP/came" "$TMP/back"
		expect_same "$TMP/www/big" "$TMP/back" "scp $how from the server"
	done
	rm -f "$TMP/came" "$TMP/back"
	under a timeout $((30 * PATIENCE)) sftp -q -F "$TMP/ssh/config" -b - server >"$TMP/sftp.out" 2>>"$TMP/ssh.err" <<-EOF
		put $TMP/www/big $TMP/came
		get $TMP/came $TMP/back
		rm $TMP/came
	EOF
	expect_same "$TMP/www/big" "$TMP/back" "sftp there and back"
	ok "scp with both of its protocols, and sftp"
}

# Many sessions over one connection, whose descriptors the callers pass to its master.
sessions_share_a_connection() {
	local i words
	launch master a ssh -F "$TMP/ssh/config" -N -M -S "$TMP/ssh/master" server
	wait_until 10 "the master" test -S "$TMP/ssh/master"
	for i in {1..5}; do
		launch "session$i" a ssh -F "$TMP/ssh/config" -S "$TMP/ssh/master" server "cat $TMP/www/page; echo $i"
	done
	for i in {1..5}; do
		finish "session$i" 20
		expect_eq "$STATUS" 0 "exit code of session $i"
		words=$(tail -n 1 "$TMP/session$i.out" | tail -c 2)
		expect_eq "$words" "$i" "end of session $i"
		expect_eq "$(stat -c %s "$TMP/session$i.out")" $(($(stat -c %s "$TMP/www/page") + 2)) \
			"bytes of session $i"
	done
	ssh_a -S "$TMP/ssh/master" -O exit server
	finish master 5
	ok "five sessions over one connection"
}

# forward OPTION...: in the background, until the port is open.
forward() {
	launch forward a ssh -F "$TMP/ssh/config" -N -o ExitOnForwardFailure=yes "$@" server
}

# fetch_by SIDE URL [OPTION...]
fetch_by() {
	local side=$1 url=$2
	shift 2
	rm -f "$TMP/fetched"
	under "$side" curl -sS --fail --max-time $((20 * PATIENCE)) -o "$TMP/fetched" "$@" "$url" 2>>"$TMP/curl.err" ||
		fail "curl of $url: exit $?"
	expect_same "$TMP/www/big" "$TMP/fetched" "$url"
}

forwards() {
	start_python "$B4"
	forward -L "127.0.0.1:9001:$B4:$PORT" -R "127.0.0.1:9002:$B4:$PORT" -D 127.0.0.1:9003
	wait_listening a 9001
	wait_listening a 9003
	wait_listening b 9002
	fetch_by a http://127.0.0.1:9001/big
	ok "-L: $(stat -c %s "$TMP/fetched") bytes"
	fetch_by b http://127.0.0.1:9002/big
	ok "-R: $(stat -c %s "$TMP/fetched") bytes, to us and back again"
	fetch_by a "http://$B4:$PORT/big" --socks5-hostname 127.0.0.1:9003
	ok "-D: $(stat -c %s "$TMP/fetched") bytes by way of SOCKS"
	stop forward
	wait_not_listening a 9001
	wait_not_listening b 9002
	stop python
}

# At SIGHUP sshd executes itself again; sessions of its children continue.
restarts() {
	engine_outlives || return 0
	exec 9<>"$TMP/input"
	launch long a ssh -F "$TMP/ssh/config" server cat <"$TMP/input" 9<&-
	echo before >&9
	wait_until 10 "the first answer" grep -q before "$TMP/long.out"
	send HUP sshd
	wait_until 10 "sshd to start again" has_started 2
	expect_eq "$(ssh_a server echo again)" again "answer of the server that has started again"
	echo after >&9
	exec 9>&-
	finish long 10
	expect_eq "$(cat "$TMP/long.out")" $'before\nafter' "session across the restart"
	ok "sshd starts itself again, and a session continues"
}

# Times that it has said that it listens, once per address.
has_started() {
	[ "$(grep -c 'Server listening on' "$TMP/sshd.err")" = $(($1 * 2)) ]
}

mkfifo "$TMP/input"
make_page big 3000000
make_page page 200000

section "4 ms"
link_up --delay 2ms
start_sshd
commands
copies
sessions_share_a_connection
forwards
restarts
prove_udp 30000000

section "20 ms, 1 % loss both ways"
link_up --delay 10ms --loss 1% --seed 5
commands
forwards
stop_sshd
prove_udp 20000000
link_down
