/* SPDX-License-Identifier: MIT */
/* Pages: the answers of the history. Another thread frees them. */
#include <stdlib.h>
#include <string.h>

#include "conversation/store/history_private.h"

struct apo_page *apo_page_new(void)
{
	return calloc(1, sizeof(struct apo_page));
}

void apo_page_clear(struct apo_page *page)
{
	while (page->count > 0)
		free(page->said[--page->count]);
}

void apo_page_free(struct apo_page *page)
{
	if (!page)
		return;
	apo_page_clear(page);
	free(page);
}

static const char *keep(char **at, const char *text)
{
	size_t size;
	char *copy = *at;

	if (!text)
		return NULL;
	size = strlen(text) + 1;
	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

struct apo_said *apo_said_copy(const struct apo_said *from, size_t *bytes)
{
	size_t size = sizeof *from + size_of(from->source) + size_of(from->target) +
		      size_of(from->text) + size_of(from->account) + size_of(from->tags);
	struct apo_said *said = malloc(size);
	char *at;

	if (!said)
		return NULL;
	at = (char *)(said + 1);
	*said = *from;
	said->source = keep(&at, from->source);
	said->target = keep(&at, from->target);
	said->text = keep(&at, from->text);
	said->account = keep(&at, from->account);
	said->tags = keep(&at, from->tags);
	*bytes += size;
	return said;
}
