# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What engines, programs and the kernel have used, read from /proc. An engine is known by its
# executable and the namespace it is in.

engines_on() {
	local pid
	for pid in $(ip netns pids "$(netns_of "$1")"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(realpath "$BUILD")/rudp-engine" ]; then
			echo "$pid"
		fi
	done
}

# cpu_s_of PID...: CPU seconds of all their threads, those that have ended included, in ticks of 10 ms.
cpu_s_of() {
	local pid
	for pid in "$@"; do
		sed 's/.*) //' "/proc/$pid/stat"
	done 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '{ sum += $12 + $13 } END { printf "%.2f", sum / hz }'
}

# threads_cpu_s_of PID...: of the threads that are there, to the nanosecond.
threads_cpu_s_of() {
	local pid
	for pid in "$@"; do
		cat "/proc/$pid/task/"*/schedstat
	done 2>/dev/null | awk '{ sum += $1 } END { printf "%.6f", sum / 1e9 }'
}

# Busy time of all processors in seconds, from /proc/stat: user, system, irq and softirq. The kernel does
# much of TCP's work in the context of another process, such as the emulator: only the sum over the machine
# has all of it. Left out: steal, which is time of other virtual machines, and nice, since nothing that is
# measured is niced.
machine_busy_s() {
	local user system irq softirq
	read -r _ user _ system _ _ irq softirq _ </proc/stat
	awk -v ticks=$((user + system + irq + softirq)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", ticks / hz }'
}

# No part of a measurement may be niced, for it would not count.
not_niced() {
	[ "$(nice)" -le 0 ] || fail "niced: machine_busy_s does not count niced programs"
}

# disturbance: processors that others keep busy; for a second, while nothing is measured.
disturbance() {
	local before
	before=$(machine_busy_s)
	sleep 1
	seconds_between "$before" "$(machine_busy_s)"
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

# seconds_between FROM TO
seconds_between() {
	awk -v from="$1" -v to="$2" 'BEGIN { printf "%.6f", to - from }'
}
