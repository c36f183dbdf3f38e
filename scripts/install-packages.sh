#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the missing Debian or Ubuntu packages for a goal, as root or with sudo. If neither is possible, it prints
# the command and stops.
#
#   install-packages.sh build|demo|test|bench|deb|browser|all
set -euo pipefail

build=(gcc libc6-dev libssl-dev uthash-dev libjansson-dev libinih-dev libsodium-dev liblmdb-dev
	libsqlite3-dev libxxhash-dev libedit-dev libseccomp-dev libwslay-dev libnats-dev pkg-config)
# A faster AEAD, for processors of Intel and AMD only.
[ "$(uname -m)" != x86_64 ] || build+=(libipsec-mb-dev)
demo=(iproute2 nginx-light curl python3)
test=(iproute2 nginx-light curl libcriterion-dev netcat-openbsd netcat-traditional python3 python3-cryptography valgrind
	clang clang-format clang-tidy llvm libclang-rt-14-dev shellcheck procps binutils
	spin
	zsh bash-completion
	hyperfine
	redis-server redis-tools libjemalloc2 postgresql openssl openssh-server openssh-client
	rsync git fcgiwrap iperf3 memcached mosquitto mosquitto-clients perl bsdextrautils
	ii irssi weechat-headless weechat-plugins
	vsftpd tnftp wget inetutils-telnetd inetutils-telnet
	libfaketime
	nats-server
	nftables iptables
	libnginx-mod-stream apache2-bin haproxy stunnel4 socat xinetd systemd nodejs default-jdk-headless)

# The programs that measurements compare rudp with, and the measuring tools.
bench=(iproute2 python3 procps openssl stunnel4 kcptun iperf3 redis-server redis-tools hyperfine
	mosquitto libmosquitto-dev libnng-dev libzmq3-dev ngircd inspircd)

# The tools that build and check packages.
deb=(dpkg-dev debhelper lintian man-db netcat-openbsd python3 curl procps iproute2 systemd)

# The browsers in which the web client is tested.
browser=(iproute2 procps curl python3 python3-websocket chromium firefox-esr)

case ${1:-} in
build) wanted=("${build[@]}") ;;
demo) wanted=("${build[@]}" "${demo[@]}") ;;
bench) wanted=("${build[@]}" "${bench[@]}") ;;
deb) wanted=("${build[@]}" "${deb[@]}") ;;
browser) wanted=("${build[@]}" "${browser[@]}") ;;
test | all) wanted=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
*)
	echo "usage: $0 build|demo|test|bench|deb|browser|all" >&2
	exit 2
	;;
esac

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The name of the fuzzers' runtime package contains the compiler's version, which differs between releases.
fuzz_runtime() {
	local version
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	echo "libclang-rt-${version:-14}-dev"
}

missing_of() {
	local package
	for package in "$@"; do
		is_installed "$package" || printf '%s\n' "$package"
	done
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "$0: this is no Debian or Ubuntu; install the equivalents of: ${wanted[*]}" >&2
	exit 1
fi
mapfile -t missing < <(missing_of "${wanted[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
	run=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
	run=(sudo)
else
	echo "These packages are missing, and there is neither root nor sudo to install them. Run:" >&2
	echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

"${run[@]}" apt-get update -qq
for i in "${!missing[@]}"; do
	if [ "${missing[$i]}" = libclang-rt-14-dev ]; then
		missing[i]=$(fuzz_runtime)
	fi
done
mapfile -t missing < <(missing_of "${missing[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing: ${missing[*]}"
# No server may start automatically and take a port of this machine.
"${run[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
