# Two commands on a fresh machine: `make demo` and `make test`. Everything else is optional.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPLIANCE_DATA_DIR ?= .compliance
override COMPLIANCE_DATA_DIR := $(abspath $(COMPLIANCE_DATA_DIR))
export COMPLIANCE_DATA_DIR

.PHONY: help install demo test dev lint check bench bench-changes bench-index bench-leaks bench-workers bench-ledger bench-triage bench-failover bench-policy eval eval-retrieval eval-judge eval-thresholds eval-ablation eval-mutations eval-normalise eval-triage eval-citations eval-redaction eval-injection eval-injection-path faults fuzz lock clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

install: $(VENV)/.installed ## the environment, from the lock

$(VENV)/.installed: requirements.lock requirements-torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "expected Python 3.11 or newer; found $$($(PYTHON) --version). Run: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet -r requirements-torch.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

demo: install ## from a folder to a verified ledger: make demo [SOURCE=dir] [QUESTIONS=file]
	@$(BIN)/compliance demo $(if $(SOURCE),--source "$(SOURCE)") $(if $(QUESTIONS),--questions "$(QUESTIONS)")

test: install ## the tests; the long ones are in faults
	$(BIN)/python -m pytest $(PYTEST_ARGS)

dev: install ## the Dagster UI on the demo's data
	@$(BIN)/compliance up
	DAGSTER_HOME=$(COMPLIANCE_DATA_DIR)/dagster $(BIN)/dagster dev -w workspace.yaml

lint: install ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## before a commit; .ci/run adds faults

bench: install ## ingestion against the bare encoder: make bench [SOURCE=dir]
	$(BIN)/python -m evals.bench_ingestion $(if $(SOURCE),--source "$(SOURCE)") $(BENCH_ARGS)

bench-changes: install ## 1% changed, nothing changed, a thousand deletions: make bench-changes [BENCH_ARGS="--part deletion"]
	$(BIN)/python -m evals.bench_changes $(BENCH_ARGS)

bench-index: install ## a year's index from 10,000 to 1,000,000 chunks, beside pgbench: make bench-index [BENCH_ARGS="--sizes 10000"]
	$(BIN)/python -m evals.bench_index $(BENCH_ARGS)

bench-leaks: install ## 100,000 random scoped searches: hits of another organisation, year or category
	$(BIN)/python -m evals.bench_leaks $(BENCH_ARGS)

bench-workers: install ## the same batches by 1, 2 and 4 processes
	$(BIN)/python -m evals.bench_workers $(BENCH_ARGS)

bench-ledger: install ## appends, verification, proofs and lineage at a million entries: make bench-ledger [BENCH_ARGS="--entries 100000"]
	$(BIN)/python -m evals.bench_ledger $(BENCH_ARGS)

bench-triage: install ## 10,000 filings through irpf.triage with a slow model: make bench-triage [BENCH_ARGS="--filings 1000"]
	$(BIN)/python -m evals.bench_triage $(BENCH_ARGS)

bench-failover: install ## from a provider's failure to the next one's first byte, over 1,000 faults
	$(BIN)/python -m evals.bench_failover $(BENCH_ARGS)

bench-policy: install ## evaluations of the policy a second, in process or by a server: make bench-policy [BENCH_ARGS="--opa URL"]
	$(BIN)/python -m evals.bench_policy $(BENCH_ARGS)

eval: install ## the gate on the working tree's prompts, thresholds, routes and policy, against the release in production
	$(BIN)/python -m evals.eval_gate $(EVAL_ARGS)

eval-retrieval: install ## whether the page is found, on three corpora, and what each part is worth: make eval-retrieval [EVAL_ARGS="--filings DIR"]
	$(BIN)/python -m evals.eval_retrieval $(EVAL_ARGS)

eval-thresholds: install ## whether the bound on auto-decided errors holds, over 1,000 splits of filings with known errors
	$(BIN)/python -m evals.eval_thresholds $(EVAL_ARGS)

eval-judge: install ## how groundedness and confidence agree with people's labels: make eval-judge
	$(BIN)/python -m evals.calibrate_judge $(EVAL_ARGS)

eval-ablation: install ## what year, category, top-k, chunk size and embedder are worth: make eval-ablation
	$(BIN)/python -m evals.ablation $(EVAL_ARGS)

eval-mutations: install ## tampering with a ledger as superuser, and what finds it: make eval-mutations [EVAL_ARGS=--write]
	$(BIN)/python -m evals.ledger_mutations $(EVAL_ARGS)

eval-normalise: install ## how exactly filings are read, on the frozen sets: make eval-normalise [EVAL_ARGS="--set golden"]
	$(BIN)/python -m evals.eval_normalise $(EVAL_ARGS)

eval-triage: install ## irpf.triage on the golden set, with and without the scope of the year: make eval-triage
	$(BIN)/python -m evals.eval_triage $(EVAL_ARGS)

eval-citations: install ## bad citations let through, true ones refused: make eval-citations
	$(BIN)/python -m evals.eval_citations $(EVAL_ARGS)

eval-redaction: install ## redaction beside Presidio, and on generated Portuguese: make eval-redaction
	$(BIN)/python -m evals.eval_redaction $(EVAL_ARGS)

eval-injection-path: install ## planted attacks through the whole decision path: make eval-injection-path
	$(BIN)/python -m evals.eval_injection_path $(EVAL_ARGS)

eval-injection: install ## signs of injection on labelled prompts, attacks and clean passages: make eval-injection
	$(BIN)/python -m evals.eval_injection $(EVAL_ARGS)

fuzz: install ## coverage-guided fuzzing of the parsers of fixed-width files and mails: make fuzz [SECONDS=60]
	$(BIN)/python -m tests.fuzz.fuzz_fixed_width --seconds $(or $(SECONDS),60)
	$(BIN)/python -m tests.fuzz.fuzz_mail --seconds $(or $(SECONDS),60)

faults: install ## the long tests: kill -9 at random moments, every change to a ledger, folders of bad files
	$(BIN)/python -m pytest -m slow tests/faults tests/real $(PYTEST_ARGS)

lock: install ## resolve pyproject.toml into requirements.lock again
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
		--no-emit-options --no-header --extra dev --output-file requirements.lock pyproject.toml
	awk '/^[^ ]/ { skip = /^torch==/ } !skip' requirements.lock > requirements.new && mv requirements.new requirements.lock

clean: ## the environment and the demo's data
	-[ -x $(BIN)/compliance ] && $(BIN)/compliance down
	-chattr -R -f -i .compliance/worm # a replica that root wrote is immutable
	rm -rf $(VENV) .compliance
