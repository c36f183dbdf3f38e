/* SPDX-License-Identifier: MIT */
/*
 * upgrade_channel - the messages between the serving process and the one that shall take over, on a
 * pair of local sockets that keep message boundaries.
 *
 *     new process   HELLO        it has read the configuration and understands this version
 *     old process   STATE        the length of the state, its checksum, and its descriptor (memfd)
 *     old process   DESCRIPTORS  up to APO_UPGRADE_CHANNEL_AT_ONCE of them, repeated as needed
 *     new process   TAKEN        it has understood everything and can serve
 *     old process   GO           it serves no more: the new process does
 *
 * Nothing changes until GO. A new process that fails before is killed or ends, and the old one
 * continues. The end of the old process after TAKEN counts as GO.
 *
 * Limits   APO_SERIALIZER_BYTES_MAX of state, APO_UPGRADE_CHANNEL_DESCRIPTORS_MAX, and a deadline
 *          for each wait.
 * Returns  0, or a negative errno value: -ETIME (the deadline), -EPIPE (the other side has ended),
 *          -EPROTO (an unexpected message, another version, or a wrong checksum).
 */
#ifndef APO_SERVER_UPGRADE_CHANNEL_H
#define APO_SERVER_UPGRADE_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#define APO_UPGRADE_CHANNEL_AT_ONCE 128
#define APO_UPGRADE_CHANNEL_DESCRIPTORS_MAX (1u << 20)

enum apo_upgrade_channel_kind {
	APO_UPGRADE_CHANNEL_HELLO = 1,
	APO_UPGRADE_CHANNEL_STATE,
	APO_UPGRADE_CHANNEL_DESCRIPTORS,
	APO_UPGRADE_CHANNEL_TAKEN,
	APO_UPGRADE_CHANNEL_GO,
};

int apo_upgrade_channel_send_kind(int fd, enum apo_upgrade_channel_kind kind,
				  int64_t deadline_at_ns);
int apo_upgrade_channel_await(int fd, enum apo_upgrade_channel_kind kind, int64_t deadline_at_ns);

/* The caller keeps state and fds. */
int apo_upgrade_channel_send(int fd, const void *state, size_t len, const int *fds,
			     uint32_t fd_count, int64_t deadline_at_ns);

struct apo_received_state {
	void *state; /* mapped */
	size_t len;
	int *fds; /* close-on-exec; -1: taken */
	uint32_t fd_count;
};

/* On failure received is empty. */
int apo_upgrade_channel_receive(int fd, struct apo_received_state *received,
				int64_t deadline_at_ns);
/* Closes the descriptors that were not taken. */
void apo_received_state_fini(struct apo_received_state *received);

#endif
