/* SPDX-License-Identifier: MIT */
/* info - data about connections, listeners and keys, for TCP_INFO, SIOCOUTQ and `rudp ss`. */
#ifndef RUDP_ENGINE_INFO_H
#define RUDP_ENGINE_INFO_H

#include "engine/app/app_side.h"
#include "engine/loop/engine.h"

/* false: no connection or binding of this engine has the id. */
bool rudp_info_fill(struct rudp_engine *engine, uint64_t id, struct rudp_control_info *info);

/* The state as the program may know it: SYN_SENT until its connect is over. */
enum rudp_state rudp_info_state(const struct rudp_app *app);

/*
 * The object at or after *cursor (0 first), and moves the cursor past it. After the sockets of
 * programs come connections that no program has: closed but not finished, or not accepted yet.
 * false: no more.
 */
bool rudp_info_next(struct rudp_engine *engine, uint64_t *cursor, struct rudp_control_info *info);

/* The same for connects that wait because the key of the host is not known. */
bool rudp_info_next_asked(struct rudp_engine *engine, uint64_t *cursor,
			  struct rudp_control_info *info);

/*
 * The key at or after *cursor (0 first), and moves the cursor past it. After the keys with a file
 * come keys without one that live connections use. Iterates over all connections. false: no more.
 */
bool rudp_info_next_key(const struct rudp_engine *engine, uint64_t *cursor,
			struct rudp_control_key *info);
/* How many connections and associations have ended because of their keys. */
void rudp_info_ended(const struct rudp_engine *engine, struct rudp_control_ended *info);
/* Writes the failure with the next higher number after *cursor to reply. false: no more. */
bool rudp_info_next_failure(const struct rudp_engine *engine, uint64_t *cursor,
			    struct rudp_control_reply *reply);

/* Data about the engine itself. */
void rudp_info_engine(const struct rudp_engine *engine, struct rudp_control_engine *info);

#endif
