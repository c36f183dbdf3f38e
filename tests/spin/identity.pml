/* SPDX-License-Identifier: MIT */
/*
 * identity - who is at the other end: the handshakes with static keys, first contact, resumption, early
 * data, revocation, and a network that belongs to the attacker (docs/protocol.md sections 6.1, 6.7,
 * 6.8, 16). Each inline names the function that it follows. tests/spin/check.sh says with which scopes
 * it is verified, and which property each rule protects: without the rule (WITHOUT_...) Spin must find
 * a violation of that property.
 *
 * Network    It is the model of Dolev and Yao. It sees every message ever sent and delivers it to
 *            whom it likes, as often and as late as it likes, or never. It makes messages of its own
 *            from all that it knows: its ephemeral and static key, the pre-shared key (it is one of
 *            the holders), each private key that leaked, each secret that follows from these.
 * Terms      A handshake is described by what goes into its keys and its hash: pattern, source id,
 *            ephemeral keys, static keys. A message opens if both sides have the same of each. The
 *            result of X25519 is known to the network if it knows one of the two private keys.
 *            Encryption, hashes and X25519 are perfect.
 * Parties    A and B, each with one static key, which call and listen, and the network, which has a
 *            static key too and is a lawful peer under it. So a party may call the network.
 * Time       Everything comes in any order. A connection may end at any moment.
 * Left out   Resumption with DH and the replacement of an association by it; lifetimes and eviction
 *            of associations; cookies; loss of a listener's memory (section 16 says what it costs).
 *
 * Properties, by the names that a violation shows:
 *   confused_peers             a side believes in a peer that is not the other end of its connection,
 *                              or that does not believe the same of the connection
 *   reflected                  a caller is connected to its own listener, though it believes in
 *                              another peer
 *   accepted_after_revocation  a program gets a connection with a revoked peer, or early data is sent
 *                              to one
 *   early_data_twice           a listener's program gets the same first bytes twice
 *   session_key_known          the network learns the key of a connection whose peer was honest when
 *                              it was made
 */

#ifndef CALLS
#define CALLS 2     /* connections that are opened */
#endif
#ifndef SLOTS
#define SLOTS 3     /* connections of listeners */
#endif
#ifndef CALLERS
#define CALLERS 1   /* bits: A, B */
#endif
#ifndef LISTENERS
#define LISTENERS 2 /* bits: A, B */
#endif
#ifndef KINDS
#define KINDS 30    /* bits: see the patterns below */
#endif
#ifndef LAWFUL
#define LAWFUL 0    /* parties call the network, too */
#endif
#ifndef RESUME
#define RESUME 0    /* associations are made and used */
#endif
#ifndef EARLY
#define EARLY 0     /* early data is sent */
#endif
#ifndef REVOKES
#define REVOKES 0   /* how many keys are revoked */
#endif
#ifndef LEAKS
#define LEAKS 0     /* how many private keys leak */
#endif

/* Patterns, and their bits in KINDS. RES: under an association. */
#define NN 0
#define NK 1
#define IK 2
#define NX 3
#define XX 4
#define RES 5
#define TO_KEY(kind) ((kind) == NK || (kind) == IK)
#define ASK_KEY(kind) ((kind) == NX || (kind) == XX)
#define OWN_KEY(kind) ((kind) == IK || (kind) == XX)
#define IS_ALLOWED(kind) ((KINDS >> (kind)) & 1)

/* Static keys: of nobody, of the party p, of the network. */
#define NOBODY 0
#define KEY(p) ((p) + 1)
#define KEY_NET 3

/* Ephemeral keys and source ids: of the call or slot of that number, or of the network. */
#define NET 7
/* Secrets of associations: of the handshake at slot s, or one that a caller made with the network. */
#define SECRET(s) ((s) + 1)
#define SECRET_NET 8
#define G_OF(secret) ((secret) == 0 || (secret) > SLOTS -> 0 : (secret) - 1) /* its slot */

