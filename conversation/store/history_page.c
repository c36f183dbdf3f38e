/* SPDX-License-Identifier: MIT */
/* Pages: the answers of the history. Another thread frees them. */
#include <stdlib.h>

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

struct apo_said *apo_page_copy(struct apo_said *from, size_t *bytes)
{
	size_t size = apo_said_size(from);
	struct apo_said *said = malloc(size);

	if (!said)
		return NULL;
	(void)apo_said_copy(said, from, (char *)(said + 1));
	*bytes += size;
	return said;
}
