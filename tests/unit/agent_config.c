/* SPDX-License-Identifier: MIT */
#include "loader/config/agent_config.h"

#include "loader/config/settings.h"
#include "said.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static char folder[] = "/tmp/handrail-agent-config-XXXXXX";

static void clean_environment(void)
{
    static const char *const others[] = {"HANDRAIL_SUPERVISED", "CUSTOM_AGENT_MODULE",
                                         "CUSTOM_AGENT_CLASS", "MINE", "GIVEN"};
    for (size_t i = 0; i < hr_nsettings; i++)
        (void)unsetenv(hr_settings[i].variable);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        (void)unsetenv(others[i]);
}

/* quoted: with ' for ". */
static char *unquoted(const char *quoted)
{
    char *text = strdup(quoted);
    assert_non_null(text);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    return text;
}

static int parse(const char *quoted, struct hr_config *c)
{
    char *text = unquoted(quoted);
    memset(c, 0, sizeof(*c));
    hr_settings_default(c);
    hear_begin();
    int code = hr_agent_config_parse("a.json", text, strlen(text), c);
    hear_end();
    free(text);
    return code;
}

static int lines(void)
{
    int n = 0;
    for (const char *p = said; *p; p++)
        n += *p == '\n';
    return n;
}

static void put_file(const char *name, const char *quoted)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *text = unquoted(quoted);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(text);
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)remove(path);
}

/* Load everything, with the folder as the configuration's. */
static int load(char **argv, struct hr_config *c)
{
    (void)setenv("HANDRAIL_CONFIG_DIR", folder, 1);
    hear_begin();
    int code = hr_config_load(argv, c);
    hear_end();
    return code;
}

static void a_full_file(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(
        parse("{'$schema':'x','agent':{'module':'my.agent','class':'Mine'},"
              "'tools':[{'name':'one','module':'tools.one'},{'name':'two'}],"
              "'environment':{'MINE':'1','OH_X_0':''},"
              "'handrail':{'grace':2.5,'budget':3,'helper':false,'log-format':'json',"
              "'check':['disk:free=5%','port/8080'],'rewrite':['HUP:TERM','USR1:0'],"
              "'health-addr':':7','crash-dir':'/c','webhook':'http://h/','sidecar-backoff':2}}",
              &c),
        0);
    assert_string_equal(said, "");
    assert_int_equal(c.grace_ms, 2500);
    assert_int_equal(c.server.budget, 3);
    assert_false(c.helper);
    assert_int_equal(c.log_format, HR_LOG_JSON);
    assert_int_equal(c.checks.count, 2);
    assert_int_equal(c.rewrite[1], 15);
    assert_int_equal(c.rewrite[10], 0);
    assert_int_equal(hr_address_port(&c.health), 7);
    assert_string_equal(c.crash_dir, "/c");
    assert_int_equal(c.sidecar_settings.backoff_ms, 2000);
    assert_int_equal(hr_setting_origin(&c, "grace"), HR_FROM_FILE);
    assert_int_equal(hr_setting_origin(&c, "stable"), HR_FROM_DEFAULT);
    hr_config_free(&c);
    assert_int_equal(parse("{}", &c), 0);
    hr_config_free(&c);
}

