/* SPDX-License-Identifier: MIT */
/*
 * noise_vectors - published handshakes of NN and NNpsk0, with the transport messages after the
 * split.
 *
 * Source  the test vectors of cacophony (Unlicense), those for 25519 and SHA256. All numbers are
 *         hex. Messages alternate, the initiator's first; both ends have the same prologue and psk.
 */
#ifndef RUDP_TESTS_NOISE_VECTORS_H
#define RUDP_TESTS_NOISE_VECTORS_H

#include "proto/crypto/noise.h"

#define NOISE_VECTOR_MESSAGES 6

struct noise_vector {
	const char *name;
	enum rudp_noise_pattern pattern;
	enum rudp_cipher cipher;
	const char *psk; /* NULL: without psk0 */
	const char *prologue;
	const char *initiator_ephemeral;
	const char *responder_ephemeral;
	const char *initiator_static; /* NULL: the pattern has none */
	const char *responder_static;
	const char *handshake_hash; /* NULL: not published */
	struct {
		const char *payload;
		const char *ciphertext;
	} messages[NOISE_VECTOR_MESSAGES];
};

static const struct noise_vector noise_vectors[] = {
	{
		.name = "Noise_NN_25519_AESGCM_SHA256",
		.pattern = RUDP_NOISE_NN,
		.cipher = RUDP_CIPHER_AES_256_GCM,
		.psk = NULL,
		.prologue = "4a6f686e2047616c74",
		.initiator_ephemeral =
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
		.responder_ephemeral =
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
		.handshake_hash =
			"6301958d25cd7d1ffe6ad7d0ca2ad284b4e478d9acd9198f7750432d225043d0",
		.messages =
			{
				{"4c756477696720766f6e204d69736573",
				 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
				 "4c756477696720766f6e204d69736573"},
				{"4d757272617920526f746862617264",
				 "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				 "934ff73eebb9d930ebf62b8e4db8133ca936872b5551efd7c9989c646d8cf0"},
				{"462e20412e20486179656b",
				 "8d372b94914e80018211a344b8b1c5a2869492a0db46990c0362f3"},
				{"4361726c204d656e676572",
				 "e183b0abd55550f9955fb05476d988c6f27628d7bbde111c39ccbc"},
				{"4a65616e2d426170746973746520536179",
				 "167293a79ad6a647114c4f4eb55bdf713a0d44ae48765c07fc4e577431008250"
				 "21"},
				{"457567656e2042f6686d20766f6e2042617765726b",
				 "2b67a18ae246069c51687bee89141041d9d35a821f852975d169a4f80f75c735"
				 "807a1fd157"},
			},
	},
	{
		.name = "Noise_NN_25519_ChaChaPoly_SHA256",
		.pattern = RUDP_NOISE_NN,
		.cipher = RUDP_CIPHER_CHACHA20_POLY1305,
		.psk = NULL,
		.prologue = "4a6f686e2047616c74",
		.initiator_ephemeral =
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
		.responder_ephemeral =
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
		.handshake_hash =
			"9223fec1b892ec9d0dc2fb3bbeb261f170d1ea679f9c44ccf34aa131b4f5d97e",
		.messages =
			{
				{"4c756477696720766f6e204d69736573",
				 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
				 "4c756477696720766f6e204d69736573"},
				{"4d757272617920526f746862617264",
				 "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				 "a0ff96bdf86b579ef7dbf94e812a7470b903c20a85a87e3a1fe863264ae547"},
				{"462e20412e20486179656b",
				 "eb1a3e3d80c1792b1bb9cb0e1382f8d8322bfb1ca7c4c8517bb686"},
				{"4361726c204d656e676572",
				 "c781b198d2a974eb1da2c7d518c000cf6396de87ca540963c03713"},
				{"4a65616e2d426170746973746520536179",
				 "c77048eb6919fdfe8fe45842bfc5b8d1ff50d1e20c717453ccdfe6176d805b99"
				 "6d"},
				{"457567656e2042f6686d20766f6e2042617765726b",
				 "61834d7069dcfb7a1adf8d5ac910f83fa04c73a67789895c6f5f995c5db2ce88"
				 "e49b124178"},
			},
	},
	{
		.name = "Noise_NNpsk0_25519_AESGCM_SHA256",
		.pattern = RUDP_NOISE_NN,
		.cipher = RUDP_CIPHER_AES_256_GCM,
		.psk = "54686973206973206d7920417573747269616e20706572737065637469766521",
		.prologue = "4a6f686e2047616c74",
		.initiator_ephemeral =
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
		.responder_ephemeral =
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
		.handshake_hash =
			"9f3b1f9afd7767767b5b9d1069844a6154fdbdcc36dfb3e31c0fffc5c973d530",
		.messages =
			{
				{"4c756477696720766f6e204d69736573",
				 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
				 "7c37a89fc17813788d30df2d59501d6066f5f8aecc3406bbd9829f2d24a531b"
				 "1"},
				{"4d757272617920526f746862617264",
				 "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				 "2f29d79368ef9de4e1ae7a362fb05bf0ad668e026bf5714554497b3a720461"},
				{"462e20412e20486179656b",
				 "7c01e898a6201f36aecee532e29cd0b7f8ffa29d3366ad0dce39a6"},
				{"4361726c204d656e676572",
				 "a9ff535aace3db6a1da1a7fb00fe2de2622bb373abad9fb42c00e0"},
				{"4a65616e2d426170746973746520536179",
				 "6cfc49a3e65472edc2d0152abe5ce950170a8a47c959f30bd48b5f0aacf29adb"
				 "fd"},
				{"457567656e2042f6686d20766f6e2042617765726b",
				 "9bc86e6d974ed21ba04604a94aa68de21677eb409ead070c0cd569b069ee19ba"
				 "142aa4c1a9"},
			},
	},
	{
		.name = "Noise_NNpsk0_25519_ChaChaPoly_SHA256",
		.pattern = RUDP_NOISE_NN,
		.cipher = RUDP_CIPHER_CHACHA20_POLY1305,
		.psk = "54686973206973206d7920417573747269616e20706572737065637469766521",
		.prologue = "4a6f686e2047616c74",
		.initiator_ephemeral =
			"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
		.responder_ephemeral =
			"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
		.handshake_hash =
			"f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf",
		.messages =
			{
				{"4c756477696720766f6e204d69736573",
				 "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
				 "79b962b8aff8485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a5"
				 "4"},
				{"4d757272617920526f746862617264",
				 "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
				 "d6062704d5a9c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3"},
				{"462e20412e20486179656b",
				 "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"},
				{"4361726c204d656e676572",
				 "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"},
				{"4a65616e2d426170746973746520536179",
				 "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471c"
				 "c8"},
				{"457567656e2042f6686d20766f6e2042617765726b",
				 "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebd"
				 "ef8b8ca111"},
			},
	},
};

#endif
