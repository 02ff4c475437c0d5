FROM fedora:43
RUN dnf install -y tini && dnf clean all
CMD ["tini"]