static void each_problem_is_one_line_with_its_place(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "a.json: is empty: expected a JSON object\n"},
        {" \n", "is empty"},
        {"\xef\xbb\xbf{}", "byte order mark"},
        {"\xff\xfe{", "is UTF-16"},
        {"{'environment':{'A':'\xff'}}", "line 1, column"},
        {"{'agent':{}", "not valid JSON"},
        {"{'agent':{},'agent':{}}", "duplicate object key"},
        {"[]", "(top level): expected an object, got an array"},
        {"{'agnet':{}}",
         "/agnet: expected one of agent, tools, environment, handrail, $schema, got "
         "an unknown key: did you mean \"agent\"?"},
        {"{'$schema':{}}", "/$schema: expected a string"},
        {"{'agent':[]}", "/agent: expected an object, got an array"},
        {"{'agent':{'module':1}}", "/agent/module: expected the name of a Python module"},
        {"{'agent':{'module':'a-b'}}", "/agent/module: expected the name of a Python module"},
        {"{'agent':{'module':''}}", "got an empty one"},
        {"{'agent':{'class':'A'}}", "/agent/module: expected the module that has the class, got n"},
        {"{'agent':{'module':'a','class':'a.b'}}", "/agent/class: expected the name of a class"},
        {"{'agent':{'module':'native:x','class':'A'}}", "/agent/class: expected nothing"},
        {"{'agent':{'modul':'a'}}", "did you mean \"module\"?"},
        {"{'tools':{}}", "/tools: expected an array, got an object"},
        {"{'tools':['a']}", "/tools/0: expected an object with a name, got a string"},
        {"{'tools':[{}]}", "/tools/0/name: expected 1 to 128"},
        {"{'tools':[{'name':''}]}", "/tools/0/name"},
        {"{'tools':[{'name':'a','modul':'b'}]}", "/tools/0/modul: expected one of name, module"},
        {"{'tools':[{'name':'a','module':'native:x'}]}", "/tools/0/module"},
        {"{'tools':[{'name':'a'},{'name':'a'}]}", "/tools/1/name: expected a name that no other"},
        {"{'environment':[]}", "/environment: expected an object"},
        {"{'environment':{'A':1}}", "/environment/A: expected a string: the value of a variable is "
                                    "text, in quotes, got a number"},
        {"{'environment':{'A':true}}", "got a boolean"},
        {"{'environment':{'A':null}}", "got null"},
        {"{'environment':{'A=B':'x'}}", "/environment/A=B: expected the name of a variable"},
        {"{'environment':{'':'x'}}", "/environment/: expected the name of a variable"},
        {"{'environment':{'a/b':'x'}}", "/environment/a~1b: expected the name of a variable"},
        {"{'environment':{'HANDRAIL_GRACE':'1'}}", "expected \"grace\" in the object \"handrail\""},
        {"{'environment':{'HANDRAIL_CONTROL':'1'}}", "this one is for the container"},
        {"{'environment':{'NOTIFY_SOCKET':'1'}}", "this one is for the container"},
        {"{'agent':{'module':'a'},'environment':{'CUSTOM_AGENT_MODULE':'b'}}",
         "/environment/CUSTOM_AGENT_MODULE: expected what \"agent\" says, or nothing, got b"},
        {"{'handrail':1}", "/handrail: expected an object, got a number"},
        {"{'handrail':{'graze':1}}", "/handrail/graze: expected the name of an option of handrail "
                                     "run, without its dashes, got an unknown key: did you mean "
                                     "\"grace\"?"},
        {"{'handrail':{'crash_dir':'/x'}}", "did you mean \"crash-dir\"?"},
        {"{'handrail':{'config-dir':'/x'}}", "expected an option or HANDRAIL_CONFIG_DIR"},
        {"{'handrail':{'grace':'25'}}",
         "/handrail/grace: expected a number: seconds from 0 to 86400"},
        {"{'handrail':{'grace':-1}}", "got -1"},
        {"{'handrail':{'backoff':0.0005}}", "got 0.0005"},
        {"{'handrail':{'budget':1.5}}", "a number: a whole number from 0 to 100, got 1.5"},
        {"{'handrail':{'budget':101}}", "got 101"},
        {"{'handrail':{'helper':'on'}}", "/handrail/helper: expected true or false, got a string"},
        {"{'handrail':{'restart':'often'}}",
         "a string: never, on-failure or always, got \"often\""},
        {"{'handrail':{'check':'disk:free=5%'}}", "/handrail/check: expected an array of strings"},
        {"{'handrail':{'check':['disk:free=5%','x']}}",
         "/handrail/check/1: expected a string: a ch"},
        {"{'handrail':{'rewrite':['KILL:TERM']}}",
         "/handrail/rewrite/0: expected a string: signals"},
        {"{'handrail':{'crash-dir':'x'}}", "a path that begins with /, in UTF-8, got \"x\""},
        {"{'handrail':{'health-addr':60010}}", "a string: a numeric address and port such as"},
        {"{'handrail':{'webhook':'http://u:geheim@h/'}}", "got \"...\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_config c;
        assert_int_equal(parse(cases[i].text, &c), 78);
        if (!strstr(said, cases[i].says) || !strstr(said, "a.json: ") || lines() != 1)
            fail_msg("%s\nsaid: %swant: %s", cases[i].text, said, cases[i].says);
        assert_null(strstr(said, "geheim"));
        hr_config_free(&c);
    }
}

