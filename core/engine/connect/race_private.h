/* SPDX-License-Identifier: MIT */
/* race_private - what race.c, race_begin.c and race_question.c share. */
#ifndef RUDP_ENGINE_RACE_PRIVATE_H
#define RUDP_ENGINE_RACE_PRIVATE_H

#include "engine/connect/race.h"

struct rudp_udp;

/* Arms the timer of the race for the first of its times. */
void rudp_race_arm(struct rudp_engine *engine, struct rudp_app *app);
/* Stores the local address and reserves the pair. */
void rudp_race_set_local(struct rudp_engine *engine, struct rudp_app *app,
			 const struct rudp_addr *local);
/* The address to which the SYN goes: with a fixed UDP port it has another port. */
struct rudp_addr rudp_race_wire_address(const struct rudp_engine *engine,
					const struct rudp_addr *to);
/* Begins an attempt over rudp. binding: of the program's socket, or NULL. Returns 0 or -errno. */
int rudp_race_begin_rudp(struct rudp_engine *engine, struct rudp_app *app,
			 const struct rudp_binding *binding);
/*
 * Sends a SYN from app->local to app->remote. The reference to the socket is released. Returns 0 or
 * -errno.
 */
int rudp_race_begin_conn(struct rudp_engine *engine, struct rudp_app *app, struct rudp_udp *udp);
void rudp_race_drop_conn(struct rudp_engine *engine, struct rudp_app *app);
/* When the connect must end by the options of the program; RUDP_NEVER: no limit. */
int64_t rudp_race_limit_at_ns(const struct rudp_app *app);
/* The connect fails. Frees the app. */
void rudp_race_fail(struct rudp_engine *engine, struct rudp_app *app, int error);

/*
 * The listener has refused, as it has another key than the known one. Begins a second attempt,
 * which only learns the present key for those who want to know why, and then fails. false: this was
 * the second attempt, or it cannot be made.
 */
bool rudp_race_look(struct rudp_engine *engine, struct rudp_app *app);
/* The host has shown an unknown key, and a person is asked. The connect waits. */
void rudp_race_ask(struct rudp_engine *engine, struct rudp_app *app);

#endif
