#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The main job, on this machine, in about a minute: curl fetches a file from nginx over a bad link, and then
# two hundred small pages one after the other, once over kernel TCP and once over rudp. Both programs are the
# distribution's, unmodified.
#
#     a: curl ──── linkem: 50 Mbit/s, 40 ms, 2 % loss ──── b: nginx
#
# Where no namespaces are to be had, both run over loopback, and the demo says so.
#
# shellcheck disable=SC2034
LOOPBACK=fallback
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

FILE_BYTES=16000000
PAGE_BYTES=1000
PAGES=200
SECONDS_MAX=20
LINK=(--rate 50M --delay 20ms --loss 2% --seed 2)
ROWS=() WAITS=() PROOFS=()
FAULTS=0
CONGESTION=

say() {
	printf '  %s\n' "$*"
}

# grouped 1234567 -> 1,234,567
grouped() {
	sed -E ':again s/^([0-9]+)([0-9]{3})/\1,\2/; t again' <<<"$1"
}

# What this run's link must have carried: UDP and no TCP, or the other way round.
prove() {
	local wanted=udp other=tcp payload foreign
	[ "$LOOPBACK" = 1 ] && return 0
	if [ -n "$PLAIN" ]; then
		wanted=tcp other=udp
	fi
	foreign=$(count "*.sent.$other.payload_bytes")
	payload=$(link_sum "*.delivered.$wanted.payload_bytes")
	PROOF=$(printf '%14s bytes in %s, %s in %s' "$(grouped "$payload")" "${wanted^^}" \
		"$(grouped "$foreign")" "${other^^}")
	if [ "$foreign" != 0 ] || [ "$payload" -lt "$1" ]; then
		PROOF+="   WRONG"
		FAULTS=$((FAULTS + 1))
	fi
}

# judge CURL-STATUS BYTES: what is to be said of the file that came.
judge() {
	if [ "$1" = 0 ] && [ "$(sha256sum <"$TMP/fetched")" = "$(sha256sum <"$TMP/www/file")" ]; then
		VERDICT="whole, SHA-256 right"
	elif [ "$1" = 28 ] && [ -n "$PLAIN" ] && cmp -s -n "$2" "$TMP/fetched" "$TMP/www/file"; then
		VERDICT="cut after $SECONDS_MAX s, $((100 * $2 / FILE_BYTES)) % of it"
	else
		VERDICT="FAILED, curl's exit code is $1"
		FAULTS=$((FAULTS + 1))
	fi
}

# ask_pages: PAGES pages over one connection, each asked for when the one before is there; adds a row on how long
# they took. The first does not count: it waits for the connection.
ask_pages() {
	local took line
	if took=$(under a curl -s --max-time "$SECONDS_MAX" -o "$TMP/page.#1" -w '%{time_total} %{size_download}\n' \
		"$URL/page?[0-$PAGES]") &&
		line=$(awk -v wanted="$PAGE_BYTES" 'NR > 1 && $2 == wanted {print($1 * 1000)}' <<<"$took" | sort -n |
			awk -v pages="$PAGES" '{took[NR] = $1}
				END {
					if (NR != pages) exit(1)
					printf("%6.1f ms %10.1f ms %10.1f ms", took[int(NR / 2)], took[int(NR * 0.98)], took[NR])
				}'); then
		WAITS+=("$(printf '%-20s %s' "$1" "$line")")
	else
		WAITS+=("$(printf '%-20s FAILED' "$1")")
		FAULTS=$((FAULTS + 1))
	fi
}

# By the route, since a namespace may not choose every algorithm as its default.
use_congestion_control() {
	[ "$LOOPBACK" = 1 ] ||
		on b ip route replace 10.77.0.0/24 dev link0 src "$B4" congctl "$CONGESTION"
}

# transfer NAME: one run on a fresh link; adds a row to the table.
transfer() {
	local bar=(-s) status=0 figures seconds bytes mbit
	[ -t 2 ] && bar=(--progress-bar)
	[ "$LOOPBACK" = 1 ] || link_up "${LINK[@]}"
	[ -z "$CONGESTION" ] || use_congestion_control
	start_nginx
	printf '\n  %s\n' "$1"
	rm -f "$TMP/fetched"
	figures=$(under a curl "${bar[@]}" --max-time "$SECONDS_MAX" -o "$TMP/fetched" \
		-w '%{time_total} %{size_download}' "$URL/file") || status=$?
	read -r seconds bytes <<<"$figures"
	judge "$status" "${bytes:-0}"
	ask_pages "$1"
	PROOF=""
	prove "${bytes:-0}"
	stop_server nginx
	[ "$LOOPBACK" = 1 ] || link_down
	mbit=$(awk -v b="${bytes:-0}" -v s="${seconds:-0}" 'BEGIN {printf("%.1f", (s > 0) ? b * 8 / s / 1e6 : 0)}')
	ROWS+=("$(printf '%-20s %6.2f s %8s Mbit/s   %s' "$1" "${seconds:-0}" "$mbit" "$VERDICT")")
	PROOFS+=("$(printf '%-20s %s' "$1" "$PROOF")")
}

over_tcp() {
	PLAIN=1
	CONGESTION=$1
	transfer "kernel TCP ($1)"
	PLAIN=
	CONGESTION=
}

introduce() {
	echo
	echo "rudp: curl fetches $((FILE_BYTES / 1000000)) MB from nginx, then $PAGES pages of $PAGE_BYTES bytes; both unmodified"
	echo
	if [ "$LOOPBACK" = 1 ]; then
		say "This machine allows neither network namespaces nor /dev/net/tun (no root?), so there is"
		say "no bad link to show: both programs run over loopback, where kernel TCP is at home."
	else
		say "link     50 Mbit/s, 40 ms round trip, 2 % loss each way, queue of one round trip"
		say "rudp     encrypted, with a pre-shared key made for this demo"
	fi
}

conclude() {
	echo
	printf '  %s\n' "${ROWS[@]}"
	echo
	printf '  %-20s %9s %13s %13s\n' "how long a page took" median "98 of 100" slowest
	printf '  %s\n' "${WAITS[@]}"
	if [ "$LOOPBACK" != 1 ]; then
		echo
		say "payload that the link has carried, by its own counters:"
		printf '  %s\n' "${PROOFS[@]}"
	fi
	echo
	[ $FAULTS = 0 ] || fail "the demo has found $FAULTS faults"
}

make_page file $FILE_BYTES
make_page page $PAGE_BYTES
introduce
usual=$(on b cat /proc/sys/net/ipv4/tcp_congestion_control)
available=" $(on b cat /proc/sys/net/ipv4/tcp_available_congestion_control) "
over_tcp "$usual"
# Most machines have cubic; where this one has something else, show both.
if [ "$LOOPBACK" != 1 ] && [ "$usual" != cubic ] && [[ $available == *" cubic "* ]]; then
	over_tcp cubic
fi
transfer rudp
conclude
