# SPDX-License-Identifier: MIT
# rudp: one non-recursive Makefile. `make help` lists the targets.

VERSION := 0.1.0
SOVERSION := 0

BUILD ?= build
CC ?= cc
AR ?= ar
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
# The user in the chat server's systemd unit; if empty, systemd allocates a user at each start.
SERVICE_USER ?=
SANITIZER ?=
CI ?=

override TOP_BUILD := $(BUILD)
ifeq ($(SANITIZER),address)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
override BUILD := $(TOP_BUILD)/address
else ifeq ($(SANITIZER),thread)
SAN := -fsanitize=thread
override BUILD := $(TOP_BUILD)/thread
else ifneq ($(SANITIZER),)
$(error SANITIZER must be address or thread, not '$(SANITIZER)')
endif

# A program that is not built with the sanitizer needs its runtime preloaded before the shim.
export SANITIZER_RUNTIME := $(if $(SANITIZER),$(shell $(CC) -print-file-name=$(if \
	$(filter address,$(SANITIZER)),libasan.so,libtsan.so)))

# Tests and measurements must not read the policy of the user who runs them.
export RUDP_POLICY :=
export RUDP_POLICY_FILE := /dev/null

# Sanitizer builds are compiled in two thirds of the time this way; reports still name lines.
OPT ?= $(if $(SAN),-O1 -g1,-O2 -g)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
	-Wformat=2 -Wundef
# Criterion's macros convert int to a one-bit field, which -Wconversion reports.
WARN_PRODUCT := -Wconversion
# Not with a sanitizer: its code makes gcc warn of variables that are set. The other builds find the true cases.
ifneq ($(if $(SAN),,$(CI)),)
WARN += -Werror
endif
comma := ,
HIDE := -fPIC -fvisibility=hidden -fno-common -fno-omit-frame-pointer

# Hardening options, each only if the compiler and the linker support it. A sanitizer build has none: the
# sanitizer checks the same things. FORTIFY is for the products only, because tests make wrong calls on
# purpose. -U: some distributions already define it.
tried = $(if $(SAN),,$(shell echo 'int main(void) { return 0; }' | \
	$(CC) $(OPT) -Werror $(1) -include string.h -x c -o /dev/null - 2>/dev/null && echo '$(1)'))
fortify = $(call tried,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(1))
FORTIFY := $(or $(call fortify,3),$(call fortify,2))
HARDEN := $(foreach option,-fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
	-mbranch-protection=standard,$(call tried,$(option)))
HARDEN_LINK := $(foreach option,-Wl$(comma)-z$(comma)relro -Wl$(comma)-z$(comma)now \
	-Wl$(comma)-z$(comma)noexecstack -pie,$(call tried,$(option)))

override CPPFLAGS += -D_GNU_SOURCE -I. -Icore -Icore/include -Imessaging/include -DRUDP_VERSION_TEXT='"$(VERSION)"' \
	-DRUDP_LIBDIR='"$(LIBDIR)/rudp"'
override CFLAGS += -std=gnu11 $(OPT) $(WARN) $(HIDE) $(SAN) $(HARDEN)
override LDFLAGS += $(SAN) $(HARDEN_LINK)

# gcc optimizes the engine process as one unit, which saves 4 to 7 % of its work for a connection. Archives,
# tests and sanitizer builds are compiled file by file.
LTO := $(if $(SAN),,$(shell $(CC) --version 2>/dev/null | grep -q 'Free Software Foundation' && \
	echo 'int main(void) { return 0; }' | $(CC) -flto=auto -x c -o /dev/null - 2>/dev/null && \
	echo -flto=auto))

# Removes the name of the build directory from the outputs, so that builds are reproducible.
override CFLAGS += -ffile-prefix-map=$(CURDIR)=.

