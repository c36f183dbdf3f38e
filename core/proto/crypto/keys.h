/* SPDX-License-Identifier: MIT */
/*
 * keys - transport keys of one connection, and their update.
 *
 * Model     docs/protocol.md section 7. A key seals at most RUDP_KEY_PACKETS_MAX packets, then its
 *           owner derives the next by Noise's REKEY (revision 34 section 4.2) and flips the key
 *           phase bit; the peer follows when a packet of the other phase authenticates under the
 *           next key. The previous receive key stays for late packets until forgotten. An update is
 *           not begun before the one before it has been acknowledged. A fresh secret goes into one
 *           update by HKDF-Extract (RFC 5869 section 2.2), salted with what REKEY gives: the new key
 *           is secret if either of them is.
 * Source    RFC 9001 section 6 (mechanism), section 6.6 (limits: 2^23 packets for AES-GCM).
 */
#ifndef RUDP_PROTO_KEYS_H
#define RUDP_PROTO_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/time.h"
#include "proto/crypto/aead.h"
#include "proto/wire/verdict.h"

#define RUDP_KEY_PACKETS_MAX (UINT64_C(1) << 22)
/* An update is due here: what is left has room for the acknowledgement of the update before it, on which
 * it waits, and for what is sent until the peer has followed. */
#define RUDP_KEY_PACKETS_DUE (RUDP_KEY_PACKETS_MAX - RUDP_KEY_PACKETS_MAX / 8)
/* Long before that: who comes to know a key cannot read what earlier ones have sealed. Our choice. */
#define RUDP_KEY_DUE_NS (120 * RUDP_NS_PER_S)
#define RUDP_KEY_DUE_BYTES (UINT64_C(1) << 30)
/* Failed authentications under which a connection is given up (RFC 9001 section 6.6). */
#define RUDP_KEY_FORGERIES_MAX (UINT64_C(1) << 36)

struct rudp_keys {
	enum rudp_cipher cipher;
	struct rudp_aead send;             /* context NULL: asleep, only its bytes are there */
	struct rudp_aead receive;          /* likewise */
	struct rudp_aead receive_previous; /* context NULL: none */
	struct rudp_aead receive_next;     /* context NULL: not derived yet */
	uint8_t send_key[RUDP_KEY_BYTES];
	uint8_t receive_key[RUDP_KEY_BYTES];
	const uint8_t *fresh; /* the caller's; goes into the next keys of both directions. NULL: none */
	bool send_phase;
	bool receive_phase;
	uint64_t sent_under_key;        /* packets */
	uint64_t bytes_under_key;       /* of them, sealed */
	uint64_t first_sent_number;     /* first packet number sealed under the send key */
	uint64_t first_received_number; /* lowest packet number opened under the receive key */
	uint64_t forgeries;
	uint32_t updates; /* phase changes so far, each direction's counted */
	uint32_t exchanges; /* of them, those that a fresh secret went into, counted once for both */
};

/* Returns 0 or -ENOMEM. */
int rudp_keys_init(struct rudp_keys *keys, enum rudp_cipher cipher,
		   const uint8_t send_key[RUDP_KEY_BYTES],
		   const uint8_t receive_key[RUDP_KEY_BYTES]);
void rudp_keys_fini(struct rudp_keys *keys);

/*
 * For an idle connection: what the library holds for the keys, some kilobytes, is given back until the
 * next packet. Does nothing while late packets of the previous phase are still wanted. wake_to_send is
 * what seal asks for before it; open and update wake what they need. A direction costs one key schedule.
 *
 * Returns  of wake_to_send: 0 or -ENOMEM, still asleep.
 */
void rudp_keys_sleep(struct rudp_keys *keys);
int rudp_keys_wake_to_send(struct rudp_keys *keys);
/* In both directions. */
bool rudp_keys_are_asleep(const struct rudp_keys *keys);

/*
 * As rudp_aead_seal, with the packet number as counter; not while asleep for sending, nor when spent.
 * header carries rudp_keys' send_phase.
 */
size_t rudp_keys_seal(struct rudp_keys *keys, uint64_t number, const uint8_t *header,
		      size_t header_len, const struct iovec *in, int in_count, uint8_t *out);

/*
 * Opens a packet of either phase; a packet of the other phase that authenticates under the next key
 * moves both directions to it.
 *
 * Returns  OK; AUTH_FAILED if it does not authenticate (counted in forgeries), or if its key is
 *          forgotten (not counted); NO_MEMORY if there is none for the key, and in is as it was. But
 *          for OK nothing has changed.
 */
enum rudp_verdict rudp_keys_open(struct rudp_keys *keys, uint64_t number, bool key_phase,
				 const uint8_t *header, size_t header_len, const uint8_t *in,
				 size_t len, uint8_t *out);

/*
 * The send key, age_ns old, has had its time or is near its limit, and largest_acked_number
 * (UINT64_MAX: none yet) shows that the last update has arrived.
 */
bool rudp_keys_update_due(const struct rudp_keys *keys, int64_t age_ns,
			  uint64_t largest_acked_number);

/* The send key has sealed all that it may: nothing can be said any more. */
bool rudp_keys_is_spent(const struct rudp_keys *keys);

/*
 * Begins an update of our own; next_number is the next packet number to be sealed.
 *
 * Returns  0, -ENOMEM, or -EAGAIN (the peer has not followed the one before); on error nothing has
 *          changed.
 */
int rudp_keys_update(struct rudp_keys *keys, uint64_t next_number);

/* The peer has not followed our update yet. */
bool rudp_keys_is_unanswered(const struct rudp_keys *keys);
/* It has, and late packets of the previous phase are no longer wanted either. */
bool rudp_keys_are_settled(const struct rudp_keys *keys);

/*
 * A secret that both sides have, of an exchange: the next key of each direction comes from it and the
 * present key. Not while an update is unanswered, and both sides before either of them moves on.
 * It stays the caller's, and is used until the peer has followed: keys->fresh is NULL again then.
 */
void rudp_keys_mix(struct rudp_keys *keys, const uint8_t secret[RUDP_KEY_BYTES]);

/* Late packets of the previous phase are no longer wanted (three PTO after the change). */
void rudp_keys_forget_previous(struct rudp_keys *keys);

#endif
