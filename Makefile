BUILD    := CGO_ENABLED=0 go build -trimpath -ldflags='-s -w'
FUZZTIME := 1m
VERSION   = $(shell git describe --tags --always --dirty)
COMMITTED = $(shell git log -1 --format=%ct)
SBOM     := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -noserial -notimestamp -std -version $(VERSION)

.PHONY: help run build setup test check fuzz compare faults release

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-9s %s\n", $$1, $$2}' Makefile

run: build ## serve: the demo, or with .env what it says
	@if [ -f .env ]; then exec bin/daybook serve; else DEMO=$${DEMO-1} exec bin/daybook serve; fi

build: ## bin/daybook, static and reproducible
	@$(BUILD) -o bin/daybook ./cmd/daybook

setup: ## install what the tests need and this machine lacks
	@.ci/setup

test: setup ## everything, with the race detector; pictures of all pages in artifacts/
	ARTIFACTS=$(CURDIR)/artifacts go run .ci/test.go -race -timeout 20m ./...

check: ## gofmt, vet, staticcheck, govulncheck
	@test -z "$$(gofmt -l cmd internal web .ci)" || { gofmt -d cmd internal web .ci; exit 1; }
	go vet ./... && go vet .ci/test.go
	go tool staticcheck ./...
	@out=$$(go tool govulncheck ./... 2>&1); status=$$?; \
	case "$$out" in *"fetching vulnerabilities"*) echo "govulncheck: not run, its database cannot be reached";; \
	*) echo "$$out"; exit $$status;; esac

fuzz: ## each fuzz target for FUZZTIME
	@for package in $$(go list ./...); do \
	for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
	echo "$$package $$target"; \
	go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; done; done

compare: setup ## measure the four ways to keep tokens
	COMPARE=1 go test -count=1 -v -timeout 30m -run '^TestCompare' ./cmd/daybook

faults: setup ## break everything Daybook depends on and print what happens
	FAULTS=1 go test -count=1 -v -timeout 30m -run '^TestFault' ./cmd/daybook

release: ## archives for linux/amd64 and arm64, checksums, SBOM
	@rm -rf dist && mkdir dist
	@set -e; for arch in amd64 arm64; do name=daybook_$(VERSION)_linux_$$arch; mkdir dist/$$name; \
	GOOS=linux GOARCH=$$arch $(BUILD) -buildvcs=true -o dist/$$name/daybook ./cmd/daybook; \
	$(SBOM) -output dist/$$name.cdx.json dist/$$name/daybook; \
	cp -r LICENSE README.md SECURITY.md .env.example deploy dist/$$name/; \
	tar -C dist --sort=name --mtime=@$(COMMITTED) --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - $$name | gzip -n9 >dist/$$name.tar.gz; \
	rm -r dist/$$name; done; cd dist && sha256sum * >SHA256SUMS && cat SHA256SUMS
