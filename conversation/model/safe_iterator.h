/* SPDX-License-Identifier: MIT */
/*
 * safe_iterator - a place in a list that others change while somebody goes along it, now and then a
 * piece.
 *
 * Model    the place is a link in the list itself, behind what has been met: what is removed needs
 *          not tell anybody, what is appended is met, and nothing is met twice.
 */
#ifndef APO_SAFE_ITERATOR_H
#define APO_SAFE_ITERATOR_H

#include "base/list.h"

/* All that is in such a list: its members have one each, and so has whoever goes along it. */
struct apo_safe_link {
	struct rudp_list link;
	bool is_iterator;
};

#define APO_SAFE_LINK_OWNER(safe_link, type, member) RUDP_LIST_OWNER(safe_link, type, member)

/* In front of all. */
static inline void apo_safe_iterator_begin(struct apo_safe_link *iterator, struct rudp_list *list)
{
	iterator->is_iterator = true;
	rudp_list_append(list->next, &iterator->link);
}

/* The next member, which is behind us then; NULL: there is none yet. */
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

/* The list goes, and has no members any more: who walks there is in no list then. */
static inline void apo_safe_iterators_end(struct rudp_list *list)
{
	while (rudp_list_pop(list))
		;
}

#endif
