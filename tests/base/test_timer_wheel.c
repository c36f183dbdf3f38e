/* SPDX-License-Identifier: MIT */
#include "base/timer_wheel.h"

#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "random.h"

#define TICK RUDP_TIMER_TICK_NS
#define MINUTE_NS (60 * RUDP_NS_PER_S)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)
#define NEXT_CALLS_MAX 64

static struct rudp_timer_wheel wheel;

static void expect_pop(int64_t now_at_ns, struct rudp_timer *timer)
{
	cr_assert(eq(ptr, rudp_timer_wheel_pop(&wheel, now_at_ns), timer));
}

Test(timer_wheel, nothing_armed_means_never)
{
	rudp_timer_wheel_init(&wheel, 0);
	cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), RUDP_NEVER));
	expect_pop(DAY_NS, NULL);
	cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), RUDP_NEVER));
}

Test(timer_wheel, fires_at_its_deadline_and_not_a_nanosecond_before)
{
	static const int64_t spans_ns[] = {
		1,          TICK - 1,      TICK,          TICK + 1,      63 * TICK,
		64 * TICK,  65 * TICK + 7, 4096 * TICK,   RUDP_NS_PER_S, HOUR_NS,
		9 * DAY_NS, 103 * DAY_NS,  1000 * DAY_NS,
	};

	for (size_t i = 0; i < sizeof spans_ns / sizeof spans_ns[0]; i++) {
		int64_t now_at_ns = 123456789;
		struct rudp_timer timer = {0};

		rudp_timer_wheel_init(&wheel, now_at_ns);
		rudp_timer_arm(&wheel, &timer, now_at_ns + spans_ns[i]);
		cr_assert(eq(int, rudp_timer_is_armed(&timer), true));
		expect_pop(now_at_ns + spans_ns[i] - 1, NULL);
		expect_pop(now_at_ns + spans_ns[i], &timer);
		cr_assert(eq(int, rudp_timer_is_armed(&timer), false));
		cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), RUDP_NEVER));
		expect_pop(now_at_ns + spans_ns[i], NULL);
	}
}

Test(timer_wheel, a_deadline_in_the_past_fires_at_the_next_expiry)
{
	struct rudp_timer late = {0}, now = {0}, ancient = {0};

	rudp_timer_wheel_init(&wheel, HOUR_NS);
	rudp_timer_arm(&wheel, &now, HOUR_NS);
	rudp_timer_arm(&wheel, &ancient, INT64_MIN);
	rudp_timer_arm(&wheel, &late, 5);
	cr_assert(le(i64, rudp_timer_wheel_next_at_ns(&wheel), HOUR_NS));
	expect_pop(HOUR_NS, &ancient);
	expect_pop(HOUR_NS, &late);
	expect_pop(HOUR_NS, &now);
	expect_pop(HOUR_NS, NULL);
}

Test(timer_wheel, never_cancels)
{
	struct rudp_timer timer = {0};

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &timer, 10);
	rudp_timer_arm(&wheel, &timer, RUDP_NEVER);
	cr_assert(eq(int, rudp_timer_is_armed(&timer), false));
	cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), RUDP_NEVER));
	expect_pop(DAY_NS, NULL);
}

Test(timer_wheel, cancelling_twice_is_harmless)
{
	struct rudp_timer timer = {0};

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_cancel(&wheel, &timer);
	rudp_timer_arm(&wheel, &timer, 10);
	rudp_timer_cancel(&wheel, &timer);
	rudp_timer_cancel(&wheel, &timer);
	cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), RUDP_NEVER));
}

Test(timer_wheel, arming_again_moves_the_deadline)
{
	struct rudp_timer timer = {0};

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &timer, RUDP_NS_PER_S);
	rudp_timer_arm(&wheel, &timer, 2 * RUDP_NS_PER_S);
	expect_pop(2 * RUDP_NS_PER_S - 1, NULL);
	expect_pop(2 * RUDP_NS_PER_S, &timer);
}

Test(timer_wheel, fires_in_deadline_order_within_one_slot)
{
	struct rudp_timer timers[5] = {0};
	static const int64_t deadlines_ns[] = {300, 100, 500, 200, 400};
	static const int order[] = {1, 3, 0, 4, 2};

	rudp_timer_wheel_init(&wheel, 0);
	for (int i = 0; i < 5; i++)
		rudp_timer_arm(&wheel, &timers[i], 1000 * TICK + deadlines_ns[i]);
	for (int i = 0; i < 5; i++)
		expect_pop(HOUR_NS, &timers[order[i]]);
	expect_pop(HOUR_NS, NULL);
}

Test(timer_wheel, one_armed_during_the_pass_takes_its_place)
{
	struct rudp_timer a = {0}, b = {0}, c = {0};

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &a, 10);
	rudp_timer_arm(&wheel, &b, 30);
	expect_pop(HOUR_NS, &a);
	rudp_timer_arm(&wheel, &c, 20);
	rudp_timer_arm(&wheel, &a, 40);
	expect_pop(HOUR_NS, &c);
	expect_pop(HOUR_NS, &b);
	expect_pop(HOUR_NS, &a);
	expect_pop(HOUR_NS, NULL);
}

