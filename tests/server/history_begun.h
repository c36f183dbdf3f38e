/* SPDX-License-Identifier: MIT */
/* history_begun - a test suite's store with a history in which a transaction has begun. */
#ifndef HISTORY_BEGUN_H
#define HISTORY_BEGUN_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "server/history_file.h"

#define RUN 0x100
#define TIME_MS INT64_C(1700000000000)

static struct history_file file;
static struct apo_page *page;
static int64_t last;

static void begin(void)
{
	last = 0;
	file = (struct history_file){0};
	history_file_make(&file);
	cr_assert(eq(int, apo_history_begin(file.history), 0));
	page = apo_page_new();
	cr_assert(ne(ptr, page, NULL));
}

static void end(void)
{
	apo_page_free(page);
	history_file_remove(&file);
}

#endif
