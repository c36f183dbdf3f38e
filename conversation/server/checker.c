/* SPDX-License-Identifier: MIT */
#include "conversation/server/checker.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/server/records.h"

_Static_assert(APO_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

struct question {
	struct rudp_list link;
	uint64_t ticket;
	size_t password_len;
	char hash[APO_HASH_SIZE];
	char password[];
};

static void question_free(struct question *question)
{
	sodium_memzero(question->password, question->password_len);
	free(question);
}

static void answer(struct apo_checker *checker, uint64_t ticket, enum apo_checked result)
{
	struct apo_answer *answer = calloc(1, sizeof *answer);

	if (!answer)
		return;
	answer->mail.kind = APO_MAIL_CHECKED;
	answer->ticket = ticket;
	answer->result = result;
	apo_mailbox_put(checker->answers, &answer->mail);
}

static struct question *next_question(struct apo_checker *checker)
{
	struct rudp_list *link = NULL;

	pthread_mutex_lock(&checker->lock);
	while (!checker->is_over && !(link = rudp_list_pop(&checker->questions)))
		pthread_cond_wait(&checker->asked, &checker->lock);
	if (link)
		checker->count--;
	pthread_mutex_unlock(&checker->lock);
	return link ? RUDP_LIST_OWNER(link, struct question, link) : NULL;
}

static void *check_all(void *of)
{
	struct apo_checker *checker = of;
	struct question *question;

	while ((question = next_question(checker))) {
		bool is_right = crypto_pwhash_str_verify(question->hash, question->password,
							 question->password_len) == 0;

		answer(checker, question->ticket, is_right ? APO_CHECKED_RIGHT : APO_CHECKED_WRONG);
		question_free(question);
	}
	return NULL;
}

static struct question *question_new(uint64_t ticket, const char *hash, const char *password)
{
	size_t len = strlen(password);
	struct question *question;

	if (strlen(hash) >= APO_HASH_SIZE)
		return NULL;
	question = calloc(1, sizeof *question + len + 1);
	if (!question)
		return NULL;
	question->ticket = ticket;
	question->password_len = len;
	strcpy(question->hash, hash);
	memcpy(question->password, password, len + 1);
	return question;
}

void apo_checker_ask(struct apo_checker *checker, uint64_t ticket, const char *hash,
		     const char *password)
{
	struct question *question = question_new(ticket, hash, password);
	bool is_taken = false;

	pthread_mutex_lock(&checker->lock);
	if (question && checker->count < APO_CHECKS_MAX) {
		rudp_list_append(&checker->questions, &question->link);
		checker->count++;
		is_taken = true;
	}
	pthread_mutex_unlock(&checker->lock);
	if (is_taken) {
		pthread_cond_signal(&checker->asked);
		return;
	}
	if (question)
		question_free(question);
	answer(checker, ticket, APO_CHECKED_FAILED);
}

int apo_checker_hash(const char *password, char hash[APO_HASH_SIZE])
{
	return crypto_pwhash_str(hash, password, strlen(password),
				 crypto_pwhash_OPSLIMIT_INTERACTIVE,
				 crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0
		       ? 0
		       : -ENOMEM;
}

int apo_checker_start(struct apo_checker *checker, struct apo_mailbox *answers)
{
	memset(checker, 0, sizeof *checker);
	rudp_list_init(&checker->questions);
	checker->answers = answers;
	pthread_mutex_init(&checker->lock, NULL);
	pthread_cond_init(&checker->asked, NULL);
	return -pthread_create(&checker->thread, NULL, check_all, checker);
}

void apo_checker_stop(struct apo_checker *checker)
{
	struct rudp_list *link;

	pthread_mutex_lock(&checker->lock);
	checker->is_over = true;
	pthread_mutex_unlock(&checker->lock);
	pthread_cond_signal(&checker->asked);
	pthread_join(checker->thread, NULL);
	while ((link = rudp_list_pop(&checker->questions)))
		question_free(RUDP_LIST_OWNER(link, struct question, link));
	pthread_cond_destroy(&checker->asked);
	pthread_mutex_destroy(&checker->lock);
}
