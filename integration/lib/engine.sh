# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The engine beside the programs of a side, seen from outside: by what /proc says.

# As /proc names it: PID, or PID/task/TID of a thread in a program.
engine_of() {
	local pid name
	ip netns pids "$(netns_of "$1")" | while read -r pid; do
		grep -slx rudp-engine "/proc/$pid/comm" "/proc/$pid"/task/*/comm | head -n 1 || true
	done | while IFS=/ read -r _ _ name; do
		echo "${name%/comm}"
	done
}

descriptors_of() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# In KB, of its own: what the kernel keeps of files for all does not count.
memory_of() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$1/status"
}

wakeups_of() {
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

# Of an engine with one listener, whose program lives: standard streams and log, epoll, signals (2), its
# keeper, the control sockets (3), sock_diag, a probe, a spare descriptor, the last bytes of a connect, those of
# the listener (program, path, UDP, TCP), sockets made ahead (4).
ENGINE_IDLE_DESCRIPTORS=23

# has_no_connections PID: no descriptor of any.
has_no_connections() {
	[ "$(descriptors_of "$1")" -le "$ENGINE_IDLE_DESCRIPTORS" ]
}
