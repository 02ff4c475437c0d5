# The shape of cargo-chef's README. Its image is the full one, with the headers that Docker's official images bring.
FROM @FULL@ AS chef
WORKDIR /app

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /app/recipe.json recipe.json
RUN cargo chef cook --release --recipe-path recipe.json
COPY . .
RUN cargo build --release --bin @NAME@

FROM debian:trixie-slim AS runtime
WORKDIR /app
COPY --from=builder /app/target/release/@NAME@ /usr/local/bin
ENTRYPOINT ["/usr/local/bin/@NAME@"]
