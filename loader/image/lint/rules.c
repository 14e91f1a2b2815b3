/* SPDX-License-Identifier: MIT
 * The table of rules.  See rules.h.  README.md beside this lists them. */
#include "rules.h"

#define E HR_FOUND_ERROR
#define W HR_FOUND_WARNING
#define N HR_FOUND_NOTE

const struct hr_rule hr_lint_rules[HR_LINT_NRULES] = {
    [HR_LINT_SYNTAX] =
        {"syntax", E, "the Dockerfile cannot be built",
         "BuildKit refuses an instruction like this one, so no image comes of the file. What "
         "stands in it was not looked at by the other rules.",
         "Correct the instruction."},
    [HR_LINT_EMPTY_CONTINUATION] =
        {"empty-continuation", W, "an empty line inside an instruction",
         "The instruction goes on behind the empty line, because the line before it ends with the "
         "escape character. Readers do not expect it, and BuildKit announces that it will be an "
         "error.",
         "Remove the empty line, or the escape character before it."},
    [HR_LINT_TOO_LARGE] = {"too-large", E, "the file is over a limit of this program",
                           "A part of the file was not looked at, so nothing is known about it.",
                           "Make the file smaller: move long scripts into files of their own."},
    [HR_LINT_JSON_FORM] =
        {"json-form", W, "what looks like a JSON form is none",
         "JSON has double quotes only and nothing behind its bracket. Anything else is run by a "
         "shell, brackets and all, and fails when the container starts.",
         "Write it as [\"program\", \"argument\"]."},
    [HR_LINT_COPY_SOURCE_MISSING] =
        {"copy-source-missing", E, "a file to copy is not in the build context",
         "The build ends there. What .dockerignore excludes is not in the context either.",
         "Correct the path, which is relative to the context, or the .dockerignore file. If the "
         "build has another context: --context=DIR."},
    [HR_LINT_BASE_UNDECLARED] =
        {"base-undeclared", E, "FROM uses a variable that is not declared before it",
         "FROM sees only what ARG declares before the first FROM. Any other variable is empty "
         "there, and the build fails or takes another image.",
         "Declare it with ARG and a default before the first FROM."},
    [HR_LINT_BASE_UNPINNED] =
        {"base-unpinned", W, "the base image is not pinned to a version",
         "The same Dockerfile builds another image tomorrow. The server's version decides which "
         "flags and variables it knows, so a pod can break without a change of yours.",
         "Give a version tag, such as openhands/agent-server:1.58.0-python, or a digest."},
    [HR_LINT_BASE_TOO_OLD] =
        {"base-too-old", E, "the base's agent-server lacks what the image relies on",
         "Older servers ignore what they do not know: the module is not imported, the tools are in "
         "no conversation, and nothing says so.",
         "Take a base with a newer agent-server."},
    [HR_LINT_ENTRYPOINT_REPLACED] =
        {"entrypoint-replaced", E, "the entrypoint does not start the agent-server",
         "Docker, the agent-server's own runtime and others keep the image's entrypoint and append "
         "\"--host 0.0.0.0 --port 8000\". With an entrypoint that is not the server those flags go "
         "to another program and the sandbox never becomes healthy.",
         "Remove ENTRYPOINT. What has to run before the server belongs into the image, or into a "
         "script that ends with exec \"$@\": ENTRYPOINT [\"/start.sh\", "
         "\"/usr/local/bin/openhands-agent-server\"]."},
    [HR_LINT_ENTRYPOINT_SHELL_FORM] =
        {"entrypoint-shell-form", E, "the entrypoint is a shell",
         "ENTRYPOINT without brackets runs /bin/sh -c: the shell drops the flags that a platform "
         "appends, and does not pass SIGTERM on, so the server is killed at the end of the grace "
         "period and running conversations are lost.",
         "Remove it, or write it as a JSON array."},
    [HR_LINT_CMD_REPLACED] =
        {"cmd-replaced", E, "CMD is not the server's flags",
         "The base's entrypoint is the server, so CMD is appended to it as arguments. It refuses "
         "what it does not know with exit code 2. A platform replaces CMD, so nothing that matters "
         "may depend on it.",
         "Remove CMD, or give flags of the server: CMD [\"--port\", \"8000\"]."},
    [HR_LINT_USER_ROOT] =
        {"user-root", E, "the image runs as root",
         "The agent runs whatever a model asks for. As root it can change the server, handrail and "
         "every file of the image; and platforms that demand non-root users refuse the pod.",
         "End with USER openhands, the user of the base."},
    [HR_LINT_USER_CHANGED] =
        {"user-changed", W, "the image runs as another user than the base",
         "The base's files, the workspace and the home with its plugins belong to openhands (uid "
         "10001), and platforms start and mount as that uid. Another one cannot write there, and "
         "the server ends without a message.",
         "End with USER openhands."},
    [HR_LINT_PORT_CLASH] =
        {"port-clash", E, "something is told to listen on a port that is taken",
         "Whichever starts second cannot listen. If it is yours, it fails; if yours is first, "
         "VSCode is off, or the server or its health endpoint does not come up.",
         "Use another port. Taken are 60000 (the server), 60001 (VSCode), 12000 and 12001 (the "
         "workers), 60010 and 60011 (handrail)."},
    [HR_LINT_PORT_EXPOSED] =
        {"port-exposed", W, "EXPOSE of a port that is the platform's",
         "EXPOSE says that a service of the image listens there, and these ports have owners. A "
         "service of yours cannot have one of them.",
         "Use another port for your service; if it is the owner's own, leave EXPOSE out: platforms "
         "do not read it."},
    [HR_LINT_STOP_SIGNAL] =
        {"stop-signal", E, "STOPSIGNAL that does not stop the server",
         "The server and handrail stop in order at TERM and INT. With another signal nothing "
         "happens until the grace period is over, and the kill loses what is running.",
         "Remove STOPSIGNAL: TERM is the default."},
    [HR_LINT_HEALTHCHECK_SERVER] =
        {"healthcheck-server", W, "HEALTHCHECK of a port that the platform chooses",
         "The server listens on 8000 or 60000 or where else the platform says, so a fixed port is "
         "wrong somewhere; and /health answers while the server can serve nothing.",
         "With handrail in the image: HEALTHCHECK CMD [\"/opt/handrail/bin/handrail\", \"probe\", "
         "\"live\"]. Else remove it."},
    [HR_LINT_VOLUME_HIDES] =
        {"volume-hides", W, "VOLUME over what the image holds",
         "Each container gets an empty or copied folder there: what is copied after VOLUME can be "
         "lost, an update of the image does not reach a volume that exists, and the folder is "
         "writable although the image is not.",
         "Remove VOLUME: platforms mount what they need."},
    [HR_LINT_LIBRARY_PATH] =
        {"library-path", W, "ENV sets the dynamic linker's search path",
         "Every program of the container loads these libraries: the server, git, the shell of the "
         "agent. The bundled server brings its own and ends up with a mixture. Who can write to "
         "such a folder has code in all of them.",
         "Set it for the one program that needs it: RUN patchelf --set-rpath, a wrapper, or env "
         "before its command."},
    [HR_LINT_SERVER_VARIABLE_FATAL] =
        {"server-variable-fatal", E, "a variable that ends the agent-server",
         "It reads its own variables (OH_...) by type, and ends with code 1 at each start when one "
         "cannot be read.",
         "Give it a value of that type."},
    [HR_LINT_SERVER_VARIABLE_MISREAD] =
        {"server-variable-misread", W, "a variable that the agent-server misreads",
         "To it only 1 and true are true; every other word is false, without a message.",
         "Write 1 or 0."},
    [HR_LINT_SERVER_VARIABLE_UNUSED] =
        {"server-variable-unused", N, "a variable that nobody reads",
         "The agent-server of this base does not read it, so it has no effect.", "Remove it."},
    [HR_LINT_SESSION_KEY_EMPTY] =
        {"session-key-empty", E, "an empty session key",
         "The server drops empty keys: it then asks nobody for a key, and listens on 127.0.0.1 "
         "only, where no platform reaches it.",
         "Remove it; the platform sets the key of each sandbox."},
    [HR_LINT_AGENT_CLASS_ALONE] =
        {"agent-class-alone", E, "CUSTOM_AGENT_CLASS without CUSTOM_AGENT_MODULE",
         "Nothing says which module the class is in, so nothing is imported, and a conversation "
         "that asks for it is refused with 422.",
         "Set CUSTOM_AGENT_MODULE to the dotted name of the module."},
    [HR_LINT_AGENT_MODULE_NAME] =
        {"agent-module-name", E, "CUSTOM_AGENT_MODULE is no module's name",
         "Handrail has the server import it at its start and ends with code 78 if it is neither "
         "the dotted name of a Python module nor the absolute path of a .so nor native:ID.",
         "Write the name as in Python's import: my_agent, or package.module; no .py, no slashes."},
    [HR_LINT_AGENT_MODULE_MISSING] =
        {"agent-module-missing", E, "nothing brings the module of CUSTOM_AGENT_MODULE",
         "The server ends with code 1 when it cannot import the module. It is looked for in the "
         "folder of CUSTOM_AGENT_PATH, in /app and in the working folder.",
         "COPY it to /app, or set CUSTOM_AGENT_PATH to its folder."},
    [HR_LINT_SECRET_IN_ENV] =
        {"secret-in-env", E, "a secret in ENV",
         "Whoever can pull the image can read it, with docker inspect; and every program that the "
         "agent starts has it in its environment.",
         "Let the platform set it when the container starts. For the build: RUN "
         "--mount=type=secret."},
    [HR_LINT_SECRET_IN_ARG] =
        {"secret-in-arg", W, "a secret in ARG",
         "What is given with --build-arg is in the image's history, in the cache and in the "
         "provenance, for whoever can pull it.",
         "RUN --mount=type=secret,id=NAME,env=NAME and docker build --secret."},
    [HR_LINT_SECRET_VALUE] =
        {"secret-value", E, "a token or a private key in the Dockerfile",
         "It has the form of a real credential. It is in the file, in its git history and in the "
         "image.",
         "Revoke it, then let the platform inject a new one; for the build: RUN "
         "--mount=type=secret."},
    [HR_LINT_SECRET_FILE] =
        {"secret-file", E, "a file with secrets is copied into the image",
         "It is in a layer for whoever can pull the image, even if a later instruction removes it.",
         "List it in .dockerignore. For the build: RUN --mount=type=secret,id=NAME,target=/PATH; "
         "at run time let the platform mount it."},
    [HR_LINT_SECRET_IN_RUN] =
        {"secret-in-run", E, "RUN leaves a credential in the image",
         "The command is in the image's history, and what it writes is in a layer, even if a later "
         "instruction removes it.",
         "RUN --mount=type=secret,id=NAME,target=/PATH gives a command the file for as long as it "
         "runs."},
    [HR_LINT_GIT_REMOTE_PASSWORD] =
        {"git-remote-password", E, "a clone whose remote has a password in it",
         "git writes the whole URL into .git/config, where the agent and whoever pulls the image "
         "read it.",
         "Clone without it: RUN --mount=type=ssh, or --mount=type=secret with a credential helper; "
         "afterwards git remote set-url origin with a URL that has none."},
    [HR_LINT_STAGE_LEAK] =
        {"stage-leak", W, "COPY --from takes more of a stage than a product of it",
         "A whole home or root folder brings credentials, caches and histories of the build with "
         "it, which is what the other stage was to keep out.",
         "Copy the files that are needed by name."},
    [HR_LINT_TASK_STATE] =
        {"task-state", E, "state of conversations is copied into the image",
         "Every sandbox begins with the conversations, settings or stored keys of somebody else. "
         "The server reads them at start; one that names an unknown agent breaks its API.",
         "Remove it, and list it in .dockerignore."},
    [HR_LINT_WORKSPACE_COPIED] =
        {"workspace-copied", W, "a working copy is copied into the workspace",
         "Uncommitted changes, .git with its remotes, and files of one machine come with it, and "
         "differ at each build.",
         "Clone a pinned commit in RUN, or copy named folders and exclude .git in .dockerignore."},
    [HR_LINT_HANDRAIL_NOT_INSTALLED] =
        {"handrail-not-installed", E, "handrail is in the image and nothing starts it",
         "Copying /opt/handrail changes nothing: the server starts as before, without probes, "
         "tools or restarts.",
         "Add RUN [\"/opt/handrail/bin/handrail\", \"install\"] as root, behind what it is to "
         "check."},
    [HR_LINT_HANDRAIL_INSTALL_USER] =
        {"handrail-install-user", E, "handrail install without being root",
         "It replaces the server's program, which belongs to root, so the build fails there. The "
         "base's user is openhands.",
         "Put USER root before it and USER openhands behind it."},
    [HR_LINT_HANDRAIL_FOLDER] =
        {"handrail-folder", E, "handrail is copied to another folder than /opt/handrail",
         "Its programs name their own folder: the toolhost finds neither its loader nor its "
         "libraries elsewhere.",
         "COPY --from=handrail:1 /opt/handrail /opt/handrail."},
    [HR_LINT_HANDRAIL_INSTALL_EARLY] =
        {"handrail-install-early", W, "a server, tools or configuration behind handrail install",
         "A server that comes later takes its place back, and runs without handrail. install ends "
         "with handrail check, so that a wrong plugin or configuration fails the build; what comes "
         "later fails the pod instead.",
         "Put RUN handrail install behind it."},
    [HR_LINT_CONFIG_FOLDER] =
        {"config-folder", E, "handrail does not look for its configuration there",
         "It reads /app/config/tool_registry.json and /app/config/agent_config.json, unless a "
         "variable names another file. Without them there are no tools, and that is no error.",
         "Copy it to /app/config/, or name it with ENV."},
    [HR_LINT_APT_LISTS] =
        {"apt-lists", W, "package lists stay in the layer",
         "apt-get leaves some 40 MB of lists, which every pull of the image carries and which are "
         "out of date tomorrow.",
         "End the same RUN with && rm -rf /var/lib/apt/lists/*."},
    [HR_LINT_ADD_URL] =
        {"add-url", W, "ADD of a URL without a checksum",
         "Whatever the server sends today is in the image, unseen; a copy in the cache hides that "
         "it has changed.",
         "ADD --checksum=sha256:DIGEST URL FILE."},
    [HR_LINT_SUPPRESSION_UNKNOWN] =
        {"suppression-unknown", W, "a handrail-lint comment that does nothing",
         "A comment that is meant to turn a rule off names none, so the rule stays on.",
         "Write \"# handrail-lint ignore=RULE,RULE\" before an instruction, or \"# handrail-lint "
         "ignore-file=RULE\" before the first one. handrail explain lists the rules."},
    [HR_LINT_SUPPRESSION_UNUSED] =
        {"suppression-unused", N, "a handrail-lint comment for what is not there",
         "The comment turns off a rule that finds nothing here. It would hide what comes later.",
         "Remove it."},
};
