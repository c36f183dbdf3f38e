/* SPDX-License-Identifier: MIT */
/*
 * control_client - one call to an engine (control.h): connect, send, receive, close.
 *
 * Holds no descriptor between calls. When the program's descriptor table is full the call is made in a
 * child with a table of its own.
 * Threads  any; async-signal-safe.
 */
#ifndef RUDP_API_CONTROL_CLIENT_H
#define RUDP_API_CONTROL_CLIENT_H

#include <stdbool.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "api/control.h"
#include "api/names.h"

#define RUDP_CONTROL_EARLY_PIECES 8

struct rudp_control_call {
	struct rudp_name to;                 /* CONTROL or WELL_KNOWN */
	const char *path;                    /* of a control socket, in place of to; else NULL */
	int fd;                              /* goes along, -1: none */
	int second_fd;                       /* ADOPT: goes along behind it; else -1 */
	bool interruptible;                  /* a signal or the timeout makes it send GO_ON */
	struct timeval timeout;              /* of each step of the call; zero: none */
	const struct iovec *early;           /* CONNECT: request.number bytes of the program's */
	int early_count;                     /* at most RUDP_CONTROL_EARLY_PIECES */
	struct rudp_control_request request; /* version and token are filled in by the call */
	struct rudp_control_reply reply;
	bool went_on;                        /* out: GO_ON was sent; reply is the answer to that */
	int cut_short;                       /* out, with went_on: EINTR or EINPROGRESS (timeout) */
};

/*
 * A SOCK_SEQPACKET socket connected to the engine of this name, which waits as the timeout of the call
 * says. Returns it, or -errno as rudp_control_make.
 */
int rudp_control_open(const struct rudp_control_call *call);

/* Prepares a call of operation to the engine with this nonce. */
void rudp_control_begin(struct rudp_control_call *call, const struct rudp_nonce *nonce,
			enum rudp_control_operation operation, int fd);

/*
 * Makes the call. A thread that waits in an interruptible one can be cancelled.
 *
 * The engine is called in the private directory of our user (run_dir.h). Where it is not there (the
 * program is in a chroot, or has changed its user), a CONTROL name is called as an abstract one.
 *
 * Returns  0 when a reply has come (its error field is the engine's answer);
 *          -ECONNREFUSED: no such engine, or another user has its name;
 *          -ECONNRESET: the engine ended, -EPROTO: it does not speak this version;
 *          -EFAULT: early points nowhere, and nothing was sent;
 *          -ETIMEDOUT: the timeout of a call that is not interruptible; -errno else.
 */
int rudp_control_make(struct rudp_control_call *call);

#endif
