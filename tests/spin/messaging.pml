/* SPDX-License-Identifier: MIT */
/*
 * messaging - two nodes of librudpmsg, the streams between them that break when they like, and the
 * applications that send and wait. Each inline bears the name of the function that it mirrors.
 *
 * Everything that a node does under its lock is one step here; what two nodes do, and what the
 * network does, comes in any order. tests/spin/check.sh says with which scopes it is verified, and
 * that it can fail: with a rule taken out (NO_...) Spin must find the error.
 *
 * Time       a timer of patience or of a retry after CROSSED fires when nothing else can happen
 *            (timeout: streams are quick beside ten seconds), or, EARLY times, whenever it likes.
 *            Other retries happen at any moment.
 * Numbers    runs and streams are counted, not drawn. Only whether they are equal is ever asked.
 * Left out   frames in pieces, sizes, back-pressure by the reader, WHO and IAM, limits, STORED.
 */

#ifndef STREAMS
#define STREAMS 3     /* at once; another dial waits until one is closed at both ends */
#endif
#ifndef DIALERS
#define DIALERS 3     /* bits: node 0 has the other's address, node 1 has */
#endif
#ifndef MESSAGES_0
#define MESSAGES_0 0  /* what the application of node 0 sends */
#endif
#ifndef MESSAGES_1
#define MESSAGES_1 0
#endif
#ifndef BREAKS
#define BREAKS 0      /* of streams */
#endif
#ifndef RESTARTS
#define RESTARTS 0    /* kill -9 and a new start, of either node */
#endif
#ifndef EARLY
#define EARLY 0       /* timers that fire too early */
#endif
#ifndef REPEATS
#define REPEATS 0     /* HANDSHAKEs that come twice */
#endif
#ifndef DISCONNECTS
#define DISCONNECTS 0 /* by the application */
#endif
#define QUEUE_MAX 2   /* messages in an outbox */
#define FRAMES_MAX 3  /* under way in one direction of a stream; more wait to be written */
#define DIALS_MAX 9   /* of a node: more than breaks and crossings can explain is a livelock */
#ifndef INCARNATIONS
#define INCARNATIONS 4
#endif

/* enum link_state, without ASKING; CLOSING is ENDED as soon as the last word is written. NONE:
 * the stream is not there. */
#define NONE 0
#define DIALING 1
#define GREETING 2
#define UNAUTHENTICATED 3
#define READY 4
#define ENDED 5

/* Frames. */
#define HANDSHAKE 1
#define ACK_HANDSHAKE 2
#define REFUSE_CROSSED 3
#define REFUSE_OTHER 4
#define CLOSE 5
#define GOODBYE 6
#define MESSAGE 7
#define ACK 8

/* conn->retry: not armed; after the backoff; after handshake_timeout_ns. */
#define NEVER 0
#define SOON 1
#define LATE 2

/* Where an application's thread is: in rudpmsg_send, asleep in it, in rudpmsg_wait, asleep in it. */
#define FRESH 0
#define SENDING 1
#define SLEEPS_FOR_ROOM 2
#define WAITING 3
#define SLEEPS_FOR_ANSWER 4
#define FINISHED 5
#define GONE 6 /* -ENOENT: the connection was ended */

/* ---- streams: slot s, node n's end is s * 2 + n ---- */
byte dialer[STREAMS], number[STREAMS];
byte state[STREAMS * 2];
bool broken[STREAMS];
bool answered_once[STREAMS];
bool is_stream_new[STREAMS]; /* the acceptor's */
chan wire[STREAMS * 2] = [FRAMES_MAX] of { byte, byte }; /* towards that end: frame, message id */
/* What the one HANDSHAKE and the one ACK_HANDSHAKE of a stream say. */
byte h_run[STREAMS], h_known[STREAMS], h_stream[STREAMS], h_peer_stream[STREAMS], h_received[STREAMS];
byte a_run[STREAMS], a_stream[STREAMS], a_peer_stream[STREAMS], a_received[STREAMS];

