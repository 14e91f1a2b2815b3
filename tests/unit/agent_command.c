/* SPDX-License-Identifier: MIT */
#include "loader/config/agent_command.h"

#include "check.h"
#include "common/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST(...) ((char *[]){__VA_ARGS__, NULL})

/* ---- which command is an agent-server ------------------------------------------------------- */

static void agent_servers(void **state)
{
    (void)state;
    assert_true(hr_is_agent_server(LIST("agent-server")));
    assert_true(hr_is_agent_server(LIST("/usr/local/bin/openhands-agent-server", "--port", "1")));
    assert_true(hr_is_agent_server(LIST("/usr/local/bin/openhands-agent-server.real")));
    assert_true(hr_is_agent_server(LIST("./agent-server.real")));
    assert_true(hr_is_agent_server(LIST("python", "-m", "openhands.agent_server")));
    assert_true(hr_is_agent_server(
        LIST("/agent-server/.venv/bin/python3.13", "-m", "openhands.agent_server", "--port", "1")));
    assert_true(hr_is_agent_server(LIST("python3", "-mopenhands.agent_server")));
    assert_true(hr_is_agent_server(LIST("python3", "-Bum", "openhands.agent_server")));
    assert_true(hr_is_agent_server(LIST("python3", "-X", "dev", "-W", "error", "-Xutf8", "-u",
                                        "--check-hash-based-pycs", "never", "-m",
                                        "openhands.agent_server")));
}

static void other_commands(void **state)
{
    (void)state;
    assert_false(hr_is_agent_server((char *[]){NULL}));
    assert_false(hr_is_agent_server(LIST("")));
    assert_false(hr_is_agent_server(LIST("agent-servers")));
    assert_false(hr_is_agent_server(LIST("agent-server.reall")));
    assert_false(hr_is_agent_server(LIST("my-agent-server")));
    assert_false(hr_is_agent_server(LIST("agent-server/sh")));
    assert_false(hr_is_agent_server(LIST("env", "A=b", "agent-server")));
    assert_false(hr_is_agent_server(LIST("sh", "-c", "agent-server")));
    assert_false(hr_is_agent_server(LIST("python")));
    assert_false(hr_is_agent_server(LIST("python", "-m")));
    assert_false(hr_is_agent_server(LIST("python", "-m", "openhands.agent_server2")));
    assert_false(hr_is_agent_server(LIST("python", "x.py", "-m", "openhands.agent_server")));
    assert_false(hr_is_agent_server(LIST("python", "-c", "x", "-m", "openhands.agent_server")));
    assert_false(hr_is_agent_server(LIST("python", "-X", "-m", "openhands.agent_server")));
    assert_false(hr_is_agent_server(LIST("python", "-", "-m", "openhands.agent_server")));
    assert_false(hr_is_agent_server(LIST("python", "--", "-m", "openhands.agent_server")));
    assert_false(hr_is_agent_server(LIST("python", "-W")));
    assert_false(hr_is_agent_server(LIST("sh", "-m", "openhands.agent_server")));
}

/* ---- what becomes of it --------------------------------------------------------------------- */

static char app[] = "/tmp/handrail-app-XXXXXX";
static char cwd[] = "/tmp/handrail-cwd-XXXXXX";
static struct hr_agent_places places = {.helper = "/h/share/python", .app = app, .cwd = cwd};
static struct hr_config config = {.helper = true, .sidecar = true};
static struct hr_agent_command got;

static void same_list(char *const *list, const char *const *wanted)
{
    size_t i = 0;
    for (; wanted[i]; i++) {
        assert_non_null(list[i]);
        assert_string_equal(list[i], wanted[i]);
    }
    assert_null(list[i]);
}

