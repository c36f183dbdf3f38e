/* SPDX-License-Identifier: MIT */
/* chat_check - the invariants of a chat of converse. */
#ifndef TESTS_CONVERSE_CHAT_CHECK_H
#define TESTS_CONVERSE_CHAT_CHECK_H

#include "conversation/converse/chat.h"

/* Lines, their states and the counts of the chat agree. */
bool chat_check(const struct cv_chat *chat);

#endif