/* ---- calls: the initiator's side of a connection ---- */
#define IDLE 0
#define SYN_SENT 1
#define UP 2
#define FAILED 3
byte calls;
byte i_state[CALLS], i_who[CALLS], i_kind[CALLS], i_full[CALLS], i_want[CALLS];
bool i_sent_full[CALLS], i_sent_resumed[CALLS]; /* the network has that SYN */
byte i_secret[CALLS], i_counter[CALLS];         /* of the resumed SYN */
bool i_early[CALLS], i_spent[CALLS];            /* it has early data; the full SYN says so */
byte i_peer[CALLS], i_share[CALLS];             /* what the SYNACK has shown */
bool i_own[CALLS];                              /* what the peer knows: the own key is proven */
bool i_taken[CALLS];                            /* early data is accepted */
bool i_is_safe[CALLS];                          /* the peer's private key was secret then */

/* ---- slots: the listener's side of a connection ---- */
#define SYN_RCVD 1
#define ESTABLISHED 2
#define GONE 3
byte slots;
byte l_state[SLOTS], l_who[SLOTS], l_kind[SLOTS], l_share[SLOTS], l_id[SLOTS], l_peer[SLOTS];
byte l_secret[SLOTS], l_counter[SLOTS];
bool l_is_forged[SLOTS]; /* the network made the SYN */
bool l_early[SLOTS], l_awaits[SLOTS], l_is_queued[SLOTS], l_is_accepted[SLOTS];
byte l_data[SLOTS]; /* the call whose first bytes have arrived, plus one */

/* ---- associations: one of each caller; one of each slot, with the counters that are used ---- */
byte t_secret[2], t_peer[2], t_counter[2];
bool t_own[2], t_is_known[2];
bool g_is_kept[SLOTS];
byte g_used[SLOTS];

/* ---- what happens to keys ---- */
byte revoked[2]; /* by that party; bits of keys */
byte leaked;
byte revokes = REVOKES, leaks = LEAKS;
byte delivered[CALLS]; /* how often a program got the first bytes of that call */

bool confused_peers, reflected, accepted_after_revocation, early_data_twice, session_key_known;

#define IS_REVOKED(p, key) ((revoked[p] >> (key)) & 1)
/* What the network knows. */
#define HAS_PRIVATE(key) ((key) == KEY_NET || ((leaked >> (key)) & 1))
#define HAS_SECRET(secret) ((secret) == SECRET_NET || \
	((secret) != 0 && l_share[G_OF(secret)] == NET))

/* Rules that the patterns state: which results of X25519 are in the keys. */
#ifdef WITHOUT_EE
#define KNOWS_EE(share) true
#else
#define KNOWS_EE(share) ((share) == NET)
#endif
#ifdef WITHOUT_ES
#define KNOWS_ES(key) true
#else
#define KNOWS_ES(key) HAS_PRIVATE(key)
#endif
/* The initiator's keys depend on the listener's static key that it knows beforehand. */
#ifdef WITHOUT_KNOWN_KEY
#define IS_FOR(want, p) true
#else
#define IS_FOR(want, p) ((want) == KEY(p))
#endif
#ifdef WITHOUT_SE
#define KNOWS_SE(key, share) true
#else
#define KNOWS_SE(key, share) (HAS_PRIVATE(key) || (share) == NET)
#endif
#define KNOWS_SS(key, other) (HAS_PRIVATE(key) || HAS_PRIVATE(other))
/* The hash of the handshake covers pattern, prologue and all messages. */
#ifdef WITHOUT_TRANSCRIPT
#define IS_SAME(x, y) true
#else
#define IS_SAME(x, y) ((x) == (y))
#endif

/* The network can compute the keys of a caller's connection: share is the other side's. */
#define KNOWS_CALLERS_KEY(i, share, peer) \
	(i_kind[i] == RES -> HAS_SECRET(i_secret[i]) : \
	 KNOWS_EE(share) && (i_kind[i] == NN || KNOWS_ES(peer)) && \
	 (i_kind[i] != IK || (KNOWS_SS(KEY(i_who[i]), peer) && KNOWS_SE(KEY(i_who[i]), share))))
