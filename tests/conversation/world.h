/* SPDX-License-Identifier: MIT */
/*
 * world - a model with mock clients in virtual time: what one says, what the others hear.
 *
 * Line by line: HEARS takes the next line that a client has got and compares it, HEARS_LIKE by a
 * mask (irc/mask.h), ANSWERS says something first, QUIET says that there is none left.
 */
#ifndef WORLD_H
#define WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/model/model.h"

#define WORLD_CLIENTS 64
#define WORLD_WORKERS 3
#define WORLD_WATCHED 256

struct mock {
	unsigned other_slot; /* that it connects in; 0: its number */
	struct apo_peer peer;
	char *out; /* what it got and has not been looked at */
	size_t len, at, cap;
	bool is_lasting; /* as it connects */
	bool is_connected, is_closed, is_operator;
	bool is_slow;          /* it reads nothing: there is no room until world_read */
	bool is_held;          /* nothing is read from it */
	bool is_room_wanted;
	char last_words[600];
};

/* A recipient of a watched text. */
struct watched {
	uint64_t watch;
	uint32_t recipient;
	struct apo_peer to;
};

struct world {
	struct apo_model *model;
	struct apo_model_config config;
	struct apo_model_calls calls;
	int64_t now_ns;
	struct mock mocks[WORLD_CLIENTS];
	uint64_t ticket; /* the last one asked with */
	uint64_t asked_network;
	char asked[2][200];
	struct watched watched[WORLD_WATCHED];
	unsigned watched_count;
	unsigned deliver_calls, rehash_count, die_count, texts_open;
	uint64_t receipts; /* of all clients: lines got */
	char logged[200];
	uint8_t *state; /* that was carried last */
	size_t state_len;
	unsigned hand_overs;
	uint32_t slice_bytes;  /* of long answers; 0: as the model likes it */
	bool is_stepwise;      /* long answers go on only by world_step */
};

/* calls and config may be changed until world_start. */
void world_init(struct world *world);
void world_start(struct world *world);
/* With three in it, dan (0), eve (1) and fay (2), who has caps (NULL: none). */
void world_start_three(struct world *world, const char *caps);
void world_fini(struct world *world);
/* A model with the world's calls and configuration, not the world's. */
struct apo_model *world_model(struct world *world);

/* Each client i is in worker i % WORLD_WORKERS. */
void world_connect(struct world *world, unsigned i);
/* Connected, with caps (NULL: none) and as nick; what it heard by then is forgotten. */
void world_join(struct world *world, unsigned i, const char *nick, const char *caps);
/* The first count clients join channel; what anyone heard by then is forgotten. */
void world_gather(struct world *world, unsigned count, const char *channel);
void world_say(struct world *world, unsigned i, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void world_close(struct world *world, unsigned i, const char *reason);
/* One slice of a long answer. false: none can go on. */
bool world_step(struct world *world);
/* What can be told is. */
void world_step_all(struct world *world);
/* There is room for i, if that was asked. */
void world_read(struct world *world, unsigned i);
void world_wait(struct world *world, int64_t span_ns);
void world_answer(struct world *world, enum apo_checked result, const char *account);

/* Another model goes on with all that this one knew, its clients in other slots of other workers. What
 * it writes is what it has read. The bytes are in state. */
void world_hand_over(struct world *world);

/* The next line without its end; NULL: there is none. Valid until the client gets something. */
char *world_next(struct world *world, unsigned i);
void world_forget(struct world *world);
bool world_is_like(const char *mask, const char *line);

#define HEARS(world, i, line)                                                                      \
	do {                                                                                       \
		char *heard_ = world_next(world, i);                                               \
		cr_assert(ne(ptr, heard_, NULL), "nothing instead of %s", line);                   \
		cr_assert(eq(str, heard_, (char *)(line)));                                        \
	} while (0)
#define HEARS_LIKE(world, i, mask)                                                                 \
	do {                                                                                       \
		char *heard_ = world_next(world, i);                                               \
		cr_assert(ne(ptr, heard_, NULL), "nothing instead of %s", mask);                   \
		cr_assert(world_is_like(mask, heard_), "%s instead of %s", heard_, mask);          \
	} while (0)
/* What i says is answered to it by a line. */
#define ANSWERS(world, i, said, line)                                                              \
	do {                                                                                       \
		world_say(world, i, "%s", said);                                                   \
		HEARS(world, i, line);                                                             \
	} while (0)
#define QUIET(world, i)                                                                            \
	do {                                                                                       \
		char *heard_ = world_next(world, i);                                               \
		cr_assert(eq(ptr, heard_, NULL), "%s", heard_);                                    \
	} while (0)

#endif
