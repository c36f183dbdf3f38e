#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Measures rudp beside kernel TCP, in alternating runs. `make bench` comes here.
#
#   BUILD=DIR bench/run.sh [--quick] [--plain-only] [--only NAME]...
#
#   --quick       fewer rounds and bytes, without CUBIC at 1 % loss: about a minute
#   --plain-only  kernel TCP alone: checks the measuring itself
#   --only NAME   loopback, link, idle, latency, setup, events, redis or load; may be given again
#
# Results: BUILD/bench/*.json and *.svg, and tables. The exit code is 1 when a floor of this release
# is missed, 2 when measuring was not possible.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath -m "${BUILD:-$HERE/../build}")
OUT=$BUILD/bench
RAW=$OUT/raw.jsonl
LOAD_AT_START=$(cut -d ' ' -f 1 /proc/loadavg)
export BUILD TMPDIR=$OUT LOAD_AT_START

MEASUREMENTS=(loopback link idle latency setup events redis load)
VARIANTS=() # of bulk transfers: "TRANSPORT CONGESTION-CONTROL"
DEFAULTS=() # of everything else
QUICK='' PLAIN_ONLY='' ONLY=()

note() {
	printf 'bench: %s\n' "$*" >&2
}

give_up() {
	note "$*"
	exit 2
}

show_usage() {
	sed -n '3,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) QUICK=1 ;;
		--plain-only) PLAIN_ONLY=1 ;;
		--only)
			[[ " ${MEASUREMENTS[*]} " == *" ${2:-} "* ]] || show_usage
			ONLY+=("$2")
			shift
			;;
		*) show_usage ;;
		esac
		shift
	done
}

need_tools() {
	local tool products=(linkem)
	[ -n "$PLAIN_ONLY" ] || products+=(librudp_shim.so rudp-engine)
	for tool in ip python3 "${CC:-cc}"; do
		command -v "$tool" >/dev/null || give_up "$tool is missing (make setup installs it)"
	done
	[ -w /dev/net/tun ] || give_up "the emulated link needs /dev/net/tun (root, or mode 666)"
	for tool in "${products[@]}"; do
		[ -e "$BUILD/$tool" ] || give_up "$BUILD/$tool is missing (make bench builds it)"
	done
}

# What once.sh reads goes into the environment.
choose_sizes() {
	LOOPBACK_ROUNDS=5 LINK_ROUNDS=5 SLOW_ROUNDS=3 IDLE_ROUNDS=3 LATENCY_ROUNDS=3 SETUP_ROUNDS=3
	EVENTS_ROUNDS=3 REDIS_ROUNDS=3 LOAD_ROUNDS=3
	if [ -n "$QUICK" ]; then
		LOOPBACK_ROUNDS=3 LINK_ROUNDS=2 SLOW_ROUNDS=0 IDLE_ROUNDS=1 LATENCY_ROUNDS=1 SETUP_ROUNDS=1
		EVENTS_ROUNDS=1 REDIS_ROUNDS=1 LOAD_ROUNDS=1
		export LOOPBACK_BYTES=250000000 REQUESTS_EACH=50
	fi
}

choose_variants() {
	local cc offered=/proc/sys/net/ipv4/tcp_available_congestion_control
	for cc in cubic bbr; do
		if grep -qw "$cc" $offered; then
			VARIANTS+=("tcp $cc")
		else
			note "this kernel offers no $cc (modprobe tcp_$cc): left out"
		fi
	done
	DEFAULTS=("tcp $(cat /proc/sys/net/ipv4/tcp_congestion_control)")
	if [ -z "$PLAIN_ONLY" ]; then
		VARIANTS+=("rudp bbr" "rudp cubic")
		DEFAULTS+=("rudp bbr")
	fi
}

# A busy machine shows in every number, and in kernel TCP's less than in ours.
warn_of_load() {
	awk -v load="$LOAD_AT_START" -v cores="$(nproc)" 'BEGIN { exit !(load > cores / 4) }' || return 0
	note "load average is $LOAD_AT_START: other work on this machine will show in the numbers"
}

build_programs() {
	local program
	mkdir -p "$OUT/bin"
	for program in bulk events idle pingpong setup; do
		"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -o "$OUT/bin/$program" \
			"$HERE/$program.c" "$HERE/plain.c"
	done
}

