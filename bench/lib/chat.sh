# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Compares chat servers over loopback in namespace a: limits off, TCP_NODELAY on, which all of them set.

CHAT_SECONDS=${CHAT_SECONDS:-5}

# chat_serve VARIANT: starts the server on $PORT.
chat_serve() {
	write_"$1"_conf
	case $1 in
	apollonion) launch_plain server a "$BUILD/apollonion" --config "$TMP/chat.conf" ;;
	ngircd) launch_plain server a ngircd -n -f "$TMP/chat.conf" ;;
	inspircd) launch_plain server a inspircd --nofork --nopid --runasroot --config="$TMP/chat.conf" ;;
	esac
	wait_until 20 "$1 to listen" is_tcp_served a "$PORT"
}

write_apollonion_conf() {
	cat >"$TMP/chat.conf" <<-EOT
		[server]
		name = chat.test
		network = Test
		[listen]
		plain = 127.0.0.1:$PORT
		[limits]
		clients = 15000
		per-address = 100000
		connects = 1000000
		send-queue = 64M
		[flood]
		burst = off
	EOT
}

write_ngircd_conf() {
	cat >"$TMP/chat.conf" <<-EOT
		[Global]
		Name = chat.test
		Listen = 127.0.0.1
		Ports = $PORT
		ServerUID = nobody
		[Limits]
		MaxConnections = 0
		MaxConnectionsIP = 0
		MaxJoins = 0
		MaxPenaltyTime = 0
		PingTimeout = 600
		[Options]
		DNS = no
		Ident = no
		PAM = no
	EOT
}

write_inspircd_conf() {
	cat >"$TMP/chat.conf" <<-EOT
		<server name="chat.test" description="x" network="Test" id="001">
		<admin name="a" nick="a" email="a@chat.test">
		<bind address="127.0.0.1" port="$PORT" type="clients">
		<connect name="all" allow="*" timeout="60" localmax="100000" globalmax="100000"
			threshold="1000000" commandrate="1000000000" fakelag="no" recvq="1M" hardsendq="100M"
			softsendq="100M" maxchans="100" resolvehostnames="no" useident="no" limit="100000"
			maxconnwarn="no" pingfreq="600">
		<performance nouserdns="yes" somaxconn="4096" softlimit="15000" clonesonconnect="no"
			netbuffersize="65536" quietbursts="yes">
		<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="$TMP/inspircd.log">
		<path configdir="$TMP" datadir="$TMP" logdir="$TMP" moduledir="/usr/lib/inspircd/modules">
	EOT
}

chat_server_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/${PID[server]}/status"
}

# chat_client VARIANT WHAT COUNT [SECONDS]. ngIRCd has a backlog of ten connections, fixed in its source;
# the kernel retries further ones after 1, 3, 7 ... 63 seconds.
chat_client() {
	local few=()
	[ "$1" != ngircd ] || few=(--at-once 8)
	shift
	launch_plain client a "$BIN/chat" "${few[@]}" 127.0.0.1 "$PORT" "$@"
}

# chat_idle VARIANT COUNT: the cost of COUNT clients that are registered and silent.
chat_idle() {
	local before fd
	before=$(chat_server_kb)
	mkfifo "$TMP/hold"
	exec {fd}<>"$TMP/hold"
	chat_client "$1" idle "$2" <&"$fd"
	wait_until "$RUN_LIMIT_S" "$2 clients" has_lines client 1
	sleep 1
	say "$(head -n 1 "$TMP/client.out")" server_kb $(($(chat_server_kb) - before))
}

# run_chat WHAT-COUNT VARIANT
run_chat() {
	local what=${1%-*} count=${1#*-} seconds=()
	chat_serve "$2"
	if [ "$what" = idle ]; then
		chat_idle "$2" "$count"
		return
	fi
	[[ $what != fanout && $what != pace ]] || seconds=("$CHAT_SECONDS")
	chat_client "$2" "$what" "$count" "${seconds[@]}"
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of chat: $(tail -n 1 "$TMP/client.err")"
	tail -n 1 "$TMP/client.out"
}
