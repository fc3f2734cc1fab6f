# hippocrypt in a small image: one binary, not root.
#
#   docker build -t hippocrypt .
#   docker run -v ./hippocrypt:/etc/hippocrypt:ro -v audit:/var/lib/hippocrypt/audit -p 6432:6432 hippocrypt
#
# In the configuration: listen.address 0.0.0.0:6432, admin.address 127.0.0.1:6433 (the health check asks there),
# audit.directory /var/lib/hippocrypt/audit. Keys are mounted, never built in.

FROM rust:1.95-slim-bookworm AS build
# libclang: bindings to PostgreSQL's grammar (libpg_query), which is C built by make.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev libclang-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --locked --release --bin hippocrypt \
 && cp target/release/hippocrypt /hippocrypt

FROM debian:bookworm-slim
# curl is for HEALTHCHECK alone; CA certificates are for upstreams that have a public one.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin hippocrypt \
 && install -d -o hippocrypt -g hippocrypt -m 0700 /var/lib/hippocrypt/audit
COPY --from=build /hippocrypt /usr/local/bin/hippocrypt
USER hippocrypt
WORKDIR /var/lib/hippocrypt
VOLUME /var/lib/hippocrypt/audit
EXPOSE 6432
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://127.0.0.1:6433/readyz"]
ENTRYPOINT ["hippocrypt"]
CMD ["serve", "--config", "/etc/hippocrypt/hippocrypt.yaml", "--log-format", "json"]