/* ---- nodes: struct rudpmsg_hub and its one struct rudpmsg_conn ---- */
byte run_number[2], last_link[2], streams_drawn[2];
bool has_conn[2], is_leaving[2];
byte link[2], attempt[2]; /* slot + 1, or 0 */
byte retry[2];
bool gives_up[2]; /* conn->give_up is armed */
byte known_link[2], peer_run[2], stream[2], peer_stream[2], acked_to_peer[2];
byte received[2], handled[2], waiting[2]; /* the inbox: ids, and how many are not done */
byte last_id[2], answered[2], position[2], sent_id[2], sent_ever[2]; /* the outbox */
byte sender_stream[2], sender_received[2];                  /* struct sender */
byte app[2], app_stream[2];

/* ---- what the network and the users may still do ---- */
byte breaks = BREAKS, restarts = RESTARTS, early = EARLY, repeats = REPEATS,
     disconnects = DISCONNECTS;

/* ---- the truth, for the properties: by sender and stream ---- */
byte delivered[2 * INCARNATIONS]; /* the newest that the receiver's present run was given */
byte reached[2 * INCARNATIONS];   /* the newest that any run of it was given */
bool was_ended;                   /* a connection was, on purpose or given up */

#define END(s, n) (s) * 2 + (n)
#define SLOT(n) (link[n] -> link[n] - 1 : 0) /* where the link is, if there is one */
#define PEER(n) (1 - (n))
#define TRUTH(n, of) (n) * INCARNATIONS + (of)
#define IS_OPEN(s, n) (state[END(s, n)] != NONE && state[END(s, n)] != ENDED)
#define MESSAGES(n) ((n) == 0 -> MESSAGES_0 : MESSAGES_1)
#define HAS_ADDRESS(n) ((DIALERS >> (n)) & 1)
/* rudpmsg_conn_acknowledged */
#ifdef HANDLED
#define ACKNOWLEDGED(n) handled[n]
#else
#define ACKNOWLEDGED(n) received[n]
#endif

/* ---- node_tell ---- */

inline tell_room(n) {
	if
	:: app[n] == SLEEPS_FOR_ROOM -> app[n] = SENDING
	:: else
	fi
}

inline tell_answer(n) {
	if
	:: app[n] == SLEEPS_FOR_ANSWER -> app[n] = WAITING
	:: else
	fi
}

/* ---- hub_link.c ---- */

/* Both ends are closed: the slot is another stream's. */
inline reuse(s) {
	do
	:: len(wire[END(s, 0)]) > 0 -> wire[END(s, 0)]?_,_
	:: len(wire[END(s, 1)]) > 0 -> wire[END(s, 1)]?_,_
	:: else -> break
	od;
	dialer[s] = 0; number[s] = 0; broken[s] = 0; answered_once[s] = 0;
	is_stream_new[s] = 0;
	state[END(s, 0)] = NONE; state[END(s, 1)] = NONE;
	h_run[s] = 0; h_known[s] = 0; h_stream[s] = 0; h_peer_stream[s] = 0; h_received[s] = 0;
	a_run[s] = 0; a_stream[s] = 0; a_peer_stream[s] = 0; a_received[s] = 0
}

inline link_end(n, s) {
	state[END(s, n)] = ENDED;
	if
	:: state[END(s, PEER(n))] == ENDED -> reuse(s)
	:: else
	fi
}

/* What is written to a stream that is over is lost. */
inline put(n, s, frame, id) {
	if
	:: broken[s] || state[END(s, PEER(n))] == ENDED
	:: else -> wire[END(s, PEER(n))]!frame,id
	fi
}

#define CAN_PUT(n, s) (broken[s] || state[END(s, PEER(n))] == ENDED || \
		       len(wire[END(s, PEER(n))]) < FRAMES_MAX)

