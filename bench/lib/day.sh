# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A server's day: clients on many hosts, each host a namespace with its own slow access link.
#
#     h1 ──veth, 2 Mbit/s── a ──linkem, 20 ms── b, the server
#     h2 ──veth, 2 Mbit/s──/

DAY_POURS=10 DAY_IDLE=40 DAY_ASKERS=4 # for each host
DAY_QUIET_S=10 DAY_POUR_S=20
# The queue is 4 BDP of the access link. One emulator for each host would use more of the machine than
# the measured programs, since it wakes for each packet.
DAY_DELAY=20ms
DAY_ACCESS=(tbf rate 2mbit burst 3100 limit 40000)
DAY_CONNECT_LIMIT_S=20
DAY_LATE_S=10 # a part may end that much later

# router_of NUMBER: the commands for a host's link in namespace a, as lines of `ip -batch`.
router_of() {
	printf '%s\n' "link add host$1 type veth peer name link0 netns $(netns_of "h$1")" \
		"address add 10.78.$1.1/24 dev host$1" "link set host$1 up"
}

hosts_up() {
	local hosts=$1 i
	link_up --delay "$DAY_DELAY" --seed "$2"
	on a sysctl -qw net.ipv4.ip_forward=1
	on b ip route add 10.78.0.0/16 via "$A4"
	for ((i = 1; i <= hosts; i++)); do
		host_add "h$i"
		router_of "$i" >>"$TMP/routers"
		echo "qdisc add dev host$i root ${DAY_ACCESS[*]}" >>"$TMP/queues"
	done
	on a ip -batch "$TMP/routers"
	on a tc -batch "$TMP/queues"
	for ((i = 1; i <= hosts; i++)); do
		on "h$i" ip -batch - <<-EOF
			address add 10.78.$i.2/24 dev link0
			link set link0 up
			route add default via 10.78.$i.1
		EOF
		on "h$i" tc qdisc add dev link0 root "${DAY_ACCESS[@]}"
	done
}

# await_part NAME SECONDS: waits for the server's next line without polling; the line is in $SAID.
await_part() {
	read -r -t "$2" -u "$PARTS" SAID || fail "waited $2 s in vain for the server's part: $1"
	[[ $SAID == *"\"$1\""* ]] || fail "the server's part $1: $SAID"
}

# sample: the resources used by the server's engine, the server (as it reports) and the whole machine.
sample() {
	printf '{"carriers_cpu_s": %s, "machine_busy_s": %s, "server": %s}' \
		"$(carriers_cpu_s)" "$(machine_busy_s)" "$SAID"
}

# kernel_tcp_kb: the socket buffers of all namespaces, both ends.
kernel_tcp_kb() {
	awk -v kb=$(($(getconf PAGESIZE) / 1024)) '$1 == "TCP:" { print $NF * kb }' /proc/net/sockstat
}

program_kb() {
	awk '$1 == "Pss:" { print $2 }' "/proc/$1/smaps_rollup"
}

# clients_up HOSTS VARIANT: starts one program on each host.
clients_up() {
	local i cc
	cc=$(cc_of "$2")
	for ((i = 1; i <= $1; i++)); do
		run_as "$2" "client$i" "h$i" "$BIN/day" join "$B4" "$PORT" "$DAY_POURS" "$DAY_IDLE" \
			"$DAY_ASKERS" ${cc:+"$cc"}
	done
}

# end_clients HOSTS: waits until all have printed their results.
end_clients() {
	local i
	for ((i = 1; i <= $1; i++)); do
		wait_until 5 "report of client $i" has_lines "client$i" 1
		send KILL "client$i"
	done
}

# server_memory SLAB-KB-BEFORE TCP-KB-BEFORE
server_memory() {
	say "{\"engine_kb\": $(engine_kb b)" program_kb "$(program_kb "${PID[server$PORT]}")" \
		slab_kb $(($(kernel_slab_kb) - $1)) tcp_kb $(($(kernel_tcp_kb) - $2))
}

# run_day HOSTS VARIANT ROUND
run_day() {
	local slab tcp samples=() memory disturbed
	not_niced
	disturbed=$(disturbance)
	hosts_up "$1" "$3"
	slab=$(kernel_slab_kb) tcp=$(kernel_tcp_kb)
	serve "$2" b day $(($1 * (DAY_POURS + DAY_IDLE + DAY_ASKERS))) "$DAY_QUIET_S" "$DAY_POUR_S"
	exec {PARTS}< <(exec tail -n +2 -f "$TMP/server$PORT.out")
	PID+=([parts]=$!)
	clients_up "$1" "$2"
	await_part quiet "$DAY_CONNECT_LIMIT_S"
	samples+=("$(sample)")
	await_part pour $((DAY_QUIET_S + DAY_LATE_S))
	samples+=("$(sample)")
	await_part end $((DAY_POUR_S + DAY_LATE_S))
	samples+=("$(sample)")
	memory=$(server_memory "$slab" "$tcp")
	end_clients "$1"
	link_stop
	say "$(python3 "$HERE_BENCH/lib/day_result.py" "$2" "$LINK_STATS" "$TMP" "$DAY_QUIET_S" "$DAY_POUR_S" \
		"$memory" "${samples[@]}")" disturbance "[$disturbed, $(disturbance)]"
}
