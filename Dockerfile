# syntax=docker/dockerfile:1
# Build:  docker build -t hms-esr .
# Run:    docker run --rm --init --user "$(id -u):$(id -g)" -v "$PWD:/drill" hms-esr \
#             replay stimulus_2020 --speed 60x
# Scenarios, environments and logs are read from that folder, runs are kept in its .esr.
#
# The embedded sandbox and --serve stay on the container's own loopback unless told otherwise.

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

RUN python -m venv /opt/esr

# The libraries first: this layer is built again only when the lock changes.
COPY requirements.lock /src/
RUN /opt/esr/bin/pip install --require-hashes -r /src/requirements.lock

COPY pyproject.toml README.md LICENSE /src/
COPY hms_esr /src/hms_esr
COPY proxy /src/proxy
COPY replay /src/replay
COPY scenarios /src/scenarios
COPY scorecard /src/scorecard
COPY stubs /src/stubs
COPY switchboard /src/switchboard
RUN /opt/esr/bin/pip install --no-deps --no-build-isolation /src

FROM python:3.13-slim

LABEL org.opencontainers.image.title="HMS-ESR" \
      org.opencontainers.image.description="Re-fire recorded traffic at a sandbox, and read an honest scorecard." \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 10001 esr \
    && useradd --uid 10001 --gid esr --no-create-home --home-dir /drill esr \
    && install -d -o esr -g esr /drill

COPY --from=build /opt/esr /opt/esr

ENV PATH="/opt/esr/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

USER 10001:10001
WORKDIR /drill

# A run is one command, not a server: healthy means that the product starts and reads its runs.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 \
    CMD ["esr", "runs"]

# SIGINT ends a run in order: stop sending, wait for answers, write everything.
STOPSIGNAL SIGINT

ENTRYPOINT ["esr"]
CMD ["--help"]
