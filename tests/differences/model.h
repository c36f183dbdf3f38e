/* SPDX-License-Identifier: MIT */
/*
 * The expected state of the sockets of one random sequence. Kernel TCP on loopback shows the effect
 * of a call to the peer at once, rudp somewhat later; settle() waits until the expected effect is
 * visible, so that both ways of carrying a connection are asked at comparable moments.
 *
 * The model lives in shared memory: a step that a child process makes counts like one of the
 * parent.
 */
#ifndef DIFFERENCES_MODEL_H
#define DIFFERENCES_MODEL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SLOTS = 6, ENDS_MAX = 1024, PORTS_MAX = 2048 };

/* One socket, whatever number of descriptors it has. */
struct end {
	int copies;
	int family;
	bool listening, was_listener, connected, made;
	bool spent; /* no longer connected, or connect() has failed: its name differs from TCP's */
	bool wrote_end, read_end; /* shutdown() of each direction */
	bool reset;               /* the connection is gone */
	bool reset_after_end;     /* the peer had ended its direction before */
	bool has_read;            /* a read was tried since the connection was made */
	bool is_unsure;           /* whether the connection was reset is not known */
	bool has_stale_error;     /* AF_UNSPEC came before an error was read */
	bool is_one_shot;         /* an epoll entry reports it once */
	bool was_retried;         /* connect() after one that failed replaced the socket */
	bool was_mapped;          /* a connect() to a mapped IPv4 address has failed */
	bool linger_off;          /* SO_LINGER of 0: close() resets */
	int queue_of;             /* the listener in whose queue the end waits, or -1 */
	int peer;                 /* -1 without a connection */
	uint16_t own_port, peer_port;
	int port_name; /* of own_port */
	int unread;    /* bytes that the peer wrote and this end has not read */
};

struct model {
	struct end ends[ENDS_MAX];
	int ends_count;
	int fds[SLOTS]; /* -1 if the slot is empty */
	int end_of[SLOTS];
	uint16_t ports[PORTS_MAX];
	int ports_count;
	volatile int sigpipes;
};

extern struct model *model;

void model_init(void);
int model_new_end(int family);
struct end *model_end(int slot);

/* The number that stands for a port in the log: ports differ from run to run. 0 stays 0. */
int model_port_name(uint16_t port);
void model_note_port(int slot);

void model_connected(int slot, uint16_t port);
/* listener: the number of its end. peer_port 0: not known, as the connection was reset. */
void model_accepted(int slot, int listener, uint16_t peer_port);
void model_sent(int slot, long bytes);
void model_shutdown(int slot, int how);
void model_closed(int slot);
void model_unconnect(int slot);

/* Whether a connection waits for accept() at this listener. */
bool model_has_waiting(int slot);
/* Why librudp_shim(7) permits the next call on the slot to differ from TCP, or NULL. "Watches": the
 * call tells the state, as poll() does. */
const char *model_known(int slot, bool watches);

/* Waits until all expected effects are visible. False, and a message, if one was not within 3 s. */
bool model_settle(char *message, int size);

#endif
