/* SPDX-License-Identifier: MIT
 * The rules.  See rules.h. */
#include "rules.h"

#include "loader/config/server_version.h"

#define E HR_FOUND_ERROR
#define W HR_FOUND_WARNING
#define N HR_FOUND_NOTE

const struct hr_rule hr_spec_rules[HR_SPEC_NRULES] = {
    [HR_SPEC_YAML_SYNTAX] = {"yaml-syntax", E, "it is no YAML", "Nothing of the file can be used.",
                             "Mend the line that is named, or one of those before it; YAML is "
                             "indented with spaces, and a text with \": \" or \" #\" in it needs "
                             "quotes."},
    [HR_SPEC_YAML_ENCODING] = {"yaml-encoding", E, "the file is not UTF-8",
                               "YAML is read as UTF-8 here, and most readers know nothing else.",
                               "Save the file as UTF-8."},
    [HR_SPEC_YAML_CHARACTER] = {"yaml-character", E, "a character that cannot be seen",
                                "Readers disagree on what it means, and a person sees something "
                                "else than a program does.",
                                "Delete it; it often comes with text pasted from elsewhere."},
    [HR_SPEC_YAML_LIMIT] = {"yaml-limit", E, "more than a specification ever has",
                            "A file that is this large, this deep or unfolds to this much is a "
                            "mistake or an attack on its reader.",
                            "Make it smaller; aliases count as often as they are used."},
    [HR_SPEC_YAML_DUPLICATE_KEY] = {"yaml-duplicate-key", E, "a key is there twice",
                                    "Some readers take the first one, some the last, some refuse "
                                    "the file.",
                                    "Delete one of them."},
    [HR_SPEC_YAML_KEY] = {"yaml-key", E, "a key is no text",
                          "YAML 1.1 reads no, on, 1 or an empty key as a boolean, a number or "
                          "null, and the member is then not found by its name.",
                          "Put the key into quotes."},
    [HR_SPEC_YAML_ALIAS] = {"yaml-alias", E, "an alias that stands for nothing",
                            "An alias stands for what has the anchor of that name before it, as a "
                            "whole.",
                            "Set the anchor before, or write the value in full."},
    [HR_SPEC_YAML_MERGE_KEY] = {"yaml-merge-key", E, "a merge key",
                                "Merge keys are not in YAML 1.2, and readers disagree on which of "
                                "two values counts.",
                                "Write the members in full; in the place of a whole value an alias "
                                "(*name) can stand."},
    [HR_SPEC_YAML_TAG] = {"yaml-tag", E, "a tag",
                          "A tag has the reader make something of a type of its own, at worst run "
                          "code, and safe readers refuse what they do not know.",
                          "Take the tag out; a value that is to be text can be put into quotes."},
    [HR_SPEC_YAML_DOCUMENTS] = {"yaml-documents", E, "not exactly one document",
                                "A specification is one document: of several, readers take the "
                                "first, the last or none.",
                                "Keep one document, and one file for each."},
    [HR_SPEC_YAML_NOT_TEXT] = {"yaml-not-text", E, "a boolean, number or date where text has to be",
                               "Without quotes YAML makes another type of it: no becomes false, "
                               "1.0 a number, 12:30 may become 750, and the platform refuses what "
                               "is not text.",
                               "Put the value into quotes."},

    [HR_SPEC_TYPE] = {"spec-type", E, "a value of the wrong type",
                      "The platform refuses a specification with a list where it wants a text.",
                      "Give it the type that is expected."},
    [HR_SPEC_KIND] = {"spec-kind", E, "not the kind of object that is known here",
                      "apiVersion and kind say what the rest means.",
                      "Write apiVersion: openhands.ai/v1 and kind: SandboxSpec."},
    [HR_SPEC_UNKNOWN_KEY] = {"spec-unknown-key", E, "a key that a specification does not have",
                             "The platform passes over keys it does not know, so that a misspelt "
                             "one has no effect and nobody says so.",
                             "Use one of the keys that are known there, or take it out."},
    [HR_SPEC_MISSING] = {"spec-missing", E, "a key that a specification needs",
                         "The platform refuses a specification without it.", "Add it."},
    [HR_SPEC_NAME] = {"spec-name", E, "a name that cannot be one",
                      "A specification is asked for as NAME:VERSION; an object's name is also used "
                      "in addresses.",
                      "Use lower-case letters, digits, - and . in metadata.name, at most 63; in "
                      "the flat form anything without : and /."},
    [HR_SPEC_VERSION] = {"spec-version", E, "no semantic version",
                         "Versions are compared, and asked for as NAME:VERSION.",
                         "Write three numbers, such as \"1.4.0\" or \"1.4.0-rc.1\", without a v in "
                         "front."},
    [HR_SPEC_OWNER_MISSING] = {"spec-owner-missing", W, "nobody owns it",
                               "The platform refuses to register a specification without an "
                               "owner; only an upload sets one.",
                               "Add the owner's e-mail address."},
    [HR_SPEC_MAIL] = {"spec-mail", W, "no e-mail address",
                      "Users are known by their e-mail addresses: anything else matches nobody.",
                      "Write the address with which the person logs in; names of groups go under "
                      "groups."},
    [HR_SPEC_REPEATED] = {"spec-repeated", W, "the same twice in a list",
                          "One of the two was probably meant to be something else.",
                          "Delete or correct one of them."},
    [HR_SPEC_IMAGE] = {"spec-image", E, "no reference to an image",
                       "The image cannot be pulled by it.",
                       "Write REPOSITORY:TAG or REPOSITORY@sha256:DIGEST, the repository in lower "
                       "case."},
    [HR_SPEC_IMAGE_LATEST] = {"spec-image-latest", W, "the image is whatever is the latest",
                              "The same specification starts something else tomorrow, and a node "
                              "may still have yesterday's.",
                              "Name a tag that does not move, or a digest."},
    [HR_SPEC_CAPABILITY] = {"spec-capability", E, "no name for a capability",
                            "Capabilities are looked up by name.",
                            "Use lower-case words joined by _, such as data_analysis."},
    [HR_SPEC_AGENT_TYPE] = {"spec-agent-type", E, "a type of agent that does not exist",
                            "The platform sets the custom agent's variables for the type custom "
                            "alone; a misspelt one starts the default agent.",
                            "Write default or custom."},
    [HR_SPEC_AGENT_INCOMPLETE] = {"spec-agent-incomplete", E,
                                  "a custom agent without its module or class",
                                  "The platform refuses it: it would not know what to start.",
                                  "Name both, or leave the type at default."},
    [HR_SPEC_AGENT_IGNORED] = {"spec-agent-ignored", W,
                               "module and class of an agent that is not custom",
                               "They are passed on for the type custom alone: the default agent is "
                               "started.",
                               "Write type: custom, or take them out."},
    [HR_SPEC_AGENT_NAME] = {"spec-agent-name", E, "a module or class that cannot be one",
                            "It cannot be imported.",
                            "For the module write a dotted Python name (my_agents.analyst), "
                            "native:PLUGIN or the absolute path of a .so; for the class a Python "
                            "name."},
    [HR_SPEC_QUANTITY] = {"spec-quantity", E, "no quantity as Kubernetes has them",
                          "The pod is refused.",
                          "Write a number above 0 with one of the suffixes m k M G T P E or Ki Mi "
                          "Gi Ti Pi Ei: \"4Gi\" of memory, \"500m\" for half a processor."},
    [HR_SPEC_QUANTITY_ODD] = {"spec-quantity-odd", W, "a quantity that was hardly meant",
                              "Memory is counted in bytes (4 are four bytes, 512m is half a byte), "
                              "processors in whole ones (\"4Gi\" are four thousand million): the "
                              "pod does not start, or is never scheduled.",
                              "Memory is \"4Gi\" or \"512Mi\", processors are \"2\" or \"500m\"."},
    [HR_SPEC_WORKING_DIR] = {"spec-working-dir", E, "a working folder that is not absolute",
                             "Nobody knows where it starts from.",
                             "Write a path that begins with /."},
    [HR_SPEC_PORT] = {"spec-port", E, "no port", "A port is a number from 1 to 65535.",
                      "Write it in plain decimal digits, without quotes."},
    [HR_SPEC_PORT_NAME] = {"spec-port-name", E, "a name that no port can have",
                           "Kubernetes refuses it.",
                           "Use at most 15 lower-case letters, digits and single -, with a letter "
                           "among them, and no - at either end."},
    [HR_SPEC_PORT_TWICE] = {"spec-port-twice", E, "a port or its name is there twice",
                            "Only one program can listen on a port, and a name leads to one port.",
                            "Give each its own."},
    [HR_SPEC_PORT_RESERVED] = {"spec-port-reserved", E, "a port that something else listens on",
                               "Whichever starts second cannot listen: the agent-server, VSCode, "
                               "the workers or handrail's health endpoints stay away, or your "
                               "service does.",
                               "Use another port, or the name under which this one is known."},
    [HR_SPEC_SERVER_PORT] = {"spec-server-port", W,
                             "the agent-server's port is not among the ports",
                             "The server listens on one port and the platform publishes others, so "
                             "that the sandbox never becomes healthy.",
                             "Give --port in the command and agent-server in the ports the same "
                             "number."},
    [HR_SPEC_ENV_NAME] = {"spec-env-name", E, "no name for a variable",
                          "Kubernetes does not take it.",
                          "Use letters, digits, _, - and ., with a letter or _ in front."},
    [HR_SPEC_ENV_AGENT] = {"spec-env-agent", E,
                           "the environment names another agent than the specification",
                           "The platform sets CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS from the "
                           "agent; which of the two counts is chance.",
                           "Take the variable out, or make them the same."},
    [HR_SPEC_ENV_FATAL] = {"spec-env-fatal", E, "a variable that ends the agent-server",
                           "It reads its own variables (OH_...) by type, and ends with code 1 at "
                           "each start when one cannot be read.",
                           "Give it a value of that type."},
    [HR_SPEC_ENV_MISREAD] = {"spec-env-misread", W, "a variable that the agent-server misreads",
                             "To it only 1 and true are true; every other word is false, without a "
                             "message.",
                             "Write 1 or 0."},
    [HR_SPEC_ENV_SECRET] = {"spec-env-secret", W, "a secret in the specification",
                            "Whoever may use or list the specification can read it, and it stays "
                            "in every copy of the file.",
                            "Take it out and let the platform inject it from its secrets."},

    [HR_SPEC_HELD_AGENT] = {"held-agent", E, "the image has another agent",
                            "The image's own CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS, or "
                            "agent_config.json, and the specification disagree: which agent a user "
                            "gets depends on who starts the container.",
                            "Name the same agent in both, or in the specification alone."},
    [HR_SPEC_HELD_SERVER] = {"held-server", E, "the agent-server is too old for a custom agent",
                             "Servers before " HR_SERVER_IMPORTS_SINCE " do not import modules at "
                             "their start, so that the agent is not known to them.",
                             "Build on a newer base image."},
    [HR_SPEC_HELD_ENVIRONMENT] = {"held-environment", E,
                                  "a variable is missing or has another value",
                                  "The container was not started from this specification, or "
                                  "something in it sets the variable anew.",
                                  "Start it from this specification, or look for who else sets the "
                                  "variable: the image, agent_config.json, the pod."},
    [HR_SPEC_HELD_MEMORY] = {"held-memory", E, "less memory than is asked for",
                             "The kernel ends processes of the container before they have what the "
                             "specification promises.",
                             "Raise the container's limit, use a larger machine, or ask for less."},
    [HR_SPEC_HELD_CPU] = {"held-cpu", E, "less processor time than is asked for",
                          "The container is throttled below what the specification promises.",
                          "Raise the container's limit, use a larger machine, or ask for less."},
    [HR_SPEC_HELD_STORAGE] = {"held-storage", W, "less storage than is asked for",
                              "The whole file system is smaller, free space not even looked at.",
                              "Mount a larger volume, or ask for less."},
    [HR_SPEC_HELD_WORKING_DIR] = {"held-working-dir", W, "the working folder cannot be worked in",
                                  "The agent works there.",
                                  "Create it in the image, for the user the container runs as."},
    [HR_SPEC_HELD_USER] = {"held-user", W, "the container runs as root",
                           "Platforms run sandboxes as another user, where files that only root "
                           "may read or write fail; and as root, whatever leaves the sandbox is "
                           "root.",
                           "End the Dockerfile with USER openhands, or set runAsUser."},
    [HR_SPEC_HELD_PORT] = {"held-port", W, "nobody listens on the agent-server's port",
                           "The platform sends everything to that port.",
                           "Start the server with that --port, or name the port it has."},
    [HR_SPEC_HELD_CAPABILITY] = {"held-capability", N, "no native tool has a capability's name",
                                 "Capabilities are words; plugins do not declare them. A tool or "
                                 "plugin of the same name is taken for an offer of it.",
                                 "Nothing, if the agent itself can do it; else add the plugin, or "
                                 "take the capability out."},
    [HR_SPEC_NOT_HELD] = {"not-held", N, "what could not be compared",
                          "A check that says nothing would be taken for one that found nothing.",
                          "Run it in the container for more; the rest is the platform's to know."},
};
