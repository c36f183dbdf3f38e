# SPDX-License-Identifier: MIT
# rudp: one non-recursive Makefile. `make help` lists what it can do.

BUILD ?= build
CC ?= cc
AR ?= ar
PREFIX ?= /usr/local
DESTDIR ?=
SANITIZER ?=
SEED ?=
VERSION := 0.1.0

CSTD := -std=gnu11 -D_GNU_SOURCE
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wswitch-enum -Wvla -Wformat=2 -Wundef
ifdef CI
WARN += -Werror
endif
OPT ?= -O2 -g
HIDE := -fPIC -fvisibility=hidden -fno-common -fno-omit-frame-pointer

ifeq ($(SANITIZER),address)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
BUILD := $(BUILD)/address
else ifeq ($(SANITIZER),thread)
SAN := -fsanitize=thread
BUILD := $(BUILD)/thread
else ifneq ($(SANITIZER),)
$(error SANITIZER must be address or thread, not '$(SANITIZER)')
endif

CPPFLAGS += -Icore -Icore/include -DRUDP_VERSION_TEXT='"$(VERSION)"' \
	-DRUDP_LIBDIR='"$(PREFIX)/lib/rudp"'
CFLAGS += $(CSTD) $(OPT) $(WARN) $(HIDE) $(SAN)
LDFLAGS += $(SAN)

BASE_SRC := $(wildcard core/base/*.c)
PROTO_SRC := $(wildcard core/proto/*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

.PHONY: all help clean
all:

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libbase.a: $(call obj,$(BASE_SRC))
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/libproto.a: $(call obj,$(PROTO_SRC))
	rm -f $@
	$(AR) rcs $@ $^

# One criterion program for each folder of unit tests.
$(BUILD)/tests/base: $(call obj,$(wildcard tests/base/*.c)) $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcriterion

$(BUILD)/tests/proto: $(call obj,$(wildcard tests/proto/*.c)) $(BUILD)/libproto.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -lcrypto

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
