/* SPDX-License-Identifier: MIT */
#include "answer.hpp"

#include "json.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace word_count
{
namespace
{

using Top = std::vector<std::pair<std::string, Count>>;

struct Free {
    void operator()(char *text) const { std::free(text); }
};

/* "1 line", "2 lines" */
std::string number(Count n, const std::string &one)
{
    return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

std::string sentences(const Counter &c, const Top &top, const std::string &stopped)
{
    std::string s = number(c.lines(), "line") + ", " + number(c.words(), "word") + " (" +
                    std::to_string(c.distinct()) + " distinct), " +
                    number(c.characters(), "character") + ", " + number(c.bytes(), "byte") + "\n";

    if (c.longest_line_number())
        s += "longest line: number " + std::to_string(c.longest_line_number()) + ", " +
             number(c.longest_line(), "character") + "\n";
    if (!top.empty())
        s += "most frequent words:";
    for (const auto &word : top)
        s += (&word == top.data() ? " " : ", ") + word.first + " " + std::to_string(word.second);
    s += top.empty() ? "" : "\n";
    if (c.ill_formed_sequences())
        s += "not UTF-8 in " + number(c.ill_formed_sequences(), "place") + "\n";
    if (c.not_listed())
        s += number(c.not_listed(), "word") + " counted, but too long or too many to list\n";
    if (!stopped.empty())
        s += "incomplete: " + stopped + "\n";
    return s;
}

json_t *integer(Count n)
{
    return json_integer(static_cast<json_int_t>(n));
}

Json object(const Counter &c, const Top &top, bool complete)
{
    Json all(json_object());
    json_t *words = json_array();
    int failed = 0;

    for (const auto &word : top) {
        json_t *one = json_object();
        failed |=
            json_object_set_new(one, "word", json_stringn(word.first.data(), word.first.size()));
        failed |= json_object_set_new(one, "count", integer(word.second));
        failed |= json_array_append_new(words, one);
    }
    failed |= json_object_set_new(all.get(), "lines", integer(c.lines()));
    failed |= json_object_set_new(all.get(), "words", integer(c.words()));
    failed |= json_object_set_new(all.get(), "distinct_words", integer(c.distinct()));
    failed |= json_object_set_new(all.get(), "characters", integer(c.characters()));
    failed |= json_object_set_new(all.get(), "bytes", integer(c.bytes()));
    failed |= json_object_set_new(all.get(), "longest_line", integer(c.longest_line_number()));
    failed |= json_object_set_new(all.get(), "longest_line_characters", integer(c.longest_line()));
    failed |= json_object_set_new(all.get(), "ill_formed", integer(c.ill_formed_sequences()));
    failed |= json_object_set_new(all.get(), "most_frequent_words", words);
    failed |= json_object_set_new(all.get(), "complete", json_boolean(complete));
    if (failed)
        throw std::bad_alloc();
    return all;
}

} // namespace

handrail_status answer(const handrail::Call &call, const Counter &counted, std::size_t top,
                       const std::string &stopped)
{
    const Top words = counted.top(top);
    const auto json = object(counted, words, stopped.empty());
    const std::unique_ptr<char, Free> dump(json_dumps(json.get(), JSON_COMPACT));

    if (!dump)
        throw std::bad_alloc();
    handrail_status status = call.text(sentences(counted, words, stopped));
    return status ? status : call.json(dump.get());
}

} // namespace word_count
