#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One run of one measurement, in namespaces, with programs and engines of its own; prints a line of
# JSON. bench/run.sh calls this again and again; by hand it is good for a look at a single case:
#
#   BUILD=build bench/once.sh link_loss_1 rudp bbr 7 | python3 -m json.tool
#
#   once.sh MEASUREMENT tcp|rudp CONGESTION-CONTROL ROUND
#
# The round is also the seed of the link: the variants of one round meet the same chance.
measurement=${1:?} transport=${2:?} cc=${3:?} round=${4:?}
RUDP_TEST_PLAIN=
[ "$transport" = rudp ] || RUDP_TEST_PLAIN=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=bench/usage.sh
. "$(dirname "$0")/usage.sh"
# shellcheck disable=SC2034 # read by integration/lib/programs.sh
SETTINGS=("RUDP_CC=$cc" "RUDP_LOG=error:$TMP/engine.log")

BIN=$BUILD/bench/bin
PORT=5001
RUN_LIMIT_S=120
LINK_RATE=100M
LINK_DELAY=25ms
LINK_BYTES=20000000
SETUP_COUNT=3000
IDLE_COUNT=1000
IDLE_SETTLE_S=2
REQUEST_BYTES=200
REQUEST_CONNECTIONS=20
LOOPBACK_BYTES=${LOOPBACK_BYTES:-1000000000}
REQUESTS_EACH=${REQUESTS_EACH:-100}
EVENT_REQUESTS_EACH=2000
EVENT_CONNECTIONS=10
REDIS_REQUESTS=200000
REDIS_PIPELINE=16
LOAD_RUNS=300

# For kernel TCP bulk sets the socket option, which works where the sysctl of a namespace does not;
# the other programs take the system's default. What rudp does is in its settings.
kernel_cc=()
[ "$transport" = rudp ] || kernel_cc=("$cc")

# serve SIDE PROGRAM [ARGUMENT...]
serve() {
	local side=$1 program=$2
	shift 2
	launch server "$side" "$BIN/$program" serve "$PORT" "$@"
	wait_until 10 "$program to listen" grep -qs listening "$TMP/server.out"
}

# ask SIDE PROGRAM ARGUMENT...: what it printed is in $RESULT.
ask() {
	local side=$1 program=$2
	shift 2
	launch client "$side" "$BIN/$program" "$@"
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of $program"
	RESULT=$(cat "$TMP/client.out")
}

# say [KEY VALUE]...: the line of results; values are JSON.
say() {
	printf '{"measurement": "%s", "transport": "%s", "cc": "%s", "round": %d, "result": %s' \
		"$measurement" "$transport" "$cc" "$round" "$RESULT"
	while [ $# -ge 2 ]; do
		printf ', "%s": %s' "$1" "$2"
		shift 2
	done
	echo '}'
}

# What a destination taught one connection (its slow start threshold) must not help the next.
forget_destinations() {
	local side
	for side in a b; do
		on "$side" sysctl -qw net.ipv4.tcp_no_metrics_save=1
	done
}

run_loopback() {
	local before
	serve a bulk
	before=$(engine_cpu_s a)
	ask a bulk send 127.0.0.1 "$PORT" "$LOOPBACK_BYTES" "${kernel_cc[@]}"
	say engine_cpu_s "$(seconds_between "$before" "$(engine_cpu_s a)")"
}

# run_link LOSS
run_link() {
	link_up --delay "$LINK_DELAY" --rate "$LINK_RATE" --queue 1bdp --loss "$1" --seed "$round"
	serve b bulk
	ask a bulk send "$B4" "$PORT" "$LINK_BYTES" "${kernel_cc[@]}"
	link_stop
	say wire_bytes "$(link_sum '*.sent.tcp.bytes' '*.sent.udp.bytes')" \
		wire_packets "$(link_sum '*.sent.tcp.packets' '*.sent.udp.packets')" \
		queue_drops "$(link_sum '*.drops.queue')" chance_drops "$(link_sum '*.drops.loss')"
}

run_latency() {
	link_up --delay "$LINK_DELAY" --rate "$LINK_RATE" --loss 1% --seed "$round"
	serve b pingpong "$REQUEST_BYTES"
	ask a pingpong ask "$B4" "$PORT" "$REQUEST_BYTES" "$REQUESTS_EACH" "$REQUEST_CONNECTIONS"
	link_stop
	say
}

run_setup() {
	serve a setup
	ask a setup run 127.0.0.1 "$PORT" "$SETUP_COUNT"
	say
}

# run_events edge|level: what counts is said by the server when its last connection has ended.
run_events() {
	serve a events "$REQUEST_BYTES" "$1"
	ask a pingpong ask 127.0.0.1 "$PORT" "$REQUEST_BYTES" "$EVENT_REQUESTS_EACH" "$EVENT_CONNECTIONS"
	finish server 10
	expect_eq "$STATUS" 0 "exit code of events"
	RESULT=$(tail -n 1 "$TMP/server.out")
	say
}

run_redis() {
	local before
	launch server a redis-server --port "$PORT" --save '' --appendonly no
	wait_until 10 "redis to listen" grep -qs Ready "$TMP/server.out"
	before=$(engine_cpu_s a)
	launch client a redis-benchmark -p "$PORT" -P "$REDIS_PIPELINE" -n "$REDIS_REQUESTS" -t set,get --csv
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of redis-benchmark"
	RESULT=$(tr -d '"' <"$TMP/client.out" | awk -F , '
		$1 == "SET" { set = $2 }
		$1 == "GET" { get = $2 }
		END { printf "{\"set_per_second\": %s, \"get_per_second\": %s}", set, get }')
	say engine_cpu_s "$(seconds_between "$before" "$(engine_cpu_s a)")"
}

# A program that opens no socket: what loading the shim costs it.
run_load() {
	launch client a hyperfine --shell=none --warmup 20 --runs "$LOAD_RUNS" --export-json "$TMP/load" /bin/true
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of hyperfine"
	RESULT=$(python3 -c 'import json, sys
run = json.load(open(sys.argv[1]))["results"][0]
print(json.dumps({"mean_ms": run["mean"] * 1e3, "median_ms": run["median"] * 1e3}))' "$TMP/load")
	say
}

# hold NAME COUNT: opens so many connections that stay until the end of this run.
hold() {
	launch "$1" a "$BIN/idle" open "$B4" "$PORT" "$2" <&"$IDLE_HOLD"
	wait_until "$RUN_LIMIT_S" "$2 connections" has_bytes "$TMP/$1.out" 1
	sleep "$IDLE_SETTLE_S"
}

# The first connection is there before the counting, so that what an engine needs once is not shared
# out among the connections.
run_idle() {
	local a b slab
	link_up
	mkfifo "$TMP/hold"
	exec {IDLE_HOLD}<>"$TMP/hold"
	serve b idle
	hold first 1
	a=$(engine_kb a) b=$(engine_kb b) slab=$(kernel_slab_kb)
	hold all "$IDLE_COUNT"
	RESULT=$(cat "$TMP/all.out")
	say client_engine_kb "$(($(engine_kb a) - a))" server_engine_kb "$(($(engine_kb b) - b))" \
		kernel_slab_kb "$(($(kernel_slab_kb) - slab))"
}

forget_destinations
case $measurement in
loopback) run_loopback ;;
link_loss_0) run_link 0 ;;
link_loss_1) run_link 1% ;;
idle) run_idle ;;
latency) run_latency ;;
setup) run_setup ;;
events_edge) run_events edge ;;
events_level) run_events level ;;
redis) run_redis ;;
load) run_load ;;
*) fail "no such measurement: $measurement" ;;
esac