/* Make it, and again from what came out: nothing may be added twice. */
static int make(char *const *argv, char *const *env)
{
    hr_agent_command_free(&got);
    int code = hr_agent_command_in(&places, &config, argv, env, &got);
    if (code)
        return code;
    struct hr_agent_command again = {0};
    assert_int_equal(hr_agent_command_in(&places, &config, got.argv, got.env, &again), 0);
    same_list(again.argv, (const char *const *)got.argv);
    same_list(again.env, (const char *const *)got.env);
    hr_agent_command_free(&again);
    return 0;
}

#define MADE_ARGV(...) same_list(got.argv, (const char *const[]){__VA_ARGS__, NULL})
#define MADE_ENV(...)  same_list(got.env, (const char *const[]){__VA_ARGS__, NULL})

static void file(const char *dir, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    (void)close(fd);
}

static int setup(void **state)
{
    (void)state;
    hr_log_init("test", HR_LOG_NONE);
    assert_non_null(mkdtemp(app));
    assert_non_null(mkdtemp(cwd));
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/package", app);
    assert_int_equal(mkdir(path, 0755), 0);
    file(app, "both.py");
    file(cwd, "both.py");
    file(cwd, "here.py");
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"both.py", "here.py"};
    char path[256];
    (void)state;
    hr_agent_command_free(&got);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", app, names[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/%s", cwd, names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/package", app);
    return rmdir(path) || rmdir(app) || rmdir(cwd);
}

static void another_command_stays_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(
        make(LIST("sh", "-c", "agent-server"),
             LIST("CUSTOM_AGENT_MODULE=not a name", "OH_DEFERRED_INIT=1", "OH_SECRET_KEY=k")),
        0);
    MADE_ARGV("sh", "-c", "agent-server");
    MADE_ENV("CUSTOM_AGENT_MODULE=not a name", "OH_DEFERRED_INIT=1", "OH_SECRET_KEY=k");
}

static void the_helper_comes_first(void **state)
{
    (void)state;
    assert_int_equal(make(LIST("agent-server", "--port", "1"), LIST("A=b")), 0);
    MADE_ARGV("agent-server", "--port", "1", "--import-modules=handrail_agent");
    MADE_ENV("A=b", "OH_EXTRA_PYTHON_PATH=/h/share/python");

    config.helper = false;
    assert_int_equal(make(LIST("agent-server"), LIST("A=b")), 0);
    MADE_ARGV("agent-server");
    MADE_ENV("A=b");
    config.helper = true;

    places.helper = NULL;
    assert_int_equal(make(LIST("agent-server"), LIST("A=b")), 0);
    MADE_ARGV("agent-server");
    MADE_ENV("A=b");
    places.helper = "/h/share/python";
}

static void modules_that_are_there_stay(void **state)
{
    (void)state;
    assert_int_equal(
        make(LIST("agent-server", "--import-modules", "a,b", "--port=1"), (char *[]){NULL}), 0);
    MADE_ARGV("agent-server", "--import-modules", "handrail_agent,a,b", "--port=1");
    assert_int_equal(
        make(LIST("agent-server", "--import-modules=a", "-x"), LIST("CUSTOM_AGENT_MODULE=c")), 0);
    MADE_ARGV("agent-server", "--import-modules=handrail_agent,a,c", "-x");
    /* The last one counts, as argparse has it; so does one that is cut short. */
    assert_int_equal(make(LIST("agent-server", "--import-modules=a", "--import-mod", "b"),
                          LIST("CUSTOM_AGENT_MODULE=a")),
                     0);
    MADE_ARGV("agent-server", "--import-modules=a", "--import-mod", "handrail_agent,b,a");
    /* There already, wherever. */
    assert_int_equal(make(LIST("agent-server", "--import-modules=a, handrail_agent ,c"),
                          LIST("CUSTOM_AGENT_MODULE=c")),
                     0);
    MADE_ARGV("agent-server", "--import-modules=a, handrail_agent ,c");
    /* The beginning of another name is not it. */
    assert_int_equal(make(LIST("agent-server", "--import-modules=handrail_agents"),
                          LIST("CUSTOM_AGENT_MODULE=handrail")),
                     0);
    MADE_ARGV("agent-server", "--import-modules=handrail_agent,handrail_agents,handrail");
    /* An empty list, and one without its value, of which the server will complain. */
    assert_int_equal(make(LIST("agent-server", "--import-modules="), (char *[]){NULL}), 0);
    MADE_ARGV("agent-server", "--import-modules=handrail_agent");
    assert_int_equal(make(LIST("agent-server", "--import-modules"), (char *[]){NULL}), 0);
    MADE_ARGV("agent-server", "--import-modules");
}

