ARG BIN=api
FROM rust:1-alpine AS build
ARG BIN
ARG FEATURES="redis"
WORKDIR /src
COPY . .
RUN cargo build --release --package $BIN --features "$FEATURES"

FROM alpine
ARG BIN
RUN apk add --no-cache tini
COPY --from=build /src/target/release/$BIN /usr/local/bin/server
COPY --from=build /src/api/static /srv/static
ENV STATIC_DIR=/srv/static
EXPOSE 3000
ENTRYPOINT ["/sbin/tini", "--", "server"]
