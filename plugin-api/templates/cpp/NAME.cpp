/* @NAME@: a plugin for Handrail.  What is offered here is in <handrail/handrail.hpp>, what it means
 * in <handrail/plugin.h>. */
#include <handrail/handrail.hpp>
#include <jansson.h>
#include <memory>
#include <string>

namespace
{

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;

/* The one instance.  Tools run on several threads at once, hence const: lock what is mutable. */
struct Plugin {
    Plugin(handrail::Host, handrail::Request &, handrail::View) {} // no configuration

    /* args is a JSON object that the schema below accepts. */
    handrail_status greet(handrail::Call &call, handrail::View args) const
    {
        Json root(json_loadb(args.data(), args.size(), JSON_ALLOW_NUL, nullptr), &json_decref);
        const char *name = json_string_value(json_object_get(root.get(), "name"));
        if (call.cancelled()) // what takes long looks at this every now and then, and gives up
            return HANDRAIL_E_CANCELLED;
        if (!name) // a model reads it: say how to do better
            return call.error(HANDRAIL_E_INVALID, "name must be a string");
        return call.text("Hello, " + std::string(name) + ".");
    }
};

constexpr handrail_tool greet = handrail::tool<Plugin, &Plugin::greet>(
    "@TOOL@", "@NAME@",
    "Greets somebody by name. Say here when to use the tool, and what it answers.",
    R"({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
        "name": {"type": "string", "maxLength": 200, "description": "Whom to greet"}}})",
    HANDRAIL_TOOL_READ_ONLY | HANDRAIL_TOOL_NON_DESTRUCTIVE | HANDRAIL_TOOL_IDEMPOTENT |
        HANDRAIL_TOOL_CLOSED_WORLD);

} // namespace

HANDRAIL_PLUGIN(Plugin, "@NAME@", "1.0.0", nullptr, &greet);