static void the_module_is_looked_for(void **state)
{
    char wanted[512];
    char *const argv[] = {"python3", "-m", "openhands.agent_server", NULL};
    static const struct {
        const char *module, *folder;
    } cases[] = {{"both", app}, {"package.agent", app}, {"here", cwd}, {"here.agent", cwd}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char variable[64];
        char added[64];
        (void)snprintf(variable, sizeof(variable), "CUSTOM_AGENT_MODULE=%s", cases[i].module);
        (void)snprintf(added, sizeof(added), "--import-modules=handrail_agent,%s", cases[i].module);
        (void)snprintf(wanted, sizeof(wanted), "OH_EXTRA_PYTHON_PATH=/h/share/python:%s",
                       cases[i].folder);
        assert_int_equal(make(argv, LIST(variable)), 0);
        MADE_ARGV("python3", "-m", "openhands.agent_server", added);
        MADE_ENV(variable, wanted);
    }
    /* Installed, perhaps: nothing but the helper's folder. */
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_MODULE=elsewhere")), 0);
    MADE_ENV("CUSTOM_AGENT_MODULE=elsewhere", "OH_EXTRA_PYTHON_PATH=/h/share/python");
    /* Where CUSTOM_AGENT_PATH says, even if it lies elsewhere too; a blank one says nothing. */
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_PATH=/opt/x", "CUSTOM_AGENT_MODULE=both")), 0);
    MADE_ENV("CUSTOM_AGENT_PATH=/opt/x", "CUSTOM_AGENT_MODULE=both",
             "OH_EXTRA_PYTHON_PATH=/h/share/python:/opt/x");
    (void)snprintf(wanted, sizeof(wanted), "OH_EXTRA_PYTHON_PATH=/h/share/python:%s", app);
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_PATH= ", "CUSTOM_AGENT_MODULE=both")), 0);
    MADE_ENV("CUSTOM_AGENT_PATH= ", "CUSTOM_AGENT_MODULE=both", wanted);
    /* A path without a module is not ours to use. */
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_PATH=/opt/x")), 0);
    MADE_ENV("CUSTOM_AGENT_PATH=/opt/x", "OH_EXTRA_PYTHON_PATH=/h/share/python");
}

static void folders_that_are_there_stay(void **state)
{
    char wanted[512];
    (void)state;
    (void)snprintf(wanted, sizeof(wanted), "OH_EXTRA_PYTHON_PATH=/h/share/python:%s:/a:/b", cwd);
    assert_int_equal(make(LIST("agent-server", "--extra-python-path", "/c"),
                          LIST("OH_EXTRA_PYTHON_PATH=/a:/b", "CUSTOM_AGENT_MODULE=here", "Z=")),
                     0);
    MADE_ENV(wanted, "CUSTOM_AGENT_MODULE=here", "Z=");
    MADE_ARGV("agent-server", "--extra-python-path", "/c", "--import-modules=handrail_agent,here");
    assert_int_equal(make(LIST("agent-server"), LIST("OH_EXTRA_PYTHON_PATH=/a:/h/share/python")),
                     0);
    MADE_ENV("OH_EXTRA_PYTHON_PATH=/a:/h/share/python");
    assert_int_equal(make(LIST("agent-server"), LIST("OH_EXTRA_PYTHON_PATH=")), 0);
    MADE_ENV("OH_EXTRA_PYTHON_PATH=/h/share/python");
}