/* The same for a listener's. The private ephemeral key of the slot is the listener's alone. */
#define KNOWS_LISTENERS_KEY(l) \
	(l_kind[l] == RES -> HAS_SECRET(l_secret[l]) : \
	 l_share[l] == NET && (l_kind[l] != IK || KNOWS_SE(l_peer[l], l)))

/* ---- properties ---- */

inline check_session_keys() {
	n = 0;
	do
	:: n < calls ->
		if
		:: i_state[n] == UP && i_is_safe[n] && KNOWS_CALLERS_KEY(n, i_share[n], i_peer[n]) ->
			session_key_known = true
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0;
	assert(!session_key_known)
}

/* A caller's program gets the connection. */
inline check_caller(i) {
	if
	:: i_share[i] != NET && l_who[i_share[i]] == i_who[i] && i_peer[i] != KEY(i_who[i]) ->
		reflected = true
	:: else
	fi;
	assert(!reflected);
	if
	:: i_full[i] != NN && i_peer[i] == NOBODY -> confused_peers = true
	:: i_want[i] != NOBODY && i_peer[i] != i_want[i] -> confused_peers = true
	:: i_peer[i] != NOBODY && !HAS_PRIVATE(i_peer[i]) ->
		/* That peer has a connection with the same handshake, and believes the same. */
		if
		:: i_share[i] == NET -> confused_peers = true
		:: else ->
			confused_peers = i_peer[i] != KEY(l_who[i_share[i]]) ||
				i_kind[i] != l_kind[i_share[i]] || l_id[i_share[i]] != i ||
				(l_peer[i_share[i]] != NOBODY &&
				 l_peer[i_share[i]] != KEY(i_who[i])) ||
				(i_own[i] && l_kind[i_share[i]] != XX &&
				 l_peer[i_share[i]] != KEY(i_who[i]))
		fi
	:: else
	fi;
	assert(!confused_peers);
	accepted_after_revocation = IS_REVOKED(i_who[i], i_peer[i]);
	assert(!accepted_after_revocation);
	i_is_safe[i] = i_peer[i] != NOBODY && !HAS_PRIVATE(i_peer[i]);
	check_session_keys()
}

/* A listener's program gets the connection. */
inline check_listener(l) {
	if
	:: l_kind[l] == XX && l_peer[l] == NOBODY -> confused_peers = true
	:: l_peer[l] != NOBODY && !HAS_PRIVATE(l_peer[l]) && !l_early[l] ->
		confused_peers = true;
		n = 0;
		do
		:: n < calls ->
			if
			:: i_state[n] == UP && i_who[n] == l_peer[l] - 1 && i_share[n] == l &&
			   i_kind[n] == l_kind[l] && i_peer[n] == KEY(l_who[l]) ->
				confused_peers = false
			:: else
			fi;
			n++
		:: else -> break
		od;
		n = 0
	:: else
	fi;
	assert(!confused_peers);
	accepted_after_revocation = IS_REVOKED(l_who[l], l_peer[l]);
	assert(!accepted_after_revocation);
	if
	:: l_data[l] != 0 ->
		delivered[l_data[l] - 1]++;
		early_data_twice = delivered[l_data[l] - 1] > 1
	:: else
	fi;
	assert(!early_data_twice)
}

/* ---- conn_connect.c, conn_resume.c ---- */

/* has_proven_enough: what a full handshake would prove */
#ifdef WITHOUT_PROVEN_ENOUGH
#define HAS_PROVEN_ENOUGH(p, kind, want) (t_secret[p] != 0)
#else
#define HAS_PROVEN_ENOUGH(p, kind, want) (t_secret[p] != 0 && \
	t_own[p] == OWN_KEY(kind) && (t_peer[p] != NOBODY) == ((kind) != NN) && \
	((want) == NOBODY || t_peer[p] == (want)))
#endif
#ifdef WITHOUT_KNOWN
#define IS_KNOWN(p) true
#else
#define IS_KNOWN(p) t_is_known[p]
#endif

