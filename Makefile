# The commands of this project. Each installs what it lacks first (scripts/setup) and says so.

.DEFAULT_GOAL := help
VENV := .venv/bin
export JOBS ?= $(shell nproc)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	  while IFS="$$(printf '\t')" read -r name what; do printf '  make %-18s %s\n' "$$name" "$$what"; done

.PHONY: build
build: ## build/sqlite_efs.so, build/sqlite-efs and .venv/ with both Python packages
	@scripts/setup build
	@scripts/build release sqlite_efs sqlite-efs

.PHONY: wheel https
wheel: https ## the wheel, in dist/
	@scripts/wheel
https: build # the wheel's libcurl and OpenSSL
	@scripts/setup wheel
	@scripts/build release sqlite_efs_https

.PHONY: demo
demo: build ## build, then serve the polls site on http://127.0.0.1:8000
	@demo/run

.PHONY: lambda
lambda: wheel ## dist/lambda.zip, the demo for AWS Lambda (docs/lambda.md)
	@$(VENV)/python scripts/build-lambda --wheel "$$(ls -t dist/django_sqlite_efs-*.whl | head -n 1)"

.PHONY: test
test: https ## all tests but the slow ones
	@scripts/setup test fuzz
	@$(VENV)/python scripts/run-tests

.PHONY: test-unit test-asan test-tsan test-python test-slow
test-unit: build ## the unit tests only
test-asan: build ## the unit tests with AddressSanitizer and UndefinedBehaviorSanitizer
test-tsan: build ## the unit tests with ThreadSanitizer
test-python: https ## what is under tests/ only, against the built extension
test-slow: https ## the tests under tests/ that take minutes each
test-unit test-asan test-tsan test-python test-slow:
	@scripts/setup test
	@$(VENV)/python scripts/run-tests $(@:test-%=%)

.PHONY: fuzz
fuzz: build ## the fuzzers, each for FUZZ_SECONDS=60
	@scripts/setup test fuzz
	@FUZZ_SEED=0 $(VENV)/python scripts/run-tests fuzz

.PHONY: bench
bench: https ## the benchmarks in bench/, each with its table
	@scripts/setup test bench
	@for name in bench/*/; do scripts/bench "$$(basename "$$name")"; done

.PHONY: load
load: https ## the demo in Lambda environments on real NFS, with readers and voters, beside 0.1.0 (root; ARGS=--help)
	@scripts/setup test
	@scripts/bench load $(ARGS)

.PHONY: docs
docs: ## the documentation as a site, in build/site/
	@scripts/setup docs
	@scripts/docs

.PHONY: conformance
conformance: build ## every test of Django's own, for each Django and Python, on the stock backend and on ours
	@scripts/setup conformance
	@$(VENV)/python tests/django/conformance.py --parallel $(JOBS) $(ARGS)

.PHONY: clients
clients: build ## the own tests of SQLAlchemy and APSW, on ordinary files and on live ones, compared
	@scripts/setup test
	@$(VENV)/python tests/clients/foreign_suites.py

.PHONY: lint
lint: ## formatting, clang-tidy, ruff, shellcheck, cfn-lint, the layers
	@scripts/setup build lint
	@$(VENV)/python scripts/lint

.PHONY: format
format: ## put every file into the project's format
	@scripts/setup build lint
	@$(VENV)/python scripts/lint --fix

.PHONY: clean
clean: ## remove what was built (.venv/ stays)
	rm -rf build build-asan build-tsan build-fuzz dist .cache .ruff_cache .pytest_cache
