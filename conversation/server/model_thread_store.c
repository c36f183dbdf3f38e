/* SPDX-License-Identifier: MIT */
/* The calls of the model that threads for accounts, history and registered channels answer. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "conversation/server/auth_thread.h"
#include "conversation/server/cloak.h"
#include "conversation/server/history_thread.h"
#include "conversation/server/model_thread.h"
#include "conversation/server/registry_thread.h"
#include "conversation/store/copy.h"

/* An account without keys has the same salt each time, or one could tell it from others. */
static void make_fake_keys(const struct apo_model_thread *model_thread, const char *account,
			   char fake[APO_SCRAM_KEYS_SIZE])
{
	char folded[APO_NICK_BYTES_MAX + 2], about[sizeof folded + 8];
	struct apo_scram_keys keys = {.iterations = APO_SCRAM_ITERATIONS};

	apo_fold(folded, sizeof folded, account);
	snprintf(about, sizeof about, "SCRAM %s", folded);
	apo_cloak_derive(model_thread->config, about, keys.salt, sizeof keys.salt);
	apo_scram_write_keys(&keys, fake);
}

static void ask_auth(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
		     const char *proof)
{
	struct apo_model_thread *model_thread = of;
	char fake[APO_SCRAM_KEYS_SIZE];

	if (question == APO_AUTH_SCRAM || question == APO_AUTH_SCRAM_OF_SECRET) {
		make_fake_keys(model_thread, about, fake);
		about = question == APO_AUTH_SCRAM_OF_SECRET ? proof : about;
		proof = fake;
	}
	apo_auth_thread_ask(model_thread->auth_thread, asker, question, about, proof);
}

/* In a network of nodes another thread writes accounts to the file, perhaps later than this, so
 * history is told their ids. */
static int64_t id_of(const struct apo_model_thread *model_thread, const char *account)
{
	return model_thread->cluster && account
		       ? apo_model_shared_account_id(model_thread->model, account)
		       : 0;
}

static void keep(void *of, const struct apo_said *said)
{
	struct apo_model_thread *model_thread = of;
	struct apo_said kept = *said;

	kept.between_ids[0] = id_of(model_thread, said->between[0]);
	kept.between_ids[1] = id_of(model_thread, said->between[1]);
	apo_history_thread_keep(model_thread->history_thread, &kept);
}

static void keep_change(void *of, const struct apo_change *change)
{
	struct apo_model_thread *model_thread = of;
	struct apo_change kept = *change;

	kept.account_id = id_of(model_thread, change->account);
	apo_history_thread_change(model_thread->history_thread, &kept);
}

static void replace_history(void *of, int64_t last)
{
	struct apo_model_thread *model_thread = of;

	apo_history_thread_replace(model_thread->history_thread, last);
}

static void keep_record(void *of, const struct apo_registry_record *record)
{
	struct apo_model_thread *model_thread = of;

	apo_registry_thread_keep(model_thread->registry_thread, record);
}

/* The node joins, so no client waits for this. */
static void keep_copy(void *of)
{
	struct apo_model_thread *model_thread = of;
	char to[PATH_MAX];
	int error = apo_store_copy(model_thread->registry_thread->file, to);

	if (error == 0)
		rudp_log(RUDP_LOG_WARN,
			 "the network lacks accounts or channels of this file copy=%s", to);
	else
		rudp_log(RUDP_LOG_ERROR,
			 "the network lacks accounts or channels of this file; not "
			 "copied reason=\"%s\"",
			 strerror(-error));
}

static void ask_history(void *of, uint64_t ticket, const struct apo_question *question)
{
	struct apo_model_thread *model_thread = of;
	struct apo_question asked = *question;

	asked.account_id = id_of(model_thread, question->account);
	asked.other_id = id_of(model_thread, question->other);
	apo_history_thread_ask(model_thread->history_thread, ticket, &asked);
}

void apo_model_thread_add_store_calls(struct apo_model_thread *model_thread)
{
	struct apo_model_calls *to = &model_thread->calls;

	to->ask_auth = ask_auth;
	/* A node of a network has the accounts in its model. */
	to->has_accounts = model_thread->auth_thread->store || model_thread->registry_thread;
	if (model_thread->history_thread) {
		to->keep = keep;
		to->keep_change = keep_change;
		to->ask_history = ask_history;
		to->replace_history = replace_history;
	}
	if (model_thread->registry_thread)
		to->keep_record = keep_record;
	if (model_thread->registry_thread && model_thread->cluster)
		to->keep_copy = keep_copy;
}
