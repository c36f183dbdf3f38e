/* SPDX-License-Identifier: MIT */
/*
 * engine_ready - what a new engine process says, once, on descriptor 3 to the program that started it:
 * one letter, and behind it what the letter asks for.
 */
#ifndef RUDP_API_ENGINE_READY_H
#define RUDP_API_ENGINE_READY_H

#include <stdint.h>

#include "api/control.h"

#define RUDP_READY_FD 3

enum rudp_ready_letter {
	RUDP_READY = 'R',         /* struct rudp_engine_ready */
	RUDP_READY_BUSY = 'B',    /* another engine has the well-known name: not an error */
	RUDP_READY_BAD_KEY = 'K', /* text */
	RUDP_READY_ERROR = 'E',   /* text */
	RUDP_READY_NO_EXEC = 'F', /* from the starter itself: no process could be made */
};

struct rudp_engine_ready {
	struct rudp_nonce nonce;
	uint8_t token[RUDP_TOKEN_BYTES];
	uint32_t pid;
};

#endif
