# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Measurements over an emulated path, from a to b.

SERIES_STEP=50ms
BULK_WRITE_BYTES=262144
SHARE_SECONDS=${SHARE_SECONDS:-60}
OBJECT_BYTES=1000000
OBJECT_COUNT=${OBJECT_COUNT:-12}
OBJECT_SECONDS=${OBJECT_SECONDS:-15}
REQUEST_BYTES=200 RESPONSE_BYTES=1000
REQUEST_CONNECTIONS=20
REQUESTS_EACH=${REQUESTS_EACH:-100}
MESSAGE_BYTES=100 MESSAGE_RATE=50 MESSAGE_CONNECTIONS=5
MESSAGE_SECONDS=${MESSAGE_SECONDS:-20}
FIRST_BYTE_COUNT=20
TRACE_SECONDS=12

# path NAME: reads its row into RATE RTT LOSS QUEUE SECONDS_BULK STARTUP and the array OPTIONS.
path() {
	local row options
	case $1 in
	wild-*) row=$(python3 "$HERE_BENCH/lib/paths.py" "$1") ;;
	*) row=$(grep "^$1 " "$HERE_BENCH/paths.txt") ;;
	esac || fail "no such path: $1"
	IFS='|' read -r _ RATE RTT LOSS QUEUE SECONDS_BULK STARTUP options <<<"$row"
	read -ra OPTIONS <<<"${options//TRACES/$HERE_BENCH/traces}"
	read -r SECONDS_BULK <<<"${BULK_SECONDS:-$SECONDS_BULK}"
	read -r STARTUP <<<"$STARTUP"
	export RATE RTT LOSS QUEUE
}

# path_up NAME SEED SECONDS
path_up() {
	path "$1"
	link_up "${OPTIONS[@]}" --seed "$2" --series "$SERIES_STEP,$TMP/series.csv" \
		--settled "${STARTUP}s,${3}s"
}

# A bulk transfer of a given time on $PORT; the client runs in the background.
pour() {
	local variant=$1 seconds=$2 connections=$3 cc
	serve "$variant" b bulk "$connections"
	carry "$variant" a b "$B4" "$PORT" "${4:-0}"
	cc=$(cc_of "$variant")
	POUR=(run_as "$variant" "client$PORT" a "$BIN/bulk" send "$HOST" "$DIAL" "$seconds"
		"$BULK_WRITE_BYTES" "$connections" ${cc:+"$cc"})
}

run_bulk() {
	local before busy
	path "$1"
	path_up "$1" "$3" "$SECONDS_BULK"
	pour "$2" "$SECONDS_BULK" 1
	before=$(carriers_cpu_s) busy=$(machine_busy_s)
	"${POUR[@]}"
	await_end "server$PORT" "$RUN_LIMIT_S"
	busy=$(seconds_between "$busy" "$(machine_busy_s)")
	kill -USR1 "$LINK_PID"
	link_stop
	finish "client$PORT" 20
	served
	python3 "$HERE_BENCH/lib/link_result.py" "$1" "$LINK_STATS" "$TMP/series.csv" \
		"$(seconds_between "$before" "$(carriers_cpu_s)")" "$busy" "$SERVED" \
		"$(tail -n 1 "$TMP/client$PORT.out")"
}

# Like bulk, while nothing else runs (the plan ensures that); the load of other processes is reported.
run_cost() {
	local disturbed
	not_niced
	disturbed=$(disturbance)
	run_bulk "$@" >"$TMP/bulk.json"
	say "$(tail -n 1 "$TMP/bulk.json")" disturbance "[$disturbed, $(disturbance)]"
}

# Like bulk, over a path with ECN marks; kernels may then request ECN.
run_ecn() {
	on a sysctl -qw net.ipv4.tcp_ecn=1
	on b sysctl -qw net.ipv4.tcp_ecn=1
	run_bulk "$@"
}

# Like bulk, over an access network; if the path marks by waiting time, kernels may request ECN.
run_access() {
	if grep "^$1 " "$HERE_BENCH/paths.txt" | grep -q -e --mark-delay; then
		on a sysctl -qw net.ipv4.tcp_ecn=1
		on b sysctl -qw net.ipv4.tcp_ecn=1
	fi
	run_bulk "$@"
}

