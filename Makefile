# stormdrill: one Makefile, non-recursive.  A directory is a layer: its I_ line below is
# the whole of what it may include, so an upward include is a compile error.
#
#   make              the six programs, in build/bin
#   make check        install what the tests need (packaging/deps.sh), then every test
#   make demo         install what the demo needs, then a storm over a real nginx
#   make demo-hosts   the same with three hosts, an agent on each, and one controller
#   make soak         SOAK=MINUTES (10) of drills on thirty hosts with random deaths
#   make gate         what must pass before every commit
#   V=1 shows commands, DEVELOPER=1 makes warnings errors, SANITIZE=address,undefined

comma := ,
BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
VERSION := 0.1.0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/stormdrill
SYSCONFDIR ?= /etc
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/stormdrill
UNITDIR ?= /usr/lib/systemd/system

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))
cc-ok = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2 -Wconversion \
	-Wno-sign-conversion -Wimplicit-fallthrough -Wno-missing-field-initializers \
	$(call cc-ok,-Wduplicated-cond) $(call cc-ok,-Wlogical-op) \
	$(if $(DEVELOPER),-Werror)
HARDEN := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
	$(foreach f,-fstack-clash-protection -fcf-protection=full \
	-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr,$(call cc-ok,$(f)))
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed
MODE := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all $(call cc-ok,-Wno-format-truncation),$(HARDEN))
override CPPFLAGS += -D_GNU_SOURCE -DSTORMDRILL_VERSION='"$(VERSION)"' \
	-DLIBEXECDIR='"$(LIBEXECDIR)"' -DSBINDIR='"$(SBINDIR)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	-isystem /usr/include/libnl3
override CFLAGS += -std=gnu17 -fno-common -fno-strict-aliasing -fPIE $(WARN) $(MODE)
override LDFLAGS += $(LINK) $(if $(SANITIZE),-fsanitize=$(SANITIZE))

I_lib := include lib
I_lib/kinds := include
I_agent/ipc := include agent/ipc
I_agent/kernel := include agent/kernel
I_agent/undo := include agent/kernel agent/undo
I_agent/faults := include agent/kernel agent/undo agent/faults agent/faults/net \
	agent/faults/cpu agent/faults/process agent/faults/disk
I_agent/faults/cpu := include agent/kernel agent/undo agent/faults agent/faults/cpu
I_agent/faults/net := include agent/kernel agent/undo agent/faults agent/faults/net
I_agent/faults/process := include agent/kernel agent/undo agent/faults agent/faults/process
I_agent/faults/disk := include agent/kernel agent/undo agent/faults agent/faults/disk
I_agent/holder := include agent/ipc agent/undo agent/faults agent/holder
I_agent/supervisor := include agent/ipc agent/supervisor
I_agent/recover := include agent/undo agent/recover
I_agent/front := include agent/ipc agent/front
I_ctl/model := include ctl/model
I_ctl/io/pki := include ctl/io/pki
I_ctl/io := include ctl/model ctl/io ctl/io/pki
I_ctl/io/probes := include ctl/model ctl/io ctl/io/probes
I_ctl/io/inventory := include ctl/model ctl/io ctl/io/inventory
I_ctl/jq := include ctl/jq
I_ctl/report := include ctl/model ctl/report
I_ctl/cmd := include ctl/model ctl/io ctl/io/pki ctl/io/inventory ctl/report ctl/cmd
LAYERS := $(patsubst I_%,%,$(filter I_%,$(.VARIABLES)))
I_tests := $(sort $(foreach d,$(LAYERS),$(I_$(d)))) tests/unit tests/fuzz

