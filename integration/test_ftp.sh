#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# FTP, whose data connections go either way between two privileges of the server's processes; the
# unprivileged one sits in a jail, a seccomp sandbox and a network namespace of its own. And wget.
#
#     a: tnftp, curl, wget ──── linkem ──── b: vsftpd, nginx
#
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"
needs_root vsftpd
FTP_PORT=2121

start_vsftpd() {
	mkdir -p "$TMP/ftp/incoming" "$TMP/jail"
	chown ftp "$TMP/ftp/incoming"
	cat >"$TMP/vsftpd.conf" <<-EOF
		listen=NO
		listen_ipv6=YES
		listen_port=$FTP_PORT
		background=NO
		anonymous_enable=YES
		local_enable=NO
		anon_root=$TMP/ftp
		write_enable=YES
		anon_upload_enable=YES
		anon_other_write_enable=YES
		anon_umask=022
		connect_from_port_20=YES
		ftp_data_port=2020
		secure_chroot_dir=$TMP/jail
		xferlog_enable=YES
		vsftpd_log_file=$TMP/vsftpd.log
		dual_log_enable=YES
		xferlog_file=$TMP/xfer.log
	EOF
	launch vsftpd b vsftpd "$TMP/vsftpd.conf"
	wait_listening b "$FTP_PORT"
}

# came NAME WHAT: the fetched file is the right one.
came() {
	expect_same "$TMP/ftp/$1" "$TMP/fetched" "$2"
	rm -f "$TMP/fetched"
}

# curl_ftp HOST WHAT [OPTION...]: there and back.
curl_ftp() {
	local host=$1 what=$2
	shift 2
	curl_a 20 "$@" -o "$TMP/fetched" "ftp://$host:$FTP_PORT/big" || fail "curl, $what: exit $?"
	came big "curl, $what"
	curl_a 20 "$@" -T "$TMP/ftp/big" "ftp://$host:$FTP_PORT/incoming/" || fail "curl -T, $what: exit $?"
	expect_same "$TMP/ftp/big" "$TMP/ftp/incoming/big" "curl -T, $what"
	rm "$TMP/ftp/incoming/big"
	expect_match <(curl_a 20 "$@" -l "ftp://$host:$FTP_PORT/") '^incoming$' "list of files, $what"
	ok "curl, $what: $(stat -c %s "$TMP/ftp/big") bytes there and back"
}

# tnftp_moves WHAT OPTION
tnftp_moves() {
	cat >"$TMP/tnftp.in" <<-EOF
		user anonymous tester@
		binary
		get big $TMP/fetched
		put $TMP/ftp/big incoming/big
		get page $TMP/page
		dir
		quit
	EOF
	under a timeout $((20 * PATIENCE)) tnftp -n -v -i "$2" "$B4" "$FTP_PORT" <"$TMP/tnftp.in" >"$TMP/tnftp.out" 2>&1 ||
		fail "tnftp, $1: exit $?"
	came big "tnftp, $1"
	expect_same "$TMP/ftp/big" "$TMP/ftp/incoming/big" "tnftp put, $1"
	expect_same "$TMP/ftp/page" "$TMP/page" "tnftp, $1"
	rm "$TMP/ftp/incoming/big" "$TMP/page"
	ok "tnftp, $1"
}

# wget_ftp WHAT [OPTION...]
wget_ftp() {
	local what=$1
	shift
	under a timeout $((20 * PATIENCE)) wget -q -T $((10 * PATIENCE)) -t 1 "$@" -O "$TMP/fetched" "ftp://$B4:$FTP_PORT/big" ||
		fail "wget, $what: exit $?"
	came big "wget, $what"
	ok "wget, $what"
}

addresses() {
	expect_match "$TMP/vsftpd.log" "CONNECT: Client \"(::ffff:)?$A4\"" "the caller's address in the log"
	expect_match "$TMP/vsftpd.log" "CONNECT: Client \"$A6\"" "the caller's address in the log"
	ok "the server knows the callers' addresses"
}

wget_http() {
	start_nginx
	head -c 1000000 "$TMP/www/big" >"$TMP/big"
	under a timeout $((20 * PATIENCE)) wget -q -T $((10 * PATIENCE)) -t 1 -c -P "$TMP" "$URL/big" || fail "wget -c: exit $?"
	expect_same "$TMP/www/big" "$TMP/big" "wget -c"
	under a timeout $((20 * PATIENCE)) wget -q -T $((10 * PATIENCE)) -t 1 -r -np -nH -P "$TMP/mirror" "$URL6/tree/" ||
		fail "wget -r: exit $?"
	expect_match <(diff -r -x 'index.html*' "$TMP/www/tree" "$TMP/mirror/tree" && echo same) '^same$' \
		"wget -r"
	ok "wget of http: the rest of a file, and a tree"
	stop_server nginx
}

make_tree() {
	local i
	mkdir -p "$TMP/www/tree/deeper"
	for i in {1..20}; do
		head -c $((i * 999)) /dev/urandom >"$TMP/www/tree/deeper/$i"
	done
	echo "location /tree/ { autoindex on; }" >"$TMP/nginx-server.conf"
}

mkdir -p "$TMP/ftp"
make_file ftp/big 3000000
make_file ftp/page 10000
make_page big 3000000
make_tree

section "4 ms"
link_up --delay 2ms
start_vsftpd
curl_ftp "$B4" passive
curl_ftp "$B4" active --ftp-port "$A4"
curl_ftp "[$B6]" "passive, IPv6"
curl_ftp "[$B6]" "active, IPv6" --ftp-port -
tnftp_moves passive -p
tnftp_moves active -A
wget_ftp passive
wget_ftp active --no-passive-ftp
addresses
wget_http
prove_udp 40000000

section "20 ms, 2 % loss both ways"
link_up --delay 10ms --loss 2% --seed 4
curl_ftp "$B4" passive
curl_ftp "$B4" active --ftp-port "$A4"
stop vsftpd
wait_not_listening b "$FTP_PORT"
prove_udp 12000000
link_down