Test(timer_wheel, one_cancelled_during_the_pass_does_not_fire)
{
	struct rudp_timer a = {0}, b = {0}, c = {0};

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &a, 10);
	rudp_timer_arm(&wheel, &b, 20);
	rudp_timer_arm(&wheel, &c, 30);
	expect_pop(HOUR_NS, &a);
	rudp_timer_cancel(&wheel, &b);
	expect_pop(HOUR_NS, &c);
	expect_pop(HOUR_NS, NULL);
}

/* A timer that arms itself again for the same instant must not starve others of that instant. */
Test(timer_wheel, equal_deadlines_take_turns)
{
	struct rudp_timer a = {0}, b = {0};
	struct rudp_timer *first, *second;

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &a, 10);
	rudp_timer_arm(&wheel, &b, 10);
	first = rudp_timer_wheel_pop(&wheel, 10);
	rudp_timer_arm(&wheel, first, 10);
	second = rudp_timer_wheel_pop(&wheel, 10);
	cr_assert(ne(ptr, first, second));
}

Test(timer_wheel, a_periodic_timer_does_not_drift)
{
	struct rudp_timer timer = {0};
	int64_t period_ns = 20 * RUDP_NS_PER_MS + 1;
	int64_t now_at_ns = 0;
	int64_t fired = 0;

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &timer, period_ns);
	while (now_at_ns < HOUR_NS) {
		now_at_ns = rudp_timer_wheel_next_at_ns(&wheel);
		if (rudp_timer_wheel_pop(&wheel, now_at_ns)) {
			fired++;
			cr_assert(eq(i64, now_at_ns, fired * period_ns));
			rudp_timer_arm(&wheel, &timer, timer.deadline_at_ns + period_ns);
		}
	}
	cr_assert(eq(i64, fired, HOUR_NS / period_ns + 1));
}

Test(timer_wheel, the_next_instant_is_the_deadline_however_far)
{
	for (int64_t span_ns = 1; span_ns < 100 * DAY_NS; span_ns = span_ns * 3 + 1) {
		struct rudp_timer timer = {0};

		rudp_timer_wheel_init(&wheel, HOUR_NS);
		rudp_timer_arm(&wheel, &timer, HOUR_NS + span_ns);
		cr_assert(eq(i64, rudp_timer_wheel_next_at_ns(&wheel), HOUR_NS + span_ns));
	}
}

/* A timer of a later turn is in a slot before that of an earlier timer. */
Test(timer_wheel, the_far_future_does_not_hide_the_nearer)
{
	struct rudp_timer near = {0}, far = {0};
	int64_t top_slot_ns = TICK << (RUDP_TIMER_LEVELS - 1) * RUDP_TIMER_SLOT_BITS;
	int64_t now_at_ns = 0;

	rudp_timer_wheel_init(&wheel, 0);
	rudp_timer_arm(&wheel, &far, 1000 * top_slot_ns);
	expect_pop(5 * top_slot_ns, NULL);
	rudp_timer_arm(&wheel, &near, 65 * top_slot_ns + 1);
	for (int calls = 0; now_at_ns != 65 * top_slot_ns + 1; calls++) {
		cr_assert(lt(int, calls, NEXT_CALLS_MAX));
		now_at_ns = rudp_timer_wheel_next_at_ns(&wheel);
		cr_assert(le(i64, now_at_ns, 65 * top_slot_ns + 1));
		if (now_at_ns != 65 * top_slot_ns + 1)
			expect_pop(now_at_ns, NULL);
	}
	expect_pop(now_at_ns, &near);
	expect_pop(1000 * top_slot_ns - 1, NULL);
	expect_pop(1000 * top_slot_ns, &far);
}

Test(timer_wheel, time_that_goes_back_fires_nothing_early)
{
	struct rudp_timer timer = {0};

	rudp_timer_wheel_init(&wheel, HOUR_NS);
	rudp_timer_arm(&wheel, &timer, HOUR_NS - 5);
	expect_pop(HOUR_NS - 6, NULL);
	expect_pop(HOUR_NS - 5, &timer);
}

/*
 * Ten thousand overdue timers arm themselves again for the past: the wheel stays fast and in order.
 */
Test(timer_wheel, a_backlog_of_periodic_timers_is_worked_off_in_order)
{
	enum { COUNT = 10000, ROUNDS = 20 };
	struct rudp_timer *timers = calloc(COUNT, sizeof *timers);
	int64_t before_at_ns = 0;

	cr_assert(ne(ptr, timers, NULL));
	rudp_timer_wheel_init(&wheel, 0);
	for (int i = 0; i < COUNT; i++)
		rudp_timer_arm(&wheel, &timers[i], 1 + (i * 7919) % COUNT);
	for (int i = 0; i < COUNT * ROUNDS; i++) {
		struct rudp_timer *timer = rudp_timer_wheel_pop(&wheel, HOUR_NS);

		if (!timer || timer->deadline_at_ns < before_at_ns)
			cr_fatal("timer %d", i);
		before_at_ns = timer->deadline_at_ns;
		rudp_timer_arm(&wheel, timer, timer->deadline_at_ns + COUNT);
	}
	cr_assert(eq(i64, before_at_ns, COUNT * ROUNDS));
	free(timers);
}

