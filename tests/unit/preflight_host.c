/* SPDX-License-Identifier: MIT
 * Folders and ports, with real ones. */
#include "check.h"
#include "common/fd.h"
#include "preflight_fixture.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* In it: "mine" for everybody, "theirs" for its owner to read, "file", "nowhere" -> nothing. */
static char root[] = "/tmp/handrail-preflight-XXXXXX";

static const char *in_root(const char *format, const char *name)
{
    static char texts[8][512];
    static int next;
    char *text = texts[next++ % 8];
    (void)snprintf(text, sizeof(texts[0]), "%s%s/%s", format, root, name);
    return text;
}

static void folders(const char *conversations, const char *bash, const char *home,
                    const char *persistence)
{
    struct hr_preflight_facts *f = FACTS(
        in_root("OH_CONVERSATIONS_PATH=", conversations), in_root("OH_BASH_EVENTS_DIR=", bash),
        in_root("HOME=", home), in_root("OH_PERSISTENCE_DIR=", persistence));
    become_nobody();
    hr_preflight_folders(f);
    become_self();
}

static bool says(const char *id, const char *text)
{
    return strstr(text_of(id), text) != NULL;
}

static void folders_that_can_be_written_or_made_are_fine(void **state)
{
    (void)state;
    folders("mine", "mine/", "mine/not/there/yet", "mine/../mine/x");
    assert_int_equal(found_in_all(), 0);
}

static void each_folder_that_cannot_be_written_is_said(void **state)
{
    (void)state;
    folders("theirs/a", "mine", "mine", "mine");
    assert_int_equal(found("folder-unwritable"), 1);
    assert_true(says("folder-unwritable", "(OH_CONVERSATIONS_PATH)"));
    assert_true(says("folder-unwritable", "/theirs belongs to uid"));
    assert_true(says("folder-unwritable", "mode 0555"));
    assert_true(says("folder-unwritable", "code 3"));
    folders("mine", "theirs", "mine", "mine");
    assert_true(says("folder-unwritable", "(OH_BASH_EVENTS_DIR)"));
    folders("mine", "mine", "theirs", "mine");
    assert_true(says("folder-unwritable", "(HOME)"));
    folders("mine", "mine", "unsearched", "mine");
    assert_true(says("folder-unwritable", "(HOME)"));
    folders("mine", "mine", "mine", "theirs/deep/down");
    assert_true(says("folder-unwritable", "(OH_PERSISTENCE_DIR)"));
    assert_int_equal(found_in_all(), 1);
    struct hr_preflight_facts *f = FACTS(in_root("TMPDIR=", "theirs"), in_root("HOME=", "mine"));
    (void)json_object_set_new(f->file, "conversations_path", json_string(in_root("", "mine/c")));
    (void)json_object_set_new(f->file, "bash_events_dir", json_string(in_root("", "mine/b")));
    become_nobody();
    hr_preflight_folders(f);
    become_self();
    assert_true(says("folder-unwritable", "/theirs (TMPDIR), because"));
    assert_int_equal(found_in_all(), 1);
}

static void one_obstacle_is_one_finding(void **state)
{
    (void)state;
    folders("theirs/a", "theirs/b", "mine", "theirs");
    assert_int_equal(found_in_all(), 1);
    assert_true(says("folder-unwritable",
                     "(OH_CONVERSATIONS_PATH, OH_BASH_EVENTS_DIR, OH_PERSISTENCE_DIR)"));
    folders("theirs/a", "file", "mine", "mine");
    assert_int_equal(found("folder-unwritable"), 2);
}

static void what_is_no_folder_is_said(void **state)
{
    (void)state;
    folders("file", "mine", "mine", "mine");
    assert_true(says("folder-unwritable", "/file is not a folder"));
    folders("file/below", "mine", "mine", "mine");
    assert_true(says("folder-unwritable", "/file is not a folder"));
    folders("nowhere/x", "mine", "mine", "mine");
    assert_true(says("folder-unwritable", "/nowhere is a link that leads nowhere"));
    folders("closed/inner/x", "mine", "mine", "mine"); /* may not even be looked into */
    assert_true(says("folder-unwritable", "/closed belongs to uid"));
}

