#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests the packages that `make deb` has built. lintian must find nothing. Then they are installed, used, upgraded
# while connections are open, removed and purged, in a temporary root: an overlay over this machine's files, without
# its network.
#
#   check-deb.sh DIRECTORY       needs root; changes nothing on this machine
set -euo pipefail
directory=$(realpath "$1")
here=$(dirname "$(realpath "$0")")

fail() {
	echo "check-deb: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || fail "a root of its own takes root"
command -v lintian >/dev/null || fail "lintian is missing: scripts/install-packages.sh deb"

# Older versions of lintian do not know Static-Built-Using, which the Debian policy requires since 4.6.2.
lintian --allow-root --fail-on error,warning --suppress-tags unknown-field "$directory"/rudp_*.changes ||
	fail "lintian has found something"
echo "ok: lintian"

layer=$(mktemp -d "${TMPDIR:-/tmp}/rudp-deb.XXXXXX")
trap 'rm -rf "$layer"' EXIT
# Its mounts and processes end with it. It has no systemd, so no service is started.
# shellcheck disable=SC2016
timeout 300 unshare --mount --pid --net --ipc --fork --kill-child bash -euc '
	mount -t tmpfs tmpfs "$1"
	mkdir "$1/upper" "$1/work" "$1/root"
	mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
	mount -t proc proc "$1/root/proc"
	mount --rbind /dev "$1/root/dev"
	for place in run tmp; do
		mount -t tmpfs -o mode=1777 tmpfs "$1/root/$place"
	done
	mkdir "$1/root/tmp/packages" "$1/root/tmp/upper"
	cp "$2"/*.deb "$3/check-deb-inside.sh" "$1/root/tmp/packages"
	mount --bind "$1/upper" "$1/root/tmp/upper"
	ip link set lo up
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		chroot "$1/root" bash /tmp/packages/check-deb-inside.sh
' - "$layer" "$directory" "$here"