/* The reference implementation: visits every timer. */
#define MODEL_TIMERS 200

struct model {
	struct random random;
	struct rudp_timer timers[MODEL_TIMERS];
	int64_t deadline_at_ns[MODEL_TIMERS]; /* RUDP_NEVER: not armed */
	int64_t now_at_ns;
};

static int64_t earliest(const struct model *model)
{
	int64_t earliest_at_ns = RUDP_NEVER;

	for (int i = 0; i < MODEL_TIMERS; i++)
		earliest_at_ns = rudp_time_min(earliest_at_ns, model->deadline_at_ns[i]);
	return earliest_at_ns;
}

/* Mostly short spans, sometimes up to months, sometimes exactly at a slot border. */
static int64_t random_span(struct random *random)
{
	int64_t span_ns = (int64_t)(random_next(random) >> (10 + random_below(random, 54)));

	return random_below(random, 4) ? span_ns : span_ns / TICK * TICK;
}

static void arm_one(struct model *model, int i)
{
	int64_t at_ns = model->now_at_ns + random_span(&model->random);

	if (random_below(&model->random, 16) == 0)
		at_ns = model->now_at_ns - (int64_t)random_below(&model->random, 1000);
	rudp_timer_arm(&wheel, &model->timers[i], at_ns);
	model->deadline_at_ns[i] = at_ns;
}

static void change_one(struct model *model)
{
	int i = (int)random_below(&model->random, MODEL_TIMERS);

	if (random_below(&model->random, 4)) {
		arm_one(model, i);
	} else {
		rudp_timer_cancel(&wheel, &model->timers[i]);
		model->deadline_at_ns[i] = RUDP_NEVER;
	}
	cr_assert(eq(int, rudp_timer_is_armed(&model->timers[i]),
		     model->deadline_at_ns[i] != RUDP_NEVER));
}

static void expire(struct model *model)
{
	for (int fired = 0; fired < 2 * MODEL_TIMERS; fired++) {
		int64_t expected_at_ns = earliest(model);
		struct rudp_timer *timer = rudp_timer_wheel_pop(&wheel, model->now_at_ns);

		if (expected_at_ns > model->now_at_ns) {
			cr_assert(eq(ptr, timer, NULL));
			return;
		}
		cr_assert(ne(ptr, timer, NULL));
		cr_assert(eq(i64, timer->deadline_at_ns, expected_at_ns));
		cr_assert(eq(i64, model->deadline_at_ns[timer - model->timers], expected_at_ns));
		model->deadline_at_ns[timer - model->timers] = RUDP_NEVER;
		if (random_below(&model->random, 4) == 0)
			change_one(model);
	}
}

/*
 * Stepping to next_at, even if nothing is due, reaches the earliest deadline in few steps and never
 * passes it.
 */
static void follow_next(struct model *model)
{
	int64_t expected_at_ns = earliest(model);

	for (int calls = 0; model->now_at_ns < expected_at_ns; calls++) {
		int64_t next_at_ns = rudp_timer_wheel_next_at_ns(&wheel);

		cr_assert(le(i64, next_at_ns, expected_at_ns));
		if (expected_at_ns == RUDP_NEVER)
			return;
		cr_assert(lt(int, calls, NEXT_CALLS_MAX));
		model->now_at_ns = rudp_time_max(model->now_at_ns, next_at_ns);
		if (model->now_at_ns < expected_at_ns)
			cr_assert(eq(ptr, rudp_timer_wheel_pop(&wheel, model->now_at_ns), NULL));
	}
}

static void run_model(uint64_t seed, int64_t start_at_ns)
{
	struct model *model = calloc(1, sizeof *model);

	cr_assert(ne(ptr, model, NULL));
	model->random.state = seed;
	model->now_at_ns = start_at_ns;
	for (int i = 0; i < MODEL_TIMERS; i++)
		model->deadline_at_ns[i] = RUDP_NEVER;
	rudp_timer_wheel_init(&wheel, start_at_ns);
	for (int step = 0; step < 8000; step++) {
		uint64_t choice = random_below(&model->random, 20);

		if (choice < 14)
			change_one(model);
		else if (choice < 16)
			follow_next(model);
		else if (choice < 19)
			model->now_at_ns += (int64_t)random_below(&model->random, 4 * TICK);
		else
			model->now_at_ns += random_span(&model->random) % (400 * DAY_NS);
		if (choice >= 14)
			expire(model);
		for (int i = 0; i < MODEL_TIMERS; i++)
			cr_assert(eq(int, rudp_timer_is_armed(&model->timers[i]),
				     model->deadline_at_ns[i] != RUDP_NEVER));
		cr_assert(le(i64, rudp_timer_wheel_next_at_ns(&wheel), earliest(model)));
	}
	free(model);
}

Test(timer_wheel, behaves_like_a_sorted_list)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		run_model(seed, seed % 2 ? 0 : INT64_C(1700000000) * RUDP_NS_PER_S);
}
