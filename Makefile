# make            all programs, with every backend this machine offers     make test      unit tests and end-to-end tests
# make cpu|cuda|metal   the same with one backend only                     make asan ubsan tsan   the tests under a sanitizer
# make fuzz       every fuzz target for FUZZ_SECONDS each                  make layers    who may include whom
# make arm        the products of aarch64, on this machine, under qemu
# make libds4.a   the library for other programs: src/ds4.h                make bench     the measuring programs of bench/
# make clean      removes build/
#
# Sources are found by room: src/ROOM/*.c go into one inner archive (libcore.a), X_test.c is a test, X_fuzz.c a fuzz target,
# src/apps/X.c a program, tests/X.c one that test scripts use. A file named X_avx2.c or X_avx2_Y.c is compiled for that instruction
# set and only where it exists.
# Variables: B the build folder, CC, OPT, SAN sanitizer flags, WERROR=1 warnings are errors, V=1 shows the commands.

B       ?= build
ROOMS   := base quant gguf hf text model chat sample talk backend backend/cpu engine api server
OS      := $(shell uname -s)
ARCH    := $(shell uname -m)
VERSION := $(shell cat VERSION)
LINUX   := $(filter Linux,$(OS))
Q       := $(if $(V),,@)

PKGS    := libxxhash
TESTPKG := $(shell pkg-config --exists libutf8proc 2>/dev/null && echo libutf8proc)
ifneq ($(MAKECMDGOALS),clean)
$(if $(shell pkg-config --exists $(PKGS) && echo ok),,$(error pkg-config finds not all of: $(PKGS). ./start installs them))
endif

OPT     ?= -O2 -g
WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
HARDEN  := -fstack-protector-strong $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) $(if $(LINUX),-fPIC -fno-semantic-interposition)
CFLAGS  += -std=c11 -D_GNU_SOURCE -D_DARWIN_C_SOURCE -ffp-contract=off -fno-strict-aliasing -pthread $(OPT) $(WARN) $(HARDEN) \
           $(SAN) -Isrc -DDS4_VERSION=\"$(VERSION)\" $(shell pkg-config --cflags $(PKGS))
