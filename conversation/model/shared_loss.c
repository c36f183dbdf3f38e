/* SPDX-License-Identifier: MIT */
/* Compares the state of another copy with that before: accounts and registered channels that it
 * lacks are lost. */
#include <stdlib.h>
#include <string.h>

#include "conversation/model/accounts.h"
#include "conversation/model/channels.h"
#include "conversation/model/shared_private.h"

struct apo_lasting {
	int64_t *ids;                                /* of accounts */
	char (*channels)[APO_CHANNEL_BYTES_MAX + 1]; /* folded names */
	size_t id_count, channel_count;
};

void apo_lasting_free(struct apo_lasting *lasting)
{
	if (!lasting)
		return;
	free(lasting->ids);
	free(lasting->channels);
	free(lasting);
}

static void note(const struct apo_model *model, struct apo_lasting *lasting)
{
	const struct apo_account_entry *account;
	const struct apo_channel *channel;

	for (account = model->accounts; account; account = account->by_name.next)
		if (account->kept_id)
			lasting->ids[lasting->id_count++] = account->kept_id;
	for (channel = model->channels; channel; channel = channel->by_name.next)
		if (channel->registration)
			strcpy(lasting->channels[lasting->channel_count++], channel->folded);
}

struct apo_lasting *apo_lasting_new(const struct apo_model *model)
{
	struct apo_lasting *lasting = calloc(1, sizeof *lasting);

	if (!lasting)
		return NULL;
	lasting->ids = calloc((size_t)HASH_CNT(by_name, model->accounts) + 1, sizeof *lasting->ids);
	lasting->channels =
		calloc((size_t)HASH_CNT(by_name, model->channels) + 1, sizeof *lasting->channels);
	if (lasting->ids && lasting->channels) {
		note(model, lasting);
		return lasting;
	}
	apo_lasting_free(lasting);
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static bool has_lost_accounts(const struct apo_lasting *before, const struct apo_lasting *now)
{
	size_t i;

	qsort(now->ids, now->id_count, sizeof *now->ids, compare_ids);
	for (i = 0; i < before->id_count; i++)
		if (!bsearch(&before->ids[i], now->ids, now->id_count, sizeof *now->ids,
			     compare_ids))
			return true;
	return false;
}

static bool has_lost_channels(const struct apo_lasting *before, const struct apo_model *model)
{
	const struct apo_channel *channel;
	size_t i;

	for (i = 0; i < before->channel_count; i++) {
		channel = apo_channel_find(model, before->channels[i]);
		if (!channel || !channel->registration)
			return true;
	}
	return false;
}

bool apo_lasting_is_lost(const struct apo_model *model, const struct apo_lasting *before)
{
	struct apo_lasting *now = apo_lasting_new(model);
	bool is_lost = !before || !now || has_lost_accounts(before, now) ||
		       has_lost_channels(before, model);

	apo_lasting_free(now);
	return is_lost;
}
