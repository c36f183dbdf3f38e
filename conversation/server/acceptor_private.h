/* SPDX-License-Identifier: MIT */
/* door_private - what the files of the door share. */
#ifndef APO_SERVER_DOOR_PRIVATE_H
#define APO_SERVER_DOOR_PRIVATE_H

#include "conversation/server/acceptor.h"

struct apo_listener {
	struct apo_source source;
	struct apo_listen listen;
};

struct apo_waiter {
	struct apo_source source;
	struct rudp_list link;
	struct rudp_addr address;
	struct apo_visitor *visitor;
	bool is_tls;
	int64_t until_ns;
};

int apo_door_watch(const struct apo_door *door, struct apo_source *source, uint32_t events,
		   int how);

/* Until a place is free, or until_ns. Takes fd and visitor; without memory they go. */
void apo_door_let_wait(struct apo_door *door, int fd, const struct rudp_addr *address, bool is_tls,
		       struct apo_visitor *visitor, int64_t until_ns);
void apo_door_stop_listening(struct apo_door *door);

#endif
