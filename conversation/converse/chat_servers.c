/* SPDX-License-Identifier: MIT */
/* Several servers of one network: when the next one is tried. */
#include "conversation/converse/chat_private.h"

void cv_servers_note(struct cv_chat *chat)
{
	if (chat->is_linked && chat->state == CV_READY)
		chat->unwell_at_ns = RUDP_NEVER;
	else if (chat->unwell_at_ns == RUDP_NEVER)
		chat->unwell_at_ns = chat->now_at_ns;
}

int64_t cv_servers_next_at_ns(const struct cv_chat *chat)
{
	if (!chat->has_other_servers || chat->state == CV_OVER)
		return RUDP_NEVER;
	if (chat->is_server_left)
		return chat->now_at_ns;
	if (chat->unwell_at_ns == RUDP_NEVER)
		return chat->under_way > 0 ? chat->answer_at_ns + CV_ANSWER_NS : RUDP_NEVER;
	return chat->unwell_at_ns + (chat->is_linked ? CV_ANSWER_NS : CV_LINK_NS);
}

bool cv_chat_wants_other_server(const struct cv_chat *chat)
{
	return cv_servers_next_at_ns(chat) <= chat->now_at_ns;
}

void cv_chat_on_other_server(struct cv_chat *chat, const char *server)
{
	cv_tell(chat, CV_STATUS, NULL, "connecting to %s", server);
	cv_session_lost(chat);
	chat->has_epoch = chat->is_linked = chat->is_server_left = false;
	chat->retry_at_ns = RUDP_NEVER;
	chat->unwell_at_ns = chat->now_at_ns;
}
