/* SPDX-License-Identifier: MIT */
/*
 * answers - sends long answers in slices, no faster than the client takes them.
 *
 * Model    An answer may be longer than one turn may send. It then continues in turns of its own,
 *          one slice each (apo_model_on_time); the answers of many clients take turns. After each
 *          slice the model asks the client's worker for room in its send queue (want_room) and
 *          sends nothing more until there is room (apo_model_on_room). Meanwhile the worker reads
 *          nothing from the client (hold); lines that were on their way wait here. So the client's
 *          next command is answered after the long answer, and its send queue always has room for
 *          messages of others.
 * Others   A client's lines also wait while another thread answers one of its commands: a password
 *          check (tickets.h), or a question to history (chathistory.c). While a proposal must come
 *          back (shared.h), the worker is told to hold the client only when its next line comes.
 * Changes  Between two slices members join, leave and change their nicks, and the channel or the
 *          client may disappear. An answer therefore keeps only its link in a list
 *          (safe_iterator.h), and reads everything else again.
 * Limits   APO_HELD_LINES_BYTES_MAX of waiting lines of one client: at more it is closed with
 *          "Excess Flood". A worker that was told to hold the client does not send so many.
 */
#ifndef APO_ANSWERS_H
#define APO_ANSWERS_H

#include "conversation/model/model_private.h"
#include "conversation/model/safe_iterator.h"

#define APO_SLICE_BYTES (16u << 10)
#define APO_SLICE_EXAMINED_MAX 512 /* clients or channels that one slice tests for a match */
#define APO_HELD_LINES_BYTES_MAX (8u << 20)

/* The first member of each struct that describes a long answer. */
struct apo_answer {
	struct rudp_list link; /* in its client's list of answers */
	struct apo_safe_link iterator;
	uint64_t batch; /* the batch of the response to which it belongs; 0: none */
	bool is_cut;    /* the search is over: only the closing lines are still to be sent */
	/* Sends more of the answer. Returns true when all has been sent; false when
	 * apo_turn_is_long. The client is the one of the current turn. */
	bool (*go_on)(struct apo_model *model, struct apo_client *client,
		      struct apo_answer *answer);
};

/* Allocates size bytes, zeroed except go_on. NULL if memory is short: then the client will be
 * closed. */
void *apo_answer_new(struct apo_model *model, struct apo_client *client, size_t size,
		     bool (*go_on)(struct apo_model *model, struct apo_client *client,
				   struct apo_answer *answer));
/* Sends the answer, or its first slice, to the client of the turn, after the answers that it is
 * already receiving. Takes ownership of the answer. */
void apo_answer_begin(struct apo_model *model, struct apo_client *client,
		      struct apo_answer *answer);

/* Sends the answer to a client that need not be the one of the turn, in later turns of its own.
 * Takes ownership of the answer. */
void apo_answer_queue(struct apo_model *model, struct apo_client *client,
		      struct apo_answer *answer);

/* Returns whether this turn has sent, or examined, as much as one turn may. */
bool apo_turn_is_long(const struct apo_model *model);
/* Counts that many examined clients or channels. */
void apo_turn_count_examined(struct apo_model *model, unsigned count);

/* ---- for model.c, replies.c and clients.c ---- */

/* Queues a line of a client that waits. */
void apo_answers_hold_line(struct apo_model *model, struct apo_client *client, const char *line,
			   size_t len);
/* The client's turn has ended; it sent sent_bytes to the client. */
void apo_answers_on_turn_ended(struct apo_model *model, struct apo_client *client,
			       size_t sent_bytes);
/* Handles all queued lines of a client whose connection has ended, without waiting for answers. */
void apo_answers_hasten_lines(struct apo_model *model, struct apo_peer who);
/* Sends one slice to one client, or handles one of its queued lines, in a turn of its own. */
void apo_answers_serve(struct apo_model *model);
/* Frees the client's answers and queued lines. The client is leaving. */
void apo_answers_drop(struct apo_model *model, struct apo_client *client);

/* The state of a client that is receiving a long answer. */
struct apo_backlog {
	struct apo_client *client;
	struct rudp_list ready; /* in model->ready: its answer may continue */
	struct rudp_list answers;
	struct rudp_list lines;
	size_t lines_bytes;
	bool waits_for_room;
};

#endif
