FROM fedora:43
RUN dnf install -y tini
CMD ["tini"]
