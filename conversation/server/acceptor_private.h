/* SPDX-License-Identifier: MIT */
/* acceptor_private - the declarations that only the files of the acceptor use. */
#ifndef APO_SERVER_ACCEPTOR_PRIVATE_H
#define APO_SERVER_ACCEPTOR_PRIVATE_H

#include "conversation/server/acceptor.h"

struct apo_listener {
	struct apo_event_source source;
	struct apo_listen listen;
};

/* A connection that a listener has accepted. */
struct apo_arrival {
	int fd;
	bool is_proxied;          /* address is the client's, the socket leads to a proxy */
	struct rudp_addr address; /* the client's, or the proxy's until its header has come */
	struct apo_listen listen; /* of the listener */
};

struct apo_waiter {
	struct apo_event_source source;
	struct rudp_list link;
	struct apo_arrival arrival;
	struct apo_ip_entry *ip_entry; /* NULL: the header of a proxy has not come yet */
	int64_t until_ns;
};

/* Takes the waiter out of its list, whose length is *count, and frees it. The socket stays open. */
void apo_waiter_free(unsigned *count, struct apo_waiter *waiter);

/* Applies the limits of the address; admits, refuses or lets wait. Takes the socket. */
void apo_acceptor_on_arrival(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			     int64_t now_at_ns);
/* The connection waits until a place is free, or until until_ns. Takes ownership of the socket and
 * of ip_entry; both are released if memory is short. */
void apo_acceptor_let_wait(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			   struct apo_ip_entry *ip_entry, int64_t until_ns);
/* Closes the listeners and the connections that wait, without a last line. */
void apo_acceptor_drop_all(struct apo_acceptor *acceptor);

/* ---- connections of trusted proxies (acceptor_proxied.c) ---- */

/* The connection waits for the proxy's header, until until_ns. Takes ownership of the socket. */
void apo_acceptor_await_proxy(struct apo_acceptor *acceptor, const struct apo_arrival *arrival,
			      int64_t until_ns);
/* The socket of a connection that waits for the header is readable. */
void apo_acceptor_on_proxied(struct apo_acceptor *acceptor, struct apo_event_source *source,
			     int64_t now_at_ns);
/* Returns the earliest deadline of the connections that wait for the header. */
int64_t apo_acceptor_proxied_at_ns(const struct apo_acceptor *acceptor);
/* Closes the connections whose header has not come in time. */
void apo_acceptor_expire_proxied(struct apo_acceptor *acceptor, int64_t now_at_ns);
/* Closes all connections that wait for the header. */
void apo_acceptor_drop_proxied(struct apo_acceptor *acceptor);

#endif
