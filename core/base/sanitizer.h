/* SPDX-License-Identifier: MIT */
/* sanitizer - which sanitizer the code is built with. gcc defines macros for this, clang
 * features. */
#ifndef RUDP_BASE_SANITIZER_H
#define RUDP_BASE_SANITIZER_H

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

/* AddressSanitizer */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define RUDP_WITH_ASAN 1
#else
#define RUDP_WITH_ASAN 0
#endif

/* ThreadSanitizer */
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define RUDP_WITH_TSAN 1
#else
#define RUDP_WITH_TSAN 0
#endif

#endif
