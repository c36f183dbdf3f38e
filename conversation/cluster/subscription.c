/* SPDX-License-Identifier: MIT */
#include "conversation/cluster/subscription.h"

/* A new subscription may be replaced only if its first entry has not come after this time. */
#define FRESH_NS APO_SUBSCRIBE_NS

static bool is_about_earlier(const struct apo_subscription *subscription, int64_t now_at_ns)
{
	return !subscription->is_open || now_at_ns < subscription->opened_at_ns + FRESH_NS;
}

enum apo_reopening apo_subscription_due(struct apo_subscription *subscription,
					enum apo_reopening asked, int64_t now_at_ns)
{
	enum apo_reopening due;

	if (asked > subscription->asked)
		subscription->asked = asked;
	if (subscription->asked == APO_REOPEN_NEXT && is_about_earlier(subscription, now_at_ns))
		subscription->asked = APO_REOPEN_NOT;
	if (subscription->tried_at_ns &&
	    now_at_ns < subscription->tried_at_ns + APO_SUBSCRIPTION_PAUSE_NS)
		return APO_REOPEN_NOT;
	due = subscription->asked;
	subscription->asked = APO_REOPEN_NOT;
	if (due != APO_REOPEN_NOT)
		subscription->is_open = false;
	return due;
}

bool apo_subscription_try(struct apo_subscription *subscription, int64_t now_at_ns)
{
	if (subscription->is_open ||
	    (subscription->tried_at_ns &&
	     now_at_ns < subscription->tried_at_ns + APO_SUBSCRIPTION_PAUSE_NS))
		return false;
	subscription->tried_at_ns = now_at_ns;
	return true;
}

int64_t apo_subscription_wait_ns(const struct apo_subscription *subscription)
{
	return rudp_time_max(subscription->wait_ns, APO_SUBSCRIPTION_WAIT_MIN_NS);
}

void apo_subscription_on_result(struct apo_subscription *subscription, bool is_open,
				int64_t now_at_ns)
{
	int64_t wait_ns = apo_subscription_wait_ns(subscription);

	subscription->is_open = is_open;
	if (is_open) {
		subscription->opened_at_ns = now_at_ns;
		subscription->wait_ns = 0;
	} else {
		subscription->wait_ns =
			rudp_time_min(wait_ns + wait_ns / 2, APO_SUBSCRIPTION_WAIT_MAX_NS);
	}
}
