/* SPDX-License-Identifier: MIT */
/*
 * model_fixture - a model with mock clients in virtual time: a test sends lines as one client and
 * checks what the others receive.
 *
 * HEARS takes the next line that a client received and compares it, HEARS_LIKE compares it with a
 * mask (irc/mask.h), ANSWERS sends a line first, QUIET checks that no line is left.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/model/model.h"

#define FIXTURE_CLIENTS 64
#define FIXTURE_WORKERS 3
#define FIXTURE_WATCHED 256

struct mock {
	unsigned other_slot; /* the slot in which it connects; 0: its index */
	struct apo_peer peer;
	char *out; /* what it received and the test has not taken yet */
	size_t len, at, cap;
	bool reports_end;        /* passed on when it connects, as is the next */
	const char *fingerprint; /* of its key; NULL: none */
	const char *address;     /* NULL: 192.0.2. and its index */
	bool is_connected, is_closed, is_operator;
	bool is_slow; /* it reads nothing, so there is no room until fixture_read */
	bool is_held; /* the model wants no lines from it */
	bool is_room_wanted;
	char last_words[600];
};

/* A recipient of a watched text. */
struct watched {
	uint64_t watch;
	uint32_t recipient;
	struct apo_peer to;
};

struct fixture {
	struct apo_model *model;
	struct apo_model_config config;
	struct apo_model_calls calls;
	int64_t now_ns;
	struct mock mocks[FIXTURE_CLIENTS];
	uint64_t ticket; /* of the last request */
	uint64_t asked_network;
	char asked[2][200];
	enum apo_auth asked_question;
	struct watched watched[FIXTURE_WATCHED];
	unsigned watched_count;
	unsigned deliver_calls, rehash_count, die_count, texts_open;
	uint64_t receipts;                    /* of all clients: lines got */
	char logged[200], logged_detail[200]; /* the last line of each kind */
	uint8_t *state;                       /* the state at the last hand-over */
	size_t state_len;
	unsigned hand_overs;
	uint32_t slice_bytes; /* of long answers; 0: the default */
	bool is_stepwise;     /* long answers continue only by fixture_step */
};

/* calls and config may be changed until fixture_start. */
void fixture_init(struct fixture *fixture);
/* Configures the operator "root". Before fixture_start. */
void fixture_add_root(struct fixture *fixture);
void fixture_start(struct fixture *fixture);
/* With three clients, dan (0), eve (1) and fay (2), of which fay has caps (NULL: none). */
void fixture_start_three(struct fixture *fixture, const char *caps);
/* Frees the fixture that was initialized last: the .fini of a suite. */
void fixture_fini(void);
/* Another model with the fixture's calls and configuration; it is not fixture->model. */
struct apo_model *fixture_model(struct fixture *fixture);

/* Each client i is in worker i % FIXTURE_WORKERS. */
void fixture_connect(struct fixture *fixture, unsigned i);
/* Connects and registers a client with caps (NULL: none); drops all lines received so far. */
void fixture_join(struct fixture *fixture, unsigned i, const char *nick, const char *caps);
/* The first count clients join channel; drops all lines received so far. */
void fixture_gather(struct fixture *fixture, unsigned count, const char *channel);
void fixture_say(struct fixture *fixture, unsigned i, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fixture_close(struct fixture *fixture, unsigned i, const char *reason);
/* One slice of a long answer. Returns false if no answer can continue. */
bool fixture_step(struct fixture *fixture);
/* Sends everything that can be sent now. */
void fixture_step_all(struct fixture *fixture);
/* Reports room to client i, if the model asked for that. */
void fixture_read(struct fixture *fixture, unsigned i);
void fixture_wait(struct fixture *fixture, int64_t span_ns);
void fixture_answer(struct fixture *fixture, enum apo_checked result, const char *account);

/* Replaces the model by a new one that reads its state, with the clients in other slots of other
 * workers. Checks that the new model writes the same state. The bytes are in fixture->state. */
void fixture_hand_over(struct fixture *fixture);

/* The next line without its end; NULL if there is none. Valid until the client receives
 * something. */
char *fixture_next(struct fixture *fixture, unsigned i);
void fixture_forget(struct fixture *fixture);
bool fixture_is_like(const char *mask, const char *line);

#define HEARS(fixture, i, line)                                                                    \
	do {                                                                                       \
		char *heard_ = fixture_next(fixture, i);                                           \
		cr_assert(ne(ptr, heard_, NULL), "nothing instead of %s", line);                   \
		cr_assert(eq(str, heard_, (char *)(line)));                                        \
	} while (0)
#define HEARS_LIKE(fixture, i, mask)                                                               \
	do {                                                                                       \
		char *heard_ = fixture_next(fixture, i);                                           \
		cr_assert(ne(ptr, heard_, NULL), "nothing instead of %s", mask);                   \
		cr_assert(fixture_is_like(mask, heard_), "%s instead of %s", heard_, mask);        \
	} while (0)
/* Client i sends a line and receives one. */
#define ANSWERS(fixture, i, said, line)                                                            \
	do {                                                                                       \
		fixture_say(fixture, i, "%s", said);                                               \
		HEARS(fixture, i, line);                                                           \
	} while (0)
#define QUIET(fixture, i)                                                                          \
	do {                                                                                       \
		char *heard_ = fixture_next(fixture, i);                                           \
		cr_assert(eq(ptr, heard_, NULL), "%s", heard_);                                    \
	} while (0)

#endif