/* A last word, where there is room for one. */
inline link_bye(n, s, frame) {
	if
	:: state[END(s, n)] != DIALING && CAN_PUT(n, s) -> put(n, s, frame, 0)
	:: else
	fi;
	link_end(n, s)
}

inline retry_later(n) {
	if
	:: HAS_ADDRESS(n) && !attempt[n] && !is_leaving[n] -> retry[n] = SOON
	:: else
	fi
}

inline on_broken(n, s) {
	assert(link[n] == s + 1);
	link[n] = 0;
	link_end(n, s);
#ifdef GIVE_UP
	gives_up[n] = 1;
#endif
	retry_later(n)
}

/* ---- hub_dial.c ---- */

inline link_on_failed(n, s, is_refused) {
	link_end(n, s);
	if
	:: attempt[n] == s + 1 ->
		attempt[n] = 0;
		if
		:: link[n]
		:: !link[n] && is_refused -> retry[n] = LATE
		:: else -> retry_later(n)
		fi
	:: else
	fi
}

#define IS_FREE(s) (state[END(s, 0)] == NONE)

inline pick_free(s) {
	s = 0;
	do
	:: s < STREAMS && !IS_FREE(s) -> s++
	:: else -> break
	od
}

#define CAN_DIAL (IS_FREE(0) || IS_FREE(1) || IS_FREE(STREAMS - 1))

inline conn_dial(n, s) {
	pick_free(s);
	retry[n] = NEVER;
#ifdef GIVE_UP
	gives_up[n] = 1;
#endif
	last_link[n]++;
	assert(last_link[n] <= DIALS_MAX);
	printf("%d dials link %d\n", n, last_link[n]);
	attempt[n] = s + 1;
	dialer[s] = n;
	number[s] = last_link[n];
	state[END(s, n)] = DIALING;
	state[END(s, PEER(n))] = UNAUTHENTICATED
}

/* ---- hub_conn.c ---- */

inline conn_new(n) {
	has_conn[n] = 1;
	streams_drawn[n]++;
	assert(streams_drawn[n] < INCARNATIONS);
	stream[n] = streams_drawn[n];
	/* sender_recall */
	peer_stream[n] = sender_stream[n];
	received[n] = sender_received[n];
	handled[n] = sender_received[n];
	sender_stream[n] = 0;
	sender_received[n] = 0
}

inline clear_conn(n) {
	has_conn[n] = 0; is_leaving[n] = 0; link[n] = 0; attempt[n] = 0; retry[n] = NEVER;
	gives_up[n] = 0; known_link[n] = 0; peer_run[n] = 0; stream[n] = 0; peer_stream[n] = 0;
	acked_to_peer[n] = 0; received[n] = 0;
	handled[n] = 0; waiting[n] = 0; last_id[n] = 0; answered[n] = 0;
	position[n] = 0; sent_id[n] = 0; sent_ever[n] = 0
}

inline detach(n) {
	if
	:: attempt[n] -> slot = attempt[n] - 1; link_end(n, slot)
	:: else
	fi;
	if
	:: link[n] -> slot = link[n] - 1; link_end(n, slot)
	:: else
	fi;
	attempt[n] = 0; link[n] = 0; retry[n] = NEVER; gives_up[n] = 0
}

inline conn_forget(n) {
	detach(n);
	/* sender_remember */
	sender_stream[n] = peer_stream[n];
	sender_received[n] = ACKNOWLEDGED(n);
	clear_conn(n);
#ifndef NO_WAKE
	tell_room(n);
	tell_answer(n)
#endif
}

#define INBOX_IS_EMPTY(n) (waiting[n] == 0)

inline conn_leave(n) {
	was_ended = 1;
	if
	:: INBOX_IS_EMPTY(n) -> conn_forget(n)
	:: else ->
		detach(n);
		answered[n] = last_id[n]; /* failed, not acknowledged: the truth is not asked */
		position[n] = last_id[n];
		is_leaving[n] = 1;
		tell_room(n);
		tell_answer(n)
	fi
}

