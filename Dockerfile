# aps2mqtt in a container. docs/container.md describes how to use it.
# BASE is the only image from elsewhere. A release sets it to the same image with its digest.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS runtime
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates python3 >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*.log /var/log/apt

FROM runtime AS build
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
WORKDIR /src
COPY requirements*.lock ./
# PyYAML is built from source on every platform: armv7 has no wheel, and the program does not use the C extension.
# The secret is for machines that install from an index of their own.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /build \
    && /build/bin/pip install -qq --no-deps --require-hashes -r requirements-build.lock \
    && /build/bin/pip wheel -qq --no-deps --require-hashes --no-build-isolation --no-binary pyyaml \
        --wheel-dir /wheels -r requirements.lock
COPY . .
RUN /build/bin/pip wheel -qq --no-deps --no-index --no-build-isolation --wheel-dir /wheels . \
    && python3 -m venv --without-pip /opt/aps2mqtt \
    && /build/bin/pip --python /opt/aps2mqtt/bin/python install -qq --no-deps --no-index /wheels/*.whl \
    && /build/bin/pip --python /opt/aps2mqtt/bin/python check

FROM runtime
ARG BASE
LABEL org.opencontainers.image.title=aps2mqtt \
    org.opencontainers.image.description="Reads APsystems ECUs over the local network and publishes their values to MQTT" \
    org.opencontainers.image.source=https://github.com/OWNER/aps2mqtt \
    org.opencontainers.image.documentation=https://github.com/OWNER/aps2mqtt/blob/main/docs/container.md \
    org.opencontainers.image.licenses=MIT \
    org.opencontainers.image.base.name=${BASE}
RUN groupadd --gid 10001 aps2mqtt \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent aps2mqtt \
    && install -d -o 10001 -g 10001 -m 700 /state \
    && install -d -o 10001 -g 10001 /page /metrics
COPY --from=build /opt/aps2mqtt /opt/aps2mqtt
# PYTHONUNBUFFERED: `docker logs` shows each line at once.
ENV PATH=/opt/aps2mqtt/bin:$PATH PYTHONUNBUFFERED=1 APS_STATE_DIR=/state
USER 10001:10001
VOLUME ["/state"]
# Reads the state files only: the last job of every ECU succeeded, and the next job is not overdue.
HEALTHCHECK --interval=2m --timeout=10s --start-period=3m --retries=2 CMD ["aps2mqtt", "health"]
ENTRYPOINT ["aps2mqtt"]
CMD ["run"]
