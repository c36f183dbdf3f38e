# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Resources used by engines, programs and the kernel, read from /proc. An engine is found by its
# executable and its namespace.

engines_on() {
	local pid
	for pid in $(ip netns pids "$(netns_of "$1")"); do
		if [ "$(readlink "/proc/$pid/exe")" = "$(realpath "$BUILD")/rudp-engine" ]; then
			echo "$pid"
		fi
	done
}

# cpu_s_of PID...: CPU seconds of all their threads, including ended ones, in ticks of 10 ms.
cpu_s_of() {
	local pid
	for pid in "$@"; do
		sed 's/.*) //' "/proc/$pid/stat"
	done 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '{ sum += $12 + $13 } END { printf "%.2f", sum / hz }'
}

# threads_cpu_s_of PID...: CPU seconds of their present threads, to the nanosecond.
threads_cpu_s_of() {
	local pid
	for pid in "$@"; do
		cat "/proc/$pid/task/"*/schedstat
	done 2>/dev/null | awk '{ sum += $1 } END { printf "%.6f", sum / 1e9 }'
}

# Busy time of all processors in seconds since the start of the machine: the time that /proc/stat does not count as
# idle, iowait, steal (other virtual machines) or nice (no measured program is niced). The kernel does much of TCP's
# work in the context of other processes, such as the emulator, so only the sum over the machine is complete. The
# kernel measures idle time exactly, but samples user, system, irq and softirq at its ticks. Programs that run for less
# than a tick, as here, are missed by these samples: on P6 with kernel TCP they count 29 ms a second, where the
# processors were not idle for 107 ms and the scheduler had measured 86 ms in processes.
machine_busy_s() {
	local up nice idle iowait steal
	read -r up _ </proc/uptime
	read -r _ _ nice _ idle iowait _ _ steal _ </proc/stat
	awk -v up="$up" -v processors="$(grep -c '^cpu[0-9]' /proc/stat)" -v others=$((nice + idle + iowait + steal)) \
		-v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", up * processors - others / hz }'
}

# Fails if a process of the measurement is niced, since its time would not count.
not_niced() {
	[ "$(nice)" -le 0 ] || fail "niced: machine_busy_s does not count niced programs"
}

# disturbance: the number of processors that other programs keep busy, over one second without a
# measurement.
disturbance() {
	local before
	before=$(machine_busy_s)
	sleep 1
	seconds_between "$before" "$(machine_busy_s)"
}

# The engines' memory in KB; shared pages count in proportion.
engine_kb() {
	local pid
	for pid in $(engines_on "$1"); do
		cat "/proc/$pid/smaps_rollup"
	done | awk '$1 == "Pss:" { sum += $2 } END { print sum + 0 }'
}

# For the whole machine, so only a rough measure of the kernel's memory for connections.
kernel_slab_kb() {
	awk '$1 == "Slab:" { print $2 }' /proc/meminfo
}

# seconds_between FROM TO
seconds_between() {
	awk -v from="$1" -v to="$2" 'BEGIN { printf "%.6f", to - from }'
}
