/* SPDX-License-Identifier: MIT */
/*
 * option - which socket option lives where, on a descriptor that is AF_UNIX and should look like TCP.
 */
#ifndef RUDP_API_OPTION_H
#define RUDP_API_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "api/socket.h"

enum rudp_option_home {
	/* a scratch TCP socket judges, the stored options remember (and all unknown ones) */
	RUDP_OPTION_STORED,
	RUDP_OPTION_NATIVE,  /* AF_UNIX keeps it with TCP's meaning */
	RUDP_OPTION_FLAG,    /* a bit of the mark */
	RUDP_OPTION_SPECIAL, /* answered by code of its own */
	RUDP_OPTION_REFUSED, /* switching it on gives ENOPROTOOPT; TCP itself may say so */
	RUDP_OPTION_DEVICE, /* an interface by name or number: the stored options keep the number */
};

enum rudp_option_states {
	RUDP_OPTION_EARLY = 1 << 0,      /* neither connected nor listening */
	RUDP_OPTION_LISTENING = 1 << 1,
	RUDP_OPTION_CONNECTED = 1 << 2,
};

struct rudp_option_row {
	int level, option;
	enum rudp_option_home home;
	unsigned flag;   /* FLAG: enum rudp_mark_flag */
	bool tell;       /* a change on a live socket goes to the engine */
	bool own;        /* of a listener: accepted sockets do not inherit it */
	unsigned states; /* enum rudp_option_states in which it may be set; 0: all */
	int error;       /* else */
};

/* Never NULL: unknown ones are BAG, not told. */
const struct rudp_option_row *rudp_option_row(int level, int option);

/* 0, or what setting the option in this state gives (-errno). */
int rudp_option_check_state(const struct rudp_option_row *row, const struct rudp_socket *s);

/* The native ones that accept hands down, all of SOL_SOCKET. */
extern const int rudp_option_native[];
extern const size_t rudp_option_native_count;

/* A kernel TCP socket of the same family, to be closed by the caller, or -errno. */
int rudp_option_scratch(const struct rudp_socket *s);

#endif
