/* SPDX-License-Identifier: MIT */
/*
 * engine_ready - the message that a new engine process writes once to descriptor 3, to tell the
 * program that started it whether it is ready. It is one letter, followed by the data named below.
 */
#ifndef RUDP_API_ENGINE_READY_H
#define RUDP_API_ENGINE_READY_H

#include <stdint.h>

#include "api/control.h"

#define RUDP_READY_FD 3

enum rudp_ready_letter {
	RUDP_READY = 'R',         /* followed by struct rudp_engine_ready */
	RUDP_READY_BUSY = 'B',    /* another engine has the well-known name; not an error */
	RUDP_READY_BAD_KEY = 'K', /* followed by text */
	RUDP_READY_ERROR = 'E',   /* followed by text */
	RUDP_READY_NO_EXEC = 'F', /* from the starting program itself: no process could be made */
};

struct rudp_engine_ready {
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	uint32_t pid;
};

#endif
