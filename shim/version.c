/* SPDX-License-Identifier: MIT */
/* The version of this file. rudp doctor finds it in the file, without loading it. */
__attribute__((used)) static const char version[] = "librudp_shim.so, version " RUDP_VERSION_TEXT;