/* ---- outbox.c ---- */

inline outbox_answer(n, id) {
	if
	:: answered[n] < id ->
		answered[n] = id;
		assert(reached[TRUTH(n, stream[n])] >= id); /* acknowledged implies received */
		tell_room(n);
		tell_answer(n)
	:: else
	fi;
	if
	:: position[n] < answered[n] -> position[n] = answered[n]
	:: else
	fi
}

inline outbox_on_link(n) {
#ifndef NO_RESEND
	position[n] = answered[n];
#endif
	sent_id[n] = 0
}

inline outbox_on_received(n, id) {
	if
	:: id < sent_ever[n] -> outbox_answer(n, id)
	:: else -> outbox_answer(n, sent_ever[n])
	fi
}

/* ---- inbox.c, and the application behind it ---- */

/* None missing; in order and none twice, for one run of the receiver. */
inline deliver(n, id) {
	printf("%d delivers message %d of stream %d\n", n, id, peer_stream[n]);
	assert(id <= reached[TRUTH(PEER(n), peer_stream[n])] + 1);
	assert(id > delivered[TRUTH(PEER(n), peer_stream[n])]);
	delivered[TRUTH(PEER(n), peer_stream[n])] = id;
	if
	:: reached[TRUTH(PEER(n), peer_stream[n])] < id ->
		reached[TRUTH(PEER(n), peer_stream[n])] = id
	:: else
	fi
}

inline inbox_done(n) {
	handled[n] = received[n] - waiting[n] + 1;
	waiting[n]--;
	deliver(n, handled[n])
}

/* rudpmsg_inbox_restart: the application gets the rest of the old stream, without an event. */
inline take_stream(n, number_of_it) {
	do
	:: waiting[n] > 0 -> inbox_done(n)
	:: else -> break
	od;
	peer_stream[n] = number_of_it;
#ifndef NO_INBOX_RESTART
	received[n] = 0;
	handled[n] = 0
#endif
}

inline inbox_add(n, id) {
	if
#ifndef NO_DEDUP
	:: id <= received[n]
#endif
	:: else ->
		received[n] = id;
#ifdef HANDLED
		waiting[n]++
#else
		deliver(n, id)
#endif
	fi
}

/* ---- decide.h ---- */

#define TAKE 0
#define CROSSED 1
#define STALE 2

inline decide(n, s, verdict) {
	has_link = link[n] != 0;
	is_link_ours = has_link && dialer[SLOT(n)] == n;
	other_run = h_run[s] != peer_run[n];
	names_our_link = has_link && h_known[s] == number[SLOT(n)];
	is_late = !other_run && number[s] < known_link[n];
	has_greeted = attempt[n] && state[END((attempt[n] -> attempt[n] - 1 : 0), n)] == GREETING;
	is_name_smaller = n == 0;
#ifdef NO_LATE_CHECK
	is_late = false;
#endif
#ifdef NO_KNOWN_LINK_CHECK
	names_our_link = true;
#endif
#ifdef NO_CROSSED_RULE
	has_greeted = false;
#endif
	if
	:: is_late || (has_link && is_link_ours && !other_run && !names_our_link) -> verdict = STALE
	:: else -> verdict = (has_greeted && is_name_smaller -> CROSSED : TAKE)
	fi;
	has_link = 0; is_link_ours = 0; other_run = 0; names_our_link = 0; is_late = 0;
	has_greeted = 0; is_name_smaller = 0
}

/* ---- hub_greet.c ---- */

inline link_greet(n, s) {
	h_run[s] = run_number[n];
	h_known[s] = known_link[n];
	h_stream[s] = stream[n];
	h_peer_stream[s] = peer_stream[n];
	h_received[s] = ACKNOWLEDGED(n);
	acked_to_peer[n] = ACKNOWLEDGED(n);
	state[END(s, n)] = GREETING;
	printf("%d greets on link %d\n", n, number[s]);
	put(n, s, HANDSHAKE, 0)
}