static void a_key_that_is_there_twice_hides_nothing(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse("{'handrail':{'grace':1,\n'grace':'soon'},'x':1}", &c), 78);
    assert_non_null(strstr(said, "line 2, column 7: not valid JSON: duplicate object key"));
    assert_int_equal(lines(), 3);
    hr_config_free(&c);
}

/* The text around a mistake is somebody's value as often as not. */
static void what_is_no_json_is_not_repeated(void **state)
{
    static const char *const texts[] = {
        "{'environment':{'KEY' 'geheim'}}",        "{'environment':{'KEY':'geheim,\n'B':'x'}}",
        "{'environment':{'KEY':geheim}}",          "{'environment':{'KEY':'geheim\\q'}}",
        "{'environment':{'KEY':'geheim\\u0000'}}", "{'environment':{'KEY':'x'},'geheim",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct hr_config c;
        assert_int_equal(parse(texts[i], &c), 78);
        assert_non_null(strstr(said, "a.json: line 1, column "));
        assert_non_null(strstr(said, "not valid JSON: "));
        assert_null(strstr(said, "geh"));
        assert_int_equal(lines(), 1);
        hr_config_free(&c);
    }
}

static void a_thousand_problems_are_counted(void **state)
{
    static char text[64 * 1024] = "{'environment':{";
    struct hr_config c;
    (void)state;
    size_t n = strlen(text);
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s'V%d':%d", i ? "," : "", i, i);
    (void)snprintf(text + n, sizeof(text) - n, "},'handrail':{'graze':1}}");
    assert_int_equal(parse(text, &c), 78);
    assert_int_equal(lines(), HR_CONFIG_PROBLEMS_MAX + 1);
    assert_non_null(strstr(said, "a.json: and 901 problems more\n"));
    hr_config_free(&c);
}

static void numbers_at_the_edge_of_nothing(void **state)
{
    struct hr_config c;
    (void)state;
    assert_int_equal(parse("{'handrail':{'grace':-0.0,'budget':-0.0,'stable':-0,"
                           "'stop-timeout':0.0004,'watchdog':4e1}}",
                           &c),
                     0);
    assert_int_equal(c.grace_ms, 0);
    assert_int_equal(c.server.budget, 0);
    assert_int_equal(c.server.stable_ms, 0);
    assert_int_equal(c.server.stop_timeout_ms, 1); /* 0 would be no limit at all */
    assert_int_equal(c.watchdog_ms, 40000);
    hr_config_free(&c);
}

/* Every key of the table, as JSON has it, comes out as it went in. */
static void every_setting_can_be_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < hr_nsettings; i++) {
        static const char *const values[] = {
            [HR_SETTING_SWITCH] = "true",       [HR_SETTING_CHOICE] = NULL,
            [HR_SETTING_SECONDS] = "1.5",       [HR_SETTING_COUNT] = "7",
            [HR_SETTING_PATH] = "'p'",          [HR_SETTING_ABSOLUTE] = "'/p'",
            [HR_SETTING_ADDRESS] = "'[::1]:9'", [HR_SETTING_URL] = "'https://h/p?q=1'",
            [HR_SETTING_REWRITE] = "['1:2']",   [HR_SETTING_CHECKS] = "['disk:free=1G']",
            [HR_SETTING_CODES] = "['143']"};
        const struct hr_setting *s = &hr_settings[i];
        struct hr_config c;
        char word[32];
        char text[128];
        const char *value = values[s->type];
        (void)snprintf(word, sizeof(word), "'%.*s'", (int)strcspn(s->value, "|"), s->value);
        (void)snprintf(text, sizeof(text), "{'handrail':{'%s':%s}}", s->option,
                       value ? value : word);
        bool where = strcmp(s->option, "config-dir") == 0;
        assert_int_equal(parse(text, &c), where ? 78 : 0);
        assert_int_equal(c.origins[i], where ? HR_FROM_DEFAULT : HR_FROM_FILE);
        hr_config_free(&c);
    }
}

