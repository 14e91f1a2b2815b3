/* SPDX-License-Identifier: MIT */
#include "arguments.hpp"

#include "json.hpp"

#include <cmath>
#include <cstring>
#include <initializer_list>

namespace word_count
{
namespace
{

[[noreturn]] void refuse(const std::string &why)
{
    throw handrail::Error(HANDRAIL_E_INVALID, why);
}

/* An object with known members; the host has checked the arguments, but not the configuration. */
class Object
{
public:
    Object(handrail::View json, std::initializer_list<const char *> known)
    {
        json_error_t error;
        root_.reset(
            json_loadb(json.data(), json.size(), JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error));
        if (!root_)
            refuse(error.text);
        if (!json_is_object(root_.get()))
            refuse("a JSON object is needed");
        for (void *i = json_object_iter(root_.get()); i; i = json_object_iter_next(root_.get(), i))
            if (!is_among(json_object_iter_key(i), known))
                refuse(std::string("unknown key: ") + json_object_iter_key(i));
    }

    /* True if there is one. */
    bool string(const char *key, std::string &ret) const
    {
        const json_t *v = json_object_get(root_.get(), key);
        if (!v)
            return false;
        if (!json_is_string(v))
            refuse(std::string(key) + " must be a string");
        ret.assign(json_string_value(v), json_string_length(v));
        return true;
    }

    void integer(const char *key, std::int64_t least, std::int64_t most, std::int64_t &ret) const
    {
        const json_t *v = json_object_get(root_.get(), key);
        if (!v)
            return;
        /* 10.0 is an integer in JSON Schema; and all between the limits is exact as a double. */
        const double n = json_number_value(v);
        if (!json_is_number(v) || !(n >= static_cast<double>(least)) ||
            !(n <= static_cast<double>(most)) || std::trunc(n) != n)
            refuse(std::string(key) + " must be an integer from " + std::to_string(least) + " to " +
                   std::to_string(most));
        ret = static_cast<std::int64_t>(n);
    }

private:
    static bool is_among(const char *key, std::initializer_list<const char *> known)
    {
        for (const char *k : known)
            if (std::strcmp(k, key) == 0)
                return true;
        return false;
    }

    Json root_;
};

} // namespace

const char settings_schema[] = R"({"type": "object", "additionalProperties": false, "properties": {
    "root": {"type": "string", "default": "/workspace", "pattern": "^/",
        "description": "Folder of the files: an absolute path"},
    "max_bytes": {"type": "integer", "default": 67108864, "minimum": 1, "maximum": 1073741824,
        "description": "Bytes of a file that are read at most"}}})";

const char arguments_schema[] = R"({"type": "object", "additionalProperties": false, "properties": {
    "text": {"type": "string", "description": "The text. Give this or path"},
    "path": {"type": "string", "minLength": 1, "maxLength": 4095,
        "description": "A text file of the workspace: relative to its root, or absolute"},
    "top": {"type": "integer", "default": 10, "minimum": 0, "maximum": 100,
        "description": "How many of the most frequent words to list"}}})";

Settings parse_settings(handrail::View json)
{
    Object object(json, {"root", "max_bytes"});
    Settings s;

    (void)object.string("root", s.root);
    object.integer("max_bytes", 1, 1 << 30, s.max_bytes);
    if (s.root.empty() || s.root[0] != '/' || s.root.find('\0') != std::string::npos)
        refuse("root must be an absolute path");
    while (s.root.size() > 1 && s.root.back() == '/')
        s.root.pop_back();
    return s;
}

Arguments parse_arguments(handrail::View json)
{
    Object object(json, {"text", "path", "top"});
    Arguments a;

    bool has_text = object.string("text", a.text);
    a.from_file = object.string("path", a.path);
    object.integer("top", 0, 100, a.top);
    if (has_text == a.from_file)
        refuse(has_text ? "give text or path, not both"
                        : "give text or path, as in {\"path\": \"README.md\"}");
    return a;
}

} // namespace word_count
