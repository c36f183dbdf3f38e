/* SPDX-License-Identifier: MIT */
/*
 * app_ends - how a program's connection ends: one state for each direction, and the order they come in.
 *
 *     program -> network (out)          network -> program (in)
 *
 *     OPEN --> LAST --> ENDED           OPEN ------------> TOLD
 *                |        |               |                 |
 *                +------> RESETS          +----> DEAF ------+
 *     from each to LOST                 from each to CLOSED, ABORTED
 *
 * Rules    All that the program has written is with the carrier before ENDED; a close behind which
 *          something is left unread, or that is to reset (SO_LINGER of 0), never gets there.
 *          The program is told the end once, behind all that came before, and never of a connection
 *          that is LOST: to that belongs an error, and our end is closed with something unread.
 *          Who has CLOSED writes no more: out is not OPEN then.
 *
 * What the kernel and the program do may come in any order and more than once; from it follows what can.
 * Our own steps (given, told, last call, lost) have to follow from the state. One that does not is a bug
 * of ours: it is counted, put into the log, and not taken, since an engine that ended would end
 * everybody's connections.
 */
#ifndef RUDP_ENGINE_APP_ENDS_H
#define RUDP_ENGINE_APP_ENDS_H

#include <stdbool.h>

#define RUDP_OUTS(X)                                                            \
	X(OPEN)    /* the program may write more */                             \
	X(LAST)    /* it writes no more: what is there is the last */           \
	X(ENDED)   /* the carrier has all of it, and the end */                 \
	X(RESETS)  /* its close is a reset: its last words have one more pass */ \
	X(LOST)    /* the connection is over, error says why */

#define RUDP_INS(X)                                                             \
	X(OPEN)    /* the program is given what comes */                        \
	X(DEAF)    /* it has said that it reads no more (SHUT_RD) */            \
	X(TOLD)    /* it knows that no more comes */                            \
	X(CLOSED)  /* it has closed, or shut both ways */                       \
	X(ABORTED) /* it has closed and left something unread */

#define RUDP_OUT_ENUM(name) RUDP_OUT_##name,
enum rudp_out { RUDP_OUTS(RUDP_OUT_ENUM) };
#undef RUDP_OUT_ENUM

#define RUDP_IN_ENUM(name) RUDP_IN_##name,
enum rudp_in { RUDP_INS(RUDP_IN_ENUM) };
#undef RUDP_IN_ENUM

/* All zeros at first. Written by app_ends.c alone. */
struct rudp_ends {
	enum rudp_out out;
	enum rudp_in in;
	bool by_shutdown; /* it was by SHUT_WR, not by a close, that the program has ended its half */
	bool shut_both;   /* by shutdown too, in both directions: the hang-up of that is not a close */
	int error;        /* errno, once LOST */
};

/* What the program has done. */
void rudp_ends_on_last_words(struct rudp_ends *ends);       /* by SHUT_WR or by a close */
void rudp_ends_on_shutdown_send(struct rudp_ends *ends);    /* SHUT_WR; it may not be seen yet */
void rudp_ends_on_shutdown_receive(struct rudp_ends *ends); /* SHUT_RD */
/* left_unread: of what is in the kernel's hands; it may also be learnt later than the close. */
void rudp_ends_on_closed(struct rudp_ends *ends, bool left_unread);

/* What we do. */
void rudp_ends_on_given(struct rudp_ends *ends);     /* the end, to the carrier */
void rudp_ends_on_told(struct rudp_ends *ends);      /* the end, to the program */
void rudp_ends_on_last_call(struct rudp_ends *ends); /* the next pass resets */
/* error becomes EPIPE where a reset comes after the program has been told the end. */
void rudp_ends_on_lost(struct rudp_ends *ends, int error);

/* Bytes of the program are still to be taken. */
bool rudp_ends_takes(const struct rudp_ends *ends);
/* Bytes of the network are still to be given to the program. */
bool rudp_ends_gives(const struct rudp_ends *ends);
/* The program writes no more, and what it has written may still arrive. */
bool rudp_ends_has_last_words(const struct rudp_ends *ends);
bool rudp_ends_is_closed(const struct rudp_ends *ends);
/* When the last words are taken, the carrier is to be given the end. */
bool rudp_ends_owes_end(const struct rudp_ends *ends);
/* When the network has ended, the program is to be told. */
bool rudp_ends_owes_telling(const struct rudp_ends *ends);
/* The program's close sends the peer a reset at once; resets_on_close: SO_LINGER of 0 asked for that. */
bool rudp_ends_close_resets(const struct rudp_ends *ends, bool resets_on_close);
/* The program has closed with bytes unread: the peer gets what it wrote, then a reset. */
bool rudp_ends_left_unread(const struct rudp_ends *ends);
/* Both directions have ended in order, by an end behind all bytes. */
bool rudp_ends_is_over(const struct rudp_ends *ends);
/* The program sees both directions shut: closing our end tells it nothing. */
bool rudp_ends_is_shut(const struct rudp_ends *ends);
/*
 * The kernel has hung up: is that a close? It is not one when both halves are shut, one of them by us.
 * Where a close is to reset, the shim has told which of the two it is.
 */
bool rudp_ends_hangup_is_close(const struct rudp_ends *ends, bool resets_on_close);

/* Steps that have been refused since the process began: 0, or there is a bug. */
unsigned rudp_ends_refused(void);

#endif
