/* SPDX-License-Identifier: MIT */
/*
 * app_ends - how a program's connection ends: one state for each direction, and which state may
 * follow which.
 *
 *    program -> network (out)                     network -> program (in)
 *
 *    OPEN --> FINISHING --> FIN_SENT              OPEN ----------------> EOF_SENT
 *                 |             |                   |                       |
 *                 +------> RESETTING                +----> READ_SHUT -------+
 *    from each to FAILED                          from each to CLOSED, ABORTED
 *
 * Rules    FIN_SENT: the carrier has all bytes that the program wrote. A close that leaves bytes
 *          unread, or that is to reset (SO_LINGER of 0), never reaches this state.
 *          EOF_SENT: the program is given the end of file once, after all bytes. A FAILED
 *          connection never gets there: it has an error, and the engine closes its end with unread
 *          input.
 *          CLOSED: a program that has closed writes no more, so out is not OPEN.
 *
 * Events of the kernel and of the program may come in any order and more than once; those that
 * change nothing are ignored. The engine's own steps (FIN sent, end of file sent, reset due,
 * failed) must be allowed by the state. A step that is not allowed is a bug in the engine: it is
 * counted, logged and not taken. An assertion would end every connection of the engine.
 */
#ifndef RUDP_ENGINE_APP_ENDS_H
#define RUDP_ENGINE_APP_ENDS_H

#include <stdbool.h>

#define RUDP_OUTS(X)                                                                               \
	X(OPEN)      /* the program may write more */                                              \
	X(FINISHING) /* it writes no more; the engine forwards what is left */                     \
	X(FIN_SENT)  /* the carrier has all bytes and the FIN */                                   \
	X(RESETTING) /* a close that resets, after one more pass */                                \
	X(FAILED)    /* the connection has failed; error says why */

#define RUDP_INS(X)                                                                                \
	X(OPEN)      /* received bytes go to the program */                                        \
	X(READ_SHUT) /* the program has called shutdown(SHUT_RD) */                                \
	X(EOF_SENT)  /* the program was given the end of file */                                   \
	X(CLOSED)    /* the program has closed, or shut both directions */                         \
	X(ABORTED)   /* the program has closed and left bytes unread */

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
	bool by_shutdown; /* the program ended its half by SHUT_WR, not by a close */
	bool shut_both;   /* shutdown() in both directions: the EPOLLHUP after it is no close */
	int error;        /* errno, once FAILED */
};

/* Events: what the program has done. */
/* SHUT_WR or a close, as epoll reports it */
void rudp_ends_on_write_end(struct rudp_ends *ends);
/* The shim reports SHUT_WR; epoll may report it later */
void rudp_ends_on_shutdown_send(struct rudp_ends *ends);
void rudp_ends_on_shutdown_receive(struct rudp_ends *ends); /* SHUT_RD */
/*
 * left_unread: bytes in the kernel's buffer were not read. A second call may report it after the
 * close.
 */
void rudp_ends_on_closed(struct rudp_ends *ends, bool left_unread);

/* The engine's own steps. */
void rudp_ends_on_fin_sent(struct rudp_ends *ends);  /* the carrier was given the FIN */
void rudp_ends_on_eof_sent(struct rudp_ends *ends);  /* the program was given the end of file */
void rudp_ends_on_reset_due(struct rudp_ends *ends); /* the next pass resets the connection */
/* error becomes EPIPE if a reset comes after the program was given the end of file. */
void rudp_ends_on_failed(struct rudp_ends *ends, int error);

/* The engine still has to read what the program writes. */
bool rudp_ends_may_drain(const struct rudp_ends *ends);
/* The engine still has to write received bytes to the program. */
bool rudp_ends_may_deliver(const struct rudp_ends *ends);
/* The program writes no more, and what it has written may still reach the peer. */
bool rudp_ends_has_write_ended(const struct rudp_ends *ends);
bool rudp_ends_is_closed(const struct rudp_ends *ends);
/* Once all bytes of the program are forwarded, the carrier must be given the FIN. */
bool rudp_ends_owes_fin(const struct rudp_ends *ends);
/* Once the peer's FIN is reached, the program must be given the end of file. */
bool rudp_ends_owes_eof(const struct rudp_ends *ends);
/* The program's close resets the connection at once. resets_on_close: SO_LINGER is 0. */
bool rudp_ends_close_resets(const struct rudp_ends *ends, bool resets_on_close);
/* The program has closed with unread bytes: the peer gets what it wrote, then a reset. */
bool rudp_ends_left_unread(const struct rudp_ends *ends);
/* Both directions have ended in order: all bytes and the FIN were delivered. */
bool rudp_ends_is_over(const struct rudp_ends *ends);
/* The program sees both directions shut, so closing the engine's end changes nothing for it. */
bool rudp_ends_is_shut(const struct rudp_ends *ends);
/*
 * The kernel reports EPOLLHUP. Returns whether it is a close: it is none if both halves were shut,
 * one of them by the engine. If a close has to reset, by_shutdown tells shutdown() and close()
 * apart.
 */
bool rudp_ends_hangup_is_close(const struct rudp_ends *ends, bool resets_on_close);

/* Steps refused since the process began. Not 0: there is a bug. */
unsigned rudp_ends_refused(void);

#endif
