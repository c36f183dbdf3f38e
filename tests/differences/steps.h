/* SPDX-License-Identifier: MIT */
/* The steps of a random sequence: each makes one socket call and writes its result to the log. */
#ifndef DIFFERENCES_STEPS_H
#define DIFFERENCES_STEPS_H

#include <stdbool.h>
#include <stdint.h>

/* All numbers are drawn before the first step, so that a sequence stays the same if steps are left
 * out. */
struct step {
	const struct step_kind *kind;
	int slot, other; /* indexes into model->fds */
	unsigned x, y, z;
	bool in_child; /* a child process makes the call */
};

struct step_kind {
	const char *name;
	unsigned weight;
	bool may_be_in_child;
	bool watches; /* it tells the state of the socket */
	void (*run)(const struct step *step);
};

extern const struct step_kind step_kinds[];
extern const int step_kinds_count;

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_result(long result);

#endif
