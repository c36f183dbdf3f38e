/* SPDX-License-Identifier: MIT */
/*
 * list - intrusive circular doubly linked list. The head is a link like any other.
 *
 * A link that is in no list has next == NULL, so a zeroed structure holds valid unlinked links.
 */
#ifndef RUDP_BASE_LIST_H
#define RUDP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rudp_list {
	struct rudp_list *next, *prev;
};

/* The structure that holds the link. */
#define RUDP_LIST_OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void rudp_list_init(struct rudp_list *head)
{
	head->next = head->prev = head;
}

static inline bool rudp_list_is_empty(const struct rudp_list *head)
{
	return head->next == head;
}

static inline bool rudp_list_is_linked(const struct rudp_list *link)
{
	return link->next != NULL;
}

static inline void rudp_list_append(struct rudp_list *head, struct rudp_list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Does nothing if the link is in no list. */
static inline void rudp_list_remove(struct rudp_list *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = link->prev = NULL;
}

/* Removes and returns the first link; NULL if the list is empty. */
static inline struct rudp_list *rudp_list_pop(struct rudp_list *head)
{
	struct rudp_list *first = head->next;

	if (first == head)
		return NULL;
	rudp_list_remove(first);
	return first;
}

/* The structure that holds the link, whose offset in it is given; NULL if the link is the head. */
static inline void *rudp_list_owner(const struct rudp_list *link, const struct rudp_list *head,
				    size_t offset)
{
	return link == head ? NULL : (char *)link - offset;
}

/*
 * A loop over the structures of a list, in order: declares element, a pointer to the type. The body
 * must not remove the element from the list.
 */
#define RUDP_LIST_EACH(type, element, head, member)                                                \
	for (type *element = rudp_list_owner((head)->next, head, offsetof(type, member)); element; \
	     element = rudp_list_owner((element)->member.next, head, offsetof(type, member)))

/* The same; the body may remove the element, and may free it. */
#define RUDP_LIST_EACH_SAFE(type, element, head, member)                                           \
	for (type *element = rudp_list_owner((head)->next, head, offsetof(type, member)),          \
		  *element##_next;                                                                 \
	     element && ((element##_next = rudp_list_owner((element)->member.next, head,           \
							   offsetof(type, member))),               \
			 true);                                                                    \
	     element = element##_next)

/* Removes the first element, and returns it; NULL if the list is empty. */
#define RUDP_LIST_POP(head, type, member)                                                          \
	((type *)rudp_list_owner(rudp_list_pop(head), NULL, offsetof(type, member)))

/* Moves all links from one list to the end of another. */
static inline void rudp_list_move_all(struct rudp_list *from, struct rudp_list *to)
{
	struct rudp_list *link;

	while ((link = rudp_list_pop(from)))
		rudp_list_append(to, link);
}

#endif
