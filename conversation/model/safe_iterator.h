/* SPDX-License-Identifier: MIT */
/*
 * safe_iterator - a position in a list that stays valid while others change the list between two
 * steps.
 *
 * Model    The position is a link in the list itself, after the members already visited. Removing a
 *          member needs no notification, appended members are visited, and none is visited twice.
 */
#ifndef APO_SAFE_ITERATOR_H
#define APO_SAFE_ITERATOR_H

#include "base/list.h"

/* A link of such a list: each member has one, and so has each iterator. */
struct apo_safe_link {
	struct rudp_list link;
	bool is_iterator;
};

#define APO_SAFE_LINK_OWNER(safe_link, type, member) RUDP_LIST_OWNER(safe_link, type, member)

/* Places the iterator before all members. */
static inline void apo_safe_iterator_begin(struct apo_safe_link *iterator, struct rudp_list *list)
{
	iterator->is_iterator = true;
	rudp_list_append(list->next, &iterator->link);
}

/* Moves past the next member and returns it; NULL if there is none (yet). */
static inline struct apo_safe_link *apo_safe_iterator_next(struct apo_safe_link *iterator,
							   struct rudp_list *list)
{
	struct rudp_list *link = iterator->link.next;

	while (link != list && RUDP_LIST_OWNER(link, struct apo_safe_link, link)->is_iterator)
		link = link->next;
	if (link == list)
		return NULL;
	rudp_list_remove(&iterator->link);
	rudp_list_append(link->next, &iterator->link);
	return RUDP_LIST_OWNER(link, struct apo_safe_link, link);
}

/* Unlinks the iterators that are left in an empty list before the list is freed. */
static inline void apo_safe_iterators_end(struct rudp_list *list)
{
	while (rudp_list_pop(list))
		;
}

#endif