/* rudp_conn_resume_begin */
inline resume_begin(i, p) {
	i_kind[i] = RES;
	i_secret[i] = t_secret[p];
	i_counter[i] = t_counter[p];
	t_counter[p]++;
	i_peer[i] = t_peer[p];
	i_own[i] = t_own[p];
	i_early[i] = EARLY && IS_KNOWN(p);
	i_sent_resumed[i] = true;
	if
	:: i_early[i] && IS_REVOKED(p, i_peer[i]) -> accepted_after_revocation = true
	:: else
	fi;
	assert(!accepted_after_revocation)
}

/* noise_begin */
inline noise_begin(i) {
	i_kind[i] = i_full[i];
	i_own[i] = OWN_KEY(i_full[i]);
	i_peer[i] = i_want[i];
	i_sent_full[i] = true
}

/* rudp_conn_handshake_begin. The pattern follows from the configuration. */
inline handshake_begin(i, p, kind, want) {
	i_state[i] = SYN_SENT;
	i_who[i] = p;
	i_full[i] = kind;
	i_want[i] = want;
	printf("call %d of %d: pattern %d to key %d\n", i, p, kind, want);
	if
	:: want != KEY_NET && HAS_PROVEN_ENOUGH(p, kind, want) -> resume_begin(i, p)
	:: else -> noise_begin(i)
	fi
}

/* rudp_conn_on_synack, once the SYNACK has authenticated */
inline on_synack(i, share, peer, is_taken) {
	printf("call %d is answered: share %d, key %d\n", i, share, peer);
	i_share[i] = share;
	if
	:: i_kind[i] != RES -> i_peer[i] = peer
	:: else
	fi;
	i_taken[i] = is_taken;
	if
	:: IS_REVOKED(i_who[i], i_peer[i]) -> i_state[i] = FAILED /* rudp_conn_is_authorized */
	:: else ->
		i_state[i] = UP;
		if
		:: RESUME && i_kind[i] != RES && i_want[i] != KEY_NET -> /* rudp_conn_take_offer */
			t_secret[i_who[i]] = (share == NET -> SECRET_NET : SECRET(share));
			t_peer[i_who[i]] = i_peer[i];
			t_own[i_who[i]] = i_own[i];
			t_counter[i_who[i]] = 0;
			t_is_known[i_who[i]] = false
		:: else
		fi;
		check_caller(i)
	fi
}

/* rudp_conn_on_refuse, and the time-out of a resumed SYN: anybody can bring them about. */
inline on_refuse(i) {
	printf("call %d is refused\n", i);
	if
	:: i_kind[i] == RES -> /* restart_with_noise */
		if
		:: t_secret[i_who[i]] == i_secret[i] -> t_secret[i_who[i]] = 0; t_peer[i_who[i]] = 0;
			t_counter[i_who[i]] = 0; t_own[i_who[i]] = 0; t_is_known[i_who[i]] = 0
		:: else
		fi;
		i_spent[i] = i_early[i];
		noise_begin(i)
#ifdef WITHOUT_REFUSAL_RULE
	:: i_kind[i] != NN && i_kind[i] != RES -> /* a weaker handshake than configured */
		i_kind[i] = NN;
		i_peer[i] = NOBODY;
		i_own[i] = false
#endif
	:: else -> i_state[i] = FAILED
	fi
}

/* ---- endpoint_listen.c, conn_answer.c ---- */

#define IS_LIVE(l) (l_state[l] == SYN_RCVD || l_state[l] == ESTABLISHED)

/* by_syn: a copy of the SYN of a connection that exists. x: share, or secret and counter. */
inline find_syn(p, kind, id, share, secret, counter) {
	n = 0;
	is_found = false;
	do
	:: n < slots ->
		if
		:: IS_LIVE(n) && l_who[n] == p && l_id[n] == id && (l_kind[n] == RES) == (kind == RES) &&
		   (kind == RES -> (l_secret[n] == secret && l_counter[n] == counter) :
				    l_share[n] == share) -> is_found = true
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0
}

/* A connection of the same source id and, if the network likes, address. */
inline find_peer_id(p, id, only_early) {
	n = 0;
	is_found = false;
	do
	:: n < slots ->
		if
		:: IS_LIVE(n) && l_who[n] == p && l_id[n] == id &&
		   (!(only_early) || (l_early[n] && l_state[n] == SYN_RCVD)) -> is_found = true
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0
}

