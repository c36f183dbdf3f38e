/* SPDX-License-Identifier: MIT */
/*
 * info - what is known of a connection or listener, for TCP_INFO, SIOCOUTQ and rudp ss.
 */
#ifndef RUDP_ENGINE_INFO_H
#define RUDP_ENGINE_INFO_H

#include "engine/app/app_side.h"
#include "engine/loop/engine.h"

/* false: the id names no connection and no binding of this engine. */
bool rudp_info_fill(struct rudp_engine *engine, uint64_t id, struct rudp_control_info *info);

/* As the program may know it: SYN_SENT until its connect is over. */
enum rudp_state rudp_info_state(const struct rudp_app *app);

/*
 * The object at or after *cursor (0 first); moves it behind. After those of programs come connections
 * that no program holds: closed but not over, or not accepted yet. false: no more.
 */
bool rudp_info_next(struct rudp_engine *engine, uint64_t *cursor, struct rudp_control_info *info);

/*
 * The key at or after *cursor (0 first); moves it behind. After those of files come keys without one
 * with which living connections began. Asks each connection. false: no more.
 */
bool rudp_info_next_key(const struct rudp_engine *engine, uint64_t *cursor,
			struct rudp_control_key *info);
/* Connections and associations that keys have ended. */
void rudp_info_ended(const struct rudp_engine *engine, struct rudp_control_ended *info);
/* The failure with the next higher number after *cursor, into the reply. false: no more. */
bool rudp_info_next_failure(const struct rudp_engine *engine, uint64_t *cursor,
			    struct rudp_control_reply *reply);

/* What the engine tells of itself. */
void rudp_info_engine(const struct rudp_engine *engine, struct rudp_control_engine *info);

#endif