static void names_are_as_long_as_a_files(void **state)
{
    char name[HR_AGENT_NAME_MAX + 2];
    (void)state;
    memset(name, 'a', sizeof(name));
    name[HR_AGENT_NAME_MAX] = '\0';
    assert_true(hr_agent_module_is_python(name));
    name[HR_AGENT_NAME_MAX] = 'a';
    name[HR_AGENT_NAME_MAX + 1] = '\0';
    assert_false(hr_agent_module_is_python(name));
}

static void who_wins(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    put_file("agent_config.json",
             "{'agent':{'module':'a','class':'A'},'environment':{'MINE':'file','GIVEN':'file'},"
             "'tools':[{'name':'t','module':'m'},{'name':'u'},{'name':'v','module':'m.n'}],"
             "'handrail':{'grace':1,'budget':2,'stable':3,'rewrite':['HUP:TERM']}}");
    (void)setenv("GIVEN", "container", 1);
    (void)setenv("HANDRAIL_BUDGET", "20", 1);
    (void)setenv("HANDRAIL_STABLE", "30", 1);
    assert_int_equal(load(ARGS("--stable=300", "-r", "INT:QUIT", "x"), &c), 0);
    assert_string_equal(said, "");
    assert_int_equal(c.grace_ms, 1000);
    assert_int_equal(c.server.budget, 20);
    assert_int_equal(c.server.stable_ms, 300000);
    assert_int_equal(c.rewrite[1], 1); /* of the lists, one: that of the winner */
    assert_int_equal(c.rewrite[2], 3);
    assert_string_equal(getenv("MINE"), "file");
    assert_string_equal(getenv("GIVEN"), "container");
    assert_string_equal(getenv("CUSTOM_AGENT_MODULE"), "a");
    assert_string_equal(getenv("CUSTOM_AGENT_CLASS"), "A");
    assert_string_equal(getenv("HANDRAIL_AGENT_TOOLS"), "t=m,v=m.n");
    assert_null(json_object_get(c.environment, "GIVEN"));
    assert_non_null(json_object_get(c.environment, "MINE"));
    hr_config_free(&c);

    /* The class is one of its module; a blank variable is none. */
    clean_environment();
    (void)setenv("CUSTOM_AGENT_MODULE", "other", 1);
    (void)setenv("CUSTOM_AGENT_CLASS", "", 1);
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_string_equal(getenv("CUSTOM_AGENT_MODULE"), "other");
    assert_string_equal(getenv("CUSTOM_AGENT_CLASS"), "");
    hr_config_free(&c);
    clean_environment();
    (void)setenv("CUSTOM_AGENT_MODULE", " ", 1);
    (void)setenv("CUSTOM_AGENT_CLASS", "B", 1);
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_string_equal(getenv("CUSTOM_AGENT_MODULE"), "a");
    assert_string_equal(getenv("CUSTOM_AGENT_CLASS"), "B");
    hr_config_free(&c);
    clean_environment();
}

static void all_problems_of_all_sources_at_once(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    (void)setenv("HANDRAIL_BUDGET", "many", 1);
    put_file("agent_config.json", "{'x':1,'handrail':{'grace':'soon','registry':'/nowhere/r'}}");
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_int_equal(lines(), 4);
    assert_non_null(strstr(said, "HANDRAIL_BUDGET"));
    assert_non_null(strstr(said, "/nowhere/r: cannot read it: No such file")); /* it was named */
    put_file("tool_registry.json", "{");
    put_file("agent_config.json", "{");
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_int_equal(lines(), 3);
    remove_file("tool_registry.json");
    clean_environment();
}