# run_once MEASUREMENT ROUND TRANSPORT CC. A run that fails has its line, too, and its log.
run_once() {
	local line status=0 log=$OUT/$1-$3-$4-$2.log
	line=$("$HERE/once.sh" "$1" "$3" "$4" "$2" 2>"$log") || status=$?
	[ $status != 77 ] || give_up "$line"
	if [ $status = 0 ]; then
		rm -f "$log"
	else
		note "$3 $4 failed in round $2 of $1: see $log"
		line=$(printf '{"measurement": "%s", "transport": "%s", "cc": "%s", "round": %d, "result": null}' \
			"$1" "$3" "$4" "$2")
	fi
	printf '%s\n' "$line" >>"$RAW"
}

# The variants of bulk transfers with this congestion control, one "TRANSPORT CC" a line.
variants_with() {
	printf '%s\n' "${VARIANTS[@]}" | grep " $1\$" || true
}

# alternate ROUNDS MEASUREMENT VARIANT...
alternate() {
	local rounds=$1 measurement=$2 round variant
	shift 2
	for round in $(seq "$rounds"); do
		note "$measurement: round $round of $rounds"
		for variant in "$@"; do
			run_once "$measurement" "$round" "${variant% *}" "${variant#* }"
		done
	done
}

# Likewise, but all side by side, each on a link of its own.
at_once() {
	local rounds=$1 measurement=$2 round variant
	shift 2
	[ "$rounds" -gt 0 ] || return 0
	note "$measurement: $rounds rounds at once of each of: $(printf '%s; ' "$@")about a minute"
	for round in $(seq "$rounds"); do
		for variant in "$@"; do
			run_once "$measurement" "$round" "${variant% *}" "${variant#* }" &
		done
	done
	wait
}

measure_loopback() {
	alternate "$LOOPBACK_ROUNDS" loopback "${VARIANTS[@]}"
}

# Loss makes CUBIC so slow (about 3 of 100 Mbit/s) that one run after the other would take minutes;
# together they use little of a core. Without rounds they are left out.
measure_link() {
	local quick slow
	mapfile -t quick < <(variants_with bbr)
	mapfile -t slow < <(variants_with cubic)
	alternate "$LINK_ROUNDS" link_loss_0 "${VARIANTS[@]}"
	alternate "$LINK_ROUNDS" link_loss_1 "${quick[@]}"
	at_once "$SLOW_ROUNDS" link_loss_1 "${slow[@]}"
}

measure_idle() {
	alternate "$IDLE_ROUNDS" idle "${DEFAULTS[@]}"
}

measure_latency() {
	alternate "$LATENCY_ROUNDS" latency "${DEFAULTS[@]}"
}

measure_setup() {
	alternate "$SETUP_ROUNDS" setup "${DEFAULTS[@]}"
}

measure_events() {
	alternate "$EVENTS_ROUNDS" events_edge "${DEFAULTS[@]}"
	alternate "$EVENTS_ROUNDS" events_level "${DEFAULTS[@]}"
}

# These two use programs that nothing else here needs.
measure_redis() {
	if ! command -v redis-benchmark >/dev/null; then
		note "redis: left out, there is no redis-benchmark"
		return
	fi
	alternate "$REDIS_ROUNDS" redis "${DEFAULTS[@]}"
}

measure_load() {
	if ! command -v hyperfine >/dev/null; then
		note "load: left out, there is no hyperfine"
		return
	fi
	alternate "$LOAD_ROUNDS" load "${DEFAULTS[@]}"
}

parse "$@"
need_tools
mkdir -p "$OUT"
rm -f "$OUT"/*.json "$OUT"/*.svg "$OUT"/*.log
: >"$RAW"
choose_sizes
choose_variants
build_programs
warn_of_load
for measurement in "${MEASUREMENTS[@]}"; do
	if [ ${#ONLY[@]} -eq 0 ] || [[ " ${ONLY[*]} " == *" $measurement "* ]]; then
		"measure_$measurement"
	fi
done
python3 "$HERE/plot.py" "$OUT"
python3 "$HERE/report.py" "$OUT" ${PLAIN_ONLY:+--plain-only}