#define IS_GIVEN(p, secret) ((secret) != 0 && (secret) <= SLOTS && g_is_kept[G_OF(secret)] && \
			     l_who[G_OF(secret)] == (p))
#ifdef WITHOUT_COUNTER
#define IS_USED(secret, counter) false
#else
#define IS_USED(secret, counter) ((g_used[G_OF(secret)] >> (counter)) & 1)
#endif
#ifdef WITHOUT_AUTHORIZATION
#define MAY_SHOW(p, key) true
#else
#define MAY_SHOW(p, key) (!IS_REVOKED(p, key))
#endif

inline mark_used(secret, counter) {
	g_used[G_OF(secret)] = g_used[G_OF(secret)] | (1 << (counter))
}

/* admit */
inline admit(p, kind, share, id, peer, secret, counter, is_forged) {
	printf("slot %d of %d: pattern %d, id %d, key %d\n", slots, p, kind, id, peer);
	l_state[slots] = SYN_RCVD;
	l_who[slots] = p;
	l_kind[slots] = kind;
	l_share[slots] = share;
	l_id[slots] = id;
	l_peer[slots] = peer;
	l_secret[slots] = secret;
	l_counter[slots] = counter;
	l_is_forged[slots] = is_forged;
	l_awaits[slots] = kind == XX;
	slots++
}

/* admit_resumed; from: the call that made the SYN, or NET */
inline on_resumed_syn(p, id, from, secret, counter, has_early) {
	find_syn(p, RES, id, 0, secret, counter);
	if
	:: !is_found && IS_GIVEN(p, secret) && !IS_USED(secret, counter) &&
	   MAY_SHOW(p, l_peer[G_OF(secret)]) ->
		find_peer_id(p, id, false);
		if
		:: is_found && !is_elsewhere
		:: else ->
			mark_used(secret, counter);
			admit(p, RES, from, id, l_peer[G_OF(secret)], secret, counter, from == NET);
			if
			:: has_early -> /* take_early: the program may accept and read now */
				l_early[slots - 1] = true;
				l_is_queued[slots - 1] = true;
				l_data[slots - 1] = (from == NET -> 0 : from + 1)
			:: else
			fi
		fi
	:: else /* refused: see on_refuse */
	fi;
	is_found = false
}

/* rudp_endpoint_spend. is_found: the SYN is refused with EARLY_TAKEN. */
inline spend(p, secret, counter) {
	is_found = false;
#ifndef WITHOUT_SPENT
	if
	:: IS_GIVEN(p, secret) && IS_USED(secret, counter) -> is_found = true
	:: IS_GIVEN(p, secret) && !IS_USED(secret, counter) -> mark_used(secret, counter)
	:: else
	fi
#endif
}

/* refuse_second_attempt, for the connection of that source id that waits with early data */
inline refuse_second_attempt(p, id) {
	n = 0;
	do
	:: n < slots ->
		if
		:: IS_LIVE(n) && l_who[n] == p && l_id[n] == id && l_early[n] &&
		   l_state[n] == SYN_RCVD -> l_state[n] = GONE; l_is_queued[n] = false
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0
}

/* on_new_syn with Noise; has_spent: secret and counter of the SYN that this one replaces */
inline on_noise_syn(p, kind, share, id, peer, has_spent, secret, counter, is_forged) {
	find_syn(p, kind, id, share, 0, 0);
	if
	:: !is_found && MAY_SHOW(p, peer) ->
		if
		:: has_spent -> spend(p, secret, counter)
		:: else
		fi;
#ifndef WITHOUT_SPENT
		if
		:: !is_found && !is_elsewhere -> find_peer_id(p, id, true)
		:: else
		fi;
#endif
		if
		:: is_found -> refuse_second_attempt(p, id)
		:: else -> admit(p, kind, share, id, peer, 0, 0, is_forged)
		fi
	:: else
	fi;
	is_found = false
}

