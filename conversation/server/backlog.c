/* SPDX-License-Identifier: MIT */
#include "conversation/server/backlog.h"

#include "base/log.h"

void apo_backlog_init(struct apo_backlog *backlog, const char *what, size_t bytes_max)
{
	*backlog = (struct apo_backlog){.what = what, .bytes_max = bytes_max};
	pthread_mutex_init(&backlog->lock, NULL);
	pthread_cond_init(&backlog->room, NULL);
}

void apo_backlog_fini(struct apo_backlog *backlog)
{
	pthread_cond_destroy(&backlog->room);
	pthread_mutex_destroy(&backlog->lock);
}

void apo_backlog_add(struct apo_backlog *backlog, size_t bytes)
{
	pthread_mutex_lock(&backlog->lock);
	if (backlog->bytes >= backlog->bytes_max && !backlog->is_full && !backlog->has_ended) {
		backlog->is_full = true;
		backlog->stops++;
		rudp_log(RUDP_LOG_WARN, "cluster %s wait bytes=%zu", backlog->what, backlog->bytes);
	}
	while (backlog->is_full && !backlog->has_ended)
		pthread_cond_wait(&backlog->room, &backlog->lock);
	backlog->bytes += bytes;
	pthread_mutex_unlock(&backlog->lock);
}

void apo_backlog_remove(struct apo_backlog *backlog, size_t bytes)
{
	pthread_mutex_lock(&backlog->lock);
	backlog->bytes -= bytes;
	if (backlog->is_full && backlog->bytes <= backlog->bytes_max / 2) {
		backlog->is_full = false;
		pthread_cond_broadcast(&backlog->room);
	}
	pthread_mutex_unlock(&backlog->lock);
}

void apo_backlog_end(struct apo_backlog *backlog)
{
	pthread_mutex_lock(&backlog->lock);
	backlog->has_ended = true;
	pthread_cond_broadcast(&backlog->room);
	pthread_mutex_unlock(&backlog->lock);
}

struct apo_backlog_figures apo_backlog_figures(struct apo_backlog *backlog)
{
	struct apo_backlog_figures figures;

	pthread_mutex_lock(&backlog->lock);
	figures = (struct apo_backlog_figures){backlog->bytes, backlog->stops, backlog->is_full};
	pthread_mutex_unlock(&backlog->lock);
	return figures;
}