objs = $(patsubst %.c,$(BUILD)/%.o,$(foreach d,$(1),$(wildcard $(d)/*.c)))
LIB_A := $(BUILD)/lib.a
TESTED_A := $(BUILD)/tested.a

PROGS := stormd stormd-front stormd-fault stormd-undo stormctl stormctl-jq
stormd_O := $(call objs,agent/supervisor agent/ipc)
stormd-front_O := $(call objs,agent/front agent/ipc)
stormd-fault_O := $(call objs,agent/holder agent/faults agent/faults/net agent/faults/process \
	agent/faults/cpu agent/faults/disk agent/ipc agent/undo agent/kernel)
stormd-undo_O := $(call objs,agent/recover agent/undo agent/kernel)
stormctl_O := $(call objs,ctl/cmd ctl/report ctl/io ctl/io/probes ctl/io/inventory ctl/io/pki \
	ctl/model)
stormctl-jq_O := $(call objs,ctl/jq)
# By pkg-config, per program: a program links only what it needs.
PKGS_stormd := libseccomp
PKGS_stormd-front := libmicrohttpd gnutls jansson libseccomp
PKGS_stormd-fault := libnl-3.0 libseccomp liburing
PKGS_stormd-undo := libnl-3.0
PKGS_stormctl := libcurl gnutls yaml-0.1 jansson libpcre2-8
PKGS_stormctl-jq := libseccomp
PKGS_tests := cmocka libmicrohttpd gnutls libcurl yaml-0.1 jansson libpcre2-8 libnl-3.0 libseccomp liburing
# --as-needed: only stormctl asks DNS.
LIBS := -lm -lresolv
# libjq 1.6 has no pkg-config file.
LIBS_stormctl-jq := -ljq
# Tests link any layer, whether or not its program exists.
ALL_O := $(sort $(call objs,$(LAYERS)))
UNIT_T := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
FUZZ_T := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%,$(wildcard tests/fuzz/fuzz_*.c))
ROOT_T := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/contract/*.c tests/crash/*.c tests/bench/*.c))

.PHONY: all check check-run check-unit check-root check-asan check-vm demo demo-hosts soak \
	bench gate lint format format-check tidy install uninstall clean man-lint
.DELETE_ON_ERROR:
all: $(PROGS:%=$(BUILD)/bin/%)

define layer
$(BUILD)/$(1)/%.o: $(1)/%.c
	$$(call say,CC,$$<)
	$(Q)mkdir -p $$(@D) && $$(CC) $$(CPPFLAGS) $(addprefix -iquote ,$(I_$(1))) $$(CFLAGS) \
		-MMD -MP -c -o $$@ $$<
endef
$(foreach d,$(LAYERS),$(eval $(call layer,$(d))))

define program
$(BUILD)/bin/$(1): $$($(1)_O) $(LIB_A)
	$$(call say,LD,$$@)
	$(Q)mkdir -p $$(@D) && $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$($(1)_O) $(LIB_A) \
		$$$$(pkg-config --libs $$(PKGS_$(1))) $$(LIBS_$(1)) $(LIBS)
endef
$(foreach p,$(PROGS),$(eval $(call program,$(p))))

# q, not r: members of one name (confine.o, net_delay.o) must not replace each other.
$(LIB_A): $(call objs,lib lib/kinds)
	$(Q)rm -f $@ && $(AR) qcs $@ $^
$(TESTED_A): $(filter-out %/main.o,$(ALL_O))
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(BUILD)/tests/%.o: tests/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(addprefix -iquote ,$(I_tests)) $(CFLAGS) \
		-MMD -MP -c -o $@ $<
# Where programs look for each other first.
JQ_OF_TESTS := $(BUILD)/tests/unit/stormctl-jq
$(JQ_OF_TESTS): $(BUILD)/bin/stormctl-jq
	$(Q)mkdir -p $(@D) && ln -sf ../../bin/stormctl-jq $@
$(UNIT_T): | $(JQ_OF_TESTS)
$(UNIT_T) $(ROOT_T): %: %.o $(TESTED_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TESTED_A) $(TESTED_A) \
		$$(pkg-config --libs $(PKGS_tests)) $(LIBS)
# Every call of these that ours make goes through tests/crash/wrap.h.
$(BUILD)/tests/crash/errors: override LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,open openat \
	renameat unlinkat mkdirat fallocate fsync ftruncate pipe2 memfd_create fork socket write)
# tests/unit/abort_watch.h holds these against whoever calls them.
$(BUILD)/tests/unit/test_abort_path: private override LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,snprintf \
	vsnprintf __snprintf_chk sched_getscheduler sched_setscheduler \
	timerfd_settime)
# Of the two drill.h it means stormctl's.
$(BUILD)/tests/unit/test_abort_path.o: private override CPPFLAGS += -iquote ctl/cmd
# A fuzz target without a fuzzer: it runs over its corpus.
$(FUZZ_T): $(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o \
		$(TESTED_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TESTED_A) $(TESTED_A) \
		$$(pkg-config --libs $(PKGS_tests)) $(LIBS)
.SECONDARY: $(UNIT_T:%=%.o) $(ROOT_T:%=%.o)

# Tests make namespaces: whoever is not root is asked for sudo.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -E)

# --- tests ---------------------------------------------------------------------------
check:
	$(Q)packaging/deps.sh build test
	$(Q)$(MAKE) -j$$(nproc) all $(UNIT_T) $(FUZZ_T) $(ROOT_T)
	$(Q)$(MAKE) check-run
# Every suite runs whatever became of the one before; the last line is the sum.
check-run:
	$(Q)rm -rf $(BUILD)/test-logs
	$(Q)SUMMARY_FOLLOWS=1 $(MAKE) -k check-unit check-root check-vm; code=$$?; \
		tests/summary.sh $(BUILD) && exit $$code
check-unit: all $(UNIT_T) $(FUZZ_T)
	$(Q)$(SUDO) tests/run.sh $(BUILD) unit $(UNIT_T) $(FUZZ_T)
check-root: all $(ROOT_T)
	$(Q)$(SUDO) tests/run.sh $(BUILD) root $(filter-out $(BUILD)/tests/bench/%,$(ROOT_T)) \
		$(filter-out %lib.sh,$(sort $(wildcard tests/system/*.sh tests/crash/*.sh)))
# Each script runs a machine of its own, but for the suite, whose programs are counted one by
# one; vm.sh is what runs them, and guest-* what they run.  An emulator keeps one CPU busy, so
# the suite's runs beside the others'.  Not service.sh: a systemd that boots under emulation
# takes seconds for each systemctl, and what is judged then is the emulator.
check-vm: all $(UNIT_T) $(ROOT_T)
	$(Q)$(SUDO) env BUILD=$(BUILD) tests/vm/suite.sh >$(BUILD)/vm-suite.out 2>&1 & \
		$(SUDO) tests/run.sh $(BUILD) vm $(filter-out tests/vm/guest-% tests/vm/vm.sh \
		tests/vm/suite.sh tests/vm/service.sh,$(sort $(wildcard tests/vm/*.sh))); code=$$?; \
		wait $$! || code=$$?; cat $(BUILD)/vm-suite.out; exit $$code
# No leak check: a holder's memory is freed by its end, by design, and LeakSanitizer cannot
# trace a process in a pid namespace of its own.
check-asan:
	$(Q)ASAN_OPTIONS=detect_leaks=0 $(MAKE) SANITIZE=address,undefined check-unit
demo:
	$(Q)packaging/deps.sh build demo
	$(Q)$(MAKE) -j$$(nproc) all
	$(Q)tests/demo/demo.sh $(BUILD)/bin
demo-hosts:
	$(Q)packaging/deps.sh build demo
	$(Q)$(MAKE) -j$$(nproc) all
	$(Q)tests/demo/demo_hosts.sh $(BUILD)/bin
SOAK ?= 10
soak:
	$(Q)packaging/deps.sh build test
	$(Q)$(MAKE) -j$$(nproc) all
	$(Q)$(SUDO) env BUILD=$(BUILD) SOAK=$(SOAK) bash tests/system/hosts_soak.sh
bench:
	$(Q)packaging/deps.sh build test bench
	$(Q)$(MAKE) -j$$(nproc) all $(ROOT_T)
	$(Q)$(SUDO) tests/bench/bench.sh $(BUILD)
	$(Q)$(SUDO) env BUILD=$(BUILD) tests/bench/netem.sh

# make fuzz-spec FUZZ_TIME=600: look for what is wrong, by libFuzzer.  What it finds is left
# as crash-*, and belongs into tests/fuzz/corpus once it is mended.
FUZZ_TIME ?= 60
FUZZ_BUILD := build-fuzz
fuzz-%: tests/fuzz/fuzz_%.c
	$(Q)$(MAKE) BUILD=$(FUZZ_BUILD) CC=clang SANITIZE=fuzzer-no-link,address,undefined \
		LDFLAGS=-fsanitize=fuzzer $(FUZZ_BUILD)/tests/fuzz/fuzz_$*
	$(Q)mkdir -p $(FUZZ_BUILD)/corpus/$* && ASAN_OPTIONS=detect_leaks=1 \
		$(FUZZ_BUILD)/tests/fuzz/fuzz_$* -max_total_time=$(FUZZ_TIME) -timeout=10 \
		$(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) $(FUZZ_FLAGS) \
		$(FUZZ_BUILD)/corpus/$* tests/fuzz/corpus/$*
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(TESTED_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TESTED_A) $(TESTED_A) \
		$$(pkg-config --libs $(PKGS_tests)) $(LIBS)

# --- the gate ------------------------------------------------------------------------
SOURCES := $(wildcard agent/*/*.[ch] agent/*/*/*.[ch] ctl/*/*.[ch] ctl/*/*/*.[ch] include/*.h \
	lib/*.[ch] lib/*/*.[ch] tests/*/*.[ch])
gate:
	$(Q)packaging/deps.sh build test gate
	$(Q)$(MAKE) format-check
	$(Q)$(MAKE) DEVELOPER=1 BUILD=build-gate all check-unit lint man-lint
	$(Q)$(MAKE) DEVELOPER=1 BUILD=build-clang CC=clang all
	$(Q)$(MAKE) check-asan
	$(Q)$(MAKE) tidy
	@echo "gate: green"
format:
	$(Q)clang-format -i $(SOURCES)
format-check:
	$(Q)clang-format --dry-run -Werror $(SOURCES)
lint: all
	$(Q)tests/lint/lint.sh $(BUILD)
man-lint:
	$(Q)tests/lint/man.sh $(BUILD)
TIDY := $(patsubst %.c,$(BUILD)/tidy/%.ok,$(filter-out tests/%,$(filter %.c,$(SOURCES))))
tidy: $(TIDY)
$(BUILD)/tidy/%.ok: %.c .clang-tidy
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D) && clang-tidy --quiet $< -- $(CPPFLAGS) -std=gnu17 \
		$(addprefix -iquote ,$(I_$(patsubst %/,%,$(dir $<)))) 2>$@.log || { cat $@.log; false; }
	$(Q)touch $@

# --- installing ----------------------------------------------------------------------
install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(SBINDIR) $(LIBEXECDIR) $(MANDIR)/man1 \
		$(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8 $(DATADIR)/experiments/inventories $(UNITDIR) \
		$(SYSCONFDIR)/stormdrill)
	install -m 755 $(BUILD)/bin/stormctl $(DESTDIR)$(BINDIR)
	install -m 755 $(BUILD)/bin/stormd $(BUILD)/bin/stormd-undo $(DESTDIR)$(SBINDIR)
	install -m 755 $(BUILD)/bin/stormd-front $(BUILD)/bin/stormd-fault \
		$(BUILD)/bin/stormctl-jq $(DESTDIR)$(LIBEXECDIR)
	for m in docs/man/*.[1-8]; do \
		install -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/ || exit 1; done
	install -m 644 experiments/*.yaml $(DESTDIR)$(DATADIR)/experiments
	install -m 644 experiments/inventories/*.yaml $(DESTDIR)$(DATADIR)/experiments/inventories
	for u in packaging/systemd/*.service; do \
		sed 's|@SBINDIR@|$(SBINDIR)|g' $$u >$(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; done
	install -m 644 packaging/policy.sample $(DESTDIR)$(SYSCONFDIR)/stormdrill/policy.sample
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/stormctl $(DESTDIR)$(SBINDIR)/stormd $(DESTDIR)$(SBINDIR)/stormd-undo
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DATADIR)
	for m in docs/man/*.[1-8]; do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	for u in packaging/systemd/*.service; do rm -f $(DESTDIR)$(UNITDIR)/$${u##*/}; done
	rm -f $(DESTDIR)$(SYSCONFDIR)/stormdrill/policy.sample
clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