/* rudp_conn_on_authenticated: the association is kept, the connection waits for accept(). */
inline on_authenticated(l) {
	if
	:: RESUME && l_kind[l] != RES -> g_is_kept[l] = true
	:: else
	fi;
	if
	:: !l_early[l] -> l_is_queued[l] = true
	:: else
	fi
}

/* An authentic DATA packet; from: the call that sent it, or NET. */
inline on_data(l, from) {
	if
	:: from != NET && !l_early[l] -> l_data[l] = from + 1
	:: else
	fi;
	if
	:: l_state[l] == SYN_RCVD ->
		l_state[l] = ESTABLISHED;
		if
#ifndef WITHOUT_AWAITING
		:: l_awaits[l]
#endif
		:: else -> on_authenticated(l)
		fi
	:: else
	fi
}

/* rudp_conn_on_identity, once the proof has authenticated */
inline on_identity(l, key) {
	printf("slot %d is shown key %d\n", l, key);
	l_awaits[l] = false;
	l_peer[l] = key;
#ifndef WITHOUT_AUTHORIZATION_OF_XX
	if
	:: IS_REVOKED(l_who[l], key) -> l_state[l] = GONE /* reject */
	:: else -> on_authenticated(l)
	fi
#else
	on_authenticated(l)
#endif
}

/* The configuration changes: rudp_endpoint_withdraw_rights. */
inline revoke(p, key) {
	printf("%d revokes key %d\n", p, key);
	revoked[p] = revoked[p] | (1 << key);
	n = 0;
	do
	:: n < slots ->
		if
		:: l_who[n] == p && l_peer[n] == key ->
#ifndef WITHOUT_END_OF_ASSOCIATIONS
			g_is_kept[n] = false;
#endif
#ifndef WITHOUT_END_OF_WAITING
			if
			:: IS_LIVE(n) && !l_is_accepted[n] ->
				l_state[n] = GONE; l_is_queued[n] = false
			:: else
			fi;
#endif
			skip
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0;
#ifndef WITHOUT_END_OF_ASSOCIATIONS
	if
	:: t_peer[p] == key -> t_secret[p] = 0; t_peer[p] = 0; t_counter[p] = 0; t_own[p] = 0;
		t_is_known[p] = 0
	:: else
	fi
#endif
}

/* ---- what the network can bring about ---- */

#define PICK(x, max) x = 0; do :: x < (max) - 1 -> x++ :: break od

/* A listener that can answer. */
#define CAN_ANSWER(p) (slots < SLOTS && ((LISTENERS >> (p)) & 1))

/* It delivers, once more or for the first time, a SYN that a call has made. */
inline deliver_syn() {
	if
	:: i_sent_resumed[i] ->
		on_resumed_syn(p, i, i, i_secret[i], i_counter[i], i_early[i])
	:: i_sent_full[i] && (!TO_KEY(i_full[i]) || IS_FOR(i_want[i], p)) ->
		a_key = (i_full[i] == IK -> KEY(i_who[i]) : NOBODY);
		on_noise_syn(p, i_full[i], i, i, a_key, i_spent[i], i_secret[i], i_counter[i],
			     false);
		a_key = 0
#ifdef WITHOUT_REFUSAL_RULE
	:: i_kind[i] == NN && i_full[i] != NN ->
		on_noise_syn(p, NN, i, i, NOBODY, false, 0, 0, false)
#endif
	:: else
	fi
}

/*
 * It makes one. Without X25519 in the message the ephemeral key may be any that it has seen, and so
 * may the source id always.
 */
inline forge_syn() {
	PICK(a_kind, 5);
	a_share = (i == CALLS -> NET : i);
	if
	:: !IS_ALLOWED(a_kind)
	:: IS_ALLOWED(a_kind) && i < CALLS && !i_sent_full[i]
	:: IS_ALLOWED(a_kind) && !TO_KEY(a_kind) && (i == CALLS || i_sent_full[i]) ->
		on_noise_syn(p, a_kind, a_share, a_share, NOBODY, false, 0, 0, true)
	:: IS_ALLOWED(a_kind) && a_kind == NK && i == CALLS ->
		on_noise_syn(p, a_kind, NET, NET, NOBODY, false, 0, 0, true)
	:: IS_ALLOWED(a_kind) && a_kind == IK && i == CALLS ->
		PICK(a_key, 3);
		a_key++;
		if
		:: KNOWS_SS(a_key, KEY(p)) -> on_noise_syn(p, a_kind, NET, NET, a_key, false, 0, 0, true)
		:: else
		fi
	:: else
	fi;
	a_kind = 0; a_share = 0; a_key = 0
}

