/* SPDX-License-Identifier: MIT */
/*
 * control_client - makes one call to an engine (control.h): connect, send, receive, close.
 *
 * No descriptor is kept between calls. If the program's descriptor table is full, a child with a
 * table of its own makes the call.
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
	const char *path;                    /* of a control socket, used instead of to; or NULL */
	const uint32_t *user;                /* who must listen there; NULL: see below */
	int fd;                              /* passed to the engine; -1: none */
	int second_fd;                       /* ADOPT: passed after fd; else -1 */
	bool interruptible;                  /* a signal or the timeout makes it send GO_ON */
	struct timeval timeout;              /* of each step of the call; zero: see below */
	char *names;                         /* CONNECT: request.level bytes (name_notes.h) */
	const struct iovec *early;           /* CONNECT: request.number bytes of the program */
	int early_count;                     /* at most RUDP_CONTROL_EARLY_PIECES */
	struct rudp_control_request request; /* version and token are filled in by the call */
	struct rudp_control_reply reply;
	bool went_on;  /* out: GO_ON was sent; reply answers that */
	int cut_short; /* out, if went_on: EINTR or EINPROGRESS (timeout) */
};

/*
 * Opens a SOCK_SEQPACKET socket that is connected to the engine, with the timeout of the call.
 * Returns it, or -errno as rudp_control_make.
 */
int rudp_control_open(const struct rudp_control_call *call);

/* Prepares a call to the engine with this nonce. */
void rudp_control_begin(struct rudp_control_call *call, const struct rudp_nonce *nonce,
			enum rudp_control_operation operation, int fd);

/*
 * Makes the call. If it is interruptible, it is a cancellation point.
 *
 * The engine is searched in the private directory of our user (run_dir.h). If it is not there (the
 * program is in a chroot or has changed its user), a CONTROL name is called as an abstract name.
 *
 * Returns  0: a reply has come (its error field is the engine's answer);
 *          -ECONNREFUSED: no such engine, or a process of another user has its name;
 *          -ECONNRESET: the engine ended; -EPROTO: it has another version of the control protocol;
 *          -EFAULT: early is a wrong pointer, and nothing was sent;
 *          -ETIMEDOUT: the engine did not answer within the timeout of a call that is not
 *          interruptible (without one, within 10 s), or a GO_ON within 10 s; or another -errno.
 */
int rudp_control_make(struct rudp_control_call *call);

#endif
