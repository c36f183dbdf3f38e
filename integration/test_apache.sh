#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Apache as a daemon, with processes that take turns at accept (prefork) and with threads (event): CGI
# programs, graceful restarts while requests come in, IPv4 and IPv6 through one socket.
#
#     a: load, curl ──── linkem: 10 ms, 1 % loss ──── b: apache2
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

MODULES=/usr/lib/apache2/modules

write_apache_conf() {
	mkdir -p "$TMP/www/cgi" "$TMP/apache"
	cat >"$TMP/www/cgi/digest" <<-'EOF'
		#!/bin/sh
		printf 'Content-Type: text/plain\r\n\r\n%s\n' "$REMOTE_ADDR"
		sha256sum
	EOF
	chmod 755 "$TMP/www/cgi/digest"
	cat >"$TMP/apache.conf" <<-EOF
		ServerRoot $TMP/apache
		ServerName b
		DefaultRuntimeDir $TMP/apache
		PidFile $TMP/apache.pid
		ErrorLog $TMP/apache-error.log
		LoadModule mpm_$1_module $MODULES/mod_mpm_$1.so
		LoadModule authz_core_module $MODULES/mod_authz_core.so
		LoadModule alias_module $MODULES/mod_alias.so
		LoadModule cgi_module $MODULES/mod_cgi.so
		User $(worker_user)
		Group $(id -gn "$(worker_user)")
		StartServers 3
		Listen $PORT
		LogFormat "%P %a %>s %U" short
		CustomLog $TMP/apache-access.log short
		DocumentRoot $TMP/www
		ScriptAlias /cgi/ $TMP/www/cgi/
		KeepAliveTimeout 2
	EOF
}

start_apache() {
	write_apache_conf "$1"
	: >"$TMP/apache-access.log"
	launch starter b apache2 -f "$TMP/apache.conf" -k start
	finish starter 10
	expect_eq "$STATUS" 0 "exit code of apache's starter"
	wait_listening b "$PORT"
}

stop_apache() {
	local master
	master=$(cat "$TMP/apache.pid")
	kill -WINCH "$master"
	wait_until 15 "end of apache" is_gone "$master"
	wait_not_listening b "$PORT"
}

# The program reads the body of the request from a pipe, and knows who has called.
cgi() {
	local wanted
	curl_a 20 --fail --data-binary "@$TMP/www/page" "$1/cgi/digest" >"$TMP/digest" || fail "CGI: curl's exit $?"
	wanted=$(sha256sum <"$TMP/www/page")
	expect_eq "$(cat "$TMP/digest")" "$2"$'\n'"$wanted" "answer of the CGI program"
	ok "CGI: $2"
}

# Every child of before is replaced; the processes that answer are others afterwards.
graceful_restart() {
	local master children child
	master=$(cat "$TMP/apache.pid")
	mapfile -t children < <(pgrep -P "$master")
	kill -USR1 "$master"
	for child in "${children[@]}"; do
		wait_until 15 "end of child $child" is_gone "$child"
	done
	wait_served load 20
	ok "graceful restart: ${#children[@]} children replaced"
}

several_processes_answer() {
	[ "$(cut -d' ' -f1 "$TMP/apache-access.log" | sort -u | wc -l)" -gt 1 ]
}

try() {
	section "$1"
	start_apache "$1"
	fetch 20 page
	FROM=$URL6 fetch 20 page
	cgi "$URL" "$A4"
	cgi "$URL6" "$A6"
	start_load load "$URL/small" "$TMP/www/small" 4
	wait_until 20 "several processes to answer" several_processes_answer
	graceful_restart
	end_load load
	stop_apache
}

if [ "$(worker_user)" = root ]; then
	echo "skipped: Apache serves as another user than root, and there is none here"
	exit 77
fi
make_page page 2000000
make_page small 3000
link_up --delay 5ms --loss 1% --seed 22
try prefork
try event
prove_udp 16000000
link_down
