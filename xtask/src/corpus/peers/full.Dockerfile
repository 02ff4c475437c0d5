# What Docker's official full images hold besides the slim ones (buildpack-deps).
FROM lukemathwalker/cargo-chef:latest-rust-1-slim-trixie
RUN apt-get update \
 && apt-get install --yes --no-install-recommends autoconf automake bzip2 curl default-libmysqlclient-dev dpkg-dev file g++ gcc git \
      imagemagick libbz2-dev libc6-dev libcurl4-openssl-dev libdb-dev libevent-dev libffi-dev libgdbm-dev libglib2.0-dev \
      libgmp-dev libjpeg-dev libkrb5-dev liblzma-dev libmagickcore-dev libmagickwand-dev libmaxminddb-dev libncurses-dev \
      libpng-dev libpq-dev libreadline-dev libsqlite3-dev libssl-dev libtool libwebp-dev libxml2-dev libxslt1-dev libyaml-dev \
      make patch pkg-config unzip wget xz-utils zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
