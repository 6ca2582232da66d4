# One target per task; `make` lists them. Each target installs its own tools, so it works on a fresh clone. Complex
# steps are in scripts/: bootstrap (installs tools), build_zip.py, deploying.
# Written for GNU make from 3.81 on, which macOS ships: it has no .SHELLFLAGS, so no recipe uses them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ENV ?=
ARCH ?= arm64
EMULATOR ?=
# How long `make chaos` injects faults.
CHAOS_SECONDS ?= 180
# For `make deploy`: the release to deploy (`make release` prints it), and the only plan to apply.
export RELEASE ?=
PLAN ?=
# For `make assets` and `make publish`: v and the version in pyproject.toml.
TAG ?=
# `make loadtest`: duration, highest rate in votes per second, and shape.
MINUTES ?= 15
RATE ?= 60
SHAPE ?= spike
# Votes that `make latency` sends through each door.
VOTES ?= 1000
# The drill of `make drill`.
DRILL ?=
# Requests that `make fuzz` sends.
FUZZ_REQUESTS ?= 10000
# The door that clients of the local environment are sent to, for every target that applies it: rest, http or url.
export DOOR ?=
# More arguments for the tool that a target runs, as in: make plan ENV=dev ARGS=-no-color
ARGS ?=

# Compiled Python is kept in one folder outside the source, even if a shell forbids writing it next to the source.
# Without it, each process compiles every library again: a third of its time.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.state/pycache

# Any Python from 3.8 on installs the rest. A list, because pyenv's python3 refuses to start here without a 3.13. It is
# looked for once, and called by its own path: pyenv's python3 is a script that takes longer than our programs.
PYTHONS := python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 /usr/bin/python3 python
PYTHON = $(eval PYTHON := $$(shell for python in $$(PYTHONS); do \
	"$$$$python" -c 'import sys; sys.version_info < (3, 8) and sys.exit(1); print(sys.executable)' 2>/dev/null && break; done))$(PYTHON)
BOOTSTRAP = $(or $(PYTHON),$(error No Python 3.8 or newer on the PATH: install any Python 3, then try again)) -B -m scripts.bootstrap
BIN := .venv/bin
LAYERS = $(BIN)/lint-imports --no-logo --cache-dir .state/import-linter
DEPLOY := $(BIN)/python -m scripts deploying.deploy
PIPELINE := $(BIN)/python -m scripts deploying.pipeline
LOCALCLOUD := $(BIN)/python -m localcloud
LOADTEST = $(BIN)/python -m loadtest run --minutes $(MINUTES) --rate $(RATE) --shape $(SHAPE) $(ARGS)

# A stamp is stored in the folder that it stands for, if there is one: removing the folder removes the stamp.
UV := .tools/uv/installed-from
VENV := .venv/.installed
LOCALCLOUD_VENV := .venv-localcloud/.installed
SCAN_VENV := .venv-scan/.installed
PACKAGES := $(wildcard functions/*/__init__.py)

# In parallel, by file; the slowest folders come first.
PYTHON_TESTS := $(addprefix tests/,properties integration contract unit)
WORKFLOWS := $(wildcard .github/workflows/*.yml)
MODULES := infra infra/bootstrap infra/tests/variables $(patsubst %/,%,$(dir $(wildcard infra/modules/*/terraform.tf)))
INFRA_TESTS := $(MODULES:%=test-infra/%)
# Keeps the output of recipes that run side by side together, where make can (4.0 and newer).
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
SUBMAKE := $(MAKE) --no-print-directory
# A make inside that shares no jobs with the one outside. Variables of the command line still reach it.
OWN_MAKE := MAKEFLAGS= $(SUBMAKE)
# -j for a make inside, unless the one outside shares its jobs.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(1))

##@ Start here

.PHONY: help
help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } { gsub(/\$$\$$/, "$$") } \
		/^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: prepare ## Deploy to a cloud on this machine, vote (DOOR=rest, http or url), and compare what was sent with what was counted
	@$(SUBMAKE) apply ENV=local ARGS=
	@$(BIN)/votectl demo $(ARGS)

