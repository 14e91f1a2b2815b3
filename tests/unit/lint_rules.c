/* SPDX-License-Identifier: MIT
 * Each rule of handrail lint: Dockerfiles that break it, and near misses that do not. */
#include "loader/image/lint/lint.h"
#include "loader/image/lint/rules.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE     "FROM openhands/agent-server:1.58.0-python\n"
#define BASE_OLD "FROM openhands/agent-server:1.23.0-python\n"
#define HANDRAIL                                                                                   \
    "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"                                         \
    "USER root\n"                                                                                  \
    "RUN [\"/opt/handrail/bin/handrail\", \"install\"]\n"                                          \
    "USER openhands\n"
#define TOKEN                                                                                      \
    "ghp_"                                                                                         \
    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

static const struct {
    enum hr_lint_rule rule;
    unsigned line; /* where the rule is broken; 0: it is not */
    const char *text;
} cases[] = {
    {HR_LINT_SYNTAX, 2, "FROM scratch\nRUNN x\n"},
    {HR_LINT_SYNTAX, 1, "RUN x\nFROM scratch\n"},
    {HR_LINT_SYNTAX, 2, "FROM scratch\nCOPY ${X a b\n"},
    {HR_LINT_SYNTAX, 0, "ARG A\nFROM scratch\nrun x\n"},
    {HR_LINT_SYNTAX, 3, "FROM a:1 AS x\nFROM b:1\nCOPY --from=x --from=x /a /b\n"},
    {HR_LINT_SYNTAX, 2, BASE "COPY --link=yes a /b\n"},
    {HR_LINT_SYNTAX, 0,
     BASE "COPY --link=True --exclude=a --exclude=b c /d\n"
          "RUN --mount=type=ssh --mount=type=tmpfs,target=/t --network=none x\n"},
    {HR_LINT_SYNTAX, 2, BASE "HEALTHCHECK --interval=30 CMD x\n"},
    {HR_LINT_SYNTAX, 2, BASE "HEALTHCHECK --timeout=${T} CMD x\n"},
    {HR_LINT_SYNTAX, 2, BASE "HEALTHCHECK --start-period=10sec CMD x\n"},
    {HR_LINT_SYNTAX, 2, BASE "HEALTHCHECK --retries=3x CMD x\n"},
    {HR_LINT_SYNTAX, 0,
     BASE "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=500ms "
          "--retries=3 CMD x\n"},
    {HR_LINT_SYNTAX, 2, BASE "EXPOSE 8080,9090\n"},
    {HR_LINT_SYNTAX, 2, BASE "EXPOSE 80-70\n"},
    {HR_LINT_SYNTAX, 2, BASE "EXPOSE 80 65536\n"},
    {HR_LINT_SYNTAX, 2, BASE "EXPOSE 80/http\n"},
    {HR_LINT_SYNTAX, 3, BASE "ARG P=http\nEXPOSE $P\n"},
    {HR_LINT_SYNTAX, 0, BASE "ARG P\nARG Q='80 81/TCP'\nEXPOSE $P $Q 70-80/udp 127.0.0.1:8:9\n"},
    {HR_LINT_SYNTAX, 1, "FROM ghcr.io/OpenHands/agent-server:1.58.0-python\n"},
    {HR_LINT_SYNTAX, 2, BASE "COPY --from=ghcr.io/OpenHands/x:1 /a /b\n"},
    {HR_LINT_SYNTAX, 0, "FROM Registry.example.com:5000/a/b:RC1 AS Build\nFROM BUILD\n"},
    {HR_LINT_SYNTAX, 2, "FROM nginx:1 AS nginx\nCOPY --from=nginx /a /b\n"},
    {HR_LINT_SYNTAX, 2, "FROM a:1\nCOPY --from=1 /a /b\nFROM b:1\n"},
    {HR_LINT_SYNTAX, 2, "FROM a:1\nCOPY --from=1 /a /b\n"},
    {HR_LINT_SYNTAX, 2, "FROM a:1\nRUN --mount=from=x,target=/x y\nFROM b:1 AS x\n"},
    {HR_LINT_SYNTAX, 0,
     "FROM a:1 AS x\nFROM b:1\nCOPY --from=X /a /b\nCOPY --from=0 /a /b\n"
     "ONBUILD COPY --from=9 /a /b\nRUN --mount=from=x,target=/x y\n"},
    {HR_LINT_SYNTAX, 2, BASE "RUN --mount=type=cache, target=/x y\n"},
    {HR_LINT_SYNTAX, 2, BASE "RUN --mount=type=caches,target=/x y\n"},
    {HR_LINT_SYNTAX, 2, BASE "RUN --mount=type=cache,path=/x y\n"},
    {HR_LINT_SYNTAX, 2, BASE "RUN --mount=type=cache,target=/x,sharing=lock y\n"},
    {HR_LINT_SYNTAX, 0,
     BASE "RUN --mount=type=cache,Target=/x,sharing=locked,id=a,uid=1,gid=1,mode=0755 "
          "--mount=source=.,dst=/y,rw --mount=type=secret,id=b,required,env=B "
          "--mount=type=$T,target=/z --mount=type=tmpfs,destination=/t,size=1g "
          "--mount=type=bind,src=a,target=/c,ro=true,readonly y\n"},
    {HR_LINT_EMPTY_CONTINUATION, 3, "FROM scratch\nRUN x \\\n\n  y\n"},
    {HR_LINT_EMPTY_CONTINUATION, 0, "FROM scratch\nRUN x \\\n# comment\n  y\n"},
    {HR_LINT_TOO_LARGE, 0, "FROM scratch\n"},

    {HR_LINT_JSON_FORM, 2, BASE "CMD ['--port', '8000']\n"},
    {HR_LINT_JSON_FORM, 2, BASE "RUN [\"a\", \"b\",]\n"},
    {HR_LINT_JSON_FORM, 2,
     BASE "COPY [\xe2\x80\x9c"
          "a\xe2\x80\x9d, \"b\"]\n"},
    {HR_LINT_JSON_FORM, 0, BASE "RUN [ \"$x\" = y ] && z\n"},
    {HR_LINT_JSON_FORM, 0, BASE "RUN [\"a\", \"b\"]\nRUN [[ a ]]\n"},

    {HR_LINT_BASE_UNDECLARED, 1, "FROM $BASE\n"},
    {HR_LINT_BASE_UNDECLARED, 3, "FROM a:1\nARG BASE=b:1\nFROM ${BASE}\n"},
    {HR_LINT_BASE_UNDECLARED, 1, "FROM a:${TAG}\n"},
    {HR_LINT_BASE_UNDECLARED, 0, "ARG BASE\nFROM $BASE\n"},
    {HR_LINT_BASE_UNDECLARED, 0, "FROM ${BASE:-a:1}\n"},

    {HR_LINT_BASE_UNPINNED, 1, "FROM openhands/agent-server\n"},
    {HR_LINT_BASE_UNPINNED, 1, "FROM openhands/agent-server:latest-python AS x\n"},
    {HR_LINT_BASE_UNPINNED, 1, "FROM registry.example.com:5000/agent-server:main\n"},
    {HR_LINT_BASE_UNPINNED, 1, "FROM registry.example.com:5000/agent-server\n"},
    {HR_LINT_BASE_UNPINNED, 3, "ARG TAG=latest\nARG BASE=a/b:${TAG}\nFROM ${BASE}\n"},
    {HR_LINT_BASE_UNPINNED, 2, BASE "COPY --from=a/b /c /d\n"},
    {HR_LINT_BASE_UNPINNED, 2, BASE "RUN --mount=type=bind,from=a/b,target=/c ls /c\n"},
    {HR_LINT_BASE_UNPINNED, 2, BASE "RUN --mount=from=a:latest ls\n"},
    {HR_LINT_BASE_UNPINNED, 0, BASE "RUN --mount=from=a:1,target=/c --mount=type=tmpfs ls\n"},
    {HR_LINT_BASE_UNPINNED, 0, "FROM a:1 AS build\nFROM b:1\nRUN --mount=from=build ls\n"},
    {HR_LINT_BASE_UNPINNED, 0, BASE "FROM scratch\n"},
    {HR_LINT_BASE_UNPINNED, 0, "FROM a:1 AS build\nFROM build\nCOPY --from=build /a /b\n"},
    {HR_LINT_BASE_UNPINNED, 0, "FROM a@sha256:0000\nCOPY --from=0 /a /b\n"},
    {HR_LINT_BASE_UNPINNED, 0, "ARG BASE=a:1\nFROM ${BASE}\nFROM debian:trixie-slim\n"},
    {HR_LINT_BASE_UNPINNED, 0, "FROM openhands/agent-server:5f62cee-python\n"},
    {HR_LINT_BASE_UNPINNED, 0, "FROM a:latestish\nCOPY --from=handrail:dev /a /b\n"},

    {HR_LINT_BASE_TOO_OLD, 2, BASE_OLD "COPY tool_registry.json /app/config/\n"},
    {HR_LINT_BASE_TOO_OLD, 2, BASE_OLD "ENV OH_DEFERRED_INIT=1\n"},
    {HR_LINT_BASE_TOO_OLD, 2,
     "FROM openhands/agent-server:1.19.2\nENV CUSTOM_AGENT_MODULE=a\nCOPY a /app/a/\n"},
    {HR_LINT_BASE_TOO_OLD, 0, BASE_OLD "ENV CUSTOM_AGENT_MODULE=a\nCOPY a.py /app/\n"},
    {HR_LINT_BASE_TOO_OLD, 0, BASE "COPY tool_registry.json /app/config/\n"},
    {HR_LINT_BASE_TOO_OLD, 0,
     "FROM openhands/agent-server:5f62cee-python\nENV OH_DEFERRED_INIT=1\n"},

    {HR_LINT_ENTRYPOINT_REPLACED, 2, BASE "ENTRYPOINT [\"/entrypoint.sh\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2, BASE "ENTRYPOINT []\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2, BASE "ENTRYPOINT [\"tini\", \"--\", \"/bin/bash\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2,
     BASE "ENTRYPOINT [\"/opt/handrail/bin/handrail\", \"run\", \"--\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"tini\", \"--\", \"/usr/local/bin/openhands-agent-server\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"/opt/handrail/bin/handrail\", \"run\", \"--grace=30\", \"--\", "
          "\"/agent-server/.venv/bin/python\", \"-m\", \"openhands.agent_server\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"fips-entrypoint\"]\n"
          "CMD [\"/usr/local/bin/openhands-agent-server\", \"--port\", \"8000\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"sh\", \"-ec\", \"cd /x; exec agent-server \\\"$@\\\"\", \"--\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2, /* the first flag that is appended is lost */
     BASE "ENTRYPOINT [\"tini\", \"--\", \"sh\", \"-c\", \"exec agent-server \\\"$@\\\"\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2, /* all are */
     BASE "ENTRYPOINT [\"sh\", \"-c\", \"exec agent-server\", \"--\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 2, /* so is TERM */
     BASE "ENTRYPOINT [\"sh\", \"-c\", \"agent-server \\\"$@\\\"\", \"--\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0, "FROM nginx:1.27\nENTRYPOINT [\"/entrypoint.sh\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"tini\", \"--\", \"/start.sh\", \"openhands-agent-server\"]\n"},
    {HR_LINT_ENTRYPOINT_REPLACED, 0,
     BASE "ENTRYPOINT [\"/x\"]\nENTRYPOINT [\"/usr/local/bin/openhands-agent-server\"]\n"},

    {HR_LINT_ENTRYPOINT_SHELL_FORM, 2, BASE "ENTRYPOINT exec openhands-agent-server\n"},
    {HR_LINT_ENTRYPOINT_SHELL_FORM, 0, "FROM nginx:1.27\nENTRYPOINT exec nginx\n"},

    {HR_LINT_CMD_REPLACED, 2, BASE "CMD python main.py\n"},
    {HR_LINT_CMD_REPLACED, 2, BASE "CMD -p 8000\n"},
    {HR_LINT_CMD_REPLACED, 2, BASE "CMD [\"bash\"]\n"},
    {HR_LINT_CMD_REPLACED, 2, BASE "CMD [\"/usr/local/bin/openhands-agent-server\"]\n"},
    {HR_LINT_CMD_REPLACED, 0, BASE "CMD [\"--port\", \"8000\"]\n"},
    {HR_LINT_CMD_REPLACED, 0, BASE "CMD []\n"},
    {HR_LINT_CMD_REPLACED, 0,
     BASE HANDRAIL "CMD [\"/usr/local/bin/openhands-agent-server\", \"--port\", \"8000\"]\n"},
    {HR_LINT_CMD_REPLACED, 2, BASE "CMD exec openhands-agent-server --port 8000\n"},
    {HR_LINT_CMD_REPLACED, 0, BASE HANDRAIL "CMD exec openhands-agent-server --port 8000\n"},
    {HR_LINT_CMD_REPLACED, 0, BASE HANDRAIL "CMD [\"sh\", \"-c\", \"exec agent-server -p 8\"]\n"},
    {HR_LINT_CMD_REPLACED, 6, BASE HANDRAIL "CMD exec python main.py\n"},
    {HR_LINT_CMD_REPLACED, 3,
     BASE
     "ENTRYPOINT [\"sh\", \"-c\", \"exec agent-server \\\"$@\\\"\", \"--\"]\nCMD [\"bash\"]\n"},
    {HR_LINT_CMD_REPLACED, 0, "FROM python:3.13\nCMD python main.py\n"},
    {HR_LINT_CMD_REPLACED, 0, "FROM python:3.13\n" HANDRAIL "CMD agent-server --port 8000\n"},

    {HR_LINT_USER_ROOT, 2, BASE "USER root\n"},
    {HR_LINT_USER_ROOT, 2, BASE "USER 0:0\nRUN x\n"},
    {HR_LINT_USER_ROOT, 3, "FROM openhands/agent-server:1.58.0 AS a\nFROM a\nUSER root\n"},
    {HR_LINT_USER_ROOT, 0, BASE "USER root\nRUN x\nUSER openhands\n"},
    {HR_LINT_USER_ROOT, 2, BASE "USER 00\n"},
    {HR_LINT_USER_ROOT, 2, BASE "USER +0:10001\n"},
    {HR_LINT_USER_ROOT, 0, BASE "USER rootless\n"},
    {HR_LINT_USER_ROOT, 0, BASE "USER 0x0\n"},
    {HR_LINT_USER_CHANGED, 0, BASE "USER 010001:0\n"},
    {HR_LINT_USER_ROOT, 0, "FROM openhands/agent-server:1.58.0 AS a\nUSER root\nFROM scratch\n"},
    {HR_LINT_USER_CHANGED, 2, BASE "USER app\n"},
    {HR_LINT_USER_CHANGED, 3, BASE "ARG U=nobody\nUSER $U\n"},
    {HR_LINT_USER_CHANGED, 0, BASE "USER 10001:0\n"},
    {HR_LINT_USER_CHANGED, 0, "FROM python:3.13\n" HANDRAIL "USER app\n"},
    {HR_LINT_USER_CHANGED, 0, BASE "ARG U\nUSER $U\n"},

    {HR_LINT_PORT_CLASH, 2, BASE "ENV JUPYTER_PORT=60001\n"},
    {HR_LINT_PORT_CLASH, 2, BASE "ENV OH_VSCODE_PORT=12000\n"},
    {HR_LINT_PORT_CLASH, 2, BASE "CMD [\"--port\", \"60010\"]\n"},
    {HR_LINT_PORT_CLASH, 2,
     BASE "ENTRYPOINT [\"/usr/local/bin/openhands-agent-server\", \"--port=60001\"]\n"},
    {HR_LINT_PORT_CLASH, 0, BASE "ENV OH_VSCODE_PORT=60001 WORKER_1=12000 WORKER_2=12001\n"},
    {HR_LINT_PORT_CLASH, 0, BASE "CMD [\"--port\", \"60000\"]\nENV PORT=60002 IMPORTANT=60001\n"},
    {HR_LINT_PORT_EXPOSED, 2, BASE "EXPOSE 8000 12001/tcp\n"},
    {HR_LINT_PORT_EXPOSED, 3, BASE "ARG P=60011\nEXPOSE $P\n"},
    {HR_LINT_PORT_EXPOSED, 0, BASE HANDRAIL "EXPOSE 8000 60000 60010 6006 12000/udp\n"},

    {HR_LINT_STOP_SIGNAL, 2, BASE "STOPSIGNAL SIGKILL\n"},
    {HR_LINT_STOP_SIGNAL, 2, BASE "STOPSIGNAL 3\n"},
    {HR_LINT_STOP_SIGNAL, 0, BASE "STOPSIGNAL SIGINT\n"},
    {HR_LINT_HEALTHCHECK_SERVER, 2, BASE "HEALTHCHECK CMD curl -f http://localhost:8000/health\n"},
    {HR_LINT_HEALTHCHECK_SERVER, 2,
     BASE "HEALTHCHECK CMD [\"sh\", \"-c\", \"curl 127.0.0.1:60000/alive || exit 1\"]\n"},
    {HR_LINT_HEALTHCHECK_SERVER, 0,
     BASE "HEALTHCHECK CMD [\"/opt/handrail/bin/handrail\", \"probe\", \"live\"]\n"},
    {HR_LINT_HEALTHCHECK_SERVER, 0,
     BASE "HEALTHCHECK CMD curl localhost:80001\nHEALTHCHECK NONE\n"},

    {HR_LINT_VOLUME_HIDES, 2, BASE "VOLUME /app\n"},
    {HR_LINT_VOLUME_HIDES, 2, BASE "VOLUME [\"/data\"]\nCOPY models /data/models/\n"},
    {HR_LINT_VOLUME_HIDES, 0, BASE "COPY models /data/models/\nVOLUME [\"/data\"]\n"},
    {HR_LINT_VOLUME_HIDES, 0, BASE "VOLUME /database\nCOPY models /data/\n"},

    {HR_LINT_LIBRARY_PATH, 2, BASE "ENV LD_LIBRARY_PATH=/usr/local/cuda/lib64\n"},
    {HR_LINT_LIBRARY_PATH, 2, BASE "ENV LD_PRELOAD /x.so\n"},
    {HR_LINT_LIBRARY_PATH, 0, BASE "RUN LD_LIBRARY_PATH=/x y\nENV LD_LIBRARY_PATH=\n"},

    {HR_LINT_SERVER_VARIABLE_FATAL, 2, BASE "ENV OH_VSCODE_PORT=vscode\n"},
    {HR_LINT_SERVER_VARIABLE_FATAL, 2, BASE "ENV OH_ALLOW_CORS_ORIGINS=*\n"},
    {HR_LINT_SERVER_VARIABLE_FATAL, 0,
     BASE "ENV OH_VSCODE_PORT=vscode\nENV OH_VSCODE_PORT=' 60001 '\n"},
    {HR_LINT_SERVER_VARIABLE_FATAL, 0, BASE "ENV OH_ALLOW_CORS_ORIGINS='[\"*\"]'\n"},
    {HR_LINT_SERVER_VARIABLE_MISREAD, 2, BASE "ENV OH_ENABLE_VSCODE=yes\n"},
    {HR_LINT_SERVER_VARIABLE_MISREAD, 2, BASE "ENV OH_ENABLE_VSCODE=yes\nARG OH_ENABLE_VSCODE=1\n"},
    {HR_LINT_SERVER_VARIABLE_MISREAD, 2,
     BASE "ENV OH_ENABLE_VSCODE=yes\nLABEL OH_ENABLE_VSCODE=1\n"},
    {HR_LINT_SERVER_VARIABLE_MISREAD, 0, BASE "ENV OH_ENABLE_VSCODE=TRUE OH_PRELOAD_TOOLS=no\n"},
    {HR_LINT_SERVER_VARIABLE_MISREAD, 0, "FROM python:3.13\nENV OH_ENABLE_VSCODE=yes\n"},
    {HR_LINT_SERVER_VARIABLE_UNUSED, 2, BASE "ENV OH_ENABLE_VNC=0\n"},
    {HR_LINT_SERVER_VARIABLE_UNUSED, 2, BASE "ENV OH_HANDRAIL_GRACE=3\n"},
    {HR_LINT_SERVER_VARIABLE_UNUSED, 2, BASE_OLD "ENV ENV_LOG_LEVEL=20\n"},
    {HR_LINT_SERVER_VARIABLE_UNUSED, 0, BASE_OLD "ENV OH_ENABLE_VNC=0\n"},
    {HR_LINT_SESSION_KEY_EMPTY, 2, BASE "ENV OH_SESSION_API_KEYS_0=\"\"\n"},
    {HR_LINT_SESSION_KEY_EMPTY, 2, BASE "ENV SESSION_API_KEY=' '\n"},
    {HR_LINT_SESSION_KEY_EMPTY, 0, BASE "ENV OH_SECRET_KEY= OH_SESSION_API_KEY=\n"},

    {HR_LINT_AGENT_CLASS_ALONE, 2, BASE "ENV CUSTOM_AGENT_CLASS=A\n"},
    {HR_LINT_AGENT_CLASS_ALONE, 0,
     BASE "ENV CUSTOM_AGENT_CLASS=A\nENV CUSTOM_AGENT_MODULE=a\nCOPY a.py /app/\n"},
    {HR_LINT_AGENT_MODULE_NAME, 2, BASE "ENV CUSTOM_AGENT_MODULE=my_agent.py\n"},
    {HR_LINT_AGENT_MODULE_NAME, 2, BASE "ENV CUSTOM_AGENT_MODULE=/app/my_agent\n"},
    {HR_LINT_AGENT_MODULE_NAME, 2, BASE "ENV CUSTOM_AGENT_MODULE=my-agent\n"},
    {HR_LINT_AGENT_MODULE_NAME, 0, BASE "ENV CUSTOM_AGENT_MODULE=/app/tools/my_agent.so\n"},
    {HR_LINT_AGENT_MODULE_NAME, 0, BASE "ENV CUSTOM_AGENT_MODULE=native:my-agent\n"},
    {HR_LINT_AGENT_MODULE_MISSING, 3,
     BASE "COPY agent_config.json /app/config/\nENV CUSTOM_AGENT_MODULE=my_agent.core\n"},
    {HR_LINT_AGENT_MODULE_MISSING, 3,
     BASE "COPY tools /app/tools/\nENV CUSTOM_AGENT_MODULE=my_agent\n"},
    {HR_LINT_AGENT_MODULE_MISSING, 0,
     BASE "COPY my_agent/ /app/my_agent/\nENV CUSTOM_AGENT_MODULE=my_agent.core\n"},
    {HR_LINT_AGENT_MODULE_MISSING, 0, BASE "COPY src/ /app/\nENV CUSTOM_AGENT_MODULE=my_agent\n"},
    {HR_LINT_AGENT_MODULE_MISSING, 0,
     BASE "RUN pip install my-agent==1\nENV CUSTOM_AGENT_MODULE=my_agent\n"},

    {HR_LINT_SECRET_IN_ENV, 2, BASE "ENV OPENAI_API_KEY=abcdefgh\n"},
    {HR_LINT_SECRET_IN_ENV, 2, BASE "ENV DB_PASSWORD hunter2\n"},
    {HR_LINT_SECRET_IN_ENV, 3, BASE "ARG NPM_TOKEN\nENV NODE_AUTH_TOKEN=${NPM_TOKEN}\n"},
    {HR_LINT_SECRET_IN_ENV, 2, BASE "ENV DATABASE_URL=postgres://me:hunter2@db.example.com/x\n"},
    {HR_LINT_SECRET_IN_ENV, 0,
     BASE "ENV A=postgres://me:x@localhost/x B=https://example.com/a:b@c JWT_ALGORITHM=HS256\n"},
    {HR_LINT_SECRET_IN_ENV, 0, BASE "ENV OPENAI_API_KEY= DB_PASSWORD_FILE=/run/secrets/db\n"},
    {HR_LINT_SECRET_IN_ENV, 0, BASE "ENV GPG_KEY=E3FF2839 MAX_TOKENS=4096 TOKEN_LIMIT=100000\n"},
    {HR_LINT_SECRET_IN_ENV, 0, BASE "ENV API_TOKEN=changeme SECRET_KEY=/run/secrets/key\n"},
    {HR_LINT_SECRET_IN_ENV, 0, "FROM a:1 AS b\nENV API_KEY=abcdefgh\nFROM scratch\n"},
    {HR_LINT_SECRET_IN_ARG, 2, BASE "ARG GITHUB_TOKEN\n"},
    {HR_LINT_SECRET_IN_ARG, 2, BASE "ARG GITHUB_TOKEN=\"\"\n"},
    {HR_LINT_SECRET_IN_ARG, 1, "ARG api_key=abcdefgh\n" BASE},
    {HR_LINT_SECRET_IN_ARG, 0, BASE "ARG GITHUB_TOKEN_FILE\nARG PATTERN\nARG KEYBOARD=de\n"},
    {HR_LINT_SECRET_VALUE, 2, BASE "RUN curl -H 'x: " TOKEN "' https://example.com\n"},
    {HR_LINT_SECRET_VALUE, 3, BASE "RUN <<EOF\ngit config x " TOKEN "\nEOF\n"},
    {HR_LINT_SECRET_VALUE, 3, BASE "COPY <<EOF /k\n-----BEGIN OPENSSH PRIVATE KEY-----\nx\nEOF\n"},
    {HR_LINT_SECRET_VALUE, 2, "FROM a:1 AS b\nLABEL x=" TOKEN "\nFROM scratch\n"},
    {HR_LINT_SECRET_VALUE, 2, BASE "ADD https://me:hunter2@example.com/x.git /x\n"},
    {HR_LINT_SECRET_VALUE, 0,
     BASE "RUN x ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx AKIAIOSFODNN7EXAMPLE\n"},
    {HR_LINT_SECRET_VALUE, 0, BASE "RUN pip install sk-learn-contrib task-sk-x npm_config_cache\n"},

    {HR_LINT_SECRET_FILE, 2, BASE "COPY .env /app/\n"},
    {HR_LINT_SECRET_FILE, 2, BASE "COPY --chown=openhands config/.npmrc /home/openhands/\n"},
    {HR_LINT_SECRET_FILE, 2, BASE "ADD [\"keys/id_rsa\", \"/root/.ssh/\"]\n"},
    {HR_LINT_SECRET_FILE, 4,
     "FROM a:1 AS b\nRUN x\n" BASE "COPY --from=b /root/.netrc /root/.netrc\n"},
    {HR_LINT_SECRET_FILE, 2, BASE "COPY keystore.jks /app/\n"},
    {HR_LINT_SECRET_FILE, 0, BASE "COPY .env.example id_rsa.pub env truststore.jks /app/\n"},
    {HR_LINT_SECRET_FILE, 0, "FROM a:1 AS b\nCOPY .npmrc .\n" BASE "COPY --from=b /dist /app/\n"},

    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN curl -u me:hunter2 https://example.com\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN pip install -i https://me:pw@example.com/simple x\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN wget --header 'Authorization: Bearer abc' example.com\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN echo machine x >> ~/.netrc && git fetch\n"},
    {HR_LINT_SECRET_IN_RUN, 3, BASE "RUN a && \\\n  npm config set //x/:_authToken=$T\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN git config --global credential.helper store\n"},
    {HR_LINT_SECRET_IN_RUN, 0, BASE "RUN echo x > ~/.netrc && git fetch && rm -f ~/.netrc\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN echo \"//x/:_authToken=$T\" > ~/.npmrc && npm ci\n"},
    {HR_LINT_SECRET_IN_RUN, 2, BASE "RUN cat > .env <<E\nDB_PASSWORD=$P\nE\n"},
    {HR_LINT_SECRET_IN_RUN, 0, BASE "RUN echo registry=https://npm.example.com > ~/.npmrc\n"},
    {HR_LINT_SECRET_IN_RUN, 0, BASE "RUN cat > .env <<E\nNODE_ENV=production\nE\n"},
    {HR_LINT_SECRET_IN_RUN, 0,
     BASE "RUN --mount=type=secret,id=n,target=/root/.netrc curl -u \"$U\" https://example.com\n"},
    {HR_LINT_SECRET_IN_RUN, 0,
     BASE "RUN pip install -i https://example.com/simple a@b && ssh me@x\n"},

    {HR_LINT_GIT_REMOTE_PASSWORD, 2, BASE "RUN git clone https://x:${T}@example.com/a.git\n"},
    {HR_LINT_GIT_REMOTE_PASSWORD, 2,
     BASE "RUN git clone https://$T@example.com/a.git /workspace\n"},
    {HR_LINT_GIT_REMOTE_PASSWORD, 0,
     BASE "RUN git clone https://x:${T}@example.com/a.git /a && git -C /a remote set-url origin "
          "https://example.com/a.git\n"},
    {HR_LINT_GIT_REMOTE_PASSWORD, 0,
     BASE "RUN git clone https://example.com/a.git && git clone git@example.com:a.git\n"},

    {HR_LINT_STAGE_LEAK, 4, "FROM a:1 AS b\nRUN x\n" BASE "COPY --from=b /root /root\n"},
    {HR_LINT_STAGE_LEAK, 5, "FROM a:1 AS b\nRUN x\nFROM b AS c\n" BASE "COPY --from=c / /\n"},
    {HR_LINT_STAGE_LEAK, 0, "FROM a:1 AS b\n" BASE "COPY --from=0 / /\n"},
    {HR_LINT_STAGE_LEAK, 0, "FROM a:1 AS b\n" BASE "COPY --from=b /root/.local/bin /usr/bin\n"},
    {HR_LINT_STAGE_LEAK, 0, "FROM scratch AS b\nCOPY x /\n" BASE "COPY --from=b / /\n"},

    {HR_LINT_TASK_STATE, 2, BASE "COPY saved/ /workspace/conversations/\n"},
    {HR_LINT_TASK_STATE, 3, BASE "WORKDIR /home/openhands\nCOPY settings.json .openhands/\n"},
    {HR_LINT_TASK_STATE, 0, BASE "COPY skills/ /home/openhands/.openhands/skills/\n"},
    {HR_LINT_TASK_STATE, 0, BASE "COPY conversations.md /workspace/\n"},
    {HR_LINT_WORKSPACE_COPIED, 2, BASE "COPY . /workspace/project\n"},
    {HR_LINT_WORKSPACE_COPIED, 3, BASE "WORKDIR /workspace\nCOPY ./ ./\n"},
    {HR_LINT_WORKSPACE_COPIED, 2, BASE "COPY .git /src/.git\n"},
    {HR_LINT_WORKSPACE_COPIED, 0, BASE "COPY docs /workspace/docs\nCOPY . /app\n"},

    {HR_LINT_HANDRAIL_NOT_INSTALLED, 2,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0, BASE HANDRAIL},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\nUSER root\n"
          "RUN mv /usr/local/bin/s /usr/local/bin/s.real && \\\n"
          " ln -s /opt/handrail/bin/handrail /usr/local/bin/s\nUSER openhands\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "ENTRYPOINT [\"/opt/handrail/bin/handrail\", \"--\", "
          "\"/usr/local/bin/openhands-agent-server\"]\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 2,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN /opt/handrail/bin/handrail install --dry-run\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\nUSER root\n"
          "RUN timeout 60 /opt/handrail/bin/handrail install\nUSER openhands\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN sudo -u root /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 2,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN install /opt/handrail/bin/handrail /usr/bin\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0, /* who knows what that does? */
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\nRUN bash -eo pipefail /tmp/x.sh\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN --mount=type=bind,target=/src cd /src && ./setup\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 2,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN curl -LsSf https://astral.sh/uv/install.sh | sh && bash -c 'a b' && sh <<E\nc\nE\n"
          "RUN /agent-server/.venv/bin/pip install x && /opt/handrail/bin/handrail check\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 3,
     BASE "RUN ./x.sh\nCOPY --from=handrail:1 /opt/handrail /opt/handrail\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0, /* it is for others to build from */
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "ONBUILD RUN /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_NOT_INSTALLED, 0,
     "FROM a:1 AS b\nFROM scratch\nCOPY --from=b /opt/handrail /opt/handrail\n"},

    {HR_LINT_HANDRAIL_INSTALL_USER, 3,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
          "RUN /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 5,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\nUSER root\nUSER openhands\n"
          "RUN [\"/opt/handrail/bin/handrail\", \"install\"]\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0, BASE HANDRAIL},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0,
     "FROM python:3.13\nCOPY --from=handrail:1 /opt/handrail /opt/handrail\n"
     "RUN /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 3,
     BASE "ARG H=/opt/handrail/bin/handrail\nRUN ${H} install --no-check\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 3,
     BASE "ENV HANDRAIL=/opt/handrail\nRUN \"$HANDRAIL/bin/handrail\" install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 2, BASE "RUN H=/opt/handrail/bin/handrail; $H install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 2, BASE "RUN eval '/opt/handrail/bin/handrail install'\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0, BASE "ARG H=npm\nRUN $H install && $X install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0, BASE "RUN sudo /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0, BASE "RUN sudo -E /opt/handrail/bin/handrail install\n"},
    {HR_LINT_HANDRAIL_INSTALL_USER, 0,
     "FROM openhands/agent-server:1.58.0 AS a\nUSER root\nFROM a\n"
     "RUN /opt/handrail/bin/handrail install\n"},

    {HR_LINT_HANDRAIL_FOLDER, 2, BASE "COPY --from=handrail:1 /opt/handrail /usr/local/handrail\n"},
    {HR_LINT_HANDRAIL_FOLDER, 2, BASE "COPY --from=handrail:1 /opt/handrail/ /opt/\n"},
    {HR_LINT_HANDRAIL_FOLDER, 0, BASE "COPY --parents --from=handrail:1 /opt/handrail /\n"},
    {HR_LINT_HANDRAIL_FOLDER, 0, BASE HANDRAIL},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 6, BASE HANDRAIL "COPY tool_registry.json /app/config/\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0, BASE HANDRAIL "COPY data /app/data\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 6, BASE HANDRAIL "COPY agent-server /usr/local/bin/\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 6,
     BASE HANDRAIL "COPY --from=b:1 /x /usr/local/bin/openhands-agent-server\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0, BASE HANDRAIL "COPY agent-server /srv/agent-server\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0, BASE HANDRAIL "COPY tini /usr/local/bin/\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 6,
     BASE HANDRAIL "RUN python3 -m pip install 'openhands-agent-server[x]>=1.58'\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 6,
     BASE HANDRAIL "RUN uv pip install /w/openhands_agent_server-1.59.0-py3-none-any.whl\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0,
     BASE HANDRAIL "RUN pip install pandas openhands-agent-server-client\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0,
     BASE "RUN pip install openhands-agent-server==1.58.0\n" HANDRAIL},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0,
     BASE "COPY --from=handrail:1 /opt/handrail /opt/handrail\nUSER root\n"
          "RUN pip install openhands-agent-server && /opt/handrail/bin/handrail install "
          "--server=/usr/local/bin/openhands-agent-server\n"},
    {HR_LINT_HANDRAIL_INSTALL_EARLY, 0, BASE "COPY x.so /app/tools/\n" HANDRAIL},

    {HR_LINT_CONFIG_FOLDER, 6, BASE HANDRAIL "COPY tool_registry.json /app/\n"},
    {HR_LINT_CONFIG_FOLDER, 6, BASE HANDRAIL "COPY etc/agent_config.json /etc/handrail/\n"},
    {HR_LINT_CONFIG_FOLDER, 0,
     BASE HANDRAIL "COPY tool_registry.json agent_config.json /app/config/\n"},
    {HR_LINT_CONFIG_FOLDER, 0,
     BASE HANDRAIL
     "COPY tool_registry.json /etc/\nENV HANDRAIL_REGISTRY=/etc/tool_registry.json\n"},
    {HR_LINT_CONFIG_FOLDER, 0,
     BASE HANDRAIL "WORKDIR /app\nCOPY my.json config/tool_registry.json\n"},

    {HR_LINT_APT_LISTS, 2, BASE "RUN apt-get update && apt-get install -y x\n"},
    {HR_LINT_APT_LISTS, 3, BASE "RUN <<EOF\napt-get update\napt-get install x\nEOF\n"},
    {HR_LINT_APT_LISTS, 0,
     BASE "RUN apt-get update && apt-get install x && rm -rf /var/lib/apt/lists/*\n"},
    {HR_LINT_APT_LISTS, 0,
     BASE "RUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install x\n"},
    {HR_LINT_APT_LISTS, 0, BASE "RUN apt-get update; apt-get install x; apt-get dist-clean\n"},
    {HR_LINT_APT_LISTS, 2, BASE "RUN apt-get update && apt-get install x && apt-get clean\n"},
    {HR_LINT_APT_LISTS, 0, "FROM a:1 AS b\nRUN apt-get update\nFROM scratch\n"},
    {HR_LINT_ADD_URL, 2, BASE "ADD https://example.com/x.tar.gz /x/\n"},
    {HR_LINT_ADD_URL, 0, BASE "ADD --checksum=sha256:0 https://example.com/x /x\nADD x.tar /x/\n"},
    {HR_LINT_ADD_URL, 0, BASE "ADD https://example.com/a/b.git#v1 /b\n"},

    {HR_LINT_SUPPRESSION_UNKNOWN, 2, BASE "# handrail-lint ignore=nothing\nRUN x\n"},
    {HR_LINT_SUPPRESSION_UNKNOWN, 2, BASE "# handrail-lint ignore-file=syntax\nRUN x\n"},
    {HR_LINT_SUPPRESSION_UNKNOWN, 3, BASE "RUN x\n# handrail-lint ignore=syntax\n"},
    {HR_LINT_SUPPRESSION_UNKNOWN, 2, BASE "# handrail-lint off\nRUN x\n"},
    {HR_LINT_SUPPRESSION_UNKNOWN, 0, BASE "# handrail-linter\n# see handrail-lint\nRUN x\n"},
    {HR_LINT_SUPPRESSION_UNUSED, 2, BASE "# handrail-lint ignore=user-root\nUSER openhands\n"},
    {HR_LINT_SUPPRESSION_UNUSED, 0,
     "# handrail-lint ignore-file=user-root the tests want it\n" BASE "USER root\n"},
};

