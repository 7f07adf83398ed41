# The parsers under libFuzzer and AddressSanitizer, in a separate build folder: an ordinary build contains none of it.
# FUZZ_SECONDS=3600 for a long run; inputs that fail are kept in .build/fuzz-found.

FUZZ_SECONDS ?= 60
FUZZ_BUILD = .build/fuzz
FUZZ_BIN = $(FUZZ_BUILD)/release
FUZZ_RUN = SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
FUZZ_OPTIONS = -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0

.PHONY: fuzz fuzz-build fuzz-requests fuzz-replies fuzz-canary

fuzz: fuzz-requests fuzz-replies fuzz-canary

fuzz-build: swift
	@.ci/packages build fuzz
	RINGROAD_FUZZ=1 $(SWIFT) build -c release --scratch-path $(FUZZ_BUILD) --product FuzzRequests
	RINGROAD_FUZZ=1 $(SWIFT) build -c release --scratch-path $(FUZZ_BUILD) --product FuzzReplies

# New inputs go to the first folder; the committed ones are only read.
fuzz-requests: fuzz-build
	mkdir -p .build/fuzz-corpus/requests .build/fuzz-found
	$(FUZZ_RUN) $(FUZZ_BIN)/FuzzRequests $(FUZZ_OPTIONS) -max_len=4096 -max_total_time=$(FUZZ_SECONDS) \
	  -dict=Fuzz/requests.dict -artifact_prefix=.build/fuzz-found/requests- \
	  .build/fuzz-corpus/requests Fuzz/Corpus/requests

fuzz-replies: fuzz-build
	mkdir -p .build/fuzz-corpus/replies .build/fuzz-found
	$(FUZZ_RUN) $(FUZZ_BIN)/FuzzReplies $(FUZZ_OPTIONS) -max_len=4096 -max_total_time=$(FUZZ_SECONDS) \
	  -dict=Fuzz/replies.dict -artifact_prefix=.build/fuzz-found/replies- \
	  .build/fuzz-corpus/replies Fuzz/Corpus/replies

# A deliberately wrong invariant must be found, with the committed inputs alone.
fuzz-canary: fuzz-build
	for target in FuzzRequests:requests FuzzReplies:replies; do \
	  RINGROAD_FUZZ_CANARY=1 $(FUZZ_RUN) $(FUZZ_BIN)/$${target%:*} $(FUZZ_OPTIONS) -max_total_time=60 \
	    -artifact_prefix=.build/fuzz-canary- Fuzz/Corpus/$${target#*:} 2>&1 \
	    | grep -q 'invariant violated: the canary' || { echo "$$target: the canary was not found"; exit 1; }; \
	done
