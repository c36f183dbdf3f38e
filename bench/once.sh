#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs one measurement once, in namespaces, with its own programs and engines, and prints its result as
# JSON. bench/run.py calls it repeatedly; by hand it shows a single case:
#
#   BUILD=build bench/once.sh bulk P2 rudp-bbr 7 | python3 -m json.tool
#
#   once.sh MEASUREMENT CASE VARIANT ROUND
#
# Cases are paths (paths.txt, or wild-SEED for a random one), numbers of connections, or "-";
# lib/variants.sh explains the variants.
# The round is also the seed of the link: all variants of a round get the same random events.
measurement=${1:?} case=${2:?} variant=${3:?} round=${4:?}
HERE_BENCH=$(cd "$(dirname "$0")" && pwd)
export BENCH_SIM=${BENCH_SIM:-${BUILD:-}/tests/sim}
RUDP_TEST_PLAIN=
[ -e "${BUILD:-}/librudp_shim.so" ] || RUDP_TEST_PLAIN=1
if [ -n "$RUDP_TEST_PLAIN" ] && [[ $variant == *rudp* ]]; then
	echo "once.sh: $variant needs rudp, and BUILD=${BUILD:-} has no librudp_shim.so (make; export BUILD=\$PWD/build)" >&2
	exit 2
fi
# shellcheck source=integration/lib.sh
. "$HERE_BENCH/../integration/lib.sh"
# shellcheck source=integration/lib/people.sh
. "$HERE/lib/people.sh"
# shellcheck source=integration/lib/nodes.sh
. "$HERE/lib/nodes.sh"
for file in usage variants link wild local crowd day chat exchange; do
	# shellcheck source=/dev/null
	. "$HERE_BENCH/lib/$file.sh"
done

# shellcheck disable=SC2034 # read by lib/*.sh
{
	BIN=${BENCH_BIN:-$BUILD/bench/bin}
	PORT=5001
	RUN_LIMIT_S=150
}

# The kernel must not apply a destination's metrics (its slow start threshold) to the next connection.
forget_destinations() {
	local side
	for side in a b; do
		on "$side" sysctl -qw net.ipv4.tcp_no_metrics_save=1
	done
}

# await_end NAME SECONDS. wait_until polls every 20 ms and starts a process each time, which would take a
# tenth of a processor from the measurement.
await_end() {
	timeout "$2" tail --pid="${PID[$1]}" -s 0.2 -f /dev/null || fail "waited $2 s in vain for: end of $1"
}

# Like that of integration/lib/programs.sh, without polling.
finish() {
	await_end "$@"
	reap "$1"
}

# serve VARIANT SIDE PROGRAM [ARGUMENT...]: starts a server of bench/ on $PORT. Its kernel TCP uses the
# same congestion control as the clients, since the answers are the large transfers.
serve() {
	local variant=$1 side=$2 program=$3 port=$PORT cc
	shift 3
	cc=$(cc_of "$variant")
	run_as "$variant" "server$port" "$side" env ${cc:+"SERVE_CC=$cc"} "$BIN/$program" serve "$port" "$@"
	wait_until 10 "$program to listen" grep -qs listening "$TMP/server$port.out"
}

# ask VARIANT SIDE COMMAND...: runs a client; its last line of output is in $RESULT.
# shellcheck disable=SC2034 # read by lib/*.sh
ask() {
	local variant=$1
	shift
	run_as "$variant" client "$@"
	finish client "$RUN_LIMIT_S"
	expect_eq "$STATUS" 0 "exit code of $2"
	RESULT=$(tail -n 1 "$TMP/client.out")
}

# served [PORT]: the last output of a server is in $SERVED.
# shellcheck disable=SC2034 # read by lib/*.sh
served() {
	local port=${1:-$PORT}
	finish "server$port" 10
	expect_eq "$STATUS" 0 "exit code of the server"
	SERVED=$(tail -n 1 "$TMP/server$port.out")
}

# say RESULT [KEY VALUE]...: prints the JSON object with further members.
say() {
	local result=${1%\}}
	shift
	while [ $# -ge 2 ]; do
		result+=", \"$1\": $2"
		shift 2
	done
	printf '%s}\n' "$result"
}

ulimit -n 100000 2>/dev/null || true
forget_destinations
if ! declare -F "run_$measurement" >/dev/null; then
	fail "no such measurement: $measurement"
fi
"run_$measurement" "$case" "$variant" "$round"
