/* SPDX-License-Identifier: MIT */
/*
 * upgrade_channel - what the process that serves and the one that is to go on say to each other, over a
 * pair of local sockets that keep messages apart.
 *
 *     the new one   HELLO        it has read the configuration and understands this version
 *     the old one   STATE        how much follows, its checksum, and a descriptor (memfd) with it
 *     the old one   DESCRIPTORS  up to APO_UPGRADE_CHANNEL_AT_ONCE of them, as often as it takes
 *     the new one   TAKEN        it has understood everything and can serve
 *     the old one   GO           it serves no more: the new one does
 *
 * Until GO nothing has happened: whoever fails before is killed, or goes away, and the old one goes
 * on. The end of the old one after TAKEN is as good as GO.
 *
 * Limits   APO_SERIALIZER_BYTES_MAX of state, APO_UPGRADE_CHANNEL_DESCRIPTORS_MAX, and a deadline for
 * each wait.
 * Returns  0, or a negative errno value: -ETIME (the deadline), -EPIPE (the other side has gone),
 *          -EPROTO (it is no such message, of another version, or the sum is not right).
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

/* Of everything that is carried: another number is another format. */
uint32_t apo_upgrade_channel_version(void);

int apo_upgrade_channel_say(int fd, enum apo_upgrade_channel_kind kind, int64_t deadline_at_ns);
int apo_upgrade_channel_hear(int fd, enum apo_upgrade_channel_kind kind, int64_t deadline_at_ns);

/* Both stay the caller's. */
int apo_upgrade_channel_send(int fd, const void *state, size_t len, const int *fds,
			     uint32_t fd_count, int64_t deadline_at_ns);

struct apo_arrival {
	void *state; /* mapped */
	size_t len;
	int *fds; /* close-on-exec; -1: has been taken out */
	uint32_t fd_count;
};

/* On failure nothing is left in it. */
int apo_upgrade_channel_receive(int fd, struct apo_arrival *arrival, int64_t deadline_at_ns);
/* Descriptors that nobody has taken are closed. */
void apo_arrival_fini(struct apo_arrival *arrival);

#endif
