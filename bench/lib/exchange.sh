# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Messages between two programs over loopback in namespace a. A variant is the message carrier:
#
#   rudpmsg-rudp    librudpmsg over rudp, in memory          mosquitto   QoS 1, both ways over its broker
#   rudpmsg-tcp     the same over TCP                        nng, zeromq   push and pull: no promise
#   rudpmsg-store   over rudp, on the disk at both ends, STORED
#
# A case is SIZE-CONNECTIONS, or pace: 100 bytes, 1,000 a second, one connection.

EXCHANGE_PART=${EXCHANGE_PART:-1} # divides the number of messages, for a quicker look
FSYNC_SECONDS=1

# The number of messages: enough for several seconds.
exchange_count() {
	local count
	case $2 in
	mosquitto) count=60000 ;;
	nng) count=150000 ;;
	rudpmsg-store) count=300000 ;;
	*) count=1500000 ;;
	esac
	[ "$1" -lt 1000 ] || count=$((count / 15))
	echo $((count / EXCHANGE_PART))
}

# exchange_env VARIANT: the environment with which librudpmsg finds engine, key, transport and store.
exchange_env() {
	echo "RUDP_ENGINE_PATH=$BUILD/rudp-engine" "RUDP_ENGINE=process" "RUDP_KEY_FILE=$TMP/key" \
		"RUDP_LOG=error:$TMP/engine.log"
	case $1 in
	rudpmsg-tcp) echo EXCHANGE_TRANSPORT=tcp ;;
	rudpmsg-store) echo "EXCHANGE_STORE=$TMP/store" ;;
	esac
}

exchange_broker() {
	printf '%s\n' "listener $PORT 127.0.0.1" 'allow_anonymous true' 'max_queued_messages 0' \
		'max_inflight_messages 1000' 'set_tcp_nodelay true' 'persistence false' >"$TMP/broker.conf"
	launch_plain broker a mosquitto -c "$TMP/broker.conf"
	wait_until 10 "mosquitto to listen" is_tcp_served a "$PORT"
}

exchange_others_cpu_s() {
	local pids=()
	mapfile -t pids < <(engines_on a)
	[ -z "${PID[broker]:-}" ] || pids+=("${PID[broker]}")
	threads_cpu_s_of "${pids[@]}"
}

# The speed of the disk itself: appends 4 KB and calls fdatasync.
fsyncs_per_s() {
	python3 - "$TMP/fsync" "$FSYNC_SECONDS" <<-'EOT'
		import os, sys, time
		fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
		start, count = time.monotonic(), 0
		while time.monotonic() - start < float(sys.argv[2]):
		    os.write(fd, bytes(4096))
		    os.fdatasync(fd)
		    count += 1
		print(round(count / (time.monotonic() - start), 1))
	EOT
}

# run_exchange CASE VARIANT
run_exchange() {
	local size=${1%-*} connections=${1#*-} count rate=() env=() cpu fsyncs=null
	local program=$BIN/exchange-${2%%-*}
	count=$(exchange_count "${size/pace/100}" "$2")
	[ "$1" != pace ] || size=100 connections=1 count=$((5000 / EXCHANGE_PART)) rate=(1000)
	read -ra env <<<"$(exchange_env "$2" | tr '\n' ' ')"
	mkdir "$TMP/store"
	[ "$2" != rudpmsg-store ] || fsyncs=$(fsyncs_per_s)
	[ "$2" != mosquitto ] || exchange_broker
	launch_plain receiver a env "${env[@]}" "$program" serve "$PORT" "$count"
	wait_until 20 "the receiver" grep -qs listening "$TMP/receiver.out"
	cpu=$(exchange_others_cpu_s)
	launch_plain sender a env "${env[@]}" "$program" send 127.0.0.1 "$PORT" "$size" "$connections" \
		"$count" "${rate[@]}"
	wait_until "$RUN_LIMIT_S" "all messages" has_lines receiver 2
	cpu=$(seconds_between "$cpu" "$(exchange_others_cpu_s)")
	finish sender "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of the sender"
	say "$(tail -n 1 "$TMP/receiver.out")" sender "$(tail -n 1 "$TMP/sender.out")" others_cpu_s "$cpu" \
		fsyncs_per_s "$fsyncs"
}

# run_idle_peers tcp|rudp: over rudp each stream needs more descriptors of the one engine.
run_idle_peers() {
	local peers=10000
	[ "$1" = tcp ] || peers=3000
	launch_plain hub a env "RUDP_ENGINE_PATH=$BUILD/rudp-engine" RUDP_ENGINE=process \
		"RUDP_KEY_FILE=$TMP/key" "$BIN/idle_peers" "$1" "$PORT" "${IDLE_PEERS:-$peers}"
	finish hub "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of idle_peers: $(tail -n 1 "$TMP/hub.err")"
	tail -n 1 "$TMP/hub.out"
}