inline establish(n, s, its_run, its_stream, its_peer_stream, its_received) {
	printf("link %d of %d stands at %d\n", number[s], dialer[s], n);
	link[n] = s + 1;
	state[END(s, n)] = READY;
	retry[n] = NEVER;
	gives_up[n] = 0;
	is_leaving[n] = 0;
	if
	:: peer_run[n] != its_run ->
		known_link[n] = 0;
		peer_run[n] = its_run
	:: else
	fi;
	if
	:: dialer[s] != n -> known_link[n] = number[s]
	:: else
	fi;
	/* note_stream */
	if
	:: peer_stream[n] == its_stream
#ifndef NO_PROOF_OF_LIFE
	:: peer_stream[n] != its_stream && dialer[s] != n -> is_stream_new[s] = 1
#endif
	:: else -> take_stream(n, its_stream)
	fi;
	outbox_on_link(n);
	if
	:: its_peer_stream == stream[n] -> outbox_on_received(n, its_received)
	:: else
	fi
}

/* What stands at both ends falls to none but a dialer that has lost it, or was started again. */
inline give_up_others(n, s) {
	if
	:: link[n] ->
		slot = link[n] - 1;
#if RESTARTS == 0
		assert(broken[slot] || state[END(slot, PEER(n))] != READY);
#endif
		link_bye(n, slot, CLOSE);
		link[n] = 0
	:: else
	fi;
	if
	:: attempt[n] -> slot = attempt[n] - 1; attempt[n] = 0; link_end(n, slot)
	:: else
	fi
}

inline answer(n, s) {
	assert(!answered_once[s]); /* one HANDSHAKE, one ACK_HANDSHAKE */
	answered_once[s] = 1;
	a_run[s] = run_number[n];
	a_stream[s] = stream[n];
	a_peer_stream[s] = h_stream[s];
	a_received[s] = (is_stream_new[s] -> 0 : ACKNOWLEDGED(n));
	acked_to_peer[n] = a_received[s];
	put(n, s, ACK_HANDSHAKE, 0)
}

inline link_on_handshake(n, s) {
	if
	:: state[END(s, n)] == READY -> /* on_repeated */
#ifdef NO_REPEATED_CHECK
		answer(n, s)
#else
		skip
#endif
	:: else ->
		verdict = TAKE;
		if
		:: !has_conn[n] -> conn_new(n)
		:: else -> decide(n, s, verdict)
		fi;
		if
		:: verdict == CROSSED -> link_bye(n, s, REFUSE_CROSSED)
		:: verdict == STALE -> link_bye(n, s, REFUSE_OTHER)
		:: else ->
			give_up_others(n, s);
			establish(n, s, h_run[s], h_stream[s], h_peer_stream[s], h_received[s]);
			answer(n, s)
		fi;
		verdict = 0
	fi
}

inline link_on_ack_handshake(n, s) {
	assert(attempt[n] == s + 1 && !link[n]);
	attempt[n] = 0;
	if
	:: peer_stream[n] != a_stream[s] -> acked_to_peer[n] = 0
	:: else
	fi;
	establish(n, s, a_run[s], a_stream[s], a_peer_stream[s], a_received[s])
}

/* ---- hub_link.c: in ---- */

/* A message is of the stream that its link was greeted with. */
inline on_message(n, s, id) {
	if
	:: is_stream_new[s] && dialer[s] != n -> is_stream_new[s] = 0; take_stream(n, h_stream[s])
	:: else
	fi;
	assert(peer_stream[n] == (dialer[s] == n -> a_stream[s] : h_stream[s]));
	inbox_add(n, id)
}

/* No process here breaks the protocol, so no violation may be reported: on_violation. */
inline on_ack(n, s, id) {
#ifdef NO_ACK_FROM_BEFORE
	assert(id <= sent_id[n] || id <= answered[n]);
#else
	assert(id <= sent_ever[n] || id <= answered[n]);
#endif
	outbox_answer(n, id)
}