LDFLAGS += $(SAN) $(if $(LINUX),-pie -Wl$(comma)-z$(comma)relro -Wl$(comma)-z$(comma)now -Wl$(comma)--as-needed)
LDLIBS  += $(shell pkg-config --libs $(PKGS)) -lm -pthread
EDITLIB := $(shell pkg-config --libs libedit 2>/dev/null || echo -ledit)
comma   := ,
isa_avx2 := -mavx2 -mfma -mf16c
isa_avx512 := $(isa_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni
isa_amx  := $(isa_avx512) -mamx-tile -mamx-int8
isa_neon := -march=armv8.2-a+dotprod
isa_i8mm := -march=armv8.2-a+dotprod+i8mm
isa_of   = $(foreach i,$(ISAS),$(if $(findstring _$(i),$(notdir $(1))),$(isa_$(i))))

SOURCES := $(wildcard src/*.c $(ROOMS:%=src/%/*.c) src/apps/*.c src/apps/*/*.c)
ISAS    := avx2 avx512 amx neon i8mm
# Older compilers do not know all of them.
can      = $(if $(shell echo 'int x;' | $(CC) $(isa_$(1)) -xc -c -o /dev/null - 2>/dev/null && echo ok),$(1))
ISA_HERE := $(if $(filter x86_64 amd64,$(ARCH)),avx2 $(call can,avx512) $(if $(LINUX),$(call can,amx))) $(if $(filter arm64 aarch64,$(ARCH)),neon $(call can,i8mm))
ALL     := $(foreach s,$(SOURCES),$(if $(strip $(foreach i,$(filter-out $(ISA_HERE),$(ISAS)),$(findstring _$(i),$(notdir $(s))))),,$(s)))
UNIT    := $(filter %_test.c,$(ALL)) $(wildcard tests/*_test.c)
FUZZ    := $(filter %_fuzz.c,$(ALL))
CODE    := $(filter-out %_test.c %_fuzz.c,$(ALL))
APPS    := $(filter $(wildcard src/apps/*.c),$(CODE))
LIB     := $(filter-out $(APPS),$(CODE))
obj      = $(patsubst %.c,$(B)/obj/%.o,$(1))
appname  = $(if $(filter ds4,$(1)),ds4,ds4-$(1))
BINS    := $(foreach a,$(APPS:src/apps/%.c=%),$(B)/bin/$(call appname,$(a)))
PUBLIC  := $(if $(wildcard src/ds4.c),$(B)/libds4.a)
EXAMPLES := $(if $(PUBLIC),$(patsubst %.c,$(B)/%,$(wildcard examples/*.c)))
BENCHES := $(patsubst %.c,$(B)/%,$(wildcard bench/*.c))
SCRIPTS := $(patsubst %.sh,$(B)/test/%,$(wildcard tests/*_test.sh))
TESTS   := $(patsubst %.c,$(B)/test/%,$(UNIT))
HELPERS := $(patsubst %.c,$(B)/test/%,$(filter-out %_test.c,$(wildcard tests/*.c)))
FUZZERS := $(patsubst %.c,$(B)/fuzz/%,$(FUZZ))
DATA    := $(patsubst tests/%,$(B)/data/%,$(patsubst tests/data/%,tests/%,$(patsubst %.xz,%,$(shell find tests/data tests/mini -type f 2>/dev/null))))

all: $(BINS) $(PUBLIC) $(EXAMPLES)
	@echo "backends: cpu"
cpu: all
cuda metal:
	@echo "ds4: the backend $@ is not part of this version: build with make cpu" >&2; exit 1
tests: $(TESTS) $(SCRIPTS) $(HELPERS) data bins
data: $(DATA)
bins: $(BINS)
bench: $(BENCHES)
objects: $(call obj,$(ALL) $(wildcard tests/*.c bench/*.c examples/*.c))
libds4.a: $(B)/libds4.a

# A change of compiler or flags rebuilds; a change of this file's words does not.
FLAGS := $(CC) $(CFLAGS) $(LDFLAGS) $(LDLIBS)
ifneq ($(MAKECMDGOALS),clean)
$(shell mkdir -p $(B); echo '$(FLAGS)' | cmp -s - $(B)/flags || echo '$(FLAGS)' >$(B)/flags)
endif
$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D); echo "cc $<"
	$(Q)$(CC) $(CFLAGS) $(if $(TESTPKG),$(if $(filter %_test,$*),-DHAVE_UTF8PROC)) $(call isa_of,$*) -MMD -MP -c -o $@ $<
$(B)/libcore.a: $(call obj,$(LIB))
	$(Q)rm -f $@; $(AR) rcs $@ $^

# dot.c chooses among what is compiled.
$(B)/obj/src/quant/dot.o: CFLAGS += $(if $(filter avx512,$(ISA_HERE)),-DDS4_AVX512) $(if $(filter amx,$(ISA_HERE)),-DDS4_AMX) $(if $(filter i8mm,$(ISA_HERE)),-DDS4_I8MM)

# Vectors wider than the registers stay within inlined functions: how they would be passed does not matter.
$(B)/obj/src/quant/quantize_%.o $(B)/obj/src/quant/loops_%.o: CFLAGS += -Wno-psabi

# Our inner names (fail, ...) would collide with a user's: the public archive is one object that shows ds4_* only.
$(B)/libds4.a: $(B)/obj/src/ds4.o $(B)/libcore.a
	$(Q)rm -f $@; $(LD) -r -o $(B)/obj/libds4.o $(if $(LINUX),,-exported_symbol '_ds4_*') $^
	$(Q)$(if $(LINUX),objcopy -w --keep-global-symbol='ds4_*' $(B)/obj/libds4.o)
	$(Q)ar rcs $@ $(B)/obj/libds4.o

link = $(Q)mkdir -p $(@D); echo "link $@"; $(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
define link_app
$(B)/bin/$(call appname,$(1)): $(B)/obj/src/apps/$(1).o $(B)/libcore.a
	$$(link) $$(LDLIBS) $$(EDITLIB)
endef
$(foreach a,$(APPS:src/apps/%.c=%),$(eval $(call link_app,$(a))))
$(filter $(B)/test/tests/%,$(TESTS) $(SCRIPTS)): | $(BINS)
$(SCRIPTS): | $(HELPERS) $(EXAMPLES) $(DATA)
$(B)/test/%: $(B)/obj/%.o $(B)/libcore.a | $(DATA)
	$(link) $(LDLIBS) $(EDITLIB) $(if $(TESTPKG),$(shell pkg-config --libs $(TESTPKG)))
$(B)/test/tests/%: tests/%.sh $(PUBLIC)
	@mkdir -p $(@D); cp $< $@; chmod +x $@
$(B)/bench/%: $(B)/obj/bench/%.o $(B)/libcore.a
	$(link) $(LDLIBS)
$(B)/examples/%: $(B)/obj/examples/%.o $(B)/libds4.a
	$(link) $(LDLIBS)
$(B)/fuzz/%: $(B)/obj/%.o $(B)/libcore.a
	$(link) $(LDLIBS) -fsanitize=fuzzer
$(B)/data/mini/%: tests/mini/%.xz
	@mkdir -p $(@D); xz -dc $< >$@.tmp && mv $@.tmp $@
$(B)/data/mini/%: tests/mini/%
	@mkdir -p $(@D); cp $< $@
$(B)/data/%: tests/data/%.xz
	@mkdir -p $(@D); xz -dc $< >$@.tmp && mv $@.tmp $@
$(B)/data/%: tests/data/%
	@mkdir -p $(@D); cp $< $@

test: all tests
	@tools/run-tests $(TESTS) $(SCRIPTS)
asan ubsan tsan: %: san-%
	@tools/run-tests --sanitizer $(patsubst $(B)/%,build/$@/%,$(TESTS))
# make san-asan WANT=...   builds the tests, or what is wanted of them, with a sanitizer in build/asan
san-%:
	@$(MAKE) B=build/$* CC=clang OPT='-O1 -g' SAN='$(san_$*)' $(or $(WANT),tests)
san_asan  := -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer
san_ubsan := -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
san_tsan  := -fsanitize=thread
san_fuzzing := $(san_asan) -fsanitize=fuzzer-no-link

# The number formats depend on no library: they are built and tested for aarch64 where its compiler and qemu are.
ARM       ?= aarch64-linux-gnu-
ARM_TESTS := $(patsubst %,$(B)/arm/test/src/quant/%_test,dot tile)
arm:
	@lack=$$(for t in $(ARM)gcc qemu-aarch64; do command -v $$t >/dev/null || echo $$t; done); \
	if [ -n "$$lack" ]; then echo "skipped: make arm: it needs" $$lack; echo '0 passed, 0 failed, 1 skipped'; exit; fi; \
	$(MAKE) B=$(B)/arm CC=$(ARM)gcc AR=$(ARM)ar OS=Linux ARCH=aarch64 SOURCES='$(wildcard src/quant/*.c)' DATA= TESTPKG= \
	    EDITLIB= LDFLAGS=-static LDLIBS=-lm $(ARM_TESTS) && tools/run-arm $(ARM_TESTS)

FUZZ_SECONDS ?= 60
fuzzers: $(FUZZERS)
fuzz:
	@$(MAKE) san-fuzzing WANT=fuzzers
	@tools/run-fuzz $(FUZZ_SECONDS) $(patsubst $(B)/%,build/fuzzing/%,$(FUZZERS))
layers:
	@tools/layers
list:
	@printf '%s\n' $(UNIT) $(wildcard tests/*_test.sh) $(FUZZ)
clean:
	rm -rf build

.PHONY: all cpu cuda metal tests test data bins bench objects libds4.a asan ubsan tsan arm fuzzers fuzz layers list clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