static void what_is_no_file(void **state)
{
    struct hr_config c;
    char path[128];
    (void)state;
    clean_environment();
    (void)snprintf(path, sizeof(path), "%s/agent_config.json", folder);
    remove_file("agent_config.json");
    assert_int_equal(load(ARGS("x"), &c), 0); /* it need not be there */
    hr_config_free(&c);
    assert_int_equal(symlink("none", path), 0); /* somebody wanted it to be there */
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "agent_config.json: cannot read it: Link has been severed"));
    remove_file("agent_config.json");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "agent_config.json: is a folder"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "agent_config.json: is no regular file"));
    remove_file("agent_config.json");
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), HR_CONFIG_FILE_MAX + 1), 0);
    (void)fclose(f);
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "agent_config.json: larger than 256 KiB"));
    char *deep = calloc(1, 5000);
    assert_non_null(deep);
    memset(deep, '[', 4000);
    put_file("agent_config.json", deep);
    free(deep);
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "not valid JSON: maximum parsing depth reached"));
    /* A plain init, asked for by option, looks at no file. */
    assert_int_equal(load(ARGS("--no-sidecar", "x"), &c), 0);
    hr_config_free(&c);
    remove_file("agent_config.json");
    clean_environment();
}

static void native_agents(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    put_file("tool_registry.json", "{'plugins':[{'id':'echo','path':'/x/echo.so'}]}");
    put_file("agent_config.json", "{'agent':{'module':'native:echo'}}");
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(c.nplugins, 1);
    assert_true(c.plugins[0].required);
    hr_config_free(&c);
    clean_environment();
    put_file("agent_config.json", "{'agent':{'module':'native:eco'}}");
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(strstr(said, "has no enabled plugin with the id \"eco\""));
    assert_non_null(strstr(said, "\"module\" of \"agent\" in agent_config.json is"));
    (void)setenv("CUSTOM_AGENT_MODULE", "/x/my tools.so", 1); /* wins; needs no entry */
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(c.nplugins, 2);
    assert_string_equal(c.plugins[1].id, "my_tools");
    assert_string_equal(c.plugins[1].path, "/x/my tools.so");
    assert_true(c.plugins[1].required);
    hr_config_free(&c);
    (void)setenv("CUSTOM_AGENT_MODULE", "/x/echo.so", 1); /* has one */
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(c.nplugins, 1);
    assert_true(c.plugins[0].required);
    hr_config_free(&c);
    (void)setenv("CUSTOM_AGENT_MODULE", "/y/echo.so", 1); /* another one of that name */
    assert_int_equal(load(ARGS("x"), &c), 78);
    assert_non_null(
        strstr(said, "CUSTOM_AGENT_MODULE is \"/y/echo.so\": expected a .so whose path"));
    (void)setenv("CUSTOM_AGENT_MODULE", "/y/\xff.so", 1); /* JSON could not carry it */
    assert_int_equal(load(ARGS("x"), &c), 78);
    remove_file("tool_registry.json");
    remove_file("agent_config.json");
    clean_environment();
}

static void read_again(void **state)
{
    static const char other[] = "{\"handrail\":{\"grace\":7,\"budget\":9}}";
    static const char plugins[] = "{\"plugins\":[{\"id\":\"a\",\"path\":\"/a.so\"}]}";
    const struct hr_config_text agent_config = {other, sizeof(other) - 1};
    const struct hr_config_text registry = {plugins, sizeof(plugins) - 1};
    const struct hr_config_text none = {NULL, -1};
    const struct hr_config_text bad = {"{", 1};
    struct hr_config c;
    struct hr_config again;
    (void)state;
    clean_environment();
    put_file("agent_config.json", "{'handrail':{'grace':1}}");
    assert_int_equal(load(ARGS("--budget=5", "x"), &c), 0);
    assert_int_equal(hr_config_reread(&c, &agent_config, &registry, &again), 0);
    assert_int_equal(again.grace_ms, 7000);
    assert_int_equal(again.server.budget, 5);
    assert_int_equal(again.nplugins, 1);
    hr_config_free(&again);
    assert_int_equal(hr_config_reread(&c, &none, &none, &again), 0);
    assert_int_equal(again.grace_ms, 25000);
    hr_config_free(&again);
    hear_begin();
    assert_int_equal(hr_config_reread(&c, &bad, &bad, &again), 78);
    hear_end();
    assert_int_equal(lines(), 2);
    hr_config_free(&c);
    remove_file("agent_config.json");
    clean_environment();
}

