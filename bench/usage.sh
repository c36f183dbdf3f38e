# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What engines and the kernel have used, read from /proc. An engine is known by its executable and the
# namespace it is in.

engines_on() {
	local pid
	for pid in $(ip netns pids "$(netns_of "$1")"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(realpath "$BUILD")/rudp-engine" ]; then
			echo "$pid"
		fi
	done
}

# CPU seconds, user and system, of the engines of a side.
engine_cpu_s() {
	local pid
	for pid in $(engines_on "$1"); do
		sed 's/.*) //' "/proc/$pid/stat"
	done | awk -v hz="$(getconf CLK_TCK)" '{ sum += $12 + $13 } END { printf "%.2f", sum / hz }'
}

# Their memory in KB, with pages that several processes share counted by share.
engine_kb() {
	local pid
	for pid in $(engines_on "$1"); do
		cat "/proc/$pid/smaps_rollup"
	done | awk '$1 == "Pss:" { sum += $2 } END { print sum + 0 }'
}

# Of the whole machine, so only a rough measure of what connections cost the kernel.
kernel_slab_kb() {
	awk '$1 == "Slab:" { print $2 }' /proc/meminfo
}

seconds_between() {
	awk -v from="$1" -v to="$2" 'BEGIN { printf "%.2f", to - from }'
}
