/* SPDX-License-Identifier: MIT */
/*
 * option - a table of where each socket option is stored. The descriptor is AF_UNIX and must look
 * like TCP to the program.
 */
#ifndef RUDP_API_OPTION_H
#define RUDP_API_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "api/socket.h"

enum rudp_option_home {
	/*
	 * a temporary TCP socket checks the value, the stored options keep it; unknown options too
	 */
	RUDP_OPTION_STORED,
	RUDP_OPTION_NATIVE,  /* the AF_UNIX socket keeps it, with TCP's meaning */
	RUDP_OPTION_FLAG,    /* a bit of the mark */
	RUDP_OPTION_SPECIAL, /* code of its own handles it */
	RUDP_OPTION_REFUSED, /* switching it on gives ENOPROTOOPT, or the error of TCP itself */
	RUDP_OPTION_DEVICE, /* an interface by name or number; the stored options keep the number */
};

enum rudp_option_states {
	RUDP_OPTION_EARLY = 1 << 0, /* neither connected nor listening */
	RUDP_OPTION_LISTENING = 1 << 1,
	RUDP_OPTION_CONNECTED = 1 << 2,
};

struct rudp_option_row {
	int level, option;
	enum rudp_option_home home;
	unsigned flag;      /* FLAG: enum rudp_mark_flag */
	bool tells_engine;  /* the engine is told of a change on a connection or listener */
	bool not_inherited; /* a listener's own option: accepted sockets do not inherit it */
	unsigned states;    /* enum rudp_option_states in which it may be set; 0: in all */
	int error;          /* positive errno if it is set in another state */
};

/*
 * Never NULL. An unknown option gets a row with RUDP_OPTION_STORED that is not told to the engine.
 */
const struct rudp_option_row *rudp_option_row(int level, int option);

/* Returns 0, or -errno if the option may not be set in the socket's state. */
int rudp_option_check_state(const struct rudp_option_row *row, const struct rudp_socket *s);

/* The RUDP_OPTION_NATIVE options that accepted sockets inherit, all of level SOL_SOCKET. */
extern const int rudp_option_native[];
extern const size_t rudp_option_native_count;

/* Creates a temporary kernel TCP socket of the same family, which the caller closes; or -errno. */
int rudp_option_scratch(const struct rudp_socket *s);

#endif