# The end-to-end tests wait most of the time, so the tests without a cloud run beside them, with a lower priority:
# end-to-end tests have time limits. Each of the two continues after a failure of the other.
.PHONY: test
test: prepare ## Run every check, from lint to the end-to-end tests (12 minutes on two cores)
	+@$(SUBMAKE) package ARCH=host
	+@$(SUBMAKE) -k -j3 test-e2e test-offline

.PHONY: test-offline
test-offline: prepare ## Run every check that needs no cloud
	+@result=0; for part in lint typecheck scan test-infra test-python test-web; do \
		nice -n 19 $(SUBMAKE) $(TOGETHER) $$part || result=$$?; done; exit $$result

.PHONY: down
down: local-down ## Stop the local cloud and forget its deployment
	@rm -rf "$${LOCALCLOUD_DIRECTORY:-.localcloud}/terraform"

##@ Set up

.PHONY: install
install: $(VENV) $(LOCALCLOUD_VENV) $(SCAN_VENV) ## Create the virtual environments from their locks

# The downloads of a first run, in parallel.
.PHONY: prepare
prepare: $(UV) ## Install everything: tools, environments, provider
	+@$(SUBMAKE) -s $(call JOBS,3) $(TOGETHER) $(VENV) $(LOCALCLOUD_VENV) .state/init/infra.stamp

.PHONY: lock
lock: ## Lock requirements/*.in by hash into *.txt (ARGS=--upgrade takes newer versions)
	@$(BOOTSTRAP) lock $(ARGS)

.PHONY: vendor-web
vendor-web: $(VENV) ## Copy the pages' libraries from npm as web/package.json names them (needs npm)
	@$(BIN)/python -m scripts vendor_web

$(UV): requirements/tools.txt
	@$(BOOTSTRAP) uv >/dev/null

$(VENV): requirements/dev.txt pyproject.toml $(PACKAGES) | $(UV)
	@$(BOOTSTRAP) venv .venv dev --editable
	@touch $@

$(LOCALCLOUD_VENV): requirements/localcloud.txt | $(UV)
	@$(BOOTSTRAP) venv .venv-localcloud localcloud
	@touch $@

$(SCAN_VENV): requirements/scan.txt | $(UV)
	@$(BOOTSTRAP) venv .venv-scan scan
	@touch $@

##@ Check

.PHONY: check
check: $(VENV) ## Check style, types, import layers and quick unit tests: run it after each change
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(LAYERS)
	@$(BIN)/mypy & types=$$!; result=0; \
		$(BIN)/pytest -n auto --dist loadfile -q -m "not slow" tests/unit $(ARGS) || result=$$?; wait $$types && exit $$result

.PHONY: format
format: $(VENV) ## Rewrite Python and Terraform files in their standard form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@terraform="$$($(BOOTSTRAP) terraform)" && "$$terraform" fmt -recursive infra

.PHONY: lint
lint: $(VENV) ## Check style, likely bugs and import layers of Python, Terraform and workflow files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@terraform="$$($(BOOTSTRAP) terraform)" && "$$terraform" fmt -check -diff -recursive infra
	@$(LAYERS)
	+@$(SUBMAKE) -s lint-workflows

.PHONY: lint-workflows
lint-workflows: $(VENV) ## Check the GitHub workflows: syntax, weaknesses, schema
	@$(BIN)/actionlint -shellcheck= -pyflakes= $(WORKFLOWS)
	@$(BIN)/zizmor --offline --quiet --no-progress --persona=pedantic .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(BIN)/shellcheck .ci/run

.PHONY: typecheck
typecheck: $(VENV) ## Check types (mypy, strict)
	@$(BIN)/mypy

.PHONY: scan
scan: $(VENV) $(SCAN_VENV) ## Look for weaknesses in infra/ (checkov), each exception with its reason; needs no network
	@$(BIN)/python -m scripts scan infra

.PHONY: audit
audit: $(VENV) $(SCAN_VENV) ## Look up every locked dependency in the published vulnerabilities; needs the network
	@$(BIN)/python -m scripts scan audit

.PHONY: test-python
test-python: $(VENV) $(LOCALCLOUD_VENV) .state/init/infra.stamp ## Run unit, property, contract and integration tests, with branch coverage
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTHON_TESTS) --cov --cov-report=term $(ARGS)

.PHONY: test-web
test-web: $(VENV) ## Test every page in a real browser, and write screenshots to .state/screenshots
	@$(BIN)/pytest -n 4 --dist worksteal tests/web $(ARGS)

