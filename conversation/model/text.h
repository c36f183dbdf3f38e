/* SPDX-License-Identifier: MIT */
/*
 * text - encoded lines, written once and shared by all recipients.
 *
 * A text holds one or more whole lines, each with its CR LF, as they are sent. Its creator writes
 * the bytes before it shares the text; after that they do not change.
 *
 * Threads    any, once it is shared: the reference count is atomic, the bytes do not change.
 */
#ifndef APO_TEXT_H
#define APO_TEXT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct apo_text {
	atomic_uint references;
	uint32_t len;
	char bytes[];
};

/* Room for len bytes, and one reference, which the caller owns. NULL if memory is short. */
struct apo_text *apo_text_new(size_t len);
/* Like apo_text_new, with a copy of the bytes. */
struct apo_text *apo_text_copy(const void *bytes, size_t len);

/* Takes one more reference. */
struct apo_text *apo_text_get(struct apo_text *text);
/* Releases a reference; the last release frees the text. NULL is ignored. */
void apo_text_put(struct apo_text *text);

#endif
