/* SPDX-License-Identifier: MIT */
#include "chat_check.h"

#include "conversation/converse/chat_private.h"

bool chat_check(const struct cv_chat *chat)
{
	const struct rudp_list *link = chat->lines.next;
	uint64_t number = 0;
	unsigned under_way = 0, said_count = 0;
	size_t count = 0, shown_count = 0;

	for (; link != &chat->lines; link = link->next, count++) {
		const struct cv_line *line = RUDP_LIST_OWNER(link, const struct cv_line, link);

		if (line->number <= number || line->number > chat->last_number)
			return false;
		number = line->number;
		under_way += line->state == CV_LINE_UNDER_WAY;
		said_count += line->state == CV_LINE_SAID;
		shown_count += line->is_shown;
	}
	return count == chat->line_count && under_way == chat->under_way &&
	       said_count == chat->said_count && said_count + under_way <= CV_RECEIPTS_MAX &&
	       under_way <= CV_WINDOW && shown_count == chat->shown_count &&
	       (chat->state == CV_READY || under_way == 0 || chat->state == CV_OVER);
}
