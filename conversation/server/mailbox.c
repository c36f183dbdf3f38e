/* SPDX-License-Identifier: MIT */
#include "conversation/server/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int apo_mailbox_init(struct apo_mailbox *box)
{
	atomic_init(&box->newest, NULL);
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return box->fd < 0 ? -errno : 0;
}

void apo_mailbox_fini(struct apo_mailbox *box)
{
	assert(atomic_load_explicit(&box->newest, memory_order_relaxed) == NULL);
	close(box->fd);
}

void apo_mailbox_wake(struct apo_mailbox *box)
{
	uint64_t one = 1;

	/* The write fails only if the counter is full; then the descriptor is readable anyway. */
	while (write(box->fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

void apo_mailbox_put(struct apo_mailbox *box, struct apo_mail *mail)
{
	struct apo_mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

	do
		mail->next = newest;
	while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail,
						      memory_order_release, memory_order_relaxed));
	if (!newest)
		apo_mailbox_wake(box);
}

void apo_mailbox_forget_wake(struct apo_mailbox *box)
{
	uint64_t count;

	while (read(box->fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

struct apo_mail *apo_mailbox_take(struct apo_mailbox *box)
{
	struct apo_mail *newest, *next, *oldest = NULL;

	/* Reads the descriptor first: mail that arrives after that makes it readable again. */
	apo_mailbox_forget_wake(box);
	newest = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	for (; newest; newest = next) {
		next = newest->next;
		newest->next = oldest;
		oldest = newest;
	}
	return oldest;
}

void apo_mailbox_wait(const struct apo_mailbox *box, int timeout_ms)
{
	struct pollfd wait = {.fd = box->fd, .events = POLLIN};

	(void)poll(&wait, 1, timeout_ms);
}
