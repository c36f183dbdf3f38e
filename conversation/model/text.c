/* SPDX-License-Identifier: MIT */
#include "conversation/model/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct apo_text *apo_text_new(size_t len)
{
	struct apo_text *text;

	if (len > UINT32_MAX)
		return NULL;
	text = malloc(sizeof *text + len);
	if (!text)
		return NULL;
	atomic_init(&text->references, 1);
	text->len = (uint32_t)len;
	return text;
}

struct apo_text *apo_text_copy(const void *bytes, size_t len)
{
	struct apo_text *text = apo_text_new(len);

	if (text)
		memcpy(text->bytes, bytes, len);
	return text;
}

/* The caller has a reference already, so no ordering is needed. */
struct apo_text *apo_text_get(struct apo_text *text)
{
	atomic_fetch_add_explicit(&text->references, 1, memory_order_relaxed);
	return text;
}

/* Acquire and release: all reads of other threads come before the free. */
void apo_text_put(struct apo_text *text)
{
	unsigned before;

	if (!text)
		return;
	before = atomic_fetch_sub_explicit(&text->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		free(text);
}