static void relative_folders_begin_where_the_server_does(void **state)
{
    struct hr_preflight_facts *f = NULL;
    char here[PATH_MAX];
    char theirs[PATH_MAX];
    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    (void)snprintf(theirs, sizeof(theirs), "%s/theirs", root);
    assert_int_equal(chdir(theirs), 0);
    f = FACTS(in_root("HOME=", "mine"), "OH_PERSISTENCE_DIR=~/state");
    become_nobody();
    hr_preflight_folders(f); /* workspace/conversations and workspace/bash_events */
    become_self();
    assert_int_equal(found_in_all(), 1);
    assert_true(says("folder-unwritable", "/theirs/workspace/conversations (OH_CONVERSATIONS_PATH, "
                                          "OH_BASH_EVENTS_DIR)"));
    f = FACTS(in_root("HOME=", "mine"));
    (void)json_object_set_new(f->file, "conversations_path", json_string(in_root("", "mine/c")));
    (void)json_object_set_new(f->file, "bash_events_dir", json_string(in_root("", "mine/b")));
    become_nobody();
    hr_preflight_folders(f);
    become_self();
    assert_int_equal(found_in_all(), 0);
    assert_int_equal(chdir(here), 0);
}

static void tmux_needs_a_short_folder_it_can_write_to(void **state)
{
    struct hr_preflight_facts *f = NULL;
    char variable[256] = "TMUX_TMPDIR=/tmp/";
    (void)state;
    become_nobody();
    hr_preflight_tmux(FACTS(in_root("TMUX_TMPDIR=", "theirs")));
    assert_int_equal(found("tmux-dir-unwritable"), 1);
    hr_preflight_tmux(FACTS(in_root("TMUX_TMPDIR=", "theirs/not-there")));
    assert_int_equal(found("tmux-dir-unwritable"), 1);
    hr_preflight_tmux(FACTS(in_root("TMUX_TMPDIR=", "file")));
    assert_true(says("tmux-dir-unwritable", "is not a folder"));
    hr_preflight_tmux(FACTS(in_root("TMUX_TMPDIR=", "mine")));
    hr_preflight_tmux(FACTS(in_root("TMUX_TMPDIR=", "mine/not-there")));
    hr_preflight_tmux(FACTS("TMUX_TMPDIR="));
    hr_preflight_tmux(FACTS("PATH=/bin"));
    assert_int_equal(found_in_all(), 0);
    /* 107 bytes with "/tmux-<uid>/openhands-" and 32 digits are the longest. */
    char uid[24];
    int used = snprintf(uid, sizeof(uid), "/tmux-%u/openhands-", (unsigned)getuid()) + 32;
    size_t longest = strlen("TMUX_TMPDIR=") + 107 - (size_t)used;
    memset(variable + strlen(variable), 'x', longest - strlen(variable));
    hr_preflight_tmux(FACTS(variable));
    assert_int_equal(found_in_all(), 0);
    variable[longest] = 'x';
    f = FACTS(variable);
    hr_preflight_tmux(f);
    assert_int_equal(found("tmux-dir-long"), 1);
    assert_true(says("tmux-dir-long", "108 bytes"));
    become_self();
}

