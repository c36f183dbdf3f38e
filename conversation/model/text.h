/* SPDX-License-Identifier: MIT */
/*
 * text - encoded lines, written once and shared by everybody who gets them.
 *
 * A text holds one or more whole lines, each with its CR LF, exactly as they leave. Whoever made it
 * writes the bytes before the text is given to anybody else; from then on nobody does.
 *
 * Threads    any, once it is shared: the count is atomic, the bytes do not change.
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

/* Room for len bytes, and one reference, the caller's. NULL without memory. */
struct apo_text *apo_text_new(size_t len);
/* The same, with a copy of the bytes. */
struct apo_text *apo_text_copy(const void *bytes, size_t len);

/* One more reference, or several for one atomic operation (one for each recipient of a batch). */
struct apo_text *apo_text_get(struct apo_text *text);
void apo_text_get_many(struct apo_text *text, unsigned count);
/* Gives back; the last one frees. NULL is harmless. */
void apo_text_put(struct apo_text *text);
void apo_text_put_many(struct apo_text *text, unsigned count);

#endif