/* A reread that is given this agent_config.json, and one plugin, "echo". */
static int reread(const struct hr_config *c, const char *quoted, struct hr_config *again)
{
    static const char plugins[] = "{\"plugins\":[{\"id\":\"echo\",\"path\":\"/x/echo.so\"}]}";
    const struct hr_config_text registry = {plugins, sizeof(plugins) - 1};
    char *text = unquoted(quoted);
    const struct hr_config_text agent_config = {text, (ssize_t)strlen(text)};
    hear_begin();
    int code = hr_config_reread(c, &agent_config, &registry, again);
    hear_end();
    free(text);
    return code;
}

/* What takes a new start is checked as that will, and has no effect before. */
static void read_again_for_the_next_start(void **state)
{
    struct hr_config c;
    struct hr_config again;
    (void)state;
    clean_environment();
    put_file("agent_config.json", "{}");
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(reread(&c, "{'handrail':{'sidecar':false}}", &again), 0);
    assert_false(again.sidecar);
    assert_int_equal(again.grace_ms, 25000);
    assert_int_equal(again.server.restart, HR_RESTART_ON_FAILURE);
    hr_config_free(&again);
    assert_int_equal(reread(&c, "{'handrail':{'mcp-addr':'0.0.0.0:1'}}", &again), 78);
    assert_non_null(strstr(said, "on a loopback address only"));
    assert_int_equal(reread(&c, "{'handrail':{'agent-port':60010}}", &again), 78);
    assert_non_null(strstr(said, "ports clash"));
    assert_int_equal(reread(&c, "{'agent':{'module':'native:echo'}}", &again), 0);
    assert_false(again.plugins[0].required);
    hr_config_free(&again);
    assert_int_equal(reread(&c, "{'agent':{'module':'/y/mine.so'}}", &again), 0);
    assert_int_equal(again.nplugins, 1);
    hr_config_free(&again);
    assert_int_equal(reread(&c, "{'agent':{'module':'native:no'}}", &again), 78);
    assert_non_null(strstr(said, "no enabled plugin with the id \"no\""));
    hr_config_free(&c);
    put_file("agent_config.json", "{'agent':{'module':'native:no'}}");
    put_file("tool_registry.json", "{'plugins':[{'id':'no','path':'/x/no.so'}]}");
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(reread(&c, "{}", &again), 78);
    assert_non_null(strstr(said, "module, as it was when the container was started, is \"native:"));
    hr_config_free(&c);
    remove_file("tool_registry.json");
    remove_file("agent_config.json");
    clean_environment();
}

/* A variable of the container counts, be it empty: for Python, and for plugins. */
static void a_module_that_is_empty(void **state)
{
    struct hr_config c;
    (void)state;
    clean_environment();
    put_file("agent_config.json", "{'environment':{'CUSTOM_AGENT_MODULE':'/x/mine.so'}}");
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(c.nplugins, 1);
    hr_config_free(&c);
    (void)setenv("CUSTOM_AGENT_MODULE", "", 1);
    assert_int_equal(load(ARGS("x"), &c), 0);
    assert_int_equal(c.nplugins, 0);
    assert_string_equal(getenv("CUSTOM_AGENT_MODULE"), "");
    hr_config_free(&c);
    remove_file("agent_config.json");
    clean_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file),
        cmocka_unit_test(each_problem_is_one_line_with_its_place),
        cmocka_unit_test(a_key_that_is_there_twice_hides_nothing),
        cmocka_unit_test(what_is_no_json_is_not_repeated),
        cmocka_unit_test(a_thousand_problems_are_counted),
        cmocka_unit_test(numbers_at_the_edge_of_nothing),
        cmocka_unit_test(every_setting_can_be_set),
        cmocka_unit_test(names_are_as_long_as_a_files),
        cmocka_unit_test(who_wins),
        cmocka_unit_test(all_problems_of_all_sources_at_once),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(native_agents),
        cmocka_unit_test(read_again),
        cmocka_unit_test(read_again_for_the_next_start),
        cmocka_unit_test(a_module_that_is_empty),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
