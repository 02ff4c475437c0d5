FROM debian:trixie-slim
COPY . /srv
