# Every Node call goes through the Node that npm installs: the one of the system may be older.
NODE := node_modules/.bin/node
BIOME := node_modules/.bin/biome
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# npm writes this file at the end of an installation.
INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz mutations chaos bench crds rules reference lint-docs chart format build sbom cluster-up cluster-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## install what package-lock.json asks for

# npm keeps to the system's Node: the other one disappears while npm works.
$(INSTALLED): package-lock.json
	PATH="$(SYSTEM_PATH)" npm ci
	touch $@

demo: setup ## see every feature at work, on $KUBECONFIG if set, or else on a control plane of its own
	@$(NODE) dev/demo.ts

test: setup ## check style and types, and run every test
	@$(NODE) dev/verify.ts

fuzz: setup ## try a million random inputs for each property, or as many as CASES says
	@CASES=$${CASES:-1000000} ava --timeout=7d 'test/fuzz/**'

mutations: setup ## take each dangerous line away, in a copy, and see its test fail
	@$(NODE) dev/mutations.ts

bench: setup ## measure against a controller-runtime operator
	@$(NODE) bench/run.ts

chaos: setup ## kill leaders, API server and etcd for MINUTES (30) and report on it
	@$(NODE) dev/chaos.ts

crds: setup ## write crds/ from the schemas in src/api
	@$(NODE) dev/crds.ts

rules: setup ## write config/monitoring/prometheusrule.yaml from rules.yaml
	@$(NODE) dev/rules.ts

reference: setup ## write the tables of fields in docs/policy.md from src/api
	@$(NODE) dev/reference.ts

lint-docs: setup ## write the rules of the linter into docs/check.md
	@$(NODE) dev/lint-docs.ts

chart: setup ## write what charts/ shares with config/, and the table of values in docs/helm.md
	@$(NODE) dev/chart.ts

format: setup ## format the sources and fix what can be fixed
	$(BIOME) check --write .

build: setup ## bundle the operator into dist/
	@$(NODE) dev/bundle.ts

sbom: setup ## write what is in the bundle and the image to dist/leasepolicy.cdx.json, in CycloneDX
	@$(NODE) dev/sbom.ts

cluster-up: setup ## start a real control plane with three nodes
	@$(NODE) dev/cluster.ts up

cluster-down: setup ## end it and remove its files
	@$(NODE) dev/cluster.ts down

clean: ## remove what the other targets made; the cache of built programs stays
	@if [ -d .cluster ]; then $(NODE) dev/cluster.ts down; fi
	rm -rf dist coverage node_modules
