# The shape that `docker init` writes for Rust, in its Debian form.
ARG RUST_VERSION=1
ARG APP_NAME=@NAME@

FROM rust:${RUST_VERSION}-slim-trixie AS build
ARG APP_NAME
WORKDIR /app
RUN --mount=type=bind,source=src,target=src \
    --mount=type=bind,source=Cargo.toml,target=Cargo.toml \
    --mount=type=bind,source=Cargo.lock,target=Cargo.lock \
    --mount=type=cache,target=/app/target/,id=peer-@NAME@ \
    --mount=type=cache,target=/usr/local/cargo/git/db \
    --mount=type=cache,target=/usr/local/cargo/registry/ \
    cargo build --locked --release && \
    cp ./target/release/$APP_NAME /bin/server

FROM debian:trixie-slim AS final
ARG UID=10001
RUN useradd --no-create-home --uid "${UID}" --shell /sbin/nologin appuser
USER appuser
COPY --from=build /bin/server /bin/
ENTRYPOINT ["/bin/server"]
