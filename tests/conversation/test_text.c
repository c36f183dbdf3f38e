/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <string.h>

#include "conversation/model/text.h"

#define THREADS 4
#define ROUNDS 20000

Test(text, a_new_text_has_one_reference_and_room)
{
	struct apo_text *text = apo_text_new(5);

	cr_assert(ne(ptr, text, NULL));
	memcpy(text->bytes, "a\r\nb\n", 5);
	cr_assert(eq(u32, text->len, 5));
	cr_assert(eq(uint, atomic_load(&text->references), 1));
	apo_text_put(text);
	apo_text_put(NULL);
}

Test(text, stays_until_the_last_reference_is_released)
{
	struct apo_text *text = apo_text_copy("PING\r\n", 6);

	cr_assert(eq(ptr, apo_text_get(text), text));
	cr_assert(eq(uint, atomic_load(&text->references), 2));
	apo_text_put(text);
	cr_assert(eq(int, memcmp(text->bytes, "PING\r\n", 6), 0));
	apo_text_put(text);
}

static void *get_and_put(void *of)
{
	struct apo_text *text = of;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		apo_text_get(text);
		apo_text_put(text);
	}
	apo_text_put(text);
	return NULL;
}

Test(text, threads_count_without_loss)
{
	struct apo_text *text = apo_text_copy("x", 1);
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		apo_text_get(text);
	for (i = 0; i < THREADS; i++)
		cr_assert(eq(int, pthread_create(threads + i, NULL, get_and_put, text), 0));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	cr_assert(eq(uint, atomic_load(&text->references), 1));
	apo_text_put(text);
}