inline on_close(n, s) {
	on_broken(n, s)
}

inline on_goodbye(n, s) {
	link_end(n, s);
	link[n] = 0;
	conn_leave(n)
}

inline on_frame(n, s) {
	wire[END(s, n)]?frame,id;
	printf("%d reads frame %d (id %d) on link %d of %d\n", n, frame, id, number[s], dialer[s]);
	if
	:: frame == HANDSHAKE ->
		assert(state[END(s, n)] == UNAUTHENTICATED || state[END(s, n)] == READY);
		link_on_handshake(n, s)
	:: frame == ACK_HANDSHAKE ->
		assert(state[END(s, n)] == GREETING);
		link_on_ack_handshake(n, s)
	:: frame == REFUSE_CROSSED || frame == REFUSE_OTHER ->
		assert(state[END(s, n)] == GREETING);
		link_on_failed(n, s, true)
	:: frame == CLOSE -> on_close(n, s)
	:: frame == GOODBYE -> on_goodbye(n, s)
	:: frame == MESSAGE -> on_message(n, s, id)
	:: frame == ACK -> on_ack(n, s, id)
	fi;
	frame = 0; id = 0
}

inline hub_on_ended(n, s) {
	printf("%d sees the end of link %d of %d\n", n, number[s], dialer[s]);
	if
	:: state[END(s, n)] == READY -> on_broken(n, s)
	:: state[END(s, n)] == UNAUTHENTICATED -> link_end(n, s)
	:: else -> link_on_failed(n, s, false)
	fi
}

inline link_on_time(n, s) {
	printf("%d loses patience with link %d of %d\n", n, number[s], dialer[s]);
	if
	:: state[END(s, n)] == UNAUTHENTICATED -> link_bye(n, s, REFUSE_OTHER)
	:: else -> link_on_failed(n, s, false)
	fi
}

/* ---- what can happen to an end of a stream ---- */

#define CAN_OPEN(s, n) (state[END(s, n)] == DIALING && !broken[s])
/* The stream's end is behind what was written before it; a broken one is noticed whenever. */
#define CAN_END(s, n) (IS_OPEN(s, n) && \
		       (broken[s] || (state[END(s, PEER(n))] == ENDED && len(wire[END(s, n)]) == 0)))
#define CAN_READ(s, n) (IS_OPEN(s, n) && state[END(s, n)] != DIALING && len(wire[END(s, n)]) > 0)
#define CAN_TIME(s, n) (early && (state[END(s, n)] == DIALING || state[END(s, n)] == GREETING || \
				  state[END(s, n)] == UNAUTHENTICATED))
#define CAN_SEND(n) (link[n] && position[n] < last_id[n] && CAN_PUT(n, SLOT(n)))
#define CAN_ACK(n) (link[n] && !(is_stream_new[SLOT(n)] && dialer[SLOT(n)] != n) && \
	ACKNOWLEDGED(n) > acked_to_peer[n] && CAN_PUT(n, SLOT(n)))
#define HAS_APP(n) (HAS_ADDRESS(n) || MESSAGES(n))
#define IS_ITS_CONN(n) (has_conn[n] && !is_leaving[n] && stream[n] == app_stream[n])

/* ---- node_calls.c: the thread of an application ---- */

