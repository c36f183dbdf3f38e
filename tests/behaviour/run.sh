#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs build/tests/behaviour over kernel TCP, and under the shim with the engine as a process, as a thread, and as a
# process that relays kernel TCP because the listeners serve nothing else. The checks of TCP Fast Open also run with
# early data switched on, as it is for kernel TCP. Those without a route to the peer also run where TCP is not tried
# in parallel. The outputs are compared. differences.txt lists the permitted differences; any other difference fails,
# and so does a listed difference that was not seen.
#
#   run.sh BUILD [CHECK...]
#
# It runs in namespaces of its own (as root, or with user namespaces). Each run has a network with loopback, a device
# with 192.0.2.1/24 and 2001:db8::1/64 behind which nothing answers, and what connect_unreachable.c needs: devices, a
# neighbour that does not answer, routes that refuse. With a sanitizer there is no engine in a thread, because the
# sanitizer's calls of libc would go through the shim.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
jobs=${JOBS:-4}
hosts=(process thread relayed early)
declare -A what=([process]=process [thread]=thread [relayed]="process that relays kernel TCP"
	[early]="process without TCP, with early data")
[ -z "${SANITIZER_RUNTIME:-}" ] || hosts=(process relayed early)

# add_device NAME IPV4 IPV6: only the process that opens the device can answer.
add_device() {
	ip tuntap add "$1" mode tun &&
		ip link set "$1" up &&
		ip address add "$2" dev "$1" &&
		ip address add "$3" dev "$1" nodad
}

# run.sh --network COMMAND...: in a network namespace that is still empty.
if [ "${1:-}" = --network ]; then
	ip link set lo up &&
		add_device nobody 192.0.2.1/24 2001:db8::1/64 &&
		add_device says 198.18.0.1/16 2001:db8:18::1/64 &&
		add_device differs 198.19.0.1/16 2001:db8:19::1/64 &&
		add_device vanishes 203.0.113.193/27 2001:db8:5::1/64 &&
		ip link add deaf type veth peer name nobodys-end &&
		ip link set deaf up &&
		ip link set nobodys-end up arp off &&
		ip address add 203.0.113.225/27 dev deaf &&
		ip address add 2001:db8:4::1/64 dev deaf nodad &&
		ip route add unreachable 203.0.113.0/26 &&
		ip route add blackhole 203.0.113.64/26 &&
		ip route add prohibit 203.0.113.128/26 &&
		ip route add unreachable 2001:db8:1::/64 &&
		ip route add blackhole 2001:db8:2::/64 &&
		ip route add prohibit 2001:db8:3::/64 &&
		echo 3 >/proc/sys/net/ipv4/tcp_fastopen || exit 1
	shift
	exec "$@"
fi

if [ "${1:-}" != --inside ]; then
	build=$(realpath "${1:?run.sh BUILD [CHECK...]}")
	shift
	new=(unshare --pid --fork --kill-child --mount-proc)
	[ "$(id -u)" = 0 ] || new=(unshare --user --map-root-user "${new[@]:1}")
	if ! "${new[@]}" true 2>/dev/null; then
		echo "behaviour: skipped, it needs root or user namespaces"
		exit 0
	fi
	exec "${new[@]}" "$0" --inside "$build" "$@"
fi
build=$2
shift 2

for name in "${!RUDP_@}" LD_PRELOAD; do
	unset "$name"
