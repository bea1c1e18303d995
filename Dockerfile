FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /provesi
COPY . .
# ARM kernels have pages of up to 64 KiB, and jemalloc does not start where pages are larger than it was built for.
RUN if [ "$(uname -m)" = aarch64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi; \
    cargo build --release --locked -p provesi-server

FROM debian:bookworm-slim
# By these a service of clients at https://… is known.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home provesi
USER provesi
WORKDIR /home/provesi
COPY --from=build /provesi/target/release/provesi-server /usr/local/bin/
EXPOSE 8000
ENTRYPOINT ["provesi-server"]
