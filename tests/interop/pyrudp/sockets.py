# SPDX-License-Identifier: MIT
"""An endpoint with a UDP socket: waits, receives, sends."""
import errno
import select
import socket
import time

from .endpoint import Endpoint

DATAGRAMS_AT_ONCE = 64
# The host has no route, or no room, for the moment: such a datagram counts as lost (section 12.5).
AS_LOST = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOBUFS, errno.EAGAIN, errno.EPERM, errno.ECONNREFUSED)
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_RECVTOS = 10, 3, 13


class Host:
    def __init__(self, settings, local=("", 0)):
        self.socket = self._open(local)
        self.endpoint = Endpoint(settings, self.socket.getsockname()[1])

    @staticmethod
    def _open(local):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        # Sets the don't-fragment bit and ignores what ICMP says of the path.
        opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.setblocking(False)
        opened.bind(local)
        return opened

    def move(self, local=("", 0)):
        """Continues from another address, which the peers are told (section 13)."""
        self.socket.close()
        self.socket = self._open(local)
        for connection in self.endpoint.connections.values():
            connection.on_own_move(time.monotonic())

    def connect(self, address, early=b"", port=None):
        return self.endpoint.connect(address, time.monotonic(), early, port)

    def _receive(self):
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                data, ancillary, _, address = self.socket.recvmsg(65536, 64)
            except OSError:
                return
            tos = next((value[0] for level, kind, value in ancillary if level == socket.IPPROTO_IP), 0)
            self.endpoint.receive(data, address, tos & 3, time.monotonic())

    def flush(self):
        """Sends what is due now."""
        for data, address in self.endpoint.collect(time.monotonic()):
            try:
                self.socket.sendto(data, address)
            except OSError as fault:
                if fault.errno not in AS_LOST:
                    raise

    def run_once(self, most_s=1):
        """Waits for a datagram or a timer, but not longer than most_s."""
        self.flush()
        at = self.endpoint.deadline()
        wait_s = most_s if at is None else min(most_s, max(0, at - time.monotonic()))
        if select.select([self.socket], [], [], wait_s)[0]:
            self._receive()
        self.flush()