done
export LC_ALL=C
tmp=$(mktemp -d "${TMPDIR:-/tmp}/rudp-behaviour.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
exec </dev/null

if ! "$build/tests/behaviour" --list >"$tmp/names"; then
	exit 1
fi
checks=("$@")
if [ ${#checks[@]} = 0 ] && [ -n "${SANITIZER_RUNTIME:-}" ]; then
	mapfile -t checks < <(grep -vxFf <(grep -vE '^$|^#' "$here/unsanitized.txt") "$tmp/names")
elif [ ${#checks[@]} = 0 ]; then
	mapfile -t checks <"$tmp/names"
fi

# Nobody may make user namespaces in a chroot, and on some machines.
if ! unshare --user true 2>/dev/null; then
	echo "behaviour: skipped, no user namespace can be made: enter_new_user_namespace_after_the_first_socket"
	mapfile -t checks < <(printf '%s\n' "${checks[@]}" |
		grep -vx enter_new_user_namespace_after_the_first_socket)
	[ ${#checks[@]} != 0 ] || exit 0
fi

# checks_of WAY: rudp_ is of rudp alone, not of kernel TCP that is relayed.
checks_of() {
	if [ "$1" = early ]; then
		printf '%s\n' "${checks[@]}" | grep -E '^(fast_open|no_way)_'
	elif [ "$1" = relayed ]; then
		printf '%s\n' "${checks[@]}" | grep -v '^rudp_'
	else
		printf '%s\n' "${checks[@]}"
	fi
}

# That may concern none of the checks asked for; the program that is given no name runs them all.
for i in "${!hosts[@]}"; do
	[ -n "$(checks_of "${hosts[i]}")" ] || unset "hosts[i]"
done

# observe WAY SETTING...: what all checks say, one file a check in $tmp/WAY/.
observe() {
	local way=$1 own
	shift
	mapfile -t own < <(checks_of "$way")
	mkdir "$tmp/$way"
	unshare --net "$here/run.sh" --network \
		env ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 "$@" "$build/tests/behaviour" -j "$jobs" "${own[@]}" \
		>"$tmp/$way.all" 2>"$tmp/$way.err"
	echo $? >"$tmp/$way.status"
	awk -v dir="$tmp/$way" '/^# / { if (file) close(file); file = dir "/" $2; printf "" >file; next }
		file { print >file }' "$tmp/$way.all"
}

# A sanitizer's runtime comes behind the shim: it would follow the wrong pointers that programs pass.
shim() {
	local host=$1 policy=
	[ "$1" != relayed ] || host=process policy="listen use tcp; connect use auto"
	[ "$1" != early ] || host=process policy="any use rudp; set early on"
	observe "$1" "RUDP_ENGINE=$host" "RUDP_POLICY=$policy" "RUDP_ENGINE_PATH=$build/rudp-engine" \
		"RUDP_LOG=info:$tmp/$1.log" \
		"LD_PRELOAD=$build/librudp_shim.so${SANITIZER_RUNTIME:+:$SANITIZER_RUNTIME}"
}

# Splits differences.txt into $tmp/expected/HOST/CHECK, and says what is wrong with it.
read_differences() {
	local check
	mkdir -p "$tmp/expected/process" "$tmp/expected/thread" "$tmp/expected/relayed" \
		"$tmp/expected/early"
	awk -v dir="$tmp/expected" '
		/^#/ || /^$/ { next }
		/^\t[-+]/ {
			if (reasons == 0) { print "line " NR ": no reason before it"; exit }
			for (host in hosts) print substr($0, 2) >(dir "/" host "/" check)
			next
		}
		/^\t/ { reasons++; next }
		NF == 2 && $2 ~ /^(process|thread|both|relayed|early)$/ {
			check = $1; reasons = 0; delete hosts
			if ($2 ~ /process|both/) hosts["process"]
			if ($2 ~ /thread|both/) hosts["thread"]
			if ($2 ~ /relayed|early/) printf "" >(dir "/" $2 "/" check)
			if ($2 ~ /relayed|early/) hosts[$2]
			print check >(dir "/names")
			next
		}
		{ print "line " NR ": neither a check and its host, nor a reason, nor a difference"; exit }
	' "$here/differences.txt" >"$tmp/complaints"
	grep -vxFf "$tmp/names" "$tmp/expected/names" | sed 's/^/no such check: /' >>"$tmp/complaints"
	grep -vE '^$|^#' "$here/unsanitized.txt" | grep -vxFf "$tmp/names" |
		sed 's/^/no such check, in unsanitized.txt: /' >>"$tmp/complaints"
	sed 's/^/expectations: /' "$tmp/complaints"
	[ ! -s "$tmp/complaints" ] || return 1
	# Whatever carries: only what is said of it apart is not as with the engine as a process.
	for check in "$tmp/expected/process/"*; do
		[ -e "$tmp/expected/relayed/${check##*/}" ] || cp "$check" "$tmp/expected/relayed/"
		[ -e "$tmp/expected/early/${check##*/}" ] || cp "$check" "$tmp/expected/early/"
	done
}

# compare HOST: what differs from kernel TCP, and is not expected so.
compare() {
	local host=$1 check bad=0 own
	mapfile -t own < <(checks_of "$host")
	for check in "${own[@]}"; do
		diff "$tmp/plain/$check" "$tmp/$host/$check" |
			sed -n 's/^< /-/p; s/^> /+/p' >"$tmp/difference"
		touch "$tmp/expected/$host/$check"
		if ! diff "$tmp/expected/$host/$check" "$tmp/difference" >"$tmp/unexpected"; then
			bad=$((bad + 1))
			if [ "$host" != process ] && cmp -s "$tmp/process/$check" "$tmp/$host/$check"; then
				echo "--- $check: as with the engine as a process"
				continue
			fi
			echo "--- $check: kernel TCP (-) and rudp with the engine as a ${what[$host]} (+)"
			diff -U 100 "$tmp/plain/$check" "$tmp/$host/$check" | sed 1,3d
			if [ -s "$tmp/expected/$host/$check" ]; then
				echo "    differences.txt expects:"
				sed 's/^/    /' "$tmp/expected/$host/$check"
			fi
		fi
	done
	echo "behaviour: ${#own[@]} checks, engine as a ${what[$host]}: $bad unexpected differences"
	[ $bad = 0 ]
}

# What a check cannot do over kernel TCP is a mistake in the check.
plain_is_sound() {
	local check sound=0
	for check in "${checks[@]}"; do
		if grep -qxE 'did not end|ended with 3|killed by SIG(SEGV|ABRT|BUS)' "$tmp/plain/$check"; then
			echo "--- $check, over kernel TCP:"
			cat "$tmp/plain/$check"
			sound=1
		fi
	done
	return $sound
}

read_differences || exit 1
observe plain &
for host in "${hosts[@]}"; do
	shim "$host" &
done
wait
failed=0
for way in plain "${hosts[@]}"; do
	if [ "$(cat "$tmp/$way.status")" != 0 ]; then
		echo "behaviour: $way ended with $(cat "$tmp/$way.status")"
		failed=1
	fi
	sed "s/^/$way: /" "$tmp/$way.err"
done
[ $failed = 0 ] || exit 1
plain_is_sound || failed=1
for host in "${hosts[@]}"; do
	compare "$host" || failed=1
done
exit $failed