/* The findings of a rule in a text; ret_line: where the first one is. */
static size_t find(const char *text, const char *rule, unsigned *ret_line)
{
    size_t i;
    size_t n = 0;
    json_t *f;
    struct hr_report report;
    hr_report_init(&report, "lint");
    assert_int_equal(hr_lint_text(&report, "Dockerfile", NULL, NULL, text, strlen(text)), 0);
    json_array_foreach (report.findings, i, f) {
        if (strcmp(json_string_value(json_object_get(f, "rule")), rule) != 0)
            continue;
        if (!n++)
            *ret_line = (unsigned)json_integer_value(json_object_get(f, "line"));
    }
    hr_report_free(&report);
    return n;
}

static void each_case(void **state)
{
    size_t bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned line = 0;
        const char *rule = hr_lint_rules[cases[i].rule].id;
        size_t n = find(cases[i].text, rule, &line);
        if ((n > 0) != (cases[i].line > 0) || line != cases[i].line)
            print_error("%s: %zu, in line %u instead of %u:\n%s", rule, n, line, cases[i].line,
                        cases[i].text);
        bad += (n > 0) != (cases[i].line > 0) || line != cases[i].line;
    }
    assert_int_equal(bad, 0);
}

/* Those with a limit and with a build context are tested elsewhere. */
static void each_rule_has_both(void **state)
{
    (void)state;
    for (int r = 0; r < HR_LINT_NRULES; r++) {
        bool broken = r == HR_LINT_TOO_LARGE || r == HR_LINT_COPY_SOURCE_MISSING;
        bool kept = broken;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            broken = broken || (cases[i].rule == (enum hr_lint_rule)r && cases[i].line);
            kept = kept || (cases[i].rule == (enum hr_lint_rule)r && !cases[i].line);
        }
        if (!broken || !kept)
            fail_msg("%s has no case that %s it", hr_lint_rules[r].id, broken ? "keeps" : "breaks");
    }
}

