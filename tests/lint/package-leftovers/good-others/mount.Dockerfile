FROM debian:trixie-slim
RUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update && apt-get install -y tini
CMD ["tini"]