static void wrong_module_names_end_the_start(void **state)
{
    static const char *const wrong[] = {"a b",  ".a",    "a.",     "a..b",    "1a",  "a.1",
                                        "a-b",  "a/b",   "a.py ",  "a,b",     "a:b", "/app/x.py",
                                        "/.so", "x.so/", "native", "Native:x"};
    static const char *const right[] = {"a", "_a", "a1", "A.b_2.c", "m\xc3\xa9moire"};
    char variable[64];
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "CUSTOM_AGENT_MODULE=%s", wrong[i]);
        int code = make(LIST("agent-server"), LIST(variable));
        bool fine = strcmp(wrong[i], "native") == 0; /* a Python name like others */
        if (code != (fine ? 0 : 78))
            fail_msg("%s: %d", variable, code);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "CUSTOM_AGENT_MODULE=%s", right[i]);
        assert_int_equal(make(LIST("agent-server"), LIST(variable)), 0);
    }
    static const char *const native[] = {"/app/agent.so", "native:agent", ""};
    for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "CUSTOM_AGENT_MODULE=%s", native[i]);
        assert_int_equal(make(LIST("agent-server"), LIST(variable)), 0);
        MADE_ARGV("agent-server", "--import-modules=handrail_agent");
    }
}

static void a_server_that_waits_can_be_reached(void **state)
{
    static const char *const on[] = {"1", "true", "TRUE"};
    static const char *const off[] = {"0", "yes", "on", "", " 1"};
    char variable[64];
    (void)state;
    config.helper = false;
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "OH_DEFERRED_INIT=%s", on[i]);
        assert_int_equal(make(LIST("agent-server"), LIST(variable, "OH_SECRET_KEY=k")), 0);
        MADE_ARGV("agent-server", "--host", "0.0.0.0");
        assert_int_equal(make(LIST("agent-server"), LIST(variable)), 0); /* open to everybody */
        MADE_ARGV("agent-server");
        assert_int_equal(make(LIST("agent-server"), LIST(variable, "OH_SECRET_KEY= \t")), 0);
        MADE_ARGV("agent-server");
        assert_int_equal(
            make(LIST("agent-server", "--host", "::"), LIST(variable, "OH_SECRET_KEY=k")), 0);
        MADE_ARGV("agent-server", "--host", "::");
        assert_int_equal(make(LIST("agent-server", "--ho=::"), LIST(variable, "OH_SECRET_KEY=k")),
                         0);
        MADE_ARGV("agent-server", "--ho=::");
    }
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        (void)snprintf(variable, sizeof(variable), "OH_DEFERRED_INIT=%s", off[i]);
        assert_int_equal(make(LIST("agent-server"), LIST(variable, "OH_SECRET_KEY=k")), 0);
        MADE_ARGV("agent-server");
    }
    config.helper = true;
    assert_int_equal(
        make(LIST("agent-server", "--port", "1"), LIST("OH_DEFERRED_INIT=1", "OH_SECRET_KEY=k")),
        0);
    MADE_ARGV("agent-server", "--port", "1", "--host", "0.0.0.0",
              "--import-modules=handrail_agent");
}

/* ---- old servers ----------------------------------------------------------------------------- */

static char venv[] = "/tmp/handrail-venv-XXXXXX";
static char program[128];

