# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Measurements over random paths. On one path of seven the direction from b to a is slower; large data
# goes from a to b.

WILD_OBJECTS=("small 100000 8 4" "large 1000000 5 6") # name, bytes, count, seconds after which no further one begins
WILD_LIMIT_S=60
WILD_REQUEST_SECONDS=8
WILD_REQUEST_LOAD=0.25 # share of the path's rate, so that the load itself is not measured
WILD_REQUEST_CONNECTIONS_MAX=10
WILD_REQUESTS_EACH_MAX=400

run_wild_bulk() {
	run_bulk "$@"
}

run_wild_object() {
	local object name bytes count seconds results=()
	path_up "$1" "$3" "$WILD_LIMIT_S"
	# shellcheck disable=SC2034 # read by ask
	RUN_LIMIT_S=$WILD_LIMIT_S
	serve "$2" a fetch
	for object in "${WILD_OBJECTS[@]}"; do
		read -r name bytes count seconds <<<"$object"
		# shellcheck disable=SC2046
		ask "$2" b "$BIN/fetch" run "$A4" "$PORT" "$count" "$bytes" "$seconds" $(cc_of "$2")
		results+=("\"$name\": $RESULT")
	done
	printf '{%s}\n' "$(IFS=,; echo "${results[*]}")"
}

# request_plan RATE-MBPS RTT-MS: the number of connections with requests, and their rate.
request_plan() {
	awk -v mbps="$1" -v rtt_ms="$2" -v part="$WILD_REQUEST_LOAD" -v most="$WILD_REQUEST_CONNECTIONS_MAX" \
		-v most_each="$WILD_REQUESTS_EACH_MAX" -v bits=$(((REQUEST_BYTES + RESPONSE_BYTES) * 8)) -v seconds="$WILD_REQUEST_SECONDS" '
		BEGIN {
			connections = int(mbps * 1e3 * rtt_ms * part / bits)
			connections = connections < 1 ? 1 : connections > most ? most : connections
			each = int(seconds * 1e3 / rtt_ms)
			print connections, (each > most_each ? most_each : each)
		}'
}

run_wild_request() {
	local connections each
	path_up "$1" "$3" 600
	# shellcheck disable=SC2034 # read by ask
	RUN_LIMIT_S=$WILD_LIMIT_S
	read -r connections each < <(request_plan "$RATE" "$RTT")
	serve "$2" a pingpong "$REQUEST_BYTES" "$RESPONSE_BYTES"
	# shellcheck disable=SC2046
	ask "$2" b "$BIN/pingpong" ask "$A4" "$PORT" "$REQUEST_BYTES" "$RESPONSE_BYTES" "$each" "$connections" \
		$(cc_of "$2")
	say "$RESULT"
}
