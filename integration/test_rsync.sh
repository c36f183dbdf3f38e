#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rsync as its own daemon, as one that a super-server starts for each connection, and over ssh. Trees
# of small and big files go there and back, and then their changes only.
#
#     a: rsync, ssh ──── linkem ──── b: rsync --daemon, systemd-socket-activate, sshd
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root "rsync's daemon"
# shellcheck source=integration/lib/ssh.sh
. "$HERE/lib/ssh.sh"
PORT=8730

write_rsync_conf() {
	cat >"$TMP/rsyncd.conf" <<-EOF
		pid file = $TMP/rsyncd.pid
		log file = $TMP/rsyncd.log
		uid = $(id -u)
		gid = $(id -g)
		use chroot = yes
		[tree]
		path = $TMP/module
		read only = no
	EOF
	chmod 600 "$TMP/rsyncd.conf"
}

make_tree() {
	local i
	mkdir -p "$TMP/tree/many"
	make_file tree/big 3000000
	for i in {1..200}; do
		head -c $((i * 37)) /dev/urandom >"$TMP/tree/many/$i"
	done
	ln -s big "$TMP/tree/link"
	: >"$TMP/tree/empty"
}

expect_same_tree() {
	diff -r --no-dereference "$1" "$2" >"$TMP/diff.log" || fail "$3: the trees differ"
}

# rsync_a ARGUMENT...: as quiet as it should be.
rsync_a() {
	under a timeout $((30 * PATIENCE)) rsync -a --delete "$@" >"$TMP/rsync.said" 2>&1 ||
		fail "rsync $*: exit $?: $(cat "$TMP/rsync.said")"
	expect_eq "$(cat "$TMP/rsync.said")" "" "output of rsync $*"
}

# there_and_back WHAT WHERE [OPTION...]
there_and_back() {
	local what=$1 where=$2
	shift 2
	rm -rf "$TMP/back" "$TMP/module"
	mkdir "$TMP/module"
	rsync_a "$@" "$TMP/tree/" "$where"
	expect_same_tree "$TMP/tree" "$TMP/module" "$what, there"
	rsync_a "$@" "$where" "$TMP/back/"
	expect_same_tree "$TMP/tree" "$TMP/back" "$what, back"
	echo changed >>"$TMP/back/big"
	rm "$TMP/back/many/7"
	rsync_a "$@" --checksum --compress "$TMP/back/" "$where"
	expect_same_tree "$TMP/back" "$TMP/module" "$what, changes"
	ok "$what: $(du -sb "$TMP/tree" | cut -f 1) bytes there, back, and changes"
}

daemon() {
	launch daemon b rsync --daemon --no-detach --config="$TMP/rsyncd.conf" --port="$PORT" --address="$1"
	wait_listening b "$PORT"
	there_and_back "daemon, $1" "$2"
	expect_match "$TMP/rsyncd.log" "rsync to tree/ from .*$3" "the caller's address in the log"
	stop daemon
	wait_not_listening b "$PORT"
}

# Its standard input is the connection; its environment comes bare from the super-server.
inetd() {
	launch inetd b systemd-socket-activate --accept --inetd -l "$B4:$PORT" \
		rsync --daemon --config="$TMP/rsyncd.conf"
	wait_listening b "$PORT"
	there_and_back "daemon of a super-server" "rsync://$B4:$PORT/tree/"
	stop inetd
	wait_not_listening b "$PORT"
}

over_ssh() {
	start_sshd
	there_and_back "over ssh" "server:$TMP/module/" -e "ssh -F $TMP/ssh/config"
	stop_sshd
}

write_rsync_conf
make_tree

section "4 ms"
link_up --delay 2ms
daemon "$B4" "rsync://$B4:$PORT/tree/" "$A4"
daemon "$B6" "rsync://[$B6]:$PORT/tree/" "$A6"
inetd
prove_udp 20000000

section "20 ms, 1 % loss both ways"
link_up --delay 10ms --loss 1% --seed 5
daemon "$B4" "rsync://$B4:$PORT/tree/" "$A4"
over_ssh
prove_udp 6000000
link_down