/* Under an association of its own; and again, after that connection. */
inline forge_resumed_syn() {
	PICK(n, SLOTS);
	a_key = SECRET(n);
	n = 0;
	if
	:: IS_GIVEN(p, a_key) && HAS_SECRET(a_key) ->
		on_resumed_syn(p, NET, NET, a_key, 0, EARLY)
	:: else
	fi;
	a_key = 0
}

/* The SYNACK of a slot opens for a call with the same handshake. */
#define OPENS_SYNACK(i, l) (i_state[i] == SYN_SENT && l_state[l] != 0 && l_share[l] == (i) && \
	((i_kind[i] == RES) == (l_kind[l] == RES)) && \
	IS_SAME(i_kind[i], l_kind[l]) && IS_SAME(i, l_id[l]) && IS_SAME(l_is_forged[l], false) && \
	(i_kind[i] != RES || (i_secret[i] == l_secret[l] && i_counter[i] == l_counter[l])) && \
	(!TO_KEY(i_kind[i]) || IS_FOR(i_want[i], l_who[l])))

inline deliver_synack() {
	if
	:: OPENS_SYNACK(i, l) ->
		a_key = (i_kind[i] == NN -> NOBODY :
		       (TO_KEY(i_kind[i]) -> i_want[i] : KEY(l_who[l])));
		on_synack(i, l, a_key, l_early[l]);
		a_key = 0
	:: else
	fi
}

inline forge_synack() {
	PICK(a_key, 3);
	a_key++;
	if
	:: i_kind[i] == RES && HAS_SECRET(i_secret[i]) -> on_synack(i, NET, NOBODY, i_early[i])
	:: i_kind[i] == NN -> on_synack(i, NET, NOBODY, false)
	:: i_kind[i] != RES && i_kind[i] != NN && (!TO_KEY(i_kind[i]) || a_key == i_want[i]) &&
	   KNOWS_ES(a_key) && (i_kind[i] != IK || KNOWS_SS(KEY(i_who[i]), a_key)) ->
		on_synack(i, NET, a_key, false)
	:: else
	fi;
	a_key = 0
}

/*
 * A packet of the call opens for the slot; with or without IDENTITY: the network may withhold a
 * packet.
 */
#define TAKES_DATA(l) (l_state[l] == SYN_RCVD || (l_state[l] == ESTABLISHED && l_awaits[l]))

inline deliver_data() {
	if
	:: i_state[i] == UP && i_share[i] == l && l_share[l] == i && TAKES_DATA(l) ->
		on_data(l, (i_taken[i] -> NET : i));
		if
		:: i_kind[i] == XX && l_awaits[l] -> on_identity(l, KEY(i_who[i]))
		:: true
		fi
	:: else
	fi
}

inline forge_data() {
	if
	:: TAKES_DATA(l) && KNOWS_LISTENERS_KEY(l) ->
		on_data(l, NET);
		PICK(a_key, 3);
		a_key++;
		if
		:: l_state[l] == ESTABLISHED && l_awaits[l] && KNOWS_SE(a_key, l) -> on_identity(l, a_key)
		:: true
		fi
	:: else
	fi;
	a_key = 0
}

/* rudp_conn_prove_offer: the listener acknowledges a DATA packet of the call, in XX that with IDENTITY. */
#ifdef WITHOUT_IDENTITY_ACKNOWLEDGED
#define HAS_ACKNOWLEDGED(l) (l_state[l] == ESTABLISHED)
#else
#define HAS_ACKNOWLEDGED(l) (l_state[l] == ESTABLISHED && !l_awaits[l])
#endif

