/* SPDX-License-Identifier: MIT */
#include "conversation/model/markers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/commands.h"
#include "conversation/model/history.h"
#include "conversation/model/replies.h"
#include "conversation/model/state_private.h"

struct apo_marker {
	UT_hash_handle by_target; /* in the table of one account */
	int64_t time_ms;
	char folded[];
};

#define FOLDED_SIZE (APO_CHANNEL_BYTES_MAX + 1)

/* ---- an account's markers ---- */

static struct apo_marker *find(struct apo_marker *markers, const char *target)
{
	char folded[FOLDED_SIZE];
	size_t len = apo_fold(folded, sizeof folded, target);

	return RUDP_TABLE_FIND_KEY(by_target, markers, folded, len);
}

static int add(struct apo_marker **markers, const char *target, int64_t time_ms)
{
	char folded[FOLDED_SIZE];
	size_t len = apo_fold(folded, sizeof folded, target);
	struct apo_marker *marker = calloc(1, sizeof *marker + len + 1);

	if (!marker)
		return -ENOMEM;
	memcpy(marker->folded, folded, len);
	marker->time_ms = time_ms;
	if (RUDP_TABLE_ADD_KEY(by_target, *markers, marker->folded, len, marker))
		return 0;
	free(marker);
	return -ENOMEM;
}

void apo_markers_free(struct apo_marker *markers)
{
	struct apo_marker *marker, *next;

	HASH_ITER(by_target, markers, marker, next) {
		HASH_DELETE(by_target, markers, marker);
		free(marker);
	}
}

/* A marker never goes back in time. */
static int put(struct apo_marker **markers, const char *target, int64_t time_ms)
{
	struct apo_marker *marker = find(*markers, target);

	if (!marker)
		return add(markers, target, time_ms);
	if (marker->time_ms < time_ms)
		marker->time_ms = time_ms;
	return 0;
}

int apo_model_on_marker(struct apo_model *model, const char *account, const char *target,
			int64_t time_ms)
{
	struct apo_readers *readers = apo_account_readers(model, account);

	return readers ? put(&readers->markers, target, time_ms) : 0;
}

/* ---- MARKREAD lines ---- */

/* time_ms 0: no marker is known. */
static void tell(struct apo_model *model, struct apo_client *client, const char *target,
		 int64_t time_ms)
{
	char stamp[APO_STAMP_BYTES] = "*";

	if (time_ms > 0)
		apo_stamp_write(stamp, time_ms);
	apo_tell_print(model, client, model->config->server_name, "MARKREAD %s %s%s", target,
		       time_ms > 0 ? "timestamp=" : "", stamp);
}

static int64_t time_of(struct apo_marker *markers, const char *target)
{
	const struct apo_marker *marker = find(markers, target);

	return marker ? marker->time_ms : 0;
}

/* NULL: the client is in no account. */
static struct apo_readers *readers_of(const struct apo_model *model,
				      const struct apo_client *client)
{
	return client->account ? apo_account_readers(model, client->account) : NULL;
}

/* Those of the account, or of the session of a client without account. */
static struct apo_marker **markers_of(const struct apo_model *model, struct apo_client *client)
{
	struct apo_readers *readers = readers_of(model, client);

	return readers ? &readers->markers : &client->markers;
}

void apo_marker_tell_joined(struct apo_model *model, struct apo_client *client,
			    const struct apo_channel *channel)
{
	if (client->caps & APO_CAP_READ_MARKER)
		tell(model, client, channel->name,
		     time_of(*markers_of(model, client), channel->name));
}

static void tell_others(struct apo_model *model, const struct apo_client *client,
			const struct apo_readers *readers, const char *target, int64_t time_ms)
{
	RUDP_LIST_EACH(struct apo_client, other, &readers->clients, of_account) {
		if (other != client && other->is_registered && (other->caps & APO_CAP_READ_MARKER))
			tell(model, other, target, time_ms);
	}
}

/* ---- MARKREAD ---- */

static unsigned markers_max(const struct apo_model *model, const struct apo_readers *readers)
{
	unsigned max = model->config->markers_max;

	return readers || max < APO_SESSION_MARKERS_MAX ? max : APO_SESSION_MARKERS_MAX;
}

static void keep(struct apo_model *model, const char *account, const char *target, int64_t time_ms)
{
	model->calls->keep_change(model->of, &(struct apo_change){.kind = APO_CHANGE_READ,
								  .account = account,
								  .target = target,
								  .time_ms = time_ms});
}

