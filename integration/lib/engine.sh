# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The engine of a side, as seen from outside through /proc.

# Its id in /proc: PID, or PID/task/TID for a thread in a program.
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

# Private memory in KB: page cache that all processes share does not count.
memory_of() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$1/status"
}

wakeups_of() {
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}

# The descriptors of an engine with one listener, whose program lives: standard streams and log,
# epoll, signals (2), its supervisor, the control sockets (3), sock_diag, a probe, a spare
# descriptor, the last bytes of a connect, those of the listener (program, path, UDP, TCP), the
# listener for joins and its file, sockets made in advance (4).
ENGINE_IDLE_DESCRIPTORS=25

# has_no_connections PID: the engine has no descriptor of any connection.
has_no_connections() {
	[ "$(descriptors_of "$1")" -le "$ENGINE_IDLE_DESCRIPTORS" ]
}