/* A server of this version; the folder it makes is removed by the next call, and by "". */
static char *server(const char *version)
{
    static char dist[512];
    char path[256];
    static const char *const folders[] = {"bin", "lib", "lib/python3.12",
                                          "lib/python3.12/site-packages"};
    if (!program[0]) {
        assert_non_null(mkdtemp(venv));
        for (size_t i = 0; i < 4; i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", venv, folders[i]);
            assert_int_equal(mkdir(path, 0755), 0);
        }
        (void)snprintf(program, sizeof(program), "%s/bin/agent-server", venv);
        int fd = open(program, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    if (dist[0])
        assert_int_equal(rmdir(dist), 0);
    (void)snprintf(dist, sizeof(dist), "%s/%s/openhands_agent_server-%s.dist-info", venv,
                   folders[3], version);
    if (*version) {
        assert_int_equal(mkdir(dist, 0755), 0);
    } else {
        dist[0] = '\0';
        (void)unlink(program);
        for (size_t i = 4; i-- > 0;) {
            (void)snprintf(path, sizeof(path), "%s/%s", venv, folders[i]);
            (void)rmdir(path);
        }
        (void)rmdir(venv);
    }
    return program;
}

static void old_servers_get_what_they_know(void **state)
{
    char *argv[] = {server("1.19.1"), NULL};
    (void)state;
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_MODULE=here")), 0);
    MADE_ARGV(program);
    MADE_ENV("CUSTOM_AGENT_MODULE=here");
    (void)server("1.22.0"); /* modules, but nothing that would find our helper */
    assert_int_equal(make(argv, LIST("CUSTOM_AGENT_MODULE=here")), 0);
    MADE_ARGV(program, "--import-modules=here");
    MADE_ENV("CUSTOM_AGENT_MODULE=here");
    assert_int_equal(make(argv, LIST("A=b")), 0);
    MADE_ARGV(program);
    MADE_ENV("A=b");
    (void)server("1.22.1");
    assert_int_equal(make(argv, LIST("A=b")), 0);
    MADE_ARGV(program, "--import-modules=handrail_agent");
    MADE_ENV("A=b", "OH_EXTRA_PYTHON_PATH=/h/share/python");
    (void)server("");
}

/* Our own link in the server's place: it does this itself when its turn comes. */
static void our_own_link_is_left_alone(void **state)
{
    char path[256];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/agent-server", app);
    assert_int_equal(symlink("/proc/self/exe", path), 0);
    assert_int_equal(make(LIST(path), LIST("OH_DEFERRED_INIT=1", "OH_SECRET_KEY=k")), 0);
    (void)unlink(path);
    MADE_ARGV(path);
    MADE_ENV("OH_DEFERRED_INIT=1", "OH_SECRET_KEY=k");
}

/* With the real places: the helper's file decides. */
static void the_helper_lies_beside_us(void **state)
{
    struct hr_agent_command c = {0};
    (void)state;
    assert_int_equal(hr_agent_command(&config, LIST("agent-server"), LIST("A=b"), &c), 0);
    assert_string_equal(c.argv[0], "agent-server");
    if (c.argv[1]) {
        assert_string_equal(c.argv[1], "--import-modules=handrail_agent");
        assert_non_null(strstr(c.env[1], "/share/python"));
    } else {
        assert_null(c.env[1]);
    }
    hr_agent_command_free(&c);
    hr_agent_command_free(&c); /* harmless */
}

/* A list that is longer than any is refused, and nothing is left behind. */
static void an_endless_list(void **state)
{
    static char argument[128 * 1024];
    struct hr_agent_command c = {0};
    (void)state;
    memset(argument, 'a', sizeof(argument) - 1);
    memcpy(argument, "--import-modules=", 17);
    assert_int_equal(
        hr_agent_command_in(&places, &config, LIST("agent-server", argument), LIST("A=b"), &c), 71);
    assert_null(c.argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agent_servers),
        cmocka_unit_test(other_commands),
        cmocka_unit_test(another_command_stays_as_it_is),
        cmocka_unit_test(the_helper_comes_first),
        cmocka_unit_test(modules_that_are_there_stay),
        cmocka_unit_test(the_module_is_looked_for),
        cmocka_unit_test(folders_that_are_there_stay),
        cmocka_unit_test(wrong_module_names_end_the_start),
        cmocka_unit_test(a_server_that_waits_can_be_reached),
        cmocka_unit_test(old_servers_get_what_they_know),
        cmocka_unit_test(our_own_link_is_left_alone),
        cmocka_unit_test(the_helper_lies_beside_us),
        cmocka_unit_test(an_endless_list),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
