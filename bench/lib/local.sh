# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Measurements over loopback, in namespace a.

IPERF_SECONDS=${IPERF_SECONDS:-5}
SETUP_COUNT=${SETUP_COUNT:-3000}
PINGPONG_COUNT=${PINGPONG_COUNT:-20000}
EVENT_REQUESTS_EACH=2000 EVENT_CONNECTIONS=10 EVENT_BYTES=200
REDIS_REQUESTS=${REDIS_REQUESTS:-100000}
REDIS_PIPELINED_TIMES=16 # more requests with a pipeline, or a run would end before it is steady
LOAD_RUNS=300
SIZES=(64 256 1024 4096 16384 65536 262144 1048576)
SIZE_SECONDS=2

run_iperf() {
	local before cc
	run_as "$2" server a iperf3 -s -p "$PORT" -1
	wait_until 10 "iperf3 to listen" is_served "$2" a "$PORT"
	carry "$2" a a 127.0.0.1 "$PORT"
	before=$(carriers_cpu_s)
	cc=$(cc_of "$2")
	run_as "$2" client a iperf3 -c "$HOST" -p "$DIAL" -t "$IPERF_SECONDS" --json ${cc:+-C "$cc"}
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of iperf3"
	python3 - "$TMP/client.out" "$(seconds_between "$before" "$(carriers_cpu_s)")" <<-'EOF'
		import json, sys
		end = json.load(open(sys.argv[1]))["end"]
		received, cpu = end["sum_received"], end["cpu_utilization_percent"]
		programs_s = (cpu["host_total"] + cpu["remote_total"]) / 100 * received["seconds"]
		print(json.dumps({"gbps": received["bits_per_second"] / 1e9, "bytes": received["bytes"],
		                  "programs_cpu_s": programs_s, "carriers_cpu_s": float(sys.argv[2])}))
	EOF
}

# is_served VARIANT SIDE PORT: is there a server on the port?
is_served() {
	case $1 in
	rudp-*) is_udp_served "$2" "$3" ;;
	*) is_tcp_served "$2" "$3" ;;
	esac
}

run_pingpong() {
	local before
	serve "$2" a pingpong 64 64
	carry "$2" a a 127.0.0.1 "$PORT"
	before=$(carriers_cpu_s)
	ask "$2" a "$BIN/pingpong" ask "$HOST" "$DIAL" 64 64 "$PINGPONG_COUNT" 1
	say "$RESULT" carriers_cpu_s "$(seconds_between "$before" "$(carriers_cpu_s)")"
}

# run_setup alone|request VARIANT: connect, accept, close; "request" adds a request and its answer.
run_setup() {
	local before bytes=1
	if [ "$1" = alone ]; then
		bytes=0
		serve "$2" a fetch closing
	else
		serve "$2" a fetch
	fi
	carry "$2" a a 127.0.0.1 "$PORT"
	before=$(carriers_cpu_s)
	ask "$2" a "$BIN/fetch" run "$HOST" "$DIAL" "$SETUP_COUNT" "$bytes" 30
	say "$RESULT" carriers_cpu_s "$(seconds_between "$before" "$(carriers_cpu_s)")"
}

# The bytes that have passed the loopback device of namespace a, with the headers of Ethernet, IP and UDP.
loopback_bytes() {
	on a cat /proc/net/dev | awk '$1 == "lo:" { print $2 }'
}

# run_handshake full|resumed VARIANT: connections one after the other, by the kind of handshake. Without a request, so
# nearly all of the engines' work is the handshake's; then as many with a request, for the time to the first byte.
run_handshake() {
	local before bytes cpu result PORT=$PORT
	{
		[ "$1" = resumed ] || echo "set resume off"
		# Without an identity of its own a client asks no program of its host for one.
		[[ $2 != *-nx ]] || echo "connect use rudp require identity"
	} >"$TMP/$2.conf"
	serve "$2" a fetch closing
	carry "$2" a a 127.0.0.1 "$PORT"
	before=$(carriers_cpu_s)
	bytes=$(loopback_bytes)
	ask "$2" a "$BIN/fetch" run "$HOST" "$DIAL" "$SETUP_COUNT" 0 30
	result=$RESULT cpu=$(seconds_between "$before" "$(carriers_cpu_s)") bytes=$(($(loopback_bytes) - bytes))
	PORT=$((PORT + 1)) # another server, which waits for a request and answers with a byte
	serve "$2" a fetch
	carry "$2" a a 127.0.0.1 "$PORT"
	ask "$2" a "$BIN/fetch" run "$HOST" "$DIAL" "$SETUP_COUNT" 1 30
	say "$result" carriers_cpu_s "$cpu" wire_bytes "$bytes" request "$RESULT"
}

# run_events edge|level VARIANT: the server prints the result when its last connection has ended.
run_events() {
	serve "$2" a events "$EVENT_BYTES" "$1"
	ask "$2" a "$BIN/pingpong" ask 127.0.0.1 "$PORT" "$EVENT_BYTES" "$EVENT_BYTES" \
		"$EVENT_REQUESTS_EACH" "$EVENT_CONNECTIONS"
	served
	echo "$SERVED"
}

# run_redis DEPTH-OF-PIPELINE VARIANT
run_redis() {
	local before requests=$REDIS_REQUESTS
	[ "$1" = 1 ] || requests=$((requests * REDIS_PIPELINED_TIMES))
	run_as "$2" server a redis-server --port "$PORT" --save '' --appendonly no
	wait_until 30 "redis to listen" grep -qs Ready "$TMP/server.out"
	carry "$2" a a 127.0.0.1 "$PORT"
	before=$(carriers_cpu_s)
	run_as "$2" client a redis-benchmark -h "$HOST" -p "$DIAL" -P "$1" \
		-n "$requests" -t set,get --csv
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of redis-benchmark"
	RESULT=$(tr -d '"' <"$TMP/client.out" | awk -F , '
		$1 == "SET" { set = $2 }
		$1 == "GET" { get = $2 }
		END { printf "{\"set_per_second\": %s, \"get_per_second\": %s}", set, get }')
	say "$RESULT" requests $((requests * 2)) \
		carriers_cpu_s "$(seconds_between "$before" "$(carriers_cpu_s)")"
}

# A program that opens no socket: the cost of loading the shim.
run_load() {
	run_as "$2" client a hyperfine --shell=none --warmup 20 --runs "$LOAD_RUNS" \
		--export-json "$TMP/load" /bin/true
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of hyperfine"
	python3 - "$TMP/load" <<-'EOF'
		import json, sys
		run = json.load(open(sys.argv[1]))["results"][0]
		print(json.dumps({"mean_ms": run["mean"] * 1e3, "median_ms": run["median"] * 1e3}))
	EOF
}

# Throughput by the size of a write; each size on a new connection.
run_sizes() {
	local size results=()
	for size in "${SIZES[@]}"; do
		serve "$2" a bulk 1
		[ ${#results[@]} -gt 0 ] || carry "$2" a a 127.0.0.1 "$PORT"
		# shellcheck disable=SC2046
		run_as "$2" client a "$BIN/bulk" send "$HOST" "$DIAL" "$SIZE_SECONDS" "$size" 1 $(cc_of "$2")
		wait_until "$RUN_LIMIT_S" "end of the transfer" has_ended "server$PORT"
		served
		results+=("\"$size\": $SERVED")
		finish client 20
	done
	printf '{%s}\n' "$(IFS=,; echo "${results[*]}")"
}
