# Builds Daybook into an image with nothing in it but the program, the CA roots
# and an empty /data. Needs this repository, the Go image and the Go module
# proxy. Time zone data is inside the program (time/tzdata).

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags='-s -w' -o /out/daybook ./cmd/daybook \
    && mkdir -m 700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A volume mounted here takes over the owner, so the program may write to it.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/daybook /daybook
# A number, since there is no /etc/passwd to look a name up in.
USER 65532:65532
WORKDIR /
ENV LISTEN_ADDR=0.0.0.0:8080 SESSION_DIR=/data/sessions
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/daybook", "healthcheck"]
ENTRYPOINT ["/daybook"]
CMD ["serve"]
