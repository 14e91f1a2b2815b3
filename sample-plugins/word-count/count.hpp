/* SPDX-License-Identifier: MIT
 * Counting, as the text comes in.  Memory is bounded whatever comes. */
#ifndef WORD_COUNT_COUNT_HPP
#define WORD_COUNT_COUNT_HPP

#include "utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace word_count
{

constexpr std::size_t word_max = 64;         /* characters; a longer one is in no list */
constexpr std::size_t distinct_max = 100000; /* words that are told apart */

using Count = std::uint64_t;

class Counter
{
public:
    void feed(const char *data, std::size_t len);
    void end(); /* after the last feed() and before what follows */

    Count bytes() const { return bytes_; }
    Count characters() const { return characters_; } /* an ill-formed sequence is one */
    Count ill_formed_sequences() const { return bad_; }
    Count lines() const { return lines_; } /* the last one need not be ended */
    Count words() const { return words_; }
    Count distinct() const { return seen_.size(); }
    Count not_listed() const { return not_listed_; } /* words over one of the limits above */
    Count longest_line() const { return longest_; }  /* characters without those that end it */
    Count longest_line_number() const { return longest_number_; } /* 0: there is no line */

    /* The most frequent words in small letters, at most n; of equals, the first by its bytes. */
    std::vector<std::pair<std::string, Count>> top(std::size_t n) const;

private:
    void take(std::uint32_t c);
    void end_line();
    void end_word();

    Decoder decoder_;
    Count bytes_ = 0, characters_ = 0, bad_ = 0, lines_ = 0, words_ = 0, not_listed_ = 0;
    Count line_length_ = 0, longest_ = 0, longest_number_ = 0;
    bool in_line_ = false;
    std::string word_;            /* the current one */
    std::size_t word_length_ = 0; /* its characters, also those that were not kept */
    bool joint_ = false;          /* an apostrophe came, which counts if the word goes on */
    /* No hash table: nobody can choose words that make this one slow. */
    std::map<std::string, Count> seen_;
};

} // namespace word_count

#endif
