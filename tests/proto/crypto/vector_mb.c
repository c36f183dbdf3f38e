/* SPDX-License-Identifier: MIT */
#include "vector_backends.h"

#define rudp_aead_write_nonce vector_write_nonce
#define rudp_aead_mb_start vector_mb_start
#include "proto/crypto/aead_mb.c"
