# A small image of the auditor: `docker build -t auditor . && docker run --rm -v "$PWD:/work:ro" auditor check`.
#
# It runs as nobody in particular, and that is enough: the scanner connects, as any program may. Only `--method syn` needs
# the right to send packets of its own making, CAP_NET_RAW, which a process that is not root does not get from
# `--cap-add` alone. For that, and nothing else, start it as root with that one right:
#
#   docker run --rm --user 0 --cap-drop ALL --cap-add NET_RAW --network host -v "$PWD:/work:ro" auditor \
#     check --from office --method syn
#
# With --network host the host's own view is what is scanned; without it, the scan goes through the engine's address
# translation, whose connection table a fast scan can fill. `--sockets` needs --network host and --pid host.

ARG PYTHON=3.13
FROM docker.io/library/python:${PYTHON}-slim AS build
WORKDIR /source
COPY requirements/runtime.txt requirements/
RUN python -m venv /opt/auditor \
 && /opt/auditor/bin/pip install --no-cache-dir --no-compile --no-deps --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY auditor auditor
COPY policies policies
COPY schemas schemas
COPY controls controls
# What only the building needs does not go into the image.
RUN /opt/auditor/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/auditor/bin/pip uninstall --quiet --yes hatchling editables pathspec pluggy trove-classifiers packaging tomlkit pip \
 && /opt/auditor/bin/auditor --version

FROM docker.io/library/python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Exposure auditor" \
      org.opencontainers.image.description="Fails the build when a host exposes a port that the policy does not allow." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/auditor /opt/auditor
ENV PATH=/opt/auditor/bin:$PATH PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["auditor"]
CMD ["--help"]