/* A comment turns a rule off for its instruction alone. */
static void comments(void **state)
{
    static const struct {
        size_t n;
        const char *text;
    } some[] = {
        {2, BASE "RUN curl -u a:b x\nRUN curl -u a:b y\n"},
        {1, BASE "# handrail-lint ignore=secret-in-run\nRUN curl -u a:b x\nRUN curl -u a:b y\n"},
        {1, BASE "RUN a && \\\n # handrail-lint ignore=add-url,secret-in-run why not\n"
                 " curl -u a:b x\nRUN curl -u a:b y\n"},
        {0, "# handrail-lint ignore-file=secret-in-run\n" BASE "RUN curl -u a:b x\n"},
    };
    unsigned line;
    (void)state;
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        assert_int_equal(find(some[i].text, "secret-in-run", &line), some[i].n);
}

static void not_endlessly_many_comments(void **state)
{
    enum { TEXT = 64 * 1024 };
    static char text[TEXT];
    unsigned line = 0;
    (void)state;
    for (int more = 0; more < 3; more++) {
        size_t n = (size_t)snprintf(text, TEXT, "# handrail-lint ignore-file=");
        for (int i = 0; i < HR_LINT_SUPPRESSIONS + more; i++)
            n += (size_t)snprintf(text + n, TEXT - n, "user-root,");
        (void)snprintf(text + n, TEXT - n, "\n" BASE "USER root\n");
        assert_int_equal(find(text, "too-large", &line), more ? 1 : 0);
        assert_int_equal(find(text, "user-root", &line), 0);
        assert_int_equal(find(text, "suppression-unused", &line), 0);
    }
}