.PHONY: test-infra
test-infra: ## Validate and test the Terraform root and each module, without a cloud
	+@$(SUBMAKE) -s $(call JOBS,2) $(TOGETHER) $(INFRA_TESTS)

.PHONY: $(INFRA_TESTS)
$(INFRA_TESTS): test-infra/%: .state/init/%.stamp
	@$(BOOTSTRAP) terraform-test $*

# Initialised without a backend, for validate and test. The root comes first: it installs the provider for all.
.state/init/infra.stamp: $(wildcard infra/*.tf infra/modules/*/main.tf infra/modules/*/terraform.tf infra/tests/fixtures/*/main.tf) infra/.terraform.lock.hcl
	@$(BOOTSTRAP) terraform-init infra
	@mkdir -p $(@D) && touch $@

.state/init/infra/bootstrap.stamp: $(wildcard infra/bootstrap/*.tf) .state/init/infra.stamp
	@$(BOOTSTRAP) terraform-init infra/bootstrap
	@mkdir -p $(@D) && touch $@

.state/init/infra/tests/variables.stamp: infra/variables.tf .state/init/infra.stamp
	@$(BOOTSTRAP) terraform-init infra/tests/variables
	@mkdir -p $(@D) && touch $@

.state/init/infra/modules/%.stamp: infra/modules/%/main.tf infra/modules/%/terraform.tf .state/init/infra.stamp
	@$(BOOTSTRAP) terraform-init infra/modules/$*
	@mkdir -p $(@D) && touch $@

# Tests marked `disruptive` have a second cloud. An endpoint from outside is one cloud: there they come last. The test of
# unused permissions needs the calls of all tests.
SECOND := .state/second-cloud
OUTSIDE = $(filter-out $(LOCALCLOUD_ENDPOINT_URL),$(AWS_ENDPOINT_URL))
E2E_TESTS = $(OWN_MAKE) -k $(if $(OUTSIDE),,-j2) test-e2e-shared test-e2e-disruptive $(if $(OUTSIDE),,&& \
	$(BIN)/pytest tests/e2e/test_privileges.py -k test_every --other-calls $(SECOND)/logs/calls.jsonl)

.PHONY: test-e2e
test-e2e: $(VENV) $(LOCALCLOUD_VENV) ## Deploy to a cloud on this machine and test it from outside (ARGS=<pytest's> chooses tests)
	@$(call on_local_cloud,$(OWN_MAKE) plan-is-empty && $(if $(ARGS),$(BIN)/pytest tests/e2e $(ARGS),$(E2E_TESTS)))

.PHONY: test-e2e-shared
test-e2e-shared: ## Run the end-to-end tests that leave the local cloud as it is (after make apply ENV=local)
	@$(BIN)/pytest tests/e2e -n 6 --dist loadfile --no-loadscope-reorder -m "not alone and not disruptive"
	@$(BIN)/pytest tests/e2e -m alone

.PHONY: test-e2e-disruptive
test-e2e-disruptive: ## Run the end-to-end tests that break or change what is deployed, on a cloud of their own
	@export LOCALCLOUD_DIRECTORY=$(SECOND) LOCALCLOUD_PORT=$$(($${LOCALCLOUD_PORT:-4566} + 2)) \
		LOCALCLOUD_DYNAMODB_PORT=$$(($${LOCALCLOUD_DYNAMODB_PORT:-4567} + 2)); \
		$(call on_local_cloud,$(BIN)/pytest tests/e2e -m disruptive)

.PHONY: plan-is-empty
plan-is-empty: ## Fail if a plan after an apply to the local cloud is not empty
	@mkdir -p .state/logs; $(DEPLOY) plan local -- -detailed-exitcode -compact-warnings >.state/logs/plan-after-apply.log 2>&1 || \
		{ cat .state/logs/plan-after-apply.log; echo "a plan after apply is not empty" >&2; exit 1; }

.PHONY: chaos
chaos: need-number-CHAOS_SECONDS $(VENV) $(LOCALCLOUD_VENV) ## Vote while the platform's parts are killed, frozen and restarted, for CHAOS_SECONDS
	@export VOTESTREAM_CHAOS_SECONDS=$(CHAOS_SECONDS); \
		$(call on_local_cloud,$(BIN)/pytest tests/e2e/test_faults.py $(ARGS))

.PHONY: loadtest
loadtest: $(VENV) $(LOCALCLOUD_VENV) ## Send votes for MINUTES=15 and verify each of them (ENV=local, RATE=60, SHAPE=flat, ramp or spike)
	@$(if $(filter-out local,$(ENV)),$(LOADTEST) --environment $(ENV),$(call on_local_cloud,$(LOADTEST)))

.PHONY: latency
latency: need-number-VOTES $(VENV) $(LOCALCLOUD_VENV) ## Compare the latency of VOTES=1000 votes through each door of the local cloud
	@export DOOR=http,url; $(call on_local_cloud,$(BIN)/python -m loadtest latency --votes $(VOTES) $(ARGS))

.PHONY: drill
drill: $(VENV) $(LOCALCLOUD_VENV) ## Break one thing on the local cloud while people vote (DRILL=; without it, a list)
	@$(BIN)/python -m loadtest.drills $(or $(DRILL),--help) $(ARGS)

.PHONY: spike
spike: $(VENV) ## Simulate a million phones at a throttled door, with our pages and with simpler clients
	@$(BIN)/python -m scripts spike $(ARGS)

.PHONY: pages
pages: $(VENV) ## Serve the pages on this machine against the local cloud's API (ARGS=--help for more)
	@$(BIN)/python -m scripts pages $(ARGS)

.PHONY: fuzz
fuzz: need-number-FUZZ_REQUESTS $(VENV) $(LOCALCLOUD_VENV) ## Send FUZZ_REQUESTS hostile requests to the local cloud's front doors (DOOR= for one kind), and check every record
	@export VOTESTREAM_FUZZ_REQUESTS=$(FUZZ_REQUESTS) VOTESTREAM_FUZZ_DOOR=$(DOOR); \
		$(call on_local_cloud,$(BIN)/pytest tests/e2e/test_fuzz.py $(ARGS))

.PHONY: soak
soak: $(VENV) ## Run 10,000 hostile schedules against the functions (a few hundred are in `make test`)
	@HYPOTHESIS_PROFILE=soak $(BIN)/pytest -n auto --dist worksteal tests/properties/test_random_schedules.py $(ARGS)

.PHONY: explore
explore: $(VENV) ## Run the functions through every schedule of small worlds (a short form is in `make test`)
	@PYTHONPATH=functions:tests $(BIN)/python -m world.explorer $(ARGS)

.PHONY: defects
defects: $(VENV) ## Print which built-in defect the random schedules find, and which the explorer
	@HYPOTHESIS_PROFILE=soak $(BIN)/pytest -n auto --dist worksteal tests/properties -k test_each_defect_is_caught $(ARGS)

.PHONY: soak-sizing
soak-sizing: $(VENV) ## Compare plan and simulation over 400 random events (a dozen are in `make test`)
	@HYPOTHESIS_PROFILE=soak $(BIN)/pytest tests/properties/sizing/test_plan_and_simulation.py $(ARGS)

.PHONY: bench
bench: $(VENV) $(LOCALCLOUD_VENV) ## Measure CPU, requests, write units and memory per vote (ARGS=--quick is short)
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-pack
bench-pack: $(VENV) ## Measure the CPU and memory of exporting and verifying a million votes (ARGS="--rows N")
	@$(BIN)/python -m benchmarks pack $(ARGS)

# Runs a command on the local cloud, and stops the cloud afterwards only if it was not running before. The second one
# deploys first. ARGS are for the command: a make inside would pass them to Terraform, too.
define with_local_cloud
$(LOCALCLOUD) status >/dev/null 2>&1 || trap '$(OWN_MAKE) down >/dev/null' EXIT; $(1)
endef
on_local_cloud = $(call with_local_cloud,$(OWN_MAKE) apply ENV=local ARGS= && $(1))

##@ Build and deploy

.PHONY: package
package: $(VENV) ## Build the functions' archives (ARCH=arm64, x86_64 or host)
	@$(BIN)/python -m scripts build_zip $(ARCH)

.PHONY: api-page
api-page: $(VENV) ## Render openapi.yaml as one self-contained page: dist/api.html
	@$(BIN)/python -m scripts api_page

.PHONY: bootstrap
bootstrap: need-env ## Create the state's bucket and the pipeline's roles, once for each environment (ENV=)
	@$(PIPELINE) bootstrap $(ENV) $(if $(ARGS),-- $(ARGS))

.PHONY: init plan apply destroy output
init: need-env ## Prepare Terraform for an environment (ENV=local, dev or prod)
plan: need-env ## Show what apply would change (ENV=)
apply: need-env ## Create or change an environment (ENV=)
destroy: need-env ## Remove an environment (ENV=)
output: need-env ## Print an environment's outputs (ENV=)
init plan apply destroy output:
	@$(DEPLOY) $@ $(ENV) $(if $(ARGS),-- $(ARGS))

.PHONY: preflight
preflight: need-env ## Compare the account's quotas with an environment's tfvars, before anything is created (ENV=)
	@$(BIN)/votectl preflight --environment $(ENV)

.PHONY: smoke
smoke: need-env ## Take a small poll through a deployment, from its creation to its final result (ENV=)
	@$(BIN)/votectl smoke --environment $(ENV)

##@ The pipeline's steps (.github/workflows), which also run by hand

.PHONY: release
release: $(VENV) ## Build the archives of all environments, and name them by one SHA-256
	@$(PIPELINE) release

.PHONY: assets
assets: $(VENV) ## Build the files of a published release into dist/release: archives, checksums, SBOM (TAG=v1.2.3)
	@$(PIPELINE) assets "$(TAG)"

.PHONY: publish
publish: assets ## Publish a pushed tag as a release on GitHub (TAG=; needs the gh command and its GH_TOKEN)
	@gh release create "$(TAG)" --verify-tag --title "$(TAG)" --notes-file dist/notes.md dist/release/*

.PHONY: review
review: need-env ## Show the changes of a deployment, without strings that could be secret (ENV=)
	@$(PIPELINE) review $(ENV)

.PHONY: deploy
deploy: need-env ## Apply without asking (ENV=, RELEASE=<SHA-256>; PLAN=<SHA-256>: only the reviewed plan)
	@$(PIPELINE) deploy $(ENV) $(if $(PLAN),--plan $(PLAN))

.PHONY: drift
drift: need-env ## Fail if an environment differs from the code (ENV=)
	@$(PIPELINE) drift $(ENV)

.PHONY: test-pipeline
test-pipeline: $(VENV) $(LOCALCLOUD_VENV) ## Bootstrap, deploy, resize and remove dev on the local cloud with the pipeline's own roles
	@$(call with_local_cloud,$(SUBMAKE) local-up && $(BIN)/pytest tests/deployment $(ARGS))

# The local environment needs its cloud. Starting a running cloud changes nothing.
.PHONY: need-env
need-env: $(VENV) $(if $(filter local,$(ENV)),local-up)
	@test -n "$(ENV)" || { echo "Name an environment, as in: make $(firstword $(MAKECMDGOALS)) ENV=local" >&2; exit 2; }

# Refuses a variable that is not a whole number before anything starts.
need-number-%:
	@case "$($*)" in ''|*[!0-9]*) echo "$*=$($*) is not a whole number, as in: $*=100" >&2; exit 2;; esac

##@ Local cloud

.PHONY: local-up
local-up: $(VENV) $(LOCALCLOUD_VENV) ## Start a cloud on this machine (EMULATOR=localstack uses Docker)
	@$(LOCALCLOUD) up $(if $(EMULATOR),--emulator $(EMULATOR))

.PHONY: local-down
local-down: ## Stop the local cloud and remove its data
	@if [ -x $(BIN)/python ]; then $(LOCALCLOUD) down; fi

.PHONY: local-env
local-env: $(VENV) ## Print the variables that point tools to it, for: eval "$$(make -s local-env)"
	@$(LOCALCLOUD) env

##@ Clean up

.PHONY: clean
clean: ## Remove built files and caches; tools and environments stay
	@rm -rf dist .state .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache htmlcov ./*.egg-info
	@find benchmarks functions infra loadtest localcloud scripts tests votectl -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: local-down clean ## Remove everything that make has installed or built
	@rm -rf .localcloud .tools .venv .venv-localcloud .venv-scan