inline app_step(n) {
	if
	:: app[n] == FRESH ->
		if
		:: !has_conn[n] -> conn_new(n); conn_dial(n, slot) /* rudpmsg_connect */
		:: has_conn[n] && HAS_ADDRESS(n) && !link[n] && !attempt[n] -> conn_dial(n, slot)
		:: else
		fi;
		app_stream[n] = stream[n];
		app[n] = (MESSAGES(n) -> SENDING : FINISHED)
	:: app[n] == SENDING -> /* rudpmsg_send */
		if
		:: !IS_ITS_CONN(n) -> app[n] = GONE
		:: IS_ITS_CONN(n) && last_id[n] - answered[n] >= QUEUE_MAX -> app[n] = SLEEPS_FOR_ROOM
		:: else ->
			last_id[n]++;
			if
			:: last_id[n] == MESSAGES(n) -> app[n] = WAITING
			:: else
			fi
		fi
	:: app[n] == WAITING -> /* rudpmsg_wait */
		if
		:: !IS_ITS_CONN(n) -> app[n] = GONE
		:: IS_ITS_CONN(n) && answered[n] >= last_id[n] -> app[n] = FINISHED
		:: else -> app[n] = SLEEPS_FOR_ANSWER
		fi
	fi
}

#define CAN_APP(n) (HAS_APP(n) && \
	(app[n] == SENDING || app[n] == WAITING || \
	 (app[n] == FRESH && (HAS_ADDRESS(n) -> CAN_DIAL : has_conn[n]))))

/* rudpmsg_hub_disconnect */
inline app_disconnect(n) {
	printf("%d disconnects\n", n);
	was_ended = 1;
	if
	:: link[n] -> slot = link[n] - 1; link[n] = 0; link_bye(n, slot, GOODBYE)
	:: else
	fi;
	conn_forget(n)
}

/* kill -9, and a new process. */
inline restart(n) {
	printf("%d is killed and started again\n", n);
	slot = 0;
	do
	:: slot < STREAMS ->
		if
		:: IS_OPEN(slot, n) -> broken[slot] = 1; link_end(n, slot)
		:: else
		fi;
		slot++
	:: else -> break
	od;
	clear_conn(n);
	sender_stream[n] = 0; sender_received[n] = 0;
	last_link[n] = 0;
	run_number[n]++;
	app[n] = FRESH; app_stream[n] = 0;
	slot = 0;
	do
	:: slot < INCARNATIONS -> delivered[TRUTH(PEER(n), slot)] = 0; slot++
	:: else -> break
	od
}

#define OPEN_IT 1
#define READ_IT 2
#define END_IT 3
#define TIME_IT 4
#define EACH(condition, what) \
	:: condition(0, me) -> what_now = what; s = 0 \
	:: condition(1, me) -> what_now = what; s = 1 \
	:: condition(STREAMS - 1, me) -> what_now = what; s = STREAMS - 1

proctype node(bit me) {
	byte s, slot, what_now, frame, id, verdict;
	bool has_link, is_link_ours, other_run, names_our_link, is_late, has_greeted, is_name_smaller;

end:	do
	:: atomic {
		if
		EACH(CAN_OPEN, OPEN_IT)
		EACH(CAN_READ, READ_IT)
		EACH(CAN_END, END_IT)
		EACH(CAN_TIME, TIME_IT)
		fi;
		if
		:: what_now == OPEN_IT -> link_greet(me, s)
		:: what_now == READ_IT -> on_frame(me, s)
		:: what_now == END_IT -> hub_on_ended(me, s)
		:: what_now == TIME_IT -> early--; link_on_time(me, s)
		fi;
		s = 0; slot = 0; what_now = 0
	   }
	/* rudpmsg_conn_on_retry: a timer stopped by what came meanwhile does not fire. */
	:: atomic { retry[me] == SOON && CAN_DIAL -> conn_dial(me, s); s = 0 }
	:: atomic { retry[me] == LATE && CAN_DIAL && timeout -> conn_dial(me, s); s = 0 }
	:: atomic { retry[me] == LATE && CAN_DIAL && early -> early--; conn_dial(me, s); s = 0 }
	/* The same with give_up_ns. */
	:: atomic { gives_up[me] && timeout -> conn_leave(me); slot = 0 }
	:: atomic { gives_up[me] && early -> early--; conn_leave(me); slot = 0 }
	/* rudpmsg_hub_write_next, rudpmsg_hub_on_written */
	:: atomic { CAN_SEND(me) ->
		position[me]++;
		sent_id[me] = position[me];
		if
		:: sent_ever[me] < sent_id[me] -> sent_ever[me] = sent_id[me]
		:: else
		fi;
		printf("%d writes message %d\n", me, position[me]);
		s = SLOT(me); put(me, s, MESSAGE, position[me]); s = 0 }
	:: atomic { CAN_ACK(me) ->
		acked_to_peer[me] = ACKNOWLEDGED(me);
		printf("%d writes ACK %d\n", me, acked_to_peer[me]);
		s = SLOT(me); put(me, s, ACK, acked_to_peer[me]); s = 0 }
#ifdef HANDLED
	/* rudpmsg_hub_done */
	:: atomic { waiting[me] > 0 ->
		inbox_done(me);
		if
		:: is_leaving[me] && INBOX_IS_EMPTY(me) -> conn_forget(me)
		:: else
		fi;
		slot = 0 }
#endif
	:: atomic { CAN_APP(me) -> app_step(me); slot = 0 }
	:: atomic { disconnects && has_conn[me] && app[me] != FRESH ->
		disconnects--; app_disconnect(me); slot = 0 }
	:: atomic { restarts && app[me] != FRESH -> restarts--; restart(me); slot = 0 }
	od
}