# run_share PATH ONE:OTHER: both transfers start at once.
run_share() {
	local one=${2%:*} other=${2#*:} first=() result
	path_up "$1" "$3" "$SHARE_SECONDS"
	pour "$one" "$SHARE_SECONDS" 1 0
	first=("${POUR[@]}")
	PORT=5002
	pour "$other" "$SHARE_SECONDS" 1 1
	"${first[@]}"
	"${POUR[@]}"
	wait_until "$RUN_LIMIT_S" "end of the transfers" has_ended server5001
	served 5001
	result=$SERVED
	served 5002
	python3 - "$result" "$SERVED" <<-'EOF'
		import json, sys
		one, other = (json.loads(text) for text in sys.argv[1:])
		print(json.dumps({"share": one["bytes"] / max(1, one["bytes"] + other["bytes"]),
		                  "one": one, "other": other}))
	EOF
}

# A thousand connections at once: is the rate shared fairly?
run_crowd_share() {
	path_up "$1" "$3" 30
	pour "$2" 30 "${CROWD_SHARE:-1000}"
	"${POUR[@]}"
	wait_until "$RUN_LIMIT_S" "end of the transfers" has_ended "server$PORT"
	served
	echo "$SERVED"
}

run_object() {
	path_up "$1" "$3" "$OBJECT_SECONDS"
	serve "$2" b fetch
	carry "$2" a b "$B4" "$PORT"
	# shellcheck disable=SC2046
	ask "$2" a "$BIN/fetch" run "$HOST" "$DIAL" "$OBJECT_COUNT" "$OBJECT_BYTES" "$OBJECT_SECONDS" \
		$(cc_of "$2")
	say "$RESULT"
}

wire_bytes() {
	count '*.sent.tcp.bytes' '*.sent.udp.bytes'
}

run_request() {
	path_up "$1" "$3" 600
	serve "$2" b pingpong "$REQUEST_BYTES" "$RESPONSE_BYTES"
	carry "$2" a b "$B4" "$PORT"
	# shellcheck disable=SC2046
	ask "$2" a "$BIN/pingpong" ask "$HOST" "$DIAL" "$REQUEST_BYTES" "$RESPONSE_BYTES" \
		"$REQUESTS_EACH" "$REQUEST_CONNECTIONS" $(cc_of "$2")
	say "$RESULT" wire_bytes "$(wire_bytes)" \
		payload_bytes $((REQUESTS_EACH * REQUEST_CONNECTIONS * (REQUEST_BYTES + RESPONSE_BYTES)))
}

run_message() {
	path_up "$1" "$3" 600
	serve "$2" b messages "$MESSAGE_BYTES" "$MESSAGE_CONNECTIONS"
	carry "$2" a b "$B4" "$PORT"
	# shellcheck disable=SC2046
	ask "$2" a "$BIN/messages" send "$HOST" "$DIAL" "$MESSAGE_BYTES" "$MESSAGE_RATE" \
		"$MESSAGE_SECONDS" "$MESSAGE_CONNECTIONS" $(cc_of "$2")
	served
	say "$SERVED" wire_bytes "$(wire_bytes)" \
		payload_bytes $((MESSAGE_RATE * MESSAGE_SECONDS * MESSAGE_CONNECTIONS * MESSAGE_BYTES))
}

# run_first_byte plain|fastopen VARIANT: new connections with a round trip of 50 ms.
run_first_byte() {
	local verb=run serving=()
	link_up --delay 25ms --seed "$3"
	if [ "$1" = fastopen ]; then
		verb=fastopen serving=(fastopen)
		echo "set early on" >"$TMP/early.conf"
		BENCH_SETTINGS="${BENCH_SETTINGS:-} RUDP_POLICY_FILE=$TMP/early.conf"
		on a sysctl -qw net.ipv4.tcp_fastopen=3
		on b sysctl -qw net.ipv4.tcp_fastopen=3
	fi
	serve "$2" b fetch "${serving[@]}"
	if [ "$2" = tls ]; then
		tls_server_up b "$PORT" 0
		RESULT=$(on a python3 "$HERE_BENCH/lib/tls_first_byte.py" "$B4" "$TLS_PORT" "$FIRST_BYTE_COUNT")
	else
		carry "$2" a b "$B4" "$PORT"
		# shellcheck disable=SC2046
		ask "$2" a "$BIN/fetch" "$verb" "$HOST" "$DIAL" "$FIRST_BYTE_COUNT" "$RESPONSE_BYTES" 60 \
			$(cc_of "$2")
	fi
	say "$RESULT"
}

# The state of the engine's congestion control over time, from its trace.
run_trace() {
	path_up "$1" "$3" "$TRACE_SECONDS"
	mkdir "$TMP/qlog"
	BENCH_SETTINGS="${BENCH_SETTINGS:-} RUDP_QLOG=$TMP/qlog"
	pour "$2" "$TRACE_SECONDS" 1
	"${POUR[@]}"
	wait_until "$RUN_LIMIT_S" "end of the transfer" has_ended "server$PORT"
	python3 "$HERE_BENCH/lib/trace_result.py" "$TMP/qlog" "$TMP/series.csv" "$TRACE_SECONDS"
}
