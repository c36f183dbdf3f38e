# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The transports that are compared. A variant is a word:
#
#   tcp            kernel TCP, the system's congestion control    rudp-bbr    the shim, its default
#   tcp-cubic, tcp-bbr                                            rudp-cubic
#   tls            kernel TCP between two stunnels, TLS 1.3       rudp-two    each program an engine
#                                                                 rudp-stranger   no path is known
#                                                                 rudp-early      requests in the SYN, by a rule
#                                                 rudp-nn, -psk, -nk, -ik, -nx, -xx
#                                                               each program an engine, and this handshake
#                                                               (docs/protocol.md section 6.1)
#   kcptun-fast2, kcptun-fast3   a tunnel, AES-256, mode as said
#
# The programs are the same for all variants. With a tunnel, clients connect to its near end.

KCPTUN_PORT=4001 TLS_PORT=4433 TUNNEL_PORT=5101
# Differences from its defaults: a send window for the widest path (the client's default of 128 packets
# would limit it to 27 Mbit/s on P1), and no compression, since the data cannot be compressed.
KCPTUN_SETTINGS=(--key bench --crypt aes --nocomp --sndwnd 1024 --rcvwnd 1024 --quiet)

TUNNELS=()
KEYS=()

# keys_for KIND NAME: the files of a program for this kind of handshake: a secret that both have (psk, the default of
# all variants); an identity of the server, known to the client (nk, ik) or not (nx, xx); an identity of the client
# (ik, xx). On 127.0.0.1 no key is remembered, so each contact is the first.
keys_for() {
	local kind=$1 name=${2%"$PORT"}
	KEYS=()
	[ "$kind" != psk ] || return 0
	KEYS=(RUDP_KEY_FILE= "XDG_CONFIG_HOME=$TMP/nobody")
	[ "$kind" != nn ] || return 0
	[ -e "$TMP/server" ] || { person server && person client; }
	[[ $kind == n? && $name == client ]] || KEYS+=("RUDP_IDENTITY=$TMP/$name/rudp/id")
	[[ $kind == ?k && $name == client ]] || return 0
	echo "127.0.0.1 $(public_key server)" | put client known_hosts
	KEYS+=("RUDP_KNOWN_HOSTS=$TMP/client/rudp/known_hosts")
}

# settings_for VARIANT NAME: writes the settings of a program under the shim to SETTINGS.
settings_for() {
	local cc=${1#rudp-} log=$TMP/engine.log
	case $1 in
	rudp-two) cc=bbr log=$TMP/engine-$2.log ;;
	rudp-stranger)
		cc=bbr
		echo "set resume off" >"$TMP/$1.conf"
		;;
	rudp-early)
		cc=bbr
		printf '%s\n' "set early on" "any use rudp early" >"$TMP/$1.conf"
		;;
	rudp-nn | rudp-psk | rudp-nk | rudp-ik | rudp-nx | rudp-xx)
		cc=bbr log=$TMP/engine-$2.log
		keys_for "${1#rudp-}" "$2"
		;;
	esac
	# shellcheck disable=SC2034 # read by integration/lib/programs.sh
	read -ra SETTINGS <<<"RUDP_CC=$cc RUDP_LOG=error:$log ${BENCH_SETTINGS:-}"
	[ ! -e "$TMP/$1.conf" ] || SETTINGS+=("RUDP_POLICY_FILE=$TMP/$1.conf")
	SETTINGS+=("${KEYS[@]}")
}

# run_as VARIANT NAME SIDE COMMAND...: runs a command in the background.
run_as() {
	local variant=$1 name=$2
	shift
	case $variant in
	rudp-*)
		settings_for "$variant" "$name"
		launch "$@"
		;;
	*) launch_plain "$@" ;;
	esac
}

# cc_of VARIANT: the name that a client passes to TCP_CONGESTION; empty for the default.
cc_of() {
	case $1 in
	tcp-*) echo "${1#tcp-}" ;;
	esac
}

is_udp_served() {
	[ -n "$(on "$1" ss -Huln "sport = :$2")" ]
}

is_tcp_served() {
	[ -n "$(on "$1" ss -Htln "sport = :$2")" ]
}

kcptun_up() {
	local mode=$1 client=$2 server=$3 host=$4 port=$5 offset=$6
	launch_plain "far$offset" "$server" kcptun-server --listen ":$((KCPTUN_PORT + offset))" \
		--target "127.0.0.1:$port" --mode "$mode" "${KCPTUN_SETTINGS[@]}"
	wait_until 10 "kcptun-server" is_udp_served "$server" "$((KCPTUN_PORT + offset))"
	launch_plain "near$offset" "$client" kcptun-client --remoteaddr "$host:$((KCPTUN_PORT + offset))" \
		--localaddr "127.0.0.1:$((TUNNEL_PORT + offset))" --mode "$mode" "${KCPTUN_SETTINGS[@]}"
}

make_certificate() {
	[ ! -e "$TMP/cert.pem" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=bench \
		-keyout "$TMP/key.pem" -out "$TMP/cert.pem" 2>/dev/null
	cat "$TMP/key.pem" >>"$TMP/cert.pem"
	chmod 600 "$TMP/cert.pem" "$TMP/key.pem"
}

# stunnel_up NAME SIDE LINE...
stunnel_up() {
	local name=$1 side=$2
	shift 2
	printf '%s\n' foreground=yes pid= debug=err socket=l:TCP_NODELAY=1 socket=r:TCP_NODELAY=1 \
		'[bench]' sslVersion=TLSv1.3 "$@" >"$TMP/$name.conf"
	launch_plain "$name" "$side" stunnel4 "$TMP/$name.conf"
}

tls_server_up() {
	make_certificate
	stunnel_up "far$3" "$1" "accept=$((TLS_PORT + $3))" "connect=127.0.0.1:$2" "cert=$TMP/cert.pem"
	wait_until 10 stunnel is_tcp_served "$1" "$((TLS_PORT + $3))"
}

tls_up() {
	local client=$1 server=$2 host=$3 port=$4 offset=$5
	tls_server_up "$server" "$port" "$offset"
	stunnel_up "near$offset" "$client" client=yes "accept=127.0.0.1:$((TUNNEL_PORT + offset))" \
		"connect=$host:$((TLS_PORT + offset))"
}

# carry VARIANT CLIENT-SIDE SERVER-SIDE SERVER-HOST PORT [OFFSET]: starts the tunnel between the two
# sides, if the variant has one; $HOST and $DIAL are then the address for clients. OFFSET separates
# several tunnels.
# shellcheck disable=SC2034 # read by the measurements
carry() {
	local variant=$1 client=$2 server=$3 offset=${6:-0}
	HOST=$4 DIAL=$5
	case $variant in
	kcptun-*) kcptun_up "${variant#kcptun-}" "$client" "$server" "$4" "$5" "$offset" ;;
	tls) tls_up "$client" "$server" "$4" "$5" "$offset" ;;
	*) return 0 ;;
	esac
	HOST=127.0.0.1 DIAL=$((TUNNEL_PORT + offset))
	TUNNELS+=("${PID[near$offset]}" "${PID[far$offset]}")
	wait_until 10 "near end of $variant" is_tcp_served "$client" "$DIAL"
}

# CPU seconds of engines and tunnels, that is, of the transport outside programs and kernel.
carriers_cpu_s() {
	local pids=()
	mapfile -t pids < <(engines_on a && engines_on b)
	awk -v engines="$(threads_cpu_s_of "${pids[@]}")" -v tunnels="$(cpu_s_of "${TUNNELS[@]}")" \
		'BEGIN { printf "%.6f", engines + tunnels }'
}
