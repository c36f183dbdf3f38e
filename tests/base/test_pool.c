/* SPDX-License-Identifier: MIT */
/* Compares the objects of a pool with a plain list of the objects in use. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

/* Allocations of slabs can fail on demand, and are counted. */
static bool no_memory;
static int slabs;

static void *slab_alloc(size_t alignment, size_t size)
{
	void *slab = no_memory ? NULL : aligned_alloc(alignment, size);

	slabs += slab != NULL;
	return slab;
}

/* Used under AddressSanitizer instead of slabs. */
static inline void *object_alloc(size_t members, size_t size)
{
	void *object = no_memory ? NULL : calloc(members, size);

	slabs += object != NULL;
	return object;
}

static void slab_free(void *slab)
{
	slabs -= slab != NULL;
	free(slab);
}

#define aligned_alloc slab_alloc
#define calloc object_alloc
#define free slab_free
#include "base/pool.c"
#undef aligned_alloc
#undef calloc
#undef free

#define OBJECTS_MAX 2000
#define STEPS 20000
#define SEEDS 20

static struct rudp_pool pool;

static void setup(void)
{
	no_memory = false;
	slabs = 0;
}

TestSuite(pool, .init = setup);

struct mine {
	unsigned char *object;
	unsigned char mark;
};

static bool is_all(const unsigned char *bytes, size_t len, unsigned char value)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

static void take_one(struct mine *mine, size_t bytes, unsigned char mark)
{
	*mine = (struct mine){rudp_pool_take(&pool), mark};
	cr_assert(ne(ptr, mine->object, NULL));
	cr_assert(zero(uptr, (uintptr_t)mine->object % _Alignof(max_align_t)));
	cr_assert(is_all(mine->object, bytes, 0));
	memset(mine->object, mark, bytes);
}

/* No other object overlaps it. */
static void give_one(const struct mine *mine, size_t bytes)
{
	cr_assert(is_all(mine->object, bytes, mine->mark));
	rudp_pool_give(&pool, mine->object);
}

static void take_and_give(struct random *random)
{
	static struct mine taken[OBJECTS_MAX];
	size_t bytes = 1 + random_below(random, 5000);
	unsigned count = 0, wanted = OBJECTS_MAX / 2;

	rudp_pool_init(&pool, bytes);
	for (int step = 0; step < STEPS; step++) {
		if (step % 1000 == 0)
			wanted = (unsigned)random_below(random, OBJECTS_MAX);
		if (count < wanted) {
			take_one(&taken[count], bytes, (unsigned char)random_next(random));
			count++;
		} else if (count > 0) {
			unsigned which = (unsigned)random_below(random, count);

			give_one(&taken[which], bytes);
			taken[which] = taken[--count];
		}
		cr_assert(eq(uint, pool.count, count));
	}
	while (count > 0)
		give_one(&taken[--count], bytes);
	rudp_pool_fini(&pool);
	cr_assert(zero(int, slabs));
}

Test(pool, new_objects_are_zero_and_do_not_overlap)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		take_and_give(&(struct random){seed});
}

Test(pool, the_last_empty_slab_is_kept)
{
	void *object;

	if (RUDP_WITH_ASAN)
		cr_skip("an allocation each, under AddressSanitizer");
	rudp_pool_init(&pool, 100);
	for (int i = 0; i < 10; i++) {
		object = rudp_pool_take(&pool);
		cr_assert(eq(int, slabs, 1));
		rudp_pool_give(&pool, object);
	}
	cr_assert(eq(int, slabs, 1));
	rudp_pool_fini(&pool);
	cr_assert(zero(int, slabs));
}

Test(pool, after_freeing_all_objects_one_slab_is_left)
{
	static void *objects[OBJECTS_MAX];

	if (RUDP_WITH_ASAN)
		cr_skip("an allocation each, under AddressSanitizer");
	rudp_pool_init(&pool, 4000);
	for (int i = 0; i < OBJECTS_MAX; i++)
		objects[i] = rudp_pool_take(&pool);
	cr_assert(eq(int, slabs, OBJECTS_MAX / 16)); /* 16 of 4,000 bytes fit into 64 KB */
	for (int i = 0; i < OBJECTS_MAX; i++)
		rudp_pool_give(&pool, objects[i]);
	cr_assert(eq(int, slabs, 1));
	rudp_pool_fini(&pool);
}

Test(pool, without_memory_free_objects_can_still_be_taken)
{
	if (RUDP_WITH_ASAN)
		cr_skip("an allocation each, under AddressSanitizer");
	rudp_pool_init(&pool, 16000);
	no_memory = true;
	cr_assert(eq(ptr, rudp_pool_take(&pool), NULL));
	cr_assert(zero(uint, pool.count));
	no_memory = false;
	void *first = rudp_pool_take(&pool);

	no_memory = true;
	void *others[3] = {rudp_pool_take(&pool), rudp_pool_take(&pool), rudp_pool_take(&pool)};

	cr_assert(ne(ptr, others[2], NULL));
	cr_assert(eq(ptr, rudp_pool_take(&pool), NULL));
	rudp_pool_give(&pool, others[1]);
	cr_assert(eq(ptr, rudp_pool_take(&pool), others[1]));
	rudp_pool_give(&pool, first);
	for (int i = 0; i < 3; i++)
		rudp_pool_give(&pool, others[i]);
	rudp_pool_fini(&pool);
}

Test(pool, giving_back_null_does_nothing)
{
	rudp_pool_init(&pool, 8);
	rudp_pool_give(&pool, NULL);
	cr_assert(zero(uint, pool.count));
	rudp_pool_fini(&pool);
}
