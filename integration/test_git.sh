#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# git over each of its transports: clone, push, fetch. Nothing is said that git itself does not say.
#
#     a: git ──── linkem ──── b: git daemon, nginx with git-http-backend, sshd
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=integration/lib/ssh.sh
. "$HERE/lib/ssh.sh"
GIT_PORT=9418
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$TMP/gitconfig GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND="ssh -F $TMP/ssh/config"

write_git_config() {
	cat >"$GIT_CONFIG_GLOBAL" <<-EOF
		[user]
			name = Tester
			email = tester@example.org
		[safe]
			directory = *
		[init]
			defaultBranch = main
		[http]
			receivepack = true
			lowSpeedLimit = 1000
			lowSpeedTime = 10
		[gc]
			auto = 0
	EOF
}

# A bare repository with some commits, of small files and a big one.
make_origin() {
	local i work=$TMP/work
	git init -q "$work"
	head -c 3000000 /dev/urandom >"$work/big"
	mkdir "$work/many"
	for i in {1..100}; do
		head -c $((i * 97)) /dev/urandom >"$work/many/$i"
	done
	git -C "$work" add . && git -C "$work" commit -q -m first
	echo second >"$work/second"
	git -C "$work" add . && git -C "$work" commit -q -m second
	mkdir "$TMP/git"
	git clone -q --bare "$work" "$TMP/git/origin.git"
	: >"$TMP/git/origin.git/git-daemon-export-ok"
	git -C "$TMP/git/origin.git" update-server-info
}

write_http_backend() {
	cat >"$TMP/nginx-server.conf" <<-EOF
		location ~ ^/git(/.*) {
			client_max_body_size 0;
			fastcgi_pass unix:$TMP/fcgi;
			fastcgi_param REQUEST_METHOD \$request_method;
			fastcgi_param QUERY_STRING \$query_string;
			fastcgi_param CONTENT_TYPE \$content_type;
			fastcgi_param CONTENT_LENGTH \$content_length;
			fastcgi_param REMOTE_ADDR \$remote_addr;
			fastcgi_param HTTP_GIT_PROTOCOL \$http_git_protocol;
			fastcgi_param REMOTE_USER tester;
			fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
			fastcgi_param GIT_PROJECT_ROOT $TMP/git;
			fastcgi_param GIT_HTTP_EXPORT_ALL 1;
			fastcgi_param PATH_INFO \$1;
		}
		location /dumb/ { alias $TMP/git/; }
	EOF
}

start_http_backend() {
	write_http_backend
	launch fcgiwrap b fcgiwrap -c 2 -s "unix:$TMP/fcgi"
	wait_until 10 "fcgiwrap" test -S "$TMP/fcgi"
	chmod 777 "$TMP/fcgi"
	start_nginx
}

# git_a ARGUMENT...: on side a; says nothing, on either of its outputs.
git_a() {
	under a timeout $((30 * PATIENCE)) git "$@" >"$TMP/git.said" 2>&1 || fail "git $*: exit $?: $(cat "$TMP/git.said")"
	expect_eq "$(cat "$TMP/git.said")" "" "output of git $*"
}

head_of() {
	git -C "$1" rev-parse main
}

clone() {
	rm -rf "$TMP/clone"
	git_a clone -q "$1" "$TMP/clone"
	expect_eq "$(head_of "$TMP/clone")" "$(head_of "$TMP/git/origin.git")" "head of a clone of $1"
	git -C "$TMP/clone" fsck --strict 2>"$TMP/fsck.err" || fail "clone of $1: $(cat "$TMP/fsck.err")"
	expect_eq "$(git -C "$TMP/clone" status --porcelain)" "" "state of a clone of $1"
}

# clone_push_fetch URL
clone_push_fetch() {
	clone "$1"
	cp -r "$TMP/clone" "$TMP/other"
	head -c 1500000 /dev/urandom >"$TMP/clone/pushed"
	git -C "$TMP/clone" add . && git -C "$TMP/clone" commit -q -m "pushed to $1"
	git_a -C "$TMP/clone" push -q
	expect_eq "$(head_of "$TMP/git/origin.git")" "$(head_of "$TMP/clone")" "head after a push to $1"
	git_a -C "$TMP/other" pull -q
	expect_eq "$(head_of "$TMP/other")" "$(head_of "$TMP/clone")" "head after a pull from $1"
	expect_same "$TMP/clone/pushed" "$TMP/other/pushed" "a pushed file, pulled"
	rm -rf "$TMP/other"
	ok "clone, push, pull: ${1//$TMP/...}"
}

by_daemon() {
	launch daemon b git daemon --reuseaddr --base-path="$TMP/git" --enable=receive-pack --listen="$B4" \
		--port="$GIT_PORT"
	wait_listening b "$GIT_PORT"
	clone_push_fetch "git://$B4:$GIT_PORT/origin.git"
	stop daemon
	wait_not_listening b "$GIT_PORT"
}

by_http() {
	start_http_backend
	clone_push_fetch "$URL/git/origin.git"
	git -C "$TMP/git/origin.git" update-server-info
	clone "$URL/dumb/origin.git"
	ok "clone from a plain web server"
	stop_server nginx
	stop fcgiwrap
	rm -f "$TMP/fcgi"
}

by_ssh() {
	start_sshd
	clone_push_fetch "ssh://server$TMP/git/origin.git"
	stop_sshd
}

write_git_config
make_origin

section "4 ms"
link_up --delay 2ms
by_daemon
by_http
prove_udp 20000000

section "20 ms, 1 % loss both ways"
link_up --delay 10ms --loss 1% --seed 5
by_http
if may_be_many_users; then
	by_ssh
fi
prove_udp 9000000
link_down
