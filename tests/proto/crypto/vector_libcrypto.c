/* SPDX-License-Identifier: MIT */
#include "vector_backends.h"

#define rudp_aead_write_nonce vector_write_nonce
#define rudp_aead_libcrypto vector_libcrypto
#include "proto/crypto/aead_libcrypto.c"
