/* SPDX-License-Identifier: MIT */
/*
 * walk - a place in a list that others change while somebody goes along it, now and then a piece.
 *
 * Model    the place is a stop in the list itself, behind what has been met: what is removed needs
 *          not tell anybody, what is appended is met, and nothing is met twice.
 */
#ifndef APO_WALK_H
#define APO_WALK_H

#include "base/list.h"

/* All that is in such a list: its members have one each, and so has whoever goes along it. */
struct apo_stop {
	struct rudp_list link;
	bool is_walk;
};

#define APO_STOP_OWNER(stop, type, member) RUDP_LIST_OWNER(stop, type, member)

/* In front of all. */
static inline void apo_walk_begin(struct apo_stop *walk, struct rudp_list *list)
{
	walk->is_walk = true;
	rudp_list_append(list->next, &walk->link);
}

/* The next member, which is behind us then; NULL: there is none yet. */
static inline struct apo_stop *apo_walk_next(struct apo_stop *walk, struct rudp_list *list)
{
	struct rudp_list *link = walk->link.next;

	while (link != list && RUDP_LIST_OWNER(link, struct apo_stop, link)->is_walk)
		link = link->next;
	if (link == list)
		return NULL;
	rudp_list_remove(&walk->link);
	rudp_list_append(link->next, &walk->link);
	return RUDP_LIST_OWNER(link, struct apo_stop, link);
}

/* The list goes, and has no members any more: who walks there is in no list then. */
static inline void apo_walks_end(struct rudp_list *list)
{
	while (rudp_list_pop(list))
		;
}

#endif