#define CAN_BREAK(s) (breaks && !IS_FREE(s) && !broken[s])
#define CAN_REPEAT(s) (repeats && h_run[s] && len(wire[END(s, PEER(dialer[s]))]) < FRAMES_MAX)

proctype network() {
	byte s;

end:	do
	:: atomic {
		if
		:: CAN_BREAK(0) -> s = 0
		:: CAN_BREAK(1) -> s = 1
		:: CAN_BREAK(STREAMS - 1) -> s = STREAMS - 1
		fi;
		printf("link %d of %d breaks\n", number[s], dialer[s]);
		broken[s] = 1; breaks--; s = 0 }
	/* The HANDSHAKE once more, on the same stream. */
	:: atomic {
		if
		:: CAN_REPEAT(0) -> s = 0
		:: CAN_REPEAT(1) -> s = 1
		:: CAN_REPEAT(STREAMS - 1) -> s = STREAMS - 1
		fi;
		printf("the HANDSHAKE of link %d of %d comes twice\n", number[s], dialer[s]);
		wire[END(s, PEER(dialer[s]))]!HANDSHAKE,0; repeats--; s = 0 }
	od
}

/* ---- what must be true at every end of all that can happen ---- */

#define IS_ASLEEP(n) (app[n] == SLEEPS_FOR_ROOM || app[n] == SLEEPS_FOR_ANSWER)
#define ONE_LINK (link[0] && link[0] == link[1] && state[END(SLOT(0), 0)] == READY && \
		  state[END(SLOT(0), 1)] == READY)
#define IS_DELIVERED(n) (!has_conn[n] || \
	(answered[n] == last_id[n] && reached[TRUTH(n, stream[n])] == last_id[n]))
#define TIMER_WAITS(n) ((retry[n] == LATE && CAN_DIAL) || gives_up[n])

proctype judge() {
end:	do
	:: atomic { timeout && !TIMER_WAITS(0) && !TIMER_WAITS(1) ->
		assert(!IS_ASLEEP(0) && !IS_ASLEEP(1)); /* no process is blocked for ever */
		assert(was_ended || ONE_LINK);
		assert(was_ended || (IS_DELIVERED(0) && IS_DELIVERED(1)));
		assert(was_ended || (app[0] != GONE && app[1] != GONE));
		break }
	od
}

init {
	atomic {
		run_number[0] = 1; run_number[1] = 1;
		run node(0);
		run node(1);
		run network();
		run judge()
	}
}

/* In any order of the steps, the end is reached. */
#ifdef LTL
ltl settles { <>[] (link[0] != 0 && link[0] == link[1] && app[0] == FINISHED && app[1] == FINISHED) }
#endif
