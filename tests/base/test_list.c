/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define ELEMENT_COUNT 3

struct element {
	int number;
	struct rudp_list link; /* not first: the offset matters */
};

static void fill(struct rudp_list *list)
{
	rudp_list_init(list);
	for (int i = 0; i < ELEMENT_COUNT; i++) {
		struct element *element = calloc(1, sizeof *element);

		cr_assert(ne(ptr, element, NULL));
		element->number = i;
		rudp_list_append(list, &element->link);
	}
}

static int free_all(struct rudp_list *list)
{
	int count = 0;

	RUDP_LIST_EACH_SAFE(struct element, element, list, link) {
		rudp_list_remove(&element->link);
		free(element);
		count++;
	}
	return count;
}

Test(list, a_loop_sees_each_element_in_order)
{
	struct rudp_list list;
	int next = 0;

	rudp_list_init(&list);
	RUDP_LIST_EACH(const struct element, element, &list, link)
		next++;
	cr_assert(zero(int, next), "an empty list has no element");
	fill(&list);
	RUDP_LIST_EACH(const struct element, element, &list, link) {
		if (element->number == 0) {
			next++;
			continue;
		}
		cr_assert(eq(int, element->number, next));
		next++;
		if (element->number == 1)
			break;
	}
	cr_assert(eq(int, next, 2));
	free_all(&list);
}

Test(list, a_safe_loop_may_free_its_elements)
{
	struct rudp_list list;

	fill(&list);
	cr_assert(eq(int, free_all(&list), ELEMENT_COUNT));
	cr_assert(rudp_list_is_empty(&list));
	cr_assert(zero(int, free_all(&list)));
}

Test(list, all_links_move_behind_those_of_another_list)
{
	struct rudp_list from, to;
	struct element *element;
	int count = 0;

	fill(&from);
	fill(&to);
	rudp_list_move_all(&from, &to);
	cr_assert(rudp_list_is_empty(&from));
	cr_assert(eq(ptr, RUDP_LIST_POP(&from, struct element, link), NULL));
	while ((element = RUDP_LIST_POP(&to, struct element, link))) {
		cr_assert(eq(int, element->number, count++ % ELEMENT_COUNT));
		cr_assert(not(rudp_list_is_linked(&element->link)));
		free(element);
	}
	cr_assert(eq(int, count, 2 * ELEMENT_COUNT));
}
