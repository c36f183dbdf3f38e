/* SPDX-License-Identifier: MIT */
/*
 * answers - long ones are told in slices, and not faster than who asked takes them.
 *
 * Model    an answer that is longer than what may be told at once goes on in turns of its own, one
 *          slice each (apo_model_on_time); those of many clients take turns. After so much as a
 *          slice the client's worker is asked for room in its send queue (want_room), and nothing more
 *          is told until that is there (apo_model_on_room). Meanwhile nothing is read from the client
 *          (hold); lines of it that were on their way wait here. So what it says next is answered
 *          behind the answer, and whatever it asks for, its send queue has room for others.
 * Between   two slices members come, go and are called otherwise, the channel or the client goes: an
 * slices    answer holds on to nothing but its link in a list (safe_iterator.h), and looks at
 * everything anew.
 * Limits   APO_HELD_LINES_BYTES_MAX of lines that wait, of a client: beyond, it is closed with "Excess
 *          Flood". A worker that has been told to hold does not send so many.
 */
#ifndef APO_ANSWERS_H
#define APO_ANSWERS_H

#include "conversation/model/model_private.h"
#include "conversation/model/safe_iterator.h"

#define APO_SLICE_BYTES (16u << 10)
#define APO_SLICE_LOOKS 512 /* at clients or channels, whether they are meant */
#define APO_HELD_LINES_BYTES_MAX (8u << 20)

/* Embedded as the first member in what tells somebody something. */
struct apo_answer {
	struct rudp_list link; /* of its client's answers */
	struct apo_safe_link iterator;
	uint64_t batch; /* of the response that it belongs to; 0: none */
	bool is_cut;    /* nothing more is looked for: only the end is to be told */
	/* Tells on until there is nothing more (true), or apo_turn_is_long. The client is that whose
	 * turn it is. */
	bool (*go_on)(struct apo_model *model, struct apo_client *client,
		      struct apo_answer *answer);
};

/* Of size bytes, zeroed but for go_on. NULL without memory: then the client is to be closed. */
void *apo_answer_new(struct apo_model *model, struct apo_client *client, size_t size,
		     bool (*go_on)(struct apo_model *model, struct apo_client *client,
				   struct apo_answer *answer));
/* Tells it, or its first part, to the client whose turn it is; behind what that is being told
 * already. Takes the answer over. */
void apo_answer_begin(struct apo_model *model, struct apo_client *client,
		      struct apo_answer *answer);

/* As much has been told in this turn, or looked at, as may be at once. */
bool apo_turn_is_long(const struct apo_model *model);
/* Something has been looked at; count of such steps. */
void apo_turn_look(struct apo_model *model, unsigned count);

/* ---- for model.c, replies.c and clients.c ---- */

/* A line of a client that is being told something: it waits. */
void apo_answers_hold_line(struct apo_model *model, struct apo_client *client, const char *line,
			   size_t len);
/* The client's turn is over, in which it was told so much. */
void apo_answers_on_turn_ended(struct apo_model *model, struct apo_client *client,
			       size_t told_bytes);
void apo_answers_on_room(struct apo_model *model, struct apo_client *client);
/* One slice of one client, or one of its lines; in a turn of its own. */
void apo_answers_serve(struct apo_model *model);
/* The client goes. */
void apo_answers_drop(struct apo_model *model, struct apo_client *client);

/* Of a client that is being told something. */
struct apo_backlog {
	struct apo_client *client;
	struct rudp_list ready; /* model->ready: it may go on */
	struct rudp_list answers;
	struct rudp_list lines;
	size_t lines_bytes;
	bool waits_for_room;
};

#endif
