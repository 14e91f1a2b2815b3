# SPDX-License-Identifier: MIT
# Stands in for the agent-server's published image: the pinned server from its package, with the
# user, folders, paths and entrypoint of that image.

ARG BASE
FROM ${BASE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        git python3-venv tini tmux \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt constraints.txt /agent-server/
RUN python3 -m venv /agent-server/.venv \
    && /agent-server/.venv/bin/pip install --quiet --no-input -r /agent-server/requirements.txt
COPY openhands-agent-server /usr/local/bin/
RUN useradd --create-home --uid 10001 --user-group --shell /bin/bash openhands \
    && mkdir -p /workspace/project \
    && chown -R openhands:openhands /workspace \
    && chmod 0755 /usr/local/bin/openhands-agent-server

USER openhands
WORKDIR /
ENV LANG=C.UTF-8 \
    LC_ALL=C.UTF-8 \
    LITELLM_LOCAL_MODEL_COST_MAP=True \
    LOG_JSON=true \
    OPENHANDS_SUPPRESS_BANNER=1
EXPOSE 8000
ENTRYPOINT ["tini", "--", "/usr/local/bin/openhands-agent-server"]