inline deliver_ack() {
	if
	:: i_state[i] == UP && i_kind[i] != RES && t_secret[i_who[i]] != 0 &&
	   ((i_share[i] != NET && HAS_ACKNOWLEDGED(i_share[i]) &&
	     t_secret[i_who[i]] == SECRET(i_share[i])) ||
	    (i_share[i] == NET && t_secret[i_who[i]] == SECRET_NET)) ->
		t_is_known[i_who[i]] = true
	:: else
	fi
}

inline open_call() {
	PICK(a_kind, 5);
	if
	:: !IS_ALLOWED(a_kind) || !((CALLERS >> p) & 1)
	:: IS_ALLOWED(a_kind) && ((CALLERS >> p) & 1) ->
		calls++;
		if
		:: TO_KEY(a_kind) -> handshake_begin(calls - 1, p, a_kind, KEY(1 - p))
		:: TO_KEY(a_kind) && LAWFUL -> handshake_begin(calls - 1, p, a_kind, KEY_NET)
		:: !TO_KEY(a_kind) -> handshake_begin(calls - 1, p, a_kind, NOBODY)
		fi
	fi;
	a_kind = 0
}

proctype world() {
	byte i, l, p, n, a_kind, a_key, a_share;
	bool is_found, is_elsewhere;

end:	do
	:: atomic { calls < CALLS -> PICK(p, 2); open_call(); p = 0 }
	:: atomic { calls > 0 && (CAN_ANSWER(0) || CAN_ANSWER(1)) ->
		PICK(p, 2); PICK(i, CALLS);
		if :: is_elsewhere = true :: is_elsewhere = false fi;
		if :: CAN_ANSWER(p) -> deliver_syn() :: else fi;
		p = 0; i = 0; is_elsewhere = false }
	:: atomic { CAN_ANSWER(0) || CAN_ANSWER(1) ->
		PICK(p, 2); PICK(i, CALLS + 1);
		is_elsewhere = true;
		if :: CAN_ANSWER(p) -> forge_syn() :: else fi;
		p = 0; i = 0; is_elsewhere = false }
	:: atomic { RESUME && (CAN_ANSWER(0) || CAN_ANSWER(1)) ->
		PICK(p, 2);
		is_elsewhere = true;
		if :: CAN_ANSWER(p) -> forge_resumed_syn() :: else fi;
		p = 0; is_elsewhere = false }
	:: atomic { slots > 0 -> PICK(i, CALLS); PICK(l, SLOTS); deliver_synack(); i = 0; l = 0 }
	:: atomic { calls > 0 -> PICK(i, CALLS);
		if :: i_state[i] == SYN_SENT -> forge_synack() :: else fi; i = 0 }
	:: atomic { calls > 0 -> PICK(i, CALLS);
		if :: i_state[i] == SYN_SENT -> on_refuse(i) :: else fi; i = 0 }
	:: atomic { slots > 0 -> PICK(i, CALLS); PICK(l, SLOTS); deliver_data(); i = 0; l = 0 }
	:: atomic { slots > 0 -> PICK(l, SLOTS); forge_data(); l = 0 }
	:: atomic { RESUME && calls > 0 -> PICK(i, CALLS); deliver_ack(); i = 0 }
	/* rudp_listener_accept */
	:: atomic { slots > 0 -> PICK(l, SLOTS);
		if
		:: l_is_queued[l] ->
			l_is_queued[l] = false;
			l_is_accepted[l] = true;
			check_listener(l)
		:: else
		fi; l = 0 }
	/* A connection ends: a program closes it, a time-out, the network. */
	:: atomic { RESUME && slots > 0 -> PICK(l, SLOTS);
		if
		:: IS_LIVE(l) && !l_is_queued[l] -> l_state[l] = GONE
		:: else
		fi; l = 0 }
	:: atomic { revokes -> PICK(p, 2); revokes--; revoke(p, KEY(1 - p)); p = 0 }
	:: atomic { leaks -> PICK(p, 2); leaks--;
		printf("the private key of %d leaks\n", p);
		leaked = leaked | (1 << KEY(p)); check_session_keys(); p = 0 }
	od
}

init { run world() }
