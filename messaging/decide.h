/* SPDX-License-Identifier: MIT */
/*
 * decide - decides which link a connection keeps when a second one arrives. The rules are in
 * docs/messaging.md "One connection for a pair". A pure function, so that the unit test and the
 * Spin model can check all cases.
 */
#ifndef RUDPMSG_DECIDE_H
#define RUDPMSG_DECIDE_H

#include <stdbool.h>

enum rudpmsg_decision {
	RUDPMSG_TAKE,    /* take the new link, give up the old one */
	RUDPMSG_CROSSED, /* refuse the new link: both nodes dialed, and ours stays */
	RUDPMSG_STALE,   /* refuse the new link: its dialer has given it up */
};

/* State of this node when a HANDSHAKE arrives. */
struct rudpmsg_facts {
	bool has_link;        /* the connection has a link */
	bool is_link_ours;    /* this node dialed that link */
	bool other_run;       /* the HANDSHAKE is of another run of the peer than that link */
	bool is_run_older;    /* that run was earlier: both runs are counted in the peer's store */
	bool names_our_link;  /* the peer knew that link when it dialed: it has lost the link */
	bool is_late;         /* the same run dialed a later link, which was established */
	bool has_greeted;     /* our own attempt has sent its HANDSHAKE */
	bool is_name_smaller; /* our name is the smaller one */
};

static inline enum rudpmsg_decision rudpmsg_decide(const struct rudpmsg_facts *facts)
{
	if (facts->is_late || (facts->has_link && facts->is_run_older))
		return RUDPMSG_STALE;
	/* The peer has answered our link: its own attempt was over by then. */
	if (facts->has_link && facts->is_link_ours && !facts->other_run && !facts->names_our_link)
		return RUDPMSG_STALE;
	return facts->has_greeted && facts->is_name_smaller ? RUDPMSG_CROSSED : RUDPMSG_TAKE;
}

#endif
