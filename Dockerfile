# aps2mqtt in a container. docs/container.md describes how to use it.
FROM python:3.13-slim AS build
COPY . /src
RUN python -m venv /opt/aps2mqtt && /opt/aps2mqtt/bin/pip install --no-cache-dir '/src[metrics]'

FROM python:3.13-slim
RUN groupadd --system --gid 10001 aps2mqtt \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent aps2mqtt \
    && install -d -o 10001 -g 10001 -m 700 /state
COPY --from=build /opt/aps2mqtt /opt/aps2mqtt
# PYTHONUNBUFFERED: `docker logs` shows each line at once.
ENV PATH=/opt/aps2mqtt/bin:$PATH PYTHONUNBUFFERED=1 APS_STATE_DIR=/state
USER 10001:10001
VOLUME ["/state"]
# Reads the state files only: the last job of every ECU succeeded, and the next job is not overdue.
HEALTHCHECK --interval=2m --timeout=10s --start-period=3m --retries=2 CMD ["aps2mqtt", "health"]
ENTRYPOINT ["aps2mqtt"]
CMD ["run"]
