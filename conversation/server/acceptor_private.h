/* SPDX-License-Identifier: MIT */
/* acceptor_private - the declarations that only the files of the acceptor use. */
#ifndef APO_SERVER_ACCEPTOR_PRIVATE_H
#define APO_SERVER_ACCEPTOR_PRIVATE_H

#include "conversation/server/acceptor.h"

struct apo_listener {
	struct apo_event_source source;
	struct apo_listen listen;
};

struct apo_waiter {
	struct apo_event_source source;
	struct rudp_list link;
	struct rudp_addr address;
	struct apo_ip_entry *ip_entry;
	struct apo_listen listen; /* of the listener */
	int64_t until_ns;
};

int apo_acceptor_watch(const struct apo_acceptor *acceptor, struct apo_event_source *source,
		       uint32_t events, int how);

/* The connection waits until a place is free, or until until_ns. Takes ownership of fd and
 * ip_entry; both are released if memory is short. */
void apo_acceptor_let_wait(struct apo_acceptor *acceptor, int fd, const struct rudp_addr *address,
			   const struct apo_listen *listen_on, struct apo_ip_entry *ip_entry,
			   int64_t until_ns);
void apo_acceptor_stop_listening(struct apo_acceptor *acceptor);

#endif