/* A listener, its port in *ret_port; -1 if there cannot be one. */
static int listen_at(uint32_t address, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* Look with --port and, unless it is NULL, --host. */
static void ports(struct hr_preflight_facts *f, uint16_t port, const char *host)
{
    static struct hr_config c;
    char text[8];
    (void)snprintf(text, sizeof(text), "%u", port);
    if (host)
        COMMAND(f, "--port", text, "--host", host);
    else
        COMMAND(f, "--port", text);
    c = *f->config;
    c.agent_port = port;
    f->config = &c;
    hr_preflight_ports(f);
}

static void a_port_somebody_listens_on_is_said(void **state)
{
    uint16_t port = 0;
    char where[32];
    int fd = listen_at(INADDR_LOOPBACK, &port);
    (void)state;
    ports(FACTS("PATH=/bin"), port, NULL);
    assert_int_equal(found("agent-port-taken"), 1);
    (void)snprintf(where, sizeof(where), "127.0.0.1:%u ", port);
    assert_true(says("agent-port-taken", where));
    ports(FACTS("SESSION_API_KEY=k"), port, NULL);
    (void)snprintf(where, sizeof(where), "0.0.0.0:%u ", port);
    assert_true(says("agent-port-taken", where));
    ports(FACTS("OH_DEFERRED_INIT=1", "OH_SECRET_KEY=s"), port, NULL);
    assert_true(says("agent-port-taken", where));
    ports(FACTS("PATH=/bin"), port, "localhost");
    assert_int_equal(found("agent-port-taken"), 1);
    ports(FACTS("PATH=/bin"), port, "127.0.0.2");     /* another address */
    ports(FACTS("PATH=/bin"), port, "agent.example"); /* a name is the server's to resolve */
    assert_int_equal(found_in_all(), 0);
    hr_close(&fd);
    ports(FACTS("PATH=/bin"), port, NULL);
    assert_int_equal(found_in_all(), 0);
}

static void a_free_port_stays_free(void **state)
{
    uint16_t port = 0;
    int fd = listen_at(INADDR_LOOPBACK, &port);
    (void)state;
    hr_close(&fd);
    ports(FACTS("PATH=/bin"), port, NULL);
    ports(FACTS("PATH=/bin"), port, NULL);
    assert_int_equal(found_in_all(), 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* without SO_REUSEADDR, on purpose */
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    hr_close(&fd);
}

static void an_address_that_is_not_ours_is_said(void **state)
{
    (void)state;
    ports(FACTS("PATH=/bin"), 18000, "192.0.2.1");
    assert_true(says("agent-port-taken", "192.0.2.1:18000"));
}

static void the_port_we_look_at_must_be_the_servers(void **state)
{
    static struct hr_config c;
    struct hr_preflight_facts *f = FACTS("PATH=/bin");
    uint16_t port = 0;
    char text[8];
    char said[40];
    (void)state;
    int fd = listen_at(INADDR_ANY, &port);
    hr_close(&fd); /* it is free */
    (void)snprintf(text, sizeof(text), "%u", port);
    COMMAND(f, "--port", text);
    c = *f->config;
    c.agent_port = (uint16_t)(port - 1);
    f->config = &c;
    hr_preflight_ports(f);
    assert_int_equal(found("agent-port-differs"), 1);
    (void)snprintf(said, sizeof(said), "--agent-port is %u", c.agent_port);
    assert_true(says("agent-port-differs", said));
    c.agent_port = port;
    forget_findings();
    hr_preflight_ports(f);
    COMMAND(f, "--port", "x"); /* the server says that itself */
    hr_preflight_ports(f);
    assert_int_equal(found_in_all(), 0);
}

static struct hr_preflight_facts *vscode(struct hr_preflight_facts *f)
{
    f->vscode = "/proc/self/exe"; /* is there */
    return f;
}

static void vscode_needs_its_port(void **state)
{
    uint16_t port = 0;
    char variable[40];
    int fd = listen_at(INADDR_ANY, &port);
    (void)state;
    (void)snprintf(variable, sizeof(variable), "OH_VSCODE_PORT=%u", port);
    ports(vscode(FACTS(variable)), 18003, NULL);
    assert_int_equal(found("vscode-port-taken"), 1);
    ports(vscode(FACTS(variable, "OH_ENABLE_VSCODE=0")), 18003, NULL);
    ports(FACTS(variable), 18003, NULL); /* not installed */
    assert_int_equal(found_in_all(), 0);
    struct hr_preflight_facts *f = vscode(FACTS("PATH=/bin"));
    (void)json_object_set_new(f->file, "vscode_port", json_integer(port));
    ports(f, 18003, NULL);
    assert_int_equal(found("vscode-port-taken"), 1);
    hr_close(&fd);
    ports(vscode(FACTS(variable)), 18003, NULL);
    assert_int_equal(found_in_all(), 0);
    ports(vscode(FACTS("OH_VSCODE_PORT=18003")), 18003, NULL);
    assert_int_equal(found("vscode-port-same"), 1);
    ports(vscode(FACTS("OH_VSCODE_PORT=18003", "OH_ENABLE_VSCODE=0")), 18003, NULL);
    assert_int_equal(found_in_all(), 0);
}

static void home_must_be_known(void **state)
{
    (void)state;
    folders("mine", "mine", "mine", "mine");
    assert_int_equal(found("home-unknown"), 0);
    struct hr_preflight_facts *f =
        FACTS(in_root("OH_CONVERSATIONS_PATH=", "mine"), in_root("OH_BASH_EVENTS_DIR=", "mine"));
    if (getuid() == 0) { /* one without an entry, as far as the real user goes */
        assert_int_equal(setresuid(2000000001, 0, 0), 0);
        hr_preflight_folders(f);
        assert_int_equal(setresuid(0, 0, 0), 0);
        assert_int_equal(found("home-unknown"), 1);
        forget_findings();
    }
    hr_preflight_folders(f); /* the password file has root, and whoever runs this */
    assert_int_equal(found("home-unknown"), 0);
}

static int make_root(void **state)
{
    char path[256];
    (void)state;
    (void)umask(022);
    if (!mkdtemp(root) || chmod(root, 0755))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/mine", root);
    if (mkdir(path, 0777) || chmod(path, 0777))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/closed", root);
    if (mkdir(path, 0700))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/closed/inner", root);
    if (mkdir(path, 0777))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/closed", root);
    if (chmod(path, 0))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/file", root);
    FILE *f = fopen(path, "we");
    if (!f || fclose(f))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/nowhere", root);
    if (symlink("/nonexistent/handrail", path))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/unsearched", root); /* may be written, not entered */
    if (mkdir(path, 0755) || chmod(path, 0222))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/theirs", root);
    return mkdir(path, 0755) || chmod(path, 0555);
}

static int remove_root(void **state)
{
    static const char *const folders_made[] = {"closed/inner", "closed", "mine", "theirs",
                                               "unsearched"};
    int left = 0;
    (void)state;
    (void)chmod(in_root("", "closed"), 0700);
    left |= unlink(in_root("", "file")) | unlink(in_root("", "nowhere"));
    for (size_t i = 0; i < 5; i++) /* fails if a look has left anything behind */
        left |= rmdir(in_root("", folders_made[i]));
    return left | rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_that_can_be_written_or_made_are_fine),
        cmocka_unit_test(each_folder_that_cannot_be_written_is_said),
        cmocka_unit_test(one_obstacle_is_one_finding),
        cmocka_unit_test(what_is_no_folder_is_said),
        cmocka_unit_test(relative_folders_begin_where_the_server_does),
        cmocka_unit_test(tmux_needs_a_short_folder_it_can_write_to),
        cmocka_unit_test(a_port_somebody_listens_on_is_said),
        cmocka_unit_test(a_free_port_stays_free),
        cmocka_unit_test(an_address_that_is_not_ours_is_said),
        cmocka_unit_test(the_port_we_look_at_must_be_the_servers),
        cmocka_unit_test(vscode_needs_its_port),
        cmocka_unit_test(home_must_be_known),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