static void set(struct apo_model *model, struct apo_client *client, const char *target,
		int64_t time_ms)
{
	struct apo_readers *readers = readers_of(model, client);
	struct apo_marker **markers = markers_of(model, client);
	int64_t before_ms = time_of(*markers, target), now_ms = apo_wall_ms(model);
	const char *wrong = NULL;
	char folded[FOLDED_SIZE];

	time_ms = time_ms < now_ms ? time_ms : now_ms;
	if (before_ms == 0 && HASH_CNT(by_target, *markers) >= markers_max(model, readers))
		wrong = "There are too many read markers of yours";
	else if (time_ms > before_ms && put(markers, target, time_ms) < 0)
		wrong = "The read timestamp could not be set";
	if (wrong) {
		apo_fail_about(model, client, "MARKREAD", "INTERNAL_ERROR", target, wrong);
		return;
	}
	if (time_ms > before_ms && readers) {
		apo_fold(folded, sizeof folded, target);
		keep(model, client->account, folded, time_ms);
		tell_others(model, client, readers, target, time_ms);
	}
	tell(model, client, target, time_ms > before_ms ? time_ms : before_ms);
}

static bool is_target(const char *target)
{
	return apo_channel_is_meant(target) ? apo_channel_is_valid(target, APO_CHANNEL_BYTES_MAX)
					    : apo_nick_is_valid(target, APO_NICK_BYTES_MAX);
}

void apo_on_markread(struct apo_model *model, struct apo_client *client,
		     const struct apo_message *message)
{
	static const char by_time[] = "timestamp=";
	const char *target = message->params[0], *said = message->params[1];
	int64_t time_ms;

	if (!apo_history_is_on(model))
		apo_reply(model, client, ERR_UNKNOWNCOMMAND, "MARKREAD");
	else if (message->param_count == 0)
		apo_fail(model, client, "MARKREAD", "NEED_MORE_PARAMS", "Missing parameters");
	else if (!is_target(target))
		apo_fail_about(model, client, "MARKREAD", "INVALID_PARAMS", apo_word(target),
			       "Invalid parameters");
	else if (message->param_count == 1)
		tell(model, client, target, time_of(*markers_of(model, client), target));
	else if (strncmp(said, by_time, sizeof by_time - 1) != 0 ||
		 !apo_stamp_read(said + sizeof by_time - 1, &time_ms) || time_ms == 0)
		apo_fail_about(model, client, "MARKREAD", "INVALID_PARAMS", apo_word(said),
			       "Invalid parameters");
	else
		set(model, client, target, time_ms);
}

/* ---- all of them ---- */

static struct apo_marker *next_of(const struct apo_marker *marker)
{
	return marker->by_target.next;
}

void apo_markers_keep_all(struct apo_model *model)
{
	const struct apo_account_entry *account;
	const struct apo_marker *marker;

	for (account = model->accounts; account; account = account->by_name.next)
		for (marker = account->readers.markers; marker; marker = next_of(marker))
			keep(model, account->folded, marker->folded, marker->time_ms);
}

static void read_one(struct apo_serializer *serializer, struct apo_marker **markers)
{
	char folded[FOLDED_SIZE] = "";
	int64_t time_ms = 0;

	apo_serializer_string(serializer, folded, sizeof folded);
	apo_serializer_u64(serializer, (uint64_t *)&time_ms);
	apo_serializer_expect(serializer, is_target(folded) && time_ms > 0);
	if (serializer->ok && put(markers, folded, time_ms) < 0)
		serializer->ok = false;
}

static void write_one(struct apo_serializer *serializer, struct apo_marker *marker)
{
	apo_serializer_string(serializer, marker->folded, FOLDED_SIZE);
	apo_serializer_u64(serializer, (uint64_t *)&marker->time_ms);
}

static void serialize(struct apo_serializer *serializer, struct apo_marker **markers, uint32_t max)
{
	uint32_t count = HASH_CNT(by_target, *markers), i;
	struct apo_marker *marker;

	apo_serializer_count(serializer, &count, 11);
	apo_serializer_expect(serializer, count <= max);
	for (marker = *markers; !serializer->is_reading && marker; marker = next_of(marker))
		write_one(serializer, marker);
	for (i = 0; serializer->is_reading && i < count && serializer->ok; i++)
		read_one(serializer, markers);
}

void apo_markers_serialize(struct apo_state *state, struct apo_client *client)
{
	serialize(state->serializer, &client->markers, APO_SESSION_MARKERS_MAX);
}

void apo_account_markers_serialize(struct apo_state *state, struct apo_readers *readers)
{
	serialize(state->serializer, &readers->markers, UINT32_MAX);
}
