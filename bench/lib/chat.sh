# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Compares chat servers over loopback in namespace a: limits off, TCP_NODELAY on, which all of them set.

CHAT_SECONDS=${CHAT_SECONDS:-5}

# chat_serve VARIANT: starts the server on $PORT.
chat_serve() {
	write_"$1"_conf
	case $1 in
	apollonion) launch_plain server a "$BUILD/apollonion" --config "$TMP/chat.conf" ;;
	apollonion-3) start_three ;;
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

# Three nodes (docs/conversation.md, "Several nodes") over three NATS servers with their stream on the disk. Their ports
# are $PORT and the next two.
write_apollonion-3_conf() {
	local i
	write_apollonion_conf
	sed -i 's/^clients = .*/clients = 40000/' "$TMP/chat.conf"
	for i in 0 1 2; do
		{
			sed "s/^plain = .*/plain = 127.0.0.1:$((PORT + i))/" "$TMP/chat.conf"
			printf '%s\n' '[cloak]' 'enabled = no' '[cluster]' "node = n$i" \
				"servers = nats://127.0.0.1:4221,nats://127.0.0.1:4222,nats://127.0.0.1:4223"
		} >"$TMP/n$i.conf"
	done
}

start_three() {
	local i routes='"nats://127.0.0.1:6221", "nats://127.0.0.1:6222", "nats://127.0.0.1:6223"'
	for i in 1 2 3; do
		write_nats "$i" 127.0.0.1 "$routes"
		start_nats "$i" a
	done
	for i in 0 1 2; do
		launch_plain "n$i" a "$BUILD/apollonion" --config "$TMP/n$i.conf"
	done
	for i in 0 1 2; do
		wait_joined "$i"
	done
}

# What the stream has: "BYTES ENTRIES".
stream_size() {
	on a python3 "$HERE/lib/ask_nats.py" 4221 "\$JS.API.STREAM.INFO.apollonion-log" |
		python3 -c 'import json, sys; state = json.load(sys.stdin)["state"]; print(state["bytes"], state["messages"])'
}

# kb_of NAME...: memory of the processes together.
kb_of() {
	local name sum=0
	for name; do
		sum=$((sum + $(awk '$1 == "VmRSS:" { print $2 }' "/proc/${PID[$name]}/status")))
	done
	echo "$sum"
}

chat_server_kb() {
	kb_of server
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

# nodes_idle COUNT: so many clients at each of three nodes; each node knows all of them.
nodes_idle() {
	local before fd node longest
	before=$(kb_of n0 n1 n2)
	mkfifo "$TMP/hold"
	exec {fd}<>"$TMP/hold"
	for node in 0 1 2; do
		launch_plain "client$node" a "$BIN/chat" --nick "abc${node}x" 127.0.0.1 "$((PORT + node))" idle "$1" <&"$fd"
	done
	for node in 0 1 2; do
		wait_until "$RUN_LIMIT_S" "$1 clients at each node" has_lines "client$node" 1
	done
	sleep 1
	longest=$(head -qn 1 "$TMP"/client?.out |
		python3 -c 'import json, sys; print(max(json.loads(line)["elapsed_s"] for line in sys.stdin))')
	say "{\"logins\": $(($1 * 3)), \"elapsed_s\": $longest}" server_kb $(($(kb_of n0 n1 n2) - before))
}

# run_nodes WHAT-COUNT VARIANT: one process beside three nodes. 64 clients send in turns: the next line of each waits
# until its last one has gone round.
run_nodes() {
	local what=${1%-*} count=${1#*-} ports=$PORT before after senders=() seconds=()
	chat_serve "$2"
	[ "$2" = apollonion ] || ports=$PORT,$((PORT + 1)),$((PORT + 2))
	case $what in
	idle)
		nodes_idle $((count / 3))
		return
		;;
	fanout)
		senders=(--senders 64)
		seconds=("$CHAT_SECONDS")
		;;
	esac
	[ "$2" = apollonion ] || before=$(stream_size)
	launch_plain client a "$BIN/chat" "${senders[@]}" 127.0.0.1 "$ports" "$what" "$count" "${seconds[@]}"
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of chat: $(tail -n 1 "$TMP/client.err")"
	if [ "$2" = apollonion ]; then
		tail -n 1 "$TMP/client.out"
		return
	fi
	after=$(stream_size)
	say "$(tail -n 1 "$TMP/client.out")" stream_bytes $((${after% *} - ${before% *})) \
		stream_entries $((${after#* } - ${before#* }))
}
