/* SPDX-License-Identifier: MIT */
/* Which version this file is: rudp doctor looks for it in the file, without loading it. */
__attribute__((used)) static const char version[] = "librudp_shim.so, version " RUDP_VERSION_TEXT;