BASE_SRC := $(wildcard core/base/*.c)
PROTO_SRC := $(wildcard core/proto/*/*.c)
ENGINE_SRC := $(filter-out core/engine/host/host_%.c,$(wildcard core/engine/*/*.c))
API_SRC := $(wildcard core/api/*.c)
SHIM_SRC := $(wildcard shim/*.c)
TOOLS_SRC := $(wildcard tools/*.c)
NETMODEL_SRC := $(wildcard integration/netmodel/*.c)
LINKEM_SRC := $(wildcard integration/linkem/*.c) $(NETMODEL_SRC)
MSG_SRC := $(wildcard messaging/*.c)
MSG_COMMAND_SRC := $(wildcard messaging/command/*.c)
CONVERSATION_SERVER_SRC := $(wildcard conversation/server/*.c conversation/store/*.c conversation/web/*.c)
WEB_CLIENT := $(wildcard conversation/web/client/*)
CONVERSE_SRC := $(wildcard conversation/converse/*.c)
CONVERSATION_MODEL_SRC := $(wildcard conversation/irc/*.c conversation/model/*.c conversation/cluster/*.c)
# The parts of a node and of the chat client that do no I/O.
MSG_PURE_SRC := $(wildcard messaging/hub*.c) $(patsubst %,messaging/%.c,batch inbox outbox record wire dispatch_queues)
CONVERSE_PURE_SRC := $(wildcard conversation/converse/chat*.c) \
	$(patsubst %,conversation/converse/%.c,clean command format dedup)

# Prints one line for each file that is built; V=1 prints the commands instead.
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %s %s\n' '$(1)' '$(2)')

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
whole_obj = $(patsubst %.c,$(BUILD)/obj/$(if $(LTO),whole/)%.o,$(1))

# The engine that runs inside a program has a static copy of libcrypto with hidden symbols, so that it cannot
# conflict with the program's libcrypto. Sanitizer builds need the shared library.
CRYPTO_HIDDEN := $(if $(SAN),-lcrypto,-Wl,--exclude-libs,ALL -l:libcrypto.a -Wl,--gc-sections)

PRODUCTS := $(BUILD)/librudp_shim.so $(BUILD)/rudp-engine $(BUILD)/librudp_engine.so \
	$(BUILD)/librudp.a $(BUILD)/librudp.so $(BUILD)/rudp $(BUILD)/librudpmsg.a \
	$(BUILD)/librudpmsg.so $(BUILD)/rudpmsg \
	$(BUILD)/apollonion $(BUILD)/converse
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))
UNIT_TESTS := $(patsubst %,$(BUILD)/tests/%,base proto api engine shim tools netmodel linkem messaging conversation server converse bench)

.PHONY: all help setup demo check check-unit check-sim check-spin check-interop check-threads check-behaviour check-economy \
	check-fuzz check-style check-integration check-quick sim fuzz soak bench bench-quick bench-docs install \
	uninstall clean format deb check-deb
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# Names missing packages before the compiler fails with a less clear error.
.PHONY: needs
needs:
	@printf '#include <openssl/evp.h>\n#include <uthash.h>\n#include <jansson.h>\n#include <lmdb.h>\n#include <xxhash.h>\n#include <ini.h>\n#include <sodium.h>\n#include <sqlite3.h>\n#include <editline/readline.h>\n#include <seccomp.h>\n#include <wslay/wslay.h>\n#include <nats/nats.h>\n' | $(CC) -E - >/dev/null 2>&1 || { \
		echo "rudp needs libcrypto, uthash, jansson, lmdb, xxhash, inih, sodium, sqlite3, libedit, libseccomp, libwslay and libnats. On Debian and Ubuntu:"; \
		echo "  apt-get install gcc libc6-dev libssl-dev uthash-dev libjansson-dev liblmdb-dev libxxhash-dev libinih-dev libsodium-dev libsqlite3-dev libedit-dev libseccomp-dev libwslay-dev libnats-dev"; exit 1; }

all: needs $(PRODUCTS) $(EXAMPLES) ## build everything into build/ (needs no root)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  SANITIZER=address|thread   for check, check-unit, sim: another build with a sanitizer"
	@echo "  SEED=n [NAME=scenario]     for sim: replay one simulated scenario, with its story"
	@echo "  PREFIX= DESTDIR=           for install"
	@echo "  CC=clang OPT=-O0 ...       as usual"
	@echo "  LTO=                       the engine not optimized as a whole"
	@echo "  V=1                        show every command of the build"

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(FORTIFY) $(WARN_PRODUCT) -MMD -MP -c -o $@ $<

$(BUILD)/obj/whole/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$< (whole))
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(FORTIFY) $(WARN_PRODUCT) $(LTO) -MMD -MP -c -o $@ $<

# The system call filters, generated by libseccomp for the architecture of this machine.
FILTERS := $(BUILD)/made/engine_filters.h
$(BUILD)/made/filter: core/engine/confine/filter/main.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -o $@ $< -lseccomp
$(FILTERS): $(BUILD)/made/filter
	$(call say,GEN,$@)
	$(Q)$< >$@
FILTER_USERS := $(call obj,core/engine/confine/confine_calls.c) \
	$(call whole_obj,core/engine/confine/confine_calls.c)
$(sort $(FILTER_USERS)): $(FILTERS)
$(sort $(FILTER_USERS)): override CPPFLAGS += -I$(dir $(FILTERS))

# These files contain the install path: `make install PREFIX=...` after a `make` without PREFIX rebuilds them.
$(sort $(call obj,core/api/engine_start.c tools/place.c) $(call whole_obj,core/api/engine_start.c)): \
	$(BUILD)/obj/libdir
.PHONY: always
always:
$(BUILD)/obj/libdir: always
	@mkdir -p $(@D)
	@echo '$(LIBDIR)' | cmp -s - $@ || echo '$(LIBDIR)' >$@

define archive
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^
endef

$(BUILD)/libbase.a: $(call obj,$(BASE_SRC))
	$(archive)
$(BUILD)/libproto.a: $(call obj,$(PROTO_SRC))
	$(archive)
$(BUILD)/libengine.a: $(call obj,$(ENGINE_SRC))
	$(archive)
# The library for native programs: the client side, and the modules of base that it needs.
$(BUILD)/librudp.a: $(call obj,$(API_SRC) $(BASE_SRC))
	$(archive)

# The messaging library. It links librudp.
$(BUILD)/librudpmsg.a: $(call obj,$(MSG_SRC))
	$(archive)
$(BUILD)/rudpmsg: $(call obj,$(MSG_COMMAND_SRC)) $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -pthread -ldl

# The chat server without its sockets. Hashes and timers come from librudp.
$(BUILD)/libconversation-model.a: $(call obj,$(CONVERSATION_MODEL_SRC))
	$(archive)
# The chat server's I/O without its main(), its store, and the check of key files.
$(BUILD)/libconversation-server.a: $(filter-out %/main.o,$(call obj,$(CONVERSATION_SERVER_SRC))) \
		$(call obj,$(patsubst %,core/engine/config/%.c,key_file key_ring key_text file_stamp config_open)) \
		$(BUILD)/obj/made/web_files.o
	$(archive)
# The web client, which the server serves from memory.
$(BUILD)/made/web_files.c: conversation/web/embed.sh $(WEB_CLIENT)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)conversation/web/embed.sh $(WEB_CLIENT) >$@
$(BUILD)/obj/made/web_files.o: $(BUILD)/made/web_files.c conversation/web/files.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(FORTIFY) $(WARN_PRODUCT) -c -o $@ $<
SERVER_LIBS := -linih -lsodium -lsqlite3 -lssl -lcrypto -llmdb -lwslay -lnats -pthread
$(BUILD)/apollonion: $(call obj,conversation/server/main.c) $(BUILD)/libconversation-server.a \
		$(BUILD)/libconversation-model.a $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS) -ldl

# The chat client without its main().
$(BUILD)/libconverse.a: $(filter-out %/main.o,$(call obj,$(CONVERSE_SRC)))
	$(archive)
CONVERSE_LIBS := -ledit -lsodium -lsqlite3 -llmdb -pthread
$(BUILD)/converse: $(call obj,conversation/converse/main.c) $(BUILD)/libconverse.a \
		$(BUILD)/libconversation-model.a $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CONVERSE_LIBS) -ldl

$(BUILD)/rudp-engine: $(call whole_obj,core/engine/host/host_process.c $(ENGINE_SRC) $(PROTO_SRC) $(API_SRC) \
		$(BASE_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -o $@ $^ -lcrypto -pthread -ldl

$(BUILD)/librudp_engine.so: $(call obj,core/engine/host/host_thread.c) $(BUILD)/libengine.a \
		$(BUILD)/libproto.a $(BUILD)/librudp.a core/engine/host/engine.map
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,--version-script=core/engine/host/engine.map -Wl,-z,defs,-z,nodelete \
		-o $@ $(filter-out %.map,$^) $(CRYPTO_HIDDEN) -pthread -ldl

$(BUILD)/librudp_shim.so: $(call obj,$(SHIM_SRC)) $(BUILD)/librudp.a shim/shim.map
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,--version-script=shim/shim.map -Wl,--exclude-libs,ALL \
		$(if $(SAN),,-Wl,-z,defs) -Wl,-z,nodelete -Wl,-z,now -o $@ $(filter-out %.map,$^) -ldl

# $(call shared,LIBRARIES): links the whole first prerequisite, and the needed parts of the others, to a shared
# library. The map file lists the exported symbols.
define shared
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(@F).$(SOVERSION) -Wl,--version-script=$(filter %.map,$^) \
		$(if $(SAN),,-Wl,-z,defs) -Wl,--whole-archive $< -Wl,--no-whole-archive \
		$(filter-out %.map $<,$^) -o $@ $(1)
endef

# The soname, by which the loader searches the library.
$(BUILD)/%.so.$(SOVERSION): | $(BUILD)/%.so
	$(Q)ln -sf $*.so $@

$(BUILD)/librudp.so: $(BUILD)/librudp.a core/api/rudp.map
	$(call shared,-ldl)
# Streams come from the program's librudp. Functions that librudp does not export are copied in.
$(BUILD)/librudpmsg.so: $(BUILD)/librudpmsg.a $(BUILD)/librudp.so $(BUILD)/libbase.a messaging/rudpmsg.map
	$(call shared,-llmdb -pthread)

TOOLS_LIBS := $(BUILD)/libengine.a $(BUILD)/libproto.a $(BUILD)/librudp.a
$(BUILD)/rudp: $(call obj,$(TOOLS_SRC)) $(TOOLS_LIBS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto -lseccomp -ljansson -pthread -ldl

$(BUILD)/examples/%: examples/%.c $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed -llmdb -pthread -ldl

$(BUILD)/linkem: $(call obj,$(LINKEM_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm

# Many clients of a chat server.
$(BUILD)/bench/chat: bench/chat.c bench/plain.c bench/plain.h
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O2 -g $(WARN) -o $@ $(filter %.c,$^) -lm

# Measures the encryption of a packet alone.
$(BUILD)/bench/aead: $(call obj,bench/aead.c core/engine/config/aead_choice.c) $(BUILD)/libproto.a \
		$(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto -ldl

# The prototype of several engines that share a port: docs/decisions/several-engines.md.
$(BUILD)/bench/engines: $(call obj,bench/engines.c bench/speaker.c bench/steer.c bench/plain.c) \
		$(BUILD)/libproto.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto -pthread

tests_of = $(call obj,$(wildcard $(patsubst %,tests/%/*.c,$(1))))
# One Criterion program for each folder of unit tests.
units_of = $(call tests_of,$(1)) $(call obj,tests/leaks.c)
$(BUILD)/tests/base: $(call units_of,base) $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion
# The engine loads libIPSec_MB. This test compares that backend with libcrypto.
$(BUILD)/tests/proto: $(call units_of,proto proto/*) $(call obj,core/engine/config/aead_choice.c) \
		$(BUILD)/libproto.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=free -o $@ $^ -lcriterion -lcrypto -lm -ldl
# A test intercepts the calls that write a mark.
$(BUILD)/tests/api: $(call units_of,api) $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=rudp_raw_setsockopt -o $@ $^ -lcriterion -pthread -ldl
# A test makes send() fail, as if the kernel had no memory.
$(BUILD)/tests/engine: $(call units_of,engine engine/*) \
		$(call obj,tests/proto/pair.c tests/proto/checks.c tests/proto/faulty_ring.c) $(BUILD)/libengine.a \
		$(BUILD)/libproto.a $(BUILD)/librudp.a | $(BUILD)/rudp-engine
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=send -o $@ $^ -lcriterion -lcrypto -ljansson -pthread -ldl
$(BUILD)/tests/later_libc.so: tests/shim/later_libc/later_libc.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<
$(BUILD)/tests/own_malloc: tests/shim/own_malloc/own_malloc.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<
$(BUILD)/tests/shim: $(call units_of,shim) | $(BUILD)/librudp_shim.so $(BUILD)/rudp-engine \
		$(BUILD)/tests/later_libc.so $(BUILD)/tests/own_malloc
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -ldl
$(BUILD)/tests/tools: $(call units_of,tools) $(filter-out %/main.o,$(call obj,$(TOOLS_SRC))) \
		$(TOOLS_LIBS) | $(BUILD)/rudp $(BUILD)/librudp_shim.so $(BUILD)/rudp-engine
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -lcrypto -lseccomp -ljansson -pthread -ldl
$(BUILD)/tests/netmodel: $(call units_of,netmodel) $(call obj,$(NETMODEL_SRC))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -lm
$(BUILD)/tests/linkem: $(call units_of,linkem) \
		$(filter-out %/main.o,$(call obj,$(LINKEM_SRC)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -lm
# The steering program, and the kernel behaviour that the design of several engines relies on.
$(BUILD)/tests/bench: $(call units_of,bench) \
		$(call obj,bench/steer.c bench/speaker.c bench/plain.c) $(BUILD)/libproto.a \
		$(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion -lcrypto
$(BUILD)/tests/messaging: $(call units_of,messaging) \
		$(call obj,tests/proto/faulty_ring.c tests/shim/support.c messaging/command/same_id.c) \
		$(BUILD)/librudpmsg.a $(BUILD)/librudp.a | $(BUILD)/librudpmsg.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -lcriterion -pthread -ldl
$(BUILD)/tests/server: $(call units_of,server) $(BUILD)/libconversation-server.a \
		$(BUILD)/libconversation-model.a $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(SERVER_LIBS) -ldl
$(BUILD)/tests/converse: $(call units_of,converse) $(BUILD)/libconverse.a \
		$(BUILD)/libconversation-model.a $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(CONVERSE_LIBS) -ldl
# The tests can make the model's allocations fail.
WRAPPED := malloc calloc realloc strdup
$(BUILD)/tests/conversation: $(call units_of,conversation) $(BUILD)/libconversation-model.a \
		$(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ -lcriterion -lcrypto -lsodium -pthread -ldl
$(BUILD)/tests/sim: $(call tests_of,sim) $(call obj,$(wildcard core/engine/trace/qlog*.c) $(NETMODEL_SRC)) \
		$(call obj,tests/proto/checks.c) \
		$(BUILD)/libproto.a \
		$(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto -lm

$(BUILD)/tests/behaviour-module.so: tests/behaviour/module/module.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -o $@ $<

# An ordinary program without a sanitizer: only the loaded shim has it.
$(BUILD)/tests/behaviour: override SAN :=
$(BUILD)/tests/behaviour: $(call tests_of,behaviour) $(BUILD)/tests/behaviour-module.so
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--enable-new-dtags,-rpath,'$$ORIGIN' -o $@ $(filter %.o,$^) -pthread -ldl

$(BUILD)/tests/differences: override SAN :=
$(BUILD)/tests/differences: $(call tests_of,differences)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^)

$(BUILD)/tests/threads: $(call tests_of,threads) $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -pthread -ldl

$(BUILD)/tests/threads-messages: $(call tests_of,threads/messages) $(BUILD)/librudpmsg.a \
		$(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -pthread -ldl

# The same program, linked with the shared libraries.
$(BUILD)/tests/threads-shared: $(call tests_of,threads/messages) $(BUILD)/librudpmsg.so \
		| $(BUILD)/librudp.so.$(SOVERSION) $(BUILD)/librudpmsg.so.$(SOVERSION)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--disable-new-dtags,-rpath,$(abspath $(BUILD)) -pthread

$(BUILD)/tests/threads-conversation: $(call tests_of,threads/conversation) \
		$(BUILD)/libconversation-model.a $(BUILD)/librudpmsg.a $(BUILD)/librudp.a \
		| $(BUILD)/apollonion
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -pthread -ldl

$(BUILD)/tests/threads-dispatch: $(call tests_of,threads/dispatch) $(BUILD)/librudpmsg.a \
		$(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -pthread -ldl

# The programs of the kill matrix, and the library that kills them (integration/test_messages_kill.sh).
$(BUILD)/tests/kill-sender: $(call obj,tests/kill/sender.c) $(BUILD)/librudpmsg.a $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -llmdb -pthread -ldl
$(BUILD)/tests/die_at.so: $(call obj,tests/kill/die_at.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ $^ -ldl

# An engine whose allocations and system calls are counted.
COUNTED := sendmsg sendmmsg recvmsg recvmmsg send sendto recv poll epoll_wait epoll_ctl getsockopt setsockopt \
	ioctl syscall socket bind listen connect accept4 getsockname getpeername shutdown close
$(BUILD)/tests/economy-engine: $(call obj,core/engine/host/host_process.c tests/economy/count.c) \
		$(BUILD)/libengine.a $(BUILD)/libproto.a $(BUILD)/librudp.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(COUNTED:%=-Wl,--wrap=%) -o $@ $^ -lcrypto -pthread -ldl

$(BUILD)/tests/economy: $(call obj,tests/economy/main.c tests/economy/traced.c) $(BUILD)/librudp.a \
		| $(BUILD)/tests/economy-engine
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -pthread -ldl

setup: ## install the packages that building, tests and demo need (apt-get, root or sudo)
	@scripts/install-packages.sh all

demo: ## set up, build, and show curl and nginx over rudp beside kernel TCP
	@scripts/install-packages.sh demo
	@$(MAKE) --no-print-directory all $(BUILD)/linkem
	@BUILD=$(abspath $(BUILD)) integration/demo.sh

# Criterion cannot start under ThreadSanitizer (both want the same addresses); fuzzing brings its own
# sanitizers, and style has none.
CHECKS := check-unit check-sim check-spin check-interop check-threads check-behaviour check-economy check-fuzz \
	check-style check-integration
ifeq ($(SANITIZER),address)
CHECKS := check-unit check-sim check-threads check-behaviour check-integration
else ifeq ($(SANITIZER),thread)
CHECKS := check-sim check-threads
endif

# Integration tests mostly wait, so the other stages run at the same time. Those run one after the other, because
# they share the loopback of the machine; integration tests have network namespaces of their own. Other load changes
# the number of system calls, so check-economy runs alone.
BESIDE_INTEGRATION := $(filter-out check-integration check-economy,$(CHECKS))
JOBS ?= $(shell nproc)

check: ## set up, build, run every test (JOBS=n: so many integration tests side by side)
	@scripts/install-packages.sh test
	@$(MAKE) --no-print-directory -j$(JOBS) check-build
	@rm -f $(BUILD)/check-*.failed
	$(if $(filter check-economy,$(CHECKS)),@$(MAKE) --no-print-directory check-economy)
	@$(MAKE) --no-print-directory -j2 $(filter check-integration,$(CHECKS)) check-beside-integration || { \
		for failed in $(BUILD)/check-*.failed; do \
			[ ! -e $$failed ] || echo "make check: $$(basename $$failed .failed) failed, log: $${failed%.failed}.log"; \
		done; exit 1; }
	@echo "make check: everything passed"

# Each stage prints its output when it ends, so that outputs are not mixed. If a stage fails, the other stages still
# run.
.PHONY: check-build check-beside-integration
check-beside-integration:
	@mkdir -p $(BUILD)
	@failed=0; for stage in $(BESIDE_INTEGRATION); do \
		$(MAKE) --no-print-directory $$stage >$(BUILD)/$$stage.log 2>&1 || { \
			failed=1; touch $(BUILD)/$$stage.failed; }; \
		cat $(BUILD)/$$stage.log; \
	done; exit $$failed

# Tests must not depend on open descriptors, ignored signals or variables of the caller.
KNOWN_SURROUNDINGS := tests/surroundings.sh

# FORTIFY needs optimization.
HARDENED := $(if $(SAN)$(filter -O0,$(OPT)),,$(filter-out %.a,$(PRODUCTS)))

check-unit: $(UNIT_TESTS) $(HARDENED) check-sans-io check-includes ## unit and model tests, hardening of the products, check-sans-io, check-includes
	@$(KNOWN_SURROUNDINGS) tests/run_units.sh $(BUILD) $(UNIT_TESTS)
	$(if $(HARDENED),@tests/check_hardening.sh $(HARDENED))

.PHONY: check-sans-io
check-sans-io: $(call obj,$(PROTO_SRC) $(NETMODEL_SRC) $(MSG_PURE_SRC) $(CONVERSATION_MODEL_SRC) \
		$(CONVERSE_PURE_SRC)) ## proto, netmodel, hub, the models of the chat server and client do no I/O
	@tests/check_sans_io.sh $(call obj,$(PROTO_SRC))
	@tests/check_sans_io.sh $(call obj,$(NETMODEL_SRC))
	@tests/check_sans_io.sh $(call obj,$(MSG_PURE_SRC))
	@tests/check_sans_io.sh $(call obj,$(CONVERSATION_MODEL_SRC) $(CONVERSE_PURE_SRC))

.PHONY: check-includes
check-includes: ## check that no folder of core includes one above it (docs/architecture.md)
	@tests/check_includes.sh

# For use between edits: test programs that have passed since they were built are not run again. They run one after
# the other, because they share the loopback of the machine.
UNITS_PASSED := $(UNIT_TESTS:=.passed)
check-quick: ## after a change: unit tests of changed code, 1000 random scenarios, style (two minutes)
	@$(MAKE) --no-print-directory -j$(JOBS) all $(UNIT_TESTS) $(BUILD)/tests/sim
	@$(MAKE) --no-print-directory -k -j1 $(UNITS_PASSED) check-sans-io check-includes
	@$(KNOWN_SURROUNDINGS) $(BUILD)/tests/sim --seeds 1 1000
	@scripts/check-style.sh quick

# Most of these tests also start programs or load libraries.
$(UNITS_PASSED): $(BUILD)/tests/%.passed: $(BUILD)/tests/%
	@$(KNOWN_SURROUNDINGS) tests/run_units.sh $(BUILD) $<
	@touch $@
$(patsubst %,$(BUILD)/tests/%.passed,engine shim tools messaging): $(PRODUCTS)

check-sim: $(BUILD)/tests/sim ## simulate the named scenarios and 1000 random ones
	$(KNOWN_SURROUNDINGS) $(BUILD)/tests/sim

check-spin: ## check all states of the models of reconnection and of identities (spin); without a rule they must fail
	@tests/spin/check.sh $(TOP_BUILD)/spin

# The interpreter that the Debian package of the cryptography module belongs to.
PYTHON := /usr/bin/python3
DECODE := $(abspath $(BUILD))/tests/decode
$(BUILD)/tests/decode: $(call obj,tests/interop/decode.c) $(BUILD)/libproto.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcrypto -lm

check-interop: $(BUILD)/tests/decode ## test the second implementation of the protocol (Python) against the document, itself and the decoders of this one
	@cd tests/interop && for test in test_*.py; do DECODE=$(DECODE) $(PYTHON) $$test || exit 1; done

.PHONY: fuzz-decoders conformance
fuzz-decoders: $(BUILD)/tests/decode ## compare the decoders of both implementations on COUNT inputs (default a million) from SEED
	@cd tests/interop && DECODE=$(DECODE) $(PYTHON) test_decoders.py $(or $(COUNT),1000000) $(or $(SEED),1)

conformance: ## print the clauses of docs/protocol.md and their tests as a table
	@tests/conformance.py table

check-fuzz: ## every fuzz target for a few seconds (clang)
	@tests/fuzz/run.sh $(TOP_BUILD)/fuzz 5

check-style: ## shellcheck, sizes of files and lines
	@scripts/check-style.sh

# With ThreadSanitizer only the tests of threads run: Criterion cannot start under it.
.PHONY: check-sanitizers
check-sanitizers: ## unit tests with ASan and UBSan, threads with TSan (in CI)
	@$(MAKE) --no-print-directory SANITIZER=address -j$(JOBS) $(patsubst $(BUILD)/%,$(TOP_BUILD)/address/%,$(UNIT_TESTS))
	@$(MAKE) --no-print-directory SANITIZER=address check-unit
	@$(MAKE) --no-print-directory SANITIZER=thread -j$(JOBS) \
		$(patsubst $(BUILD)/%,$(TOP_BUILD)/thread/%,$(PRODUCTS) $(THREAD_TESTS))
	@$(MAKE) --no-print-directory SANITIZER=thread check-threads

# A second compiler finds more errors. Tests are only compiled for their warnings, which takes half the time. clang's
# warnings do not depend on the optimization. Without any, the linker finds the functions that nothing calls.
.PHONY: check-clang
check-clang: ## build everything with clang, without warnings; find functions that no product uses
	@$(MAKE) --no-print-directory CC=clang CI=true BUILD=$(TOP_BUILD)/clang -j$(JOBS) \
		OPT='-O0 -g1 -ffunction-sections -fdata-sections' LDFLAGS=-Wl,--gc-sections all
	@scripts/check-unused.py $(TOP_BUILD)/clang $(patsubst $(BUILD)/%,$(TOP_BUILD)/clang/%,$(filter-out %.a,$(PRODUCTS)))
	@find tests integration -name '*.c' -not -path '*/fuzz/*' -print0 | xargs -0 -P $(JOBS) -n 8 \
		clang $(CPPFLAGS) -Itests -std=gnu11 $(OPT) $(WARN) -Werror -fsyntax-only
	@echo "clang: no warnings"

# The products, and what the simulator and the emulated links use. Programs of bench need the headers of their rivals.
LINT_SRC := $(sort $(BASE_SRC) $(PROTO_SRC) $(ENGINE_SRC) $(API_SRC) $(SHIM_SRC) $(TOOLS_SRC) $(LINKEM_SRC) $(MSG_SRC) \
	$(MSG_COMMAND_SRC) $(CONVERSATION_SERVER_SRC) $(CONVERSE_SRC) $(CONVERSATION_MODEL_SRC) $(wildcard examples/*.c) \
	$(wildcard core/engine/host/*.c core/engine/confine/filter/*.c))
# States of a function that clang's analyzer follows; 225000 by default, which takes eight times as long.
ANALYZER_SHALLOW := -Xclang -analyzer-config -Xclang max-nodes=20000
lint_flags = $(LINT_SRC) -- $(CPPFLAGS) -I$(dir $(FILTERS)) -std=gnu11

.PHONY: lint analyze
lint: $(FILTERS) ## clang-tidy and clang's analyzer over the products, with the checks of .clang-tidy (90 seconds)
	@JOBS=$(JOBS) scripts/lint.sh '' $(lint_flags) $(ANALYZER_SHALLOW)

analyze: $(FILTERS) ## lint with a deeper analyzer, which also checks what is freed; read each finding (ten minutes)
	@JOBS=$(JOBS) scripts/lint.sh 'clang-analyzer-unix.Malloc' $(lint_flags)

.PHONY: check-reproducible
check-reproducible: ## check that two builds in different directories are equal byte by byte
	@scripts/check-reproducible.sh $(TOP_BUILD)/reproducible

INTEGRATION_PARTS := $(BUILD)/linkem $(BUILD)/bench/chat $(BUILD)/tests/kill-sender \
	$(BUILD)/tests/die_at.so

# curl hangs at start if AddressSanitizer's runtime is preloaded, with or without the shim.
check-integration: all $(INTEGRATION_PARTS) ## real programs over emulated links (root: namespaces)
	@BUILD=$(abspath $(BUILD)) integration/run.sh $(if $(filter address,$(SANITIZER)),nc)

# The ThreadSanitizer of these compilers does not work with the address randomization of recent kernels.
RUN_THREADS = $(if $(filter thread,$(SANITIZER)),setarch -R env \
	TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp) $(KNOWN_SURROUNDINGS)
check-threads: $(BUILD)/tests/threads $(BUILD)/tests/threads-messages $(BUILD)/tests/threads-shared \
		$(BUILD)/tests/threads-dispatch $(BUILD)/tests/threads-conversation $(PRODUCTS) ## many threads over the engine (in a thread, in a process), over nodes, over apollonion
	$(RUN_THREADS) RUDP_ENGINE=thread RUDP_ENGINE_PATH=$(abspath $(BUILD))/rudp-engine $<
	$(RUN_THREADS) RUDP_ENGINE=process RUDP_ENGINE_PATH=$(abspath $(BUILD))/rudp-engine $<
	$(RUN_THREADS) RUDP_ENGINE=process RUDP_ENGINE_PATH=$(abspath $(BUILD))/rudp-engine \
		$(BUILD)/tests/threads-conversation $(BUILD)/apollonion
	$(RUN_THREADS) $(BUILD)/tests/threads-messages
	$(RUN_THREADS) $(BUILD)/tests/threads-messages store
	$(RUN_THREADS) $(BUILD)/tests/threads-shared
	$(RUN_THREADS) $(BUILD)/tests/threads-dispatch

check-behaviour: $(BUILD)/tests/behaviour $(PRODUCTS) ## compare the shim with kernel TCP, as programs see them
	@$(KNOWN_SURROUNDINGS) tests/behaviour/run.sh $(BUILD)

# Not part of check: the two browsers are more than 200 MB of packages.
.PHONY: check-browser
check-browser: $(BUILD)/apollonion ## the web client in Chromium and Firefox, headless (SCREENSHOTS=folder)
	@scripts/install-packages.sh browser
	@BUILD=$(abspath $(BUILD)) integration/browser/check.sh $(SCREENSHOTS)

check-economy: $(BUILD)/tests/economy ## count the allocations and system calls of a busy connection
	$(KNOWN_SURROUNDINGS) RUDP_ENGINE=process $< $(abspath $(BUILD))/tests/economy-engine

# Builds the programs of all stages, so that no stage compiles while others run. Fuzzing compiles its own, with clang.
THREAD_TESTS := $(patsubst %,$(BUILD)/tests/%,threads threads-messages threads-shared \
	threads-dispatch threads-conversation)
check-build: all $(BUILD)/tests/sim $(BUILD)/tests/decode $(THREAD_TESTS) $(if $(filter check-unit,$(CHECKS)),$(UNIT_TESTS)) \
	$(if $(filter check-behaviour,$(CHECKS)),$(BUILD)/tests/behaviour $(BUILD)/tests/differences) \
	$(if $(filter check-economy,$(CHECKS)),$(BUILD)/tests/economy) \
	$(if $(filter check-integration,$(CHECKS)),$(INTEGRATION_PARTS))

.PHONY: coverage
coverage: ## measure which lines unit tests and the simulator execute, by folder
	@mkdir -p $(TOP_BUILD)/coverage && find $(TOP_BUILD)/coverage -name '*.gcda' -delete
	@$(MAKE) --no-print-directory BUILD=$(TOP_BUILD)/coverage OPT='-O1 -g --coverage' LDFLAGS=--coverage LTO= \
		-j$(JOBS) check-unit check-sim
	@scripts/coverage.py $(TOP_BUILD)/coverage

sim: $(BUILD)/tests/sim ## replay one simulated scenario: SEED=n [NAME=scenario]
	@test -n "$(SEED)" || { echo "make sim needs SEED=n, e.g. make sim SEED=42"; exit 2; }
	$(BUILD)/tests/sim $(NAME) $(SEED)

fuzz: ## every fuzz target for TIME seconds (default 60)
	@tests/fuzz/run.sh $(TOP_BUILD)/fuzz $(or $(TIME),60)

.PHONY: differences
differences: $(BUILD)/tests/differences $(PRODUCTS) ## random socket calls over kernel TCP and under the shim: SEED=n COUNT=n STEPS=n
	@tests/differences/compare.py $(BUILD) $(or $(SEED),1) $(or $(COUNT),300) \
		$(if $(STEPS),--steps $(STEPS))

soak: all $(BUILD)/tests/sim $(BUILD)/tests/messaging $(INTEGRATION_PARTS) ## 20,000 seeds of the simulator, 11 virtual days of messages, deaths, each fuzz target (over an hour)
	BUILD=$(abspath $(BUILD)) tests/soak.sh

.PHONY: cluster-faults
cluster-faults: $(BUILD)/apollonion ## three nodes of the chat server with COUNT random faults (default 200, over an hour) from SEED; as root
	integration/cluster_faults.py $(BUILD) $(or $(COUNT),200) $(SEED)

# BENCH="--only bulk --path P2" selects, see bench/run.py --help.
bench: all $(BUILD)/linkem $(BUILD)/tests/sim ## measure side by side with kernel TCP, TLS, kcptun, brokers, chat servers (an hour and a half)
	@scripts/install-packages.sh bench
	@BUILD=$(abspath $(BUILD)) bench/run.py $(BENCH)

bench-quick: all $(BUILD)/linkem $(BUILD)/tests/sim ## a selection of these measurements, in less than five minutes
	@scripts/install-packages.sh bench
	@BUILD=$(abspath $(BUILD)) bench/run.py --quick $(BENCH)

bench-docs: ## write the last results into docs/performance.md and docs/plots
	@bench/report.py $(BUILD)/bench --into docs/performance.md

# Without ldconfig, names without a directory (LD_PRELOAD, -lrudp) are not found until some package runs it.
renew_loader_cache = $(if $(DESTDIR),,@[ "$$(id -u)" != 0 ] || PATH="$$PATH:/sbin:/usr/sbin" ldconfig)

BASH_COMPLETIONS := $(wildcard tools/completion/*.bash)
ZSH_COMPLETIONS := $(wildcard tools/completion/_*)
FISH_COMPLETIONS := $(wildcard tools/completion/*.fish)

install: all ## install into DESTDIR/PREFIX
	install -d $(DESTDIR)$(LIBDIR)/rudp $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(PREFIX)/include/rudp $(DESTDIR)$(PREFIX)/bin \
		$(foreach section,1 3 5 7 8,$(DESTDIR)$(PREFIX)/share/man/man$(section)) \
		$(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/doc/rudp/examples
	install -m 755 $(BUILD)/rudp $(BUILD)/rudpmsg $(BUILD)/apollonion $(BUILD)/converse \
		$(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/rudp-engine $(DESTDIR)$(LIBDIR)/rudp/rudp-engine
	install -m 644 $(BUILD)/librudp_engine.so $(BUILD)/librudp_shim.so $(DESTDIR)$(LIBDIR)/rudp/
	ln -sf rudp/librudp_shim.so $(DESTDIR)$(LIBDIR)/librudp_shim.so
	install -m 644 $(BUILD)/librudp.a $(BUILD)/librudpmsg.a $(DESTDIR)$(LIBDIR)/
	$(foreach name,librudp.so librudpmsg.so,install -m 644 $(BUILD)/$(name) \
		$(DESTDIR)$(LIBDIR)/$(name).$(SOVERSION) && \
		ln -sf $(name).$(SOVERSION) $(DESTDIR)$(LIBDIR)/$(name) &&) :
	install -m 644 core/include/rudp/*.h messaging/include/rudp/*.h $(DESTDIR)$(PREFIX)/include/rudp/
	$(foreach page,$(wildcard docs/man/*),install -m 644 $(page) \
		$(DESTDIR)$(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $(page)))/ &&) :
	$(foreach name,$(basename $(notdir $(BASH_COMPLETIONS))),install -m 644 tools/completion/$(name).bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(name) &&) :
	install -m 644 $(ZSH_COMPLETIONS) $(DESTDIR)$(PREFIX)/share/zsh/site-functions/
	install -m 644 $(FISH_COMPLETIONS) $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/
	install -m 644 docs/*.example docs/*.png $(filter-out docs/performance.md,$(wildcard docs/*.md)) \
		$(DESTDIR)$(PREFIX)/share/doc/rudp/
	install -m 644 examples/*.c examples/*.json $(DESTDIR)$(PREFIX)/share/doc/rudp/examples/
	sed -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@USER@|$(if $(SERVICE_USER),User=$(SERVICE_USER),DynamicUser=yes)|' \
		conversation/apollonion.service.in \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/apollonion.service
	$(foreach name,rudp rudpmsg,sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
		$(name).pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/$(name).pc &&) :
	$(renew_loader_cache)

deb: ## Debian packages, into build/deb
	@scripts/build-deb.sh $(abspath $(TOP_BUILD))/deb

check-deb: deb ## the packages: lintian, installed, used, upgraded, purged in a root of their own (root; a minute)
	@scripts/check-deb.sh $(abspath $(TOP_BUILD))/deb

uninstall: ## remove the files that install has installed
	rm -rf $(DESTDIR)$(LIBDIR)/rudp $(DESTDIR)$(PREFIX)/include/rudp \
		$(DESTDIR)$(PREFIX)/share/doc/rudp
	rm -f $(DESTDIR)$(LIBDIR)/librudp_shim.so $(DESTDIR)$(LIBDIR)/librudp.a \
		$(DESTDIR)$(LIBDIR)/librudp.so* $(DESTDIR)$(LIBDIR)/pkgconfig/rudp.pc \
		$(DESTDIR)$(LIBDIR)/librudpmsg.a $(DESTDIR)$(LIBDIR)/librudpmsg.so* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/rudpmsg.pc \
		$(DESTDIR)$(PREFIX)/bin/rudp $(DESTDIR)$(PREFIX)/bin/rudpmsg \
		$(DESTDIR)$(PREFIX)/bin/apollonion $(DESTDIR)$(PREFIX)/bin/converse \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/apollonion.service \
		$(patsubst tools/completion/%.bash,$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%,$(BASH_COMPLETIONS)) \
		$(patsubst tools/completion/%,$(DESTDIR)$(PREFIX)/share/zsh/site-functions/%,$(ZSH_COMPLETIONS)) \
		$(patsubst tools/completion/%,$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/%,$(FISH_COMPLETIONS)) \
		$(foreach page,$(notdir $(wildcard docs/man/*)),$(DESTDIR)$(PREFIX)/share/man/man$(patsubst \
			.%,%,$(suffix $(page)))/$(page))
	$(renew_loader_cache)

format: ## clang-format over all sources
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove build/
	rm -rf $(TOP_BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
