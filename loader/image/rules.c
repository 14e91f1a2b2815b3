/* SPDX-License-Identifier: MIT
 * What can be found in an image.  See rules.h. */
#include "rules.h"

#include "loader/config/server_version.h"

const struct hr_rule hr_check_rules[] = {
    [HR_RULE_SERVER_NOT_FOUND] =
        {"server-not-found", HR_FOUND_ERROR, "There is no agent-server in the image",
         "Handrail takes the server's place; without a server there is none.  It is looked for as "
         "agent-server and openhands-agent-server on PATH and in /agent-server/.venv/bin, and as a "
         "Python package beside those.",
         "Name it: --server=PATH, of its program or of the python that has its package."},
    [HR_RULE_SERVER_NOT_INSTALLED] =
        {"server-not-installed", HR_FOUND_ERROR, "Handrail is not in the server's place",
         "A platform may start the server by its own path and pass over the image's entrypoint.  "
         "Then nothing of handrail runs.",
         "Run handrail install while the image is built, as root: USER root, then RUN "
         "[\"/opt/handrail/bin/handrail\", \"install\"]."},
    [HR_RULE_SERVER_TWICE] =
        {"server-twice", HR_FOUND_ERROR, "Two programs want to be the server",
         "There is a program in the server's place, and another one where handrail would move it.  "
         "A newer base image, or a reinstalled package, puts a new server over handrail's link and "
         "leaves the old one aside; another wrapper uses the same name.  Which one is the server "
         "cannot be told.",
         "If NAME is the new server: remove NAME.real.  If NAME.real is the server: move it over "
         "NAME.  Then run handrail install again."},
    [HR_RULE_SERVER_LOST] =
        {"server-lost", HR_FOUND_ERROR, "Handrail is in the server's place, and the server is gone",
         "Called by the server's name handrail runs NAME.real beside it, which does not exist or "
         "cannot be run: the container would end with code 127.",
         "Copy the server from the base image to NAME.real."},
    [HR_RULE_SERVER_UNUSABLE] =
        {"server-unusable", HR_FOUND_ERROR, "What has the server's name cannot be the server",
         "It is not understood, so it is left as it is.",
         "Put the server's program there, or name another one with --server=PATH."},
    [HR_RULE_SERVER_STRANGER] =
        {"server-stranger", HR_FOUND_NOTE, "A program has the server's name, and may be another",
         "agent-server is a name that others use too, and no package of OpenHands lies beside this "
         "one.  It is left alone.",
         "If it is the server, name it: --server=PATH."},
    [HR_RULE_SERVER_VERSION_UNKNOWN] =
        {"server-version-unknown", HR_FOUND_WARNING, "The server does not tell its version",
         "Older servers end at once on an option that newer ones need for the custom agent and for "
         "handrail's helper.  A server whose version is not known is taken for a new one.",
         "Run handrail install in the image, without --root: it asks the server.  If it cannot be "
         "asked, write its version into NAME.real.version."},
    [HR_RULE_SERVER_OLD] = {"server-old", HR_FOUND_WARNING,
                            "The server is too old for a part of handrail",
                            "Custom agents need " HR_SERVER_IMPORTS_SINCE
                            ", the helper (heartbeat, init replay) " HR_SERVER_PATH_SINCE
                            ", deferred initialisation 1.29, native tools " HR_SERVER_TOOLS_SINCE
                            ".  Older servers run without these.",
                            "Use a newer base image."},
    [HR_RULE_CANNOT_CHANGE] =
        {"cannot-change", HR_FOUND_ERROR, "The image cannot be changed",
         "The server's file has to be renamed, which its folder must allow.",
         "Run it as root while the image is built: USER root before that RUN."},
    [HR_RULE_HANDRAIL_MISSING] =
        {"handrail-missing", HR_FOUND_ERROR, "Handrail is not in the image, or not whole",
         "The server's place is taken by a link to handrail, which then leads nowhere; without its "
         "other programs there are no probes and no tools.",
         "Copy the whole folder first: COPY --from=handrail:1 /opt/handrail /opt/handrail."},
    [HR_RULE_CONFIGURATION] =
        {"configuration", HR_FOUND_ERROR, "The configuration is wrong",
         "Handrail would say this at its start, and end with code 78 before anything runs.",
         "Mend what is named, in the file or in the variable."},
    [HR_RULE_CONFIGURATION_DOUBTFUL] = {"configuration-doubtful", HR_FOUND_WARNING,
                                        "The configuration may not do what it says",
                                        "Handrail would say this at its start, and go on.",
                                        "Look at what is named."},
    [HR_RULE_PLUGIN_FILE] =
        {"plugin-file", HR_FOUND_ERROR, "A plugin's file is refused",
         "Nobody vouches for the file, by its owner and mode or its SHA-256, or it is no shared "
         "object that may be loaded here.  The pod would start without its tools, or never be "
         "ready if it is required.",
         "Do what the message says; handrail plugin inspect FILE tells more."},
    [HR_RULE_PLUGIN_DESCRIPTOR] =
        {"plugin-descriptor", HR_FOUND_ERROR, "A plugin's descriptor is refused",
         "It has another id than the registry, a tool named like one of the agent-server's own "
         "(then every conversation would fail), a schema that is none, or needs a newer handrail.",
         "Do what the message says, and build the plugin again."},
    [HR_RULE_PLUGIN_START] =
        {"plugin-start", HR_FOUND_ERROR, "A plugin does not start",
         "It was started as it will be in the pod: alone in a process, with its configuration and "
         "its confinement.",
         "Do what the message says; handrail plugin check ID tries it in parts."},
    [HR_RULE_PLUGIN_STOP] =
        {"plugin-stop", HR_FOUND_WARNING, "A plugin does not stop in order",
         "Each stop and each reload would wait for it, and then kill it.",
         "Find out with handrail plugin check ID what its destroy() waits for."},
    [HR_RULE_PLUGIN_PRINTS] = {"plugin-prints", HR_FOUND_WARNING,
                               "A plugin writes to standard output or error",
                               "Its lines have no level and no time among those of the log.",
                               "Let it use the host's log()."},
    [HR_RULE_TOOL_TWICE] =
        {"tool-twice", HR_FOUND_ERROR, "Two plugins have a tool of the same name",
         "A conversation cannot have both, so none of the later plugin's tools are offered.",
         "Rename one of them, or take a plugin out of the registry."},
    [HR_RULE_TOOL_UNKNOWN] =
        {"tool-unknown", HR_FOUND_WARNING, "Nobody has a tool that agent_config.json names",
         "It is no tool of a plugin and none of the server's own, and no module is named that "
         "registers it.  An agent that lists it fails at its first message.",
         "Mend its name, add \"module\" with the Python module that registers it, or list the "
         "plugin "
         "that has it in tool_registry.json."},
    [HR_RULE_CONFINEMENT_MISSING] =
        {"confinement-missing", HR_FOUND_WARNING, "A plugin is less confined than it should be",
         "This kernel, or the container's own seccomp profile, lacks what confinement needs.  With "
         "\"required\": true in its confinement the plugin would not start.",
         "Run the image where the kernel has it, or trust the plugin."},
    [HR_RULE_AGENT_CLASS] =
        {"agent-class", HR_FOUND_ERROR, "The custom agent cannot be used",
         "The pod would never be ready, or conversations that ask for the class would fail.",
         "Mend the module, or CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS, as the message says."},
    [HR_RULE_AGENT_UNCHECKED] =
        {"agent-unchecked", HR_FOUND_NOTE, "The custom agent cannot be checked here",
         "A bundled server has its Python inside, where nothing can be imported for a trial.",
         "Look at agent-module in /readyz once the container runs."},
    [HR_RULE_START_UP] =
        {"start-up", HR_FOUND_WARNING, "What handrail would say before the server's first start",
         "The server will fail at its start, lose something, or be open to others: the message "
         "begins with the name of the preflight's check.",
         "Do what the message says."},
    [HR_RULE_PORT_TAKEN] =
        {"port-taken", HR_FOUND_ERROR, "A port that handrail listens on is taken",
         "Handrail ends at its start when it cannot listen.",
         "Give the other program another port, or handrail with --health-addr or --mcp-addr."},
    [HR_RULE_APP_PORT_TAKEN] =
        {"app-port-taken", HR_FOUND_WARNING, "A port of the agent's applications is taken",
         "12000 and 12001 are where the platform shows what the agent has built.",
         "Give the other program another port."},
    [HR_RULE_FOLDER_UNWRITABLE] =
        {"folder-unwritable", HR_FOUND_ERROR, "A folder cannot be written by the container's user",
         "The server keeps conversations, settings and tmux's sockets there.",
         "Give the folder to that user in the image, or mount a volume."},
    [HR_RULE_CRASH_DIR] = {"crash-dir", HR_FOUND_WARNING, "Crash reports cannot be written",
                           "They stay in memory, and are gone with the container.",
                           "Make the folder, and give it to the container's user."},
    [HR_RULE_PODINFO] = {"podinfo", HR_FOUND_WARNING, "The pod's labels cannot be read",
                         "Handrail does not see when the pod is taken from its warm pool.",
                         "Mount a downwardAPI volume there."},
    [HR_RULE_SECRET_READABLE] =
        {"secret-readable", HR_FOUND_WARNING, "Everybody can read a secret",
         "The file has a value whose name says that it is secret; the agent, its tools, and "
         "whoever "
         "has the image can read it.",
         "Take it out of the image: give it to the container in its environment, or as a volume."},
    [HR_RULE_USER] =
        {"user", HR_FOUND_ERROR, "The checks cannot be made as that user",
         "What a user may read and write can only be tried as that user.",
         "Check the image as root, and name a user that its /etc/passwd has, or a number."},
    [HR_RULE_CHECK_SLOW] =
        {"check-slow", HR_FOUND_ERROR, "A check did not come to an end",
         "A file system that does not answer, or a plugin or module that hangs, would hold up the "
         "container's start as well.",
         "Find out what it waits for, and run handrail check again."},
    [HR_RULE_CHECK_FAILED] =
        {"check-failed", HR_FOUND_ERROR, "A check could not be made",
         "What it would have found is not known.",
         "Look for a lack of memory or processes, and run handrail check again."},
};
