# make            all programs, with every backend this machine offers     make test      unit tests and end-to-end tests
# make cpu|cuda|metal   the same with one backend only                     make asan ubsan tsan   the tests under a sanitizer
# make fuzz       every fuzz target for FUZZ_SECONDS each                  make layers    who may include whom
# make clean      removes build/
#
# Sources are found by room: src/ROOM/*.c go into build/libds4.a, X_test.c is a test, X_fuzz.c a fuzz target, src/apps/X.c a
# program. A file named X_avx2.c is compiled for that instruction set and only where it exists.

B      ?= build
ROOMS  := base quant gguf hf text model chat sample backend backend/cpu engine
OS     := $(shell uname -s)
ARCH   := $(shell uname -m)
PKGS   := json-c libxxhash
VERSION := $(shell cat VERSION)

OPT    ?= -O2 -g
WARN   := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
CFLAGS += -std=c11 -D_GNU_SOURCE -D_DARWIN_C_SOURCE -ffp-contract=off -fno-strict-aliasing -pthread $(OPT) $(WARN) $(HARDEN) $(SAN) \
          -Isrc -DDS4_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS))
LDLIBS += $(shell pkg-config --libs $(PKGS)) -lm -pthread $(SAN)
LDFLAGS += $(if $(filter Linux,$(OS)),-pie -Wl$(comma)-z$(comma)relro -Wl$(comma)-z$(comma)now)
comma  := ,

ISA_OFF := $(if $(filter x86_64 amd64,$(ARCH)),%_neon.c,%_avx2.c)
ALL    := $(filter-out $(ISA_OFF),$(wildcard src/*.c $(ROOMS:%=src/%/*.c)))
UNIT   := $(filter %_test.c,$(ALL)) $(wildcard tests/*_test.c)
FUZZ   := $(filter %_fuzz.c,$(ALL))
LIB    := $(filter-out %_test.c %_fuzz.c,$(ALL))
APPS   := $(wildcard src/apps/*.c)
APPLIB := $(wildcard src/apps/*/*.c)
obj     = $(patsubst %.c,$(B)/obj/%.o,$(1))
appname = $(if $(filter ds4,$(1)),ds4,ds4-$(1))
BINS   := $(foreach a,$(APPS:src/apps/%.c=%),$(B)/bin/$(call appname,$(a)))
TESTS  := $(patsubst %.c,$(B)/test/%,$(UNIT))
FUZZERS := $(patsubst %.c,$(B)/fuzz/%,$(FUZZ))

all: $(BINS) $(B)/libds4.a $(B)/examples/minimal
	@echo "backends: cpu"
cpu: all
tests: $(TESTS)

$(B)/libds4.a: $(call obj,$(LIB))
	@rm -f $@; ar rcs $@ $^
$(B)/libapps.a: $(call obj,$(APPLIB))
	@rm -f $@; ar rcs $@ $^
$(B)/obj/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(if $(findstring _avx2,$*),-mavx2 -mfma -mf16c) -MMD -MP -c -o $@ $<
define link_app
$(B)/bin/$(call appname,$(1)): $(B)/obj/src/apps/$(1).o $(B)/libapps.a $(B)/libds4.a
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach a,$(APPS:src/apps/%.c=%),$(eval $(call link_app,$(a))))
$(B)/test/%: $(B)/obj/%.o $(B)/libapps.a $(B)/libds4.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/examples/%: $(B)/obj/examples/%.o $(B)/libds4.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

test: all $(TESTS)
	@tools/run-tests $(TESTS)
asan ubsan tsan:
	@$(MAKE) B=build/$@ CC=clang OPT='-O1 -g' SAN='$(san_$@)' tests
	@tools/run-tests $(patsubst $(B)/%,build/$@/%,$(TESTS))
san_asan  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
san_ubsan := -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
san_tsan  := -fsanitize=thread

FUZZ_SECONDS ?= 60
$(B)/fuzz/%: $(B)/obj/%.o $(B)/libds4.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDLIBS) -fsanitize=fuzzer
fuzzers: $(FUZZERS)
fuzz:
	@$(MAKE) B=build/fuzzing CC=clang OPT='-O1 -g' SAN='$(san_asan) -fsanitize=fuzzer-no-link' fuzzers
	@tools/run-fuzz $(FUZZ_SECONDS) $(patsubst $(B)/%,build/fuzzing/%,$(FUZZERS))
layers:
	@tools/layers
clean:
	rm -rf build

.PHONY: all cpu tests test asan ubsan tsan fuzzers fuzz layers clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