static void table_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < HR_LINT_NRULES; i++) {
        const struct hr_rule *r = &hr_lint_rules[i];
        assert_true(r->id && r->title && r->why && r->fix);
        assert_true(r->title[strlen(r->title) - 1] != '.');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(r->id, hr_lint_rules[k].id);
    }
}

/* README.md lists each rule, in this order, and no other. */
static void manual_lists_them(void **state)
{
    static const char *const severities[] = {
        [HR_FOUND_NOTE] = "note", [HR_FOUND_WARNING] = "warning", [HR_FOUND_ERROR] = "error"};
    char line[500];
    char wanted[500];
    int next = 0;
    (void)state;
    FILE *manual = fopen(HR_LINT_README, "re");
    assert_non_null(manual);
    while (fgets(line, sizeof(line), manual)) {
        if (strncmp(line, "| `", 3) != 0)
            continue;
        assert_true(next < HR_LINT_NRULES);
        const struct hr_rule *r = &hr_lint_rules[next++];
        (void)snprintf(wanted, sizeof(wanted), "| `%s` | %s | %s |\n", r->id,
                       severities[r->severity], r->title);
        assert_string_equal(line, wanted);
    }
    assert_int_equal(next, HR_LINT_NRULES);
    assert_int_equal(fclose(manual), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole),     cmocka_unit_test(manual_lists_them),
        cmocka_unit_test(each_rule_has_both), cmocka_unit_test(each_case),
        cmocka_unit_test(comments),           cmocka_unit_test(not_endlessly_many_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
