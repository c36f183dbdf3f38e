#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# One and two workers, each with an engine in a thread, which share a port: requests per second of the
# whole product, including programs and AF_UNIX. See docs/decisions/several-engines.md.
#
# Usage   workers.sh PINGPONG [ROUNDS]        BUILD: where the product is, else build

set -eu
pingpong=$1
rounds=${2:-5}
build=$(realpath "${BUILD:-build}")
port=9775
each=2000
connections=32
tmp=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null; rm -rf "$tmp"' EXIT

export RUDP_ENGINE=thread RUDP_ENGINE_PATH=$build/rudp-engine RUDP_POLICY='' RUDP_POLICY_FILE=/dev/null
export SERVE_SHARED=1

# on CPU COMMAND...: replaces this (background) shell, so that $! is the command's process.
on() {
	local cpu=$1
	shift
	exec env LD_PRELOAD="$build/librudp_shim.so" taskset -c "$cpu" "$@"
}

# measure NAME WORKER-CPUS CLIENT-CPUS: prints one line, the requests per second of all clients together.
measure() {
	local name=$1 clients=() cpu
	started=()
	for cpu in $2; do
		on "$cpu" "$pingpong" serve $port 64 64 >"$tmp/worker.$cpu" &
		started+=($!)
		until grep -q listening "$tmp/worker.$cpu"; do sleep 0.05; done
	done
	for cpu in $3; do
		on "$cpu" "$pingpong" ask 127.0.0.1 $port 64 64 $each $connections >"$tmp/client.$cpu" &
		clients+=($!)
	done
	wait "${clients[@]}"
	kill "${started[@]}"
	wait "${started[@]}" 2>/dev/null || true
	for cpu in $3; do
		sed -E 's/.*"requests": ([0-9]+), "elapsed_s": ([0-9.]+).*/\1 \2/' "$tmp/client.$cpu"
	done | awk -v name="$name" '{ rate += $1 / $2 } END { printf "%s\t%d\n", name, rate }'
	rm -f "$tmp"/*
}

for ((round = 0; round < rounds; round++)); do
	measure "1 core: 1 worker" 0 0
	measure "2 cores: 1 worker" 0 "0 1"
	measure "2 cores: 2 workers" "0 1" "0 1"
done | sort -t "$(printf "\t")" -k1,1 -k2,2n | awk -F '\t' '
	$1 != name { name = $1; count = 0 }
	{ values[name, ++count] = $2; counts[name] = count }
	END { for (name in counts) {
		printf "%s: median %d (of", name, values[name, int((counts[name] + 1) / 2)]
		for (i = 1; i <= counts[name]; i++) printf " %d", values[name, i]
		print ")"
	} }'
