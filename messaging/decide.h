/* SPDX-License-Identifier: MIT */
/*
 * decide - which link a connection keeps when another one greets. docs/messaging.md "One connection
 * for a pair". A pure function, so that the test and the Spin model can go through all of it.
 */
#ifndef RUDPMSG_DECIDE_H
#define RUDPMSG_DECIDE_H

#include <stdbool.h>

enum rudpmsg_decision {
	RUDPMSG_TAKE,    /* the new link; what was there before is given up */
	RUDPMSG_CROSSED, /* refuse the new link: ours stays */
	RUDPMSG_STALE,   /* refuse the new link: its dialer has given it up */
};

/* What is known when a HANDSHAKE has come. */
struct rudpmsg_facts {
	bool has_link;        /* a link stands */
	bool is_link_ours;    /* this node dialed it */
	bool other_run;       /* it is not of the peer's run that the link is of */
	bool is_run_older;    /* but of one before: the peer's runs are counted in its store */
	bool names_our_link;  /* the peer knows of it, and greets all the same: it has lost it */
	bool is_late;         /* the same run of the peer dialed a later one, which has stood */
	bool has_greeted;     /* our own attempt has sent its HANDSHAKE */
	bool is_name_smaller; /* ours */
};

static inline enum rudpmsg_decision rudpmsg_decide(const struct rudpmsg_facts *facts)
{
	if (facts->is_late || (facts->has_link && facts->is_run_older))
		return RUDPMSG_STALE;
	/* The peer answered our link: an attempt of its own was over by then. */
	if (facts->has_link && facts->is_link_ours && !facts->other_run && !facts->names_our_link)
		return RUDPMSG_STALE;
	return facts->has_greeted && facts->is_name_smaller ? RUDPMSG_CROSSED : RUDPMSG_TAKE;
}

#endif
